"""
A state whose parts were named one by one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from safeses._state import ComposedState

if TYPE_CHECKING:
    from collections.abc import Sequence

    from safeses.typing import Survives


@attrs.define(kw_only=True)
class _Assembled(ComposedState):
    """What an assembled state holds: attrs takes no property beside it."""

    opened: Sequence[ComposedState] = ()
    # What was said at the beginning. Without a default, which attrs would
    # set after it.
    _said: Survives = attrs.field(init=False, repr=False)


class AssembledState(_Assembled):
    """
    Parts of several states, asked one by one.

    Attributes:
        opened: The states that were opened for their parts. They are
            closed with this one; what a caller gave is not.
    """

    __slots__ = ()

    @property
    def survives(self) -> Survives:
        """
        What the ledger outlives.

        A server tells that at its first contact, after this was made.
        """
        for state in self.opened:
            if state.ledger is self.ledger:
                return state.survives
        return self._said

    @survives.setter
    def survives(self, said: Survives) -> None:
        self._said = said

    def after_fork(self) -> None:
        """Have each part, and each state, begin anew in a child."""
        for state in self.opened:
            state.after_fork()
        # Those of the caller; for the others it makes no difference.
        super().after_fork()

    def close(self) -> None:
        """Close what was opened; idempotent."""
        for state in self.opened:
            state.close()
