"""Mails to admit in a Redis, and how they may end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from safeses._job import Job, Sent
from safeses._outcome import Accepted, Admission, Admitted, Rejected
from safeses.errors import RejectedError, StoreError

if TYPE_CHECKING:
    from safeses._state import ComposedState
    from safeses.redis import RedisState

SCOPE = "123456789012/eu-west-1"
# A machine that is busy may take so long for what takes a moment.
PATIENCE_S = 5.0


def wish(name: int, **asked: Any) -> Admission:
    """Return the wish to send a mail to one recipient."""
    if asked.pop("keyed", False):
        asked["job"] = Job(id=f"{name:064x}", payload="v1")
    return Admission(
        **{
            "tag": f"{name:064x}-signature",
            "scope": SCOPE,
            "recipients": ("ann@example.com",),
            "cost": 1,
            "quota_cost": 1,
            **asked,
        }
    )


def accepted(name: int = 1) -> Accepted:
    """Return that SES has it."""
    sent = Sent(message_id=f"m{name}", sent_at=1_767_225_600.0)
    return Accepted(message_id=f"m{name}", sent=sent)


def rejected() -> Rejected:
    """Return that SES will never take it."""
    error = RejectedError("MessageRejected", 400, "no", "r")
    return Rejected(error=error, final=True)


def admitted(state: ComposedState, admission: Admission) -> Admitted:
    """Admit what is free to go."""
    answer = state.admit(admission)
    assert isinstance(answer, Admitted)
    return answer


def attempt(state: RedisState, admission: Admission) -> object:
    """Return the answer, or why there is none."""
    try:
        return state.admit(admission)
    except StoreError as error:
        return error
