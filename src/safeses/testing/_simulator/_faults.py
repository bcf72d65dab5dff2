"""
What goes wrong between SES and its caller, and when.

A fault that loses the answer does so *after* SES accepted the message: that
is the case in which a second attempt makes a duplicate.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Final

import attrs

if TYPE_CHECKING:
    from collections.abc import Mapping

_ACCEPTED: Final[Mapping[str, bool]] = {
    "stall": True,
    "stall_headers": True,
    "drip": True,
    "reset_before": False,
    "reset_after": True,
    "close": True,
    "cut": True,
    "empty": True,
    "html": True,
    "tls_corrupt": True,
    "latency": True,
    "continue": True,
    "redirect": False,
    "huge": True,
    "refuse": False,
}
# A server error or a time-out says nothing about acceptance; the worse case
# is the one to prove.
_UNSURE: Final = frozenset({408, 500, 502, 503, 504})
_UNSURE_CODES: Final = ("RequestTimeout", "RequestTimeoutException")
_BULK = "SendBulkEmail"


@attrs.frozen(kw_only=True)
class Fault:
    """
    One thing that goes wrong with one request.

    Attributes:
        kind: The name given to `Faults.add`, without its parameters.
        accepted: Whether SES takes the message before it goes wrong.
        status: HTTP status of the kind ``"status"``.
        code: Its error code; None leaves it out.
        message: Its text.
        seconds: Length of a latency, or interval of a drip.
    """

    kind: str
    accepted: bool
    status: int = 0
    code: str | None = None
    message: str | None = None
    seconds: float = 0.0


@attrs.define(kw_only=True)
class _Scheduled:
    fault: Fault
    operation: str | None
    first: int | None
    every: int
    after: int
    seen: int = 0
    done: int = 0

    def due(self, operation: str) -> bool:
        if self.operation not in {None, operation}:
            return False
        self.seen += 1
        number = self.seen - self.after
        if number < 1 or number % self.every:
            return False
        if self.first is not None and self.done >= self.first:
            return False
        self.done += 1
        return True


class Faults:
    """The faults of one simulator; many threads may ask it."""

    def __init__(self) -> None:
        """Start without faults."""
        self._lock = threading.Lock()
        self._scheduled: list[_Scheduled] = []

    def add(
        self,
        kind: str,
        *,
        first: int | None = None,
        always: bool = False,
        every: int = 1,
        after: int = 0,
        operation: str | None = "SendEmail",
        accepted: bool | None = None,
        message: str | None = None,
        interval_s: float = 0.5,
    ) -> None:
        """
        Let requests meet a fault; without a limit all of them do.

        Kinds, and what becomes of the message:

        * accepted, then no answer: ``stall``, ``stall_headers`` (status and
          headers, nothing more), ``drip`` (a byte per *interval_s*),
          ``reset_after``, ``close``, ``tls_corrupt`` (garbage for a record),
          ``cut`` (200, the body shorter than announced);
        * accepted, with a strange answer: ``empty`` (200 ``{}``), ``html``,
          ``huge`` (10 MB), ``continue`` (an unasked 100 first),
          ``latency:2.0`` (seconds);
        * not accepted: ``reset_before``, ``refuse``, ``redirect`` (301);
        * ``status:503``, ``status:400:ThrottlingException``: accepted for
          408, 500, 502, 503, 504 and time-out codes, else not. AWS warns
          that a server error may come after acceptance (Developer Guide,
          "Amazon SES error messages").
        * ``entry:TRANSIENT_FAILURE``: that status for a single entry of
          SendBulkEmail; entries are counted, not requests. Not accepted
          unless said so: what SES does is unverified.

        What SES itself refuses is not accepted whatever the fault is. Lost
        answers and ``status:…`` hide that refusal, strange ones do not.

        Args:
            kind: One of the above.
            first: Meet only the first this many.
            always: Say outright that there is no limit.
            every: Meet only every this many-th.
            after: Leave this many alone, then start to count.
            operation: Requests to meet; None means all of them. SES v1 names
                its operations itself: ``"SendRawEmail"``.
            accepted: Whether SES takes the message, if not as above.
            message: Text of ``status:…``.
            interval_s: Seconds between the bytes of ``drip``.
        """
        if always and first is not None:
            raise ValueError("give first or always, not both")
        if every < 1:
            raise ValueError(f"every must be at least 1, not {every}")
        fault = _read(kind, message, interval_s)
        if accepted is not None:
            fault = attrs.evolve(fault, accepted=accepted)
        scheduled = _Scheduled(
            fault=fault,
            operation=f"{_BULK}/entry" if fault.kind == "entry" else operation,
            first=first,
            every=every,
            after=after,
        )
        with self._lock:
            self._scheduled.append(scheduled)

    def clear(self) -> None:
        """Let everything go well again."""
        with self._lock:
            self._scheduled.clear()

    def next(self, operation: str) -> Fault | None:
        """Return what goes wrong with this request; the first added wins."""
        with self._lock:
            due = [one for one in self._scheduled if one.due(operation)]
        return due[0].fault if due else None

    def next_entry(self) -> tuple[str, bool] | None:
        """Return the forced status of a bulk entry and its acceptance."""
        fault = self.next(f"{_BULK}/entry")
        if fault is None:
            return None
        return fault.code or "FAILED", fault.accepted


def _read(kind: str, message: str | None, interval_s: float) -> Fault:
    name, _, rest = kind.partition(":")
    if name == "status":
        number, _, code = rest.partition(":")
        unsure = int(number) in _UNSURE or code in _UNSURE_CODES
        return Fault(
            kind=name,
            accepted=unsure,
            status=int(number),
            code=code or None,
            message=message,
        )
    if name == "entry":
        return Fault(kind=name, accepted=False, code=rest)
    if name not in _ACCEPTED:
        raise ValueError(f"no fault is called {kind!r}")
    seconds = float(rest) if name == "latency" else interval_s
    return Fault(kind=name, accepted=_ACCEPTED[name], seconds=seconds)
