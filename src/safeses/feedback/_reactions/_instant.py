"""
When an event happened, as far as that can be believed.
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from safeses._parts import Parts
    from safeses.events import FeedbackEvent

_EPOCH: Final = dt.datetime(1970, 1, 1, tzinfo=dt.timezone.utc)


def now_of(parts: Parts) -> dt.datetime:
    """Return the time now, aware UTC."""
    return _EPOCH + dt.timedelta(seconds=parts.clock.time())


def instant_of(event: FeedbackEvent, parts: Parts) -> dt.datetime:
    """
    Return when *event* happened, aware UTC.

    The time of a bounce is that of the receiver's clock: nothing happens
    before its mail was sent, nor in times to come.
    """
    now = now_of(parts)
    times = [at for at in (event.at, event.mail.sent_at) if at is not None]
    return max(_EPOCH, min(max(times, default=now), now))


def until_of(at: dt.datetime, lasts_s: float | None) -> dt.datetime | None:
    """Return when what begins at *at* ends; None is never."""
    return None if lasts_s is None else at + dt.timedelta(seconds=lasts_s)
