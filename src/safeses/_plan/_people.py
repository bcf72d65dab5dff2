"""
Who gets the mail of one call, and who is left out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from safeses._plan._effects import Notify, Screen, Step
from safeses._plan._waiting import Waiting
from safeses.errors import NotSentError, SuppressedError
from safeses.events import RecipientsDropped

if TYPE_CHECKING:
    from safeses._findings import Dropped
    from safeses._request import Request


@attrs.define
class People(Waiting):
    """
    The recipients of one call.

    Attributes:
        request: What is sent, without those who were left out.
        everybody: Whom the caller named.
        dropped: Who was left out.
        observed: Who would have been, if the client did not only observe.
    """

    request: Request = attrs.field(init=False)
    everybody: tuple[str, ...] = attrs.field(
        default=(), init=False, repr=False
    )
    dropped: tuple[Dropped, ...] = attrs.field(default=(), init=False)
    observed: tuple[Dropped, ...] = attrs.field(default=(), init=False)

    def screen(self) -> Step[None]:
        """Ask SES's lists too; a client that observes can do without."""
        patience_s = max(0.0, self.patience_s())
        try:
            self.now, stopped = yield Screen(
                self.request, self.terms.stream, patience_s
            )
        except NotSentError:
            if self.terms.on_suppressed != "report":
                raise
        else:
            yield from self.leave_out_suppressed(stopped)

    def leave_out_suppressed(self, stopped: tuple[Dropped, ...]) -> Step[None]:
        """Leave out whom a suppression stops, or only say so."""
        if self.terms.on_suppressed != "report":
            yield from self.leave_out(stopped)
            return
        known = {gone.address for gone in self.observed}
        new = tuple(gone for gone in stopped if gone.address not in known)
        if new:
            self.observed += new
            yield from self.say_dropped(new, observed=True)

    def leave_out(self, dropped: tuple[Dropped, ...]) -> Step[None]:
        """
        Go on without some recipients.

        Raises:
            SuppressedError: Nobody is left, or all shall get it or none.
        """
        if not dropped:
            return
        yield from self.say_dropped(dropped)
        left = self.request.without(dropped)
        if left is None or self.terms.on_suppressed == "refuse":
            raise self.suppressed()
        self.request = left

    def say_dropped(
        self, dropped: tuple[Dropped, ...], *, observed: bool = False
    ) -> Step[None]:
        """Tell the hooks who is left out, or would be."""
        if not observed:
            self.dropped += dropped
        event = RecipientsDropped(
            tag=self.request.tag, dropped=dropped, observed=observed
        )
        self.now, _ = yield Notify(event)

    def suppressed(self) -> SuppressedError:
        """Return that nobody was mailed."""
        return SuppressedError(self.dropped, len(self.everybody))
