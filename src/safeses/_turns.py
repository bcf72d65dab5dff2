"""
Callers of one process wait in order, and only the first one asks.

A slot is booked at most half a second ahead, so most waiters hold none.
They queue here: transactional mail before bulk, each first come, first
served. The head asks the state again when its time has come; whoever
leaves wakes the next. The engine thus hears one asker per process.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Final, TypeVar

import attrs

from safeses._outcome import Admitted, Later

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from safeses._outcome import Admission
    from safeses._values import Priority
    from safeses.typing import Clock

T = TypeVar("T")

# A waiter that has not asked so long after its time is passed over: its
# thread was interrupted before it could say that it leaves.
GRACE_S: Final = 0.5
# Nobody sleeps longer than this on an estimate.
ASK_EVERY_S: Final = 1.0


@attrs.define(eq=False)
class _Ticket:
    cost: int
    due_at: float = 0.0
    wake: threading.Event = attrs.field(factory=threading.Event)

    def is_gone(self, now: float) -> bool:
        return self.due_at + GRACE_S < now


@attrs.define(eq=False)
class _Line:
    """
    The waiters of one scope, by call, in the order in which they came.

    Attributes:
        ready_at: When the slot of the first of them begins.
        limit_per_s: The rate at which the others follow.
    """

    transactional: dict[str, _Ticket] = attrs.field(factory=dict)
    bulk: dict[str, _Ticket] = attrs.field(factory=dict)
    ready_at: float = 0.0
    limit_per_s: float = 1.0

    def is_empty(self) -> bool:
        return not (self.transactional or self.bulk)

    def queue(self, priority: Priority) -> dict[str, _Ticket]:
        return self.bulk if priority == "bulk" else self.transactional

    def in_order(self, priority: Priority) -> Iterator[tuple[str, _Ticket]]:
        yield from self.transactional.items()
        if priority == "bulk":
            yield from self.bulk.items()

    def ahead_of(self, admission: Admission, now: float) -> int:
        """Return how many recipients go before *admission*."""
        ahead = 0
        for owner, ticket in self.in_order(admission.priority):
            if owner == admission.owner:
                break
            if not ticket.is_gone(now):
                ahead += ticket.cost
        return ahead

    def keep(self, admission: Admission, due_at: float) -> threading.Event:
        """Hold the place, or the last one, for who asks at *due_at*."""
        queue = self.queue(admission.priority)
        ticket = queue.get(admission.owner)
        if ticket is None:
            ticket = queue[admission.owner] = _Ticket(admission.cost)
        ticket.due_at = due_at
        ticket.wake.clear()
        return ticket.wake

    def pass_over_the_gone(self, now: float) -> None:
        """Strike out the first, while they are gone; then call the next."""
        for queue in (self.transactional, self.bulk):
            before = len(queue)
            while queue and queue[first := next(iter(queue))].is_gone(now):
                del queue[first]
            if len(queue) < before:
                self.call_first(now)

    def call_first(self, now: float) -> None:
        """Let whoever is first now ask."""
        for _, ticket in self.in_order("bulk"):
            ticket.due_at = min(ticket.due_at, now)
            ticket.wake.set()
            break


@attrs.define(eq=False)
class Turns:
    """
    The queue of one process in front of a shared state.

    Attributes:
        clock: Where the time comes from.
    """

    clock: Clock
    _lines: dict[str, _Line] = attrs.field(factory=dict, init=False)
    _lock: threading.RLock = attrs.field(factory=threading.RLock, init=False)

    def admit(
        self,
        admission: Admission,
        ask: Callable[[Admission], T | Later],
    ) -> T | Later:
        """Ask the state if it is this caller's turn, else say when."""
        line = self._lines.get(admission.scope)
        if line is not None and not line.is_empty():
            later = self._wait_for_turn(line, admission)
            if later is not None:
                return later
        try:
            answer = ask(admission)
        except BaseException:
            self.leave(admission)
            raise
        if isinstance(answer, Later):
            return self._stay(admission, answer)
        self._go(
            admission,
            answer.wait_s if isinstance(answer, Admitted) else None,
        )
        return answer

    def leave(self, admission: Admission) -> None:
        """Give up the place, if any, and wake whoever is next."""
        self._go(admission)

    def after_fork(self) -> None:
        """Forget the parent's waiters, who are not here."""
        self._lines = {}
        self._lock = threading.RLock()

    def _wait_for_turn(
        self, line: _Line, admission: Admission
    ) -> Later | None:
        now = self.clock.monotonic()
        with self._lock:
            mine = line.queue(admission.priority).get(admission.owner)
            if mine is not None:
                mine.due_at = now
            line.pass_over_the_gone(now)
            ahead = line.ahead_of(admission, now)
            if not ahead:
                return None
            ready_in_s = (
                max(0.0, line.ready_at - now) + ahead / line.limit_per_s
            )
            ask_in_s = min(ready_in_s, ASK_EVERY_S)
            return Later(
                ask_in_s=ask_in_s,
                ready_in_s=ready_in_s,
                limit_per_s=line.limit_per_s,
                wake=line.keep(admission, now + ask_in_s),
            )

    def _stay(self, admission: Admission, later: Later) -> Later:
        now = self.clock.monotonic()
        ask_in_s = min(later.ask_in_s, ASK_EVERY_S)
        with self._lock:
            line = self._lines.setdefault(admission.scope, _Line())
            line.ready_at = now + later.ready_in_s
            line.limit_per_s = later.limit_per_s
            wake = line.keep(admission, now + ask_in_s)
        return attrs.evolve(later, ask_in_s=ask_in_s, wake=wake)

    def _go(self, admission: Admission, wait_s: float | None = None) -> None:
        """Leave the line, with a slot that begins in *wait_s* or without."""
        line = self._lines.get(admission.scope)
        if line is None or line.is_empty():
            return
        now = self.clock.monotonic()
        with self._lock:
            if wait_s is not None:
                taken_s = admission.cost / line.limit_per_s
                line.ready_at = now + wait_s + taken_s
            if line.queue(admission.priority).pop(admission.owner, None):
                line.pass_over_the_gone(now)
                line.call_first(now)
