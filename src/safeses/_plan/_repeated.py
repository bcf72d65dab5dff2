"""
What a call heeds of earlier calls with its key.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import attrs

from safeses._plan._effects import LookUp, Step
from safeses._plan._people import People
from safeses.errors import (
    InFlightError,
    NotSentError,
    OutcomeUnknownError,
)

if TYPE_CHECKING:
    from safeses._job import Found
    from safeses._plan._key import Key
    from safeses._values import Receipt

# Whoever waits for another call looks again after so long, and then after
# twice as long, up to a second.
LOOK_AGAIN_S: Final = (0.02, 1.0)
# What is left of a sum of fractions may be too little to move a clock.
LEAST_WAIT_S: Final = 0.001


@attrs.define
class Repeated(People):
    """
    A call that may not be the first for its job.

    Attributes:
        key: The job that the caller named, if any.
        is_known: Whether the state knew the job already.
        unknown: That an attempt of the job may have been accepted.
        noted: Of how many recipients that attempt left out which; None if
            they are not those of this call.
    """

    key: Key | None = attrs.field(default=None, kw_only=True)
    is_known: bool = attrs.field(default=False, init=False)
    unknown: OutcomeUnknownError | None = attrs.field(default=None, init=False)
    noted: tuple[int, frozenset[int]] | None = attrs.field(
        default=None, init=False
    )

    def look_up(self) -> Step[Receipt | None]:
        """Return what became of the job, None if it is to be done."""
        if self.key is None:
            return None
        self.now, found = yield LookUp(self.key.job.id)
        return (yield from self.wait_for_others(self.key, found))

    def answered_meanwhile(self) -> Step[Receipt | None]:
        """
        Return what another call has come to since this one looked.

        Whoever is refused beside one that was accepted may else believe
        that nothing was sent.
        """
        if self.key is None:
            return None
        try:
            self.now, found = yield LookUp(self.key.job.id)
        except NotSentError:
            return None  # the refusal stands
        return None if found is None else self.heed(found)

    def wait_for_others(
        self, key: Key, found: Found | None
    ) -> Step[Receipt | None]:
        """Heed what was found, and look again while others are at work."""
        poll_s = LOOK_AGAIN_S[0]
        while found is not None:
            receipt = self.heed(found)
            if receipt is not None or not found.is_in_flight:
                return receipt
            poll_s = yield from self.wait_for_other(found, poll_s)
            self.now, found = yield LookUp(key.job.id)
        return None

    def heed(self, found: Found) -> Receipt | None:
        """Answer with what is settled; None if it is not."""
        key, record = self.key, found.record
        if key is None:
            return None
        self.is_known = True
        key.check(record)
        if record.sent is not None:
            return key.receipt(record, record.sent)
        if record.state == "rejected":
            raise key.refusal(record)
        if record.state == "unknown":
            self.unknown = key.unknown(record.reason)
            self.noted = key.people(record)
            if self.terms.on_unknown == "hold":
                raise self.unknown
        return None

    def raise_if_held(self, found: Found) -> None:
        """Raise the unknown outcome that the ledger does not let go on."""
        if not found.is_in_flight:
            raise self.unknown or OutcomeUnknownError("", "an earlier attempt")

    def wait_for_other(self, found: Found, poll_s: float) -> Step[float]:
        """Sleep before looking again; refuse if that takes too long."""
        patience_s = self.patience_s()
        if patience_s < LEAST_WAIT_S:
            raise InFlightError(max(found.retry_after_s, LEAST_WAIT_S))
        wait_s = min(poll_s, patience_s, found.retry_after_s)
        yield from self.sleep(max(wait_s, LEAST_WAIT_S))
        return min(2 * poll_s, LOOK_AGAIN_S[1])
