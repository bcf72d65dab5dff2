"""What tests of opening a state share."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from safeses._open import open_state
from safeses.testing import FakeClock

if TYPE_CHECKING:
    from safeses.typing import State

# Where the environment names a state.
VARIABLE = "SAFESES_STATE"


def opened(given: Any, **settings: Any) -> tuple[State, bool]:
    """Open a state on a fake clock, and close it."""
    state, implicit = open_state(given, FakeClock(), **settings)
    with contextlib.closing(state):
        return state, implicit
