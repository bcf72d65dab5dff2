"""
The envelopes of SNS within what a queue, Lambda or Firehose brings.

They are looked for by what opens carriers for the parser: no way to wrap
an event leads past this that leads to the parser.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from safeses.events._carriers import Carriers, Way
from safeses.events._json import MAX_BYTES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class _Envelopes(Carriers):
    """Opens everything but the envelopes, and keeps these."""

    def __init__(self) -> None:
        super().__init__(MAX_BYTES)
        self.envelopes: list[Mapping[str, Any]] = []

    def _open_sns(
        self,
        value: Mapping[str, Any],
        way: Way,  # noqa: ARG002  # it leads no further
        level: int,  # noqa: ARG002
    ) -> None:
        self.envelopes.append(value)

    def _add(self, value: object, way: Way, level: int) -> None:
        """Leave what is no envelope to the parser."""


def envelopes(payload: object) -> Sequence[Mapping[str, Any]]:
    """
    Return the outermost envelopes within *payload*.

    Raises:
        InvalidEventError: JSON in it breaks a limit.
    """
    inside = _Envelopes()
    inside.open(payload, Way(), 0)
    return inside.envelopes
