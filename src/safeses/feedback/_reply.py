"""
What came of an event, of a payload, and of a request over HTTP.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal

import attrs

if TYPE_CHECKING:
    from collections.abc import Mapping

    from safeses.events import FeedbackEvent

Status = Literal["done", "duplicate", "busy", "failed", "ignored"]

# What each status tells SNS, which delivers again after 429 and 5xx, and
# gives up after any other 4xx (SNS guide, "Message delivery retries").
STATUSES: Final[Mapping[int, str]] = {
    200: "handled, now or before; or not about our mail",
    400: "no event: to deliver it again changes nothing",
    401: "the shared secret is missing or wrong",
    403: "not signed, or not by a topic that is allowed",
    413: "larger than any message of SNS",
    500: "an error of ours: deliver it again",
    503: "not handled for now: deliver it again",
}
_TOO_MANY: Final = 429
_SERVER_ERROR: Final = 500


@attrs.frozen(kw_only=True)
class Handled:
    """
    What came of one event.

    Attributes:
        status: ``"done"`` if all of it succeeded; ``"duplicate"`` if that
            was so before; ``"busy"`` if somebody handles it at this
            moment; ``"failed"`` if some of it must be tried again;
            ``"ignored"`` if it is not about mail of ours.
        failed: The names of the reactions and hooks that failed, or
            ``"state"`` if the state has no answer.
    """

    status: Status
    failed: tuple[str, ...] = ()

    @property
    def is_done(self) -> bool:
        """Whether nothing is left to do; else it must come again."""
        return self.status in {"done", "duplicate", "ignored"}


@attrs.frozen(kw_only=True)
class Received:
    """
    What came of a payload: its events, and what came of each.

    Attributes:
        events: What was in it, in order.
        handled: What came of each, in the same order.
    """

    events: tuple[FeedbackEvent, ...] = ()
    handled: tuple[Handled, ...] = ()

    @property
    def is_done(self) -> bool:
        """Whether nothing is left to do; else let it come again."""
        return all(handled.is_done for handled in self.handled)

    @property
    def failed(self) -> tuple[str, ...]:
        """What failed, each name once."""
        names = (name for one in self.handled for name in one.failed)
        return tuple(dict.fromkeys(names))


@attrs.frozen(kw_only=True)
class HTTPReply:
    """
    What to answer to a request, in any framework.

    Attributes:
        status: The HTTP status.
        body: One line of plain text, which holds nothing of the request.
        headers: The headers to answer with.
    """

    status: int
    body: str
    headers: Mapping[str, str] = attrs.field(factory=dict)

    @property
    def comes_again(self) -> bool:
        """Whether SNS delivers the message again after this status."""
        return self.status == _TOO_MANY or self.status >= _SERVER_ERROR
