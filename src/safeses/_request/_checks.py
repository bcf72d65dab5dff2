"""
What was found so far, and whether it refuses the message.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import attrs

from safeses._rules import shape
from safeses.errors import InvalidMessageError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from safeses._findings import Finding
    from safeses._policy import Policy

# Enough to mend a message by; a hostile one gets no report of its size.
MAX_FINDINGS: Final = 100
_SHAPES: Final = frozenset({shape.TYPE.id, shape.CONTENT_KIND.id})


@attrs.define(eq=False)
class Checks:
    """
    Gathers findings.

    Attributes:
        policy: What a finding means.
        errors: Those that refuse the message.
        notes: The others.
    """

    policy: Policy
    errors: list[Finding] = attrs.field(factory=list, init=False)
    notes: list[Finding] = attrs.field(factory=list, init=False)

    @property
    def broken(self) -> bool:
        """Whether there is something that cannot even be read."""
        return any(error.rule in _SHAPES for error in self.errors)

    def note(self, found: Iterable[Finding]) -> None:
        """Take what a check found, lazily: it stops when enough is known."""
        if len(self.errors) >= MAX_FINDINGS:
            return
        for finding in self.policy.judge(found):
            if self.policy.refuses(finding):
                self.errors.append(finding)
                if len(self.errors) == MAX_FINDINGS:
                    return
            elif len(self.notes) < MAX_FINDINGS:
                self.notes.append(finding)

    def note_one(self, finding: Finding | None) -> None:
        """Take one finding, if there is one."""
        if finding is not None:
            self.note((finding,))

    def refuse(self) -> None:
        """
        Refuse the message if anything does.

        Raises:
            InvalidMessageError: With everything that was found.
        """
        if self.errors:
            raise InvalidMessageError(tuple(self.errors), tuple(self.notes))
