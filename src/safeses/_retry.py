"""
When to try again: tenacity's rules, and the only importer of tenacity.

Only what was certainly refused for now is tried again, with full jitter
and within the caller's patience. The plan owns the loop and the sleep;
tenacity decides.
"""

from __future__ import annotations

from typing import Final

import tenacity

from safeses._outcome import Deferred, Outcome

FIRST_WAIT_S: Final = 0.25
LONGEST_WAIT_S: Final = 30.0


def _is_deferred(outcome: Outcome) -> bool:
    return isinstance(outcome, Deferred)


_IF = tenacity.retry_if_result(_is_deferred)
_WAIT = tenacity.wait_random_exponential(
    multiplier=FIRST_WAIT_S, max=LONGEST_WAIT_S
)


def pause_s(
    outcome: Outcome, attempt: int, waited_s: float, max_wait_s: float
) -> float | None:
    """
    Return how long to pause before the next attempt, None for never.

    Args:
        outcome: How the last attempt ended.
        attempt: How many attempts there were.
        waited_s: Seconds the call has waited so far.
        max_wait_s: Seconds it may wait in all.
    """
    state = tenacity.RetryCallState(
        tenacity.Retrying(), fn=None, args=(), kwargs={}
    )
    state.attempt_number = attempt
    state.set_result(outcome)
    state.start_time, state.outcome_timestamp = 0.0, waited_s
    if not _IF(state):
        return None
    pause = _WAIT(state)
    # Would it be over by then? (tenacity's own stop_before_delay: from 8.3.)
    state.outcome_timestamp = waited_s + pause
    return None if tenacity.stop_after_delay(max_wait_s)(state) else pause
