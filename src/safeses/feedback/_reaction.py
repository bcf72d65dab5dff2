"""
What is done about an event, before a hook hears of it.

A reaction says what it would do, as acts; then the acts are performed. So
the same code explains and does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

import attrs

if TYPE_CHECKING:
    from collections.abc import Sequence

    from safeses._parts import Parts
    from safeses.events import FeedbackEvent


@attrs.frozen(kw_only=True)
class Act:
    """
    One thing that is done about an event, or is not done.

    The base class does nothing: it says why nothing is to be done.

    Attributes:
        why: Why, in words that hold no address.
    """

    why: str

    def perform(self, parts: Parts) -> None:
        """
        Do it. To do it twice is to do it once, as far as a store allows.

        Raises:
            StoreError: A store has no answer; the event must come again.
        """


@runtime_checkable
class Reaction(Protocol):
    """
    What is done about events of some kinds.

    One of your own is a class with these two; what it does is a subclass
    of `Act` whose `Act.perform` does it.
    """

    @property
    def name(self) -> str:
        """A stable name: what was done about an event is marked by it."""

    def plan(self, event: FeedbackEvent, parts: Parts) -> Sequence[Act]:
        """
        Return what is to be done about *event*; nothing if none of it is.

        It may read the parts, and changes nothing.

        Raises:
            StoreError: A store has no answer; the event must come again.
        """
