"""
One event: held, reacted to, told to the hooks, and marked as done.

An event is marked only once all of it has succeeded; until then its
carrier delivers it again. What has succeeded by then is marked as well,
so that the rest alone is tried again. Between a hook and its mark is a
moment in which a crash lets the hook run twice: at least once, each.

While it is handled it is held by a lease, which ends by itself: a crash
must not keep it from the next delivery. SNS waits 15 s for an answer over
HTTP and then, by default, delivers three times more, 20 s apart; whoever
held an event for longer after a crash would lose it.

What most events cost the state, beside what the reactions do: two looks
and three writes, and one more write if there is a hook.
"""

from __future__ import annotations

import secrets
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Final

import attrs

from safeses._facts import check_seconds
from safeses._hooks import call
from safeses._log import log
from safeses.errors import StoreError
from safeses.feedback._known import KnownMail
from safeses.feedback._reaction import Act
from safeses.feedback._reply import Handled
from safeses.feedback._seldom import Seldom

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from typing import Any

    from safeses._parts import Parts
    from safeses.events import FeedbackEvent
    from safeses.feedback._reaction import Reaction

# A queue of SQS keeps a message for 14 days at most.
KEEP_S: Final = 15 * 86_400.0
# Less than the 20 s after which SNS delivers again.
LEASE_S: Final = 15.0

# What marks are made by. No name of a reaction or a hook equals the first
# two, as theirs have something in front.
DONE: Final = "*"
REACTED: Final = "reactions"
_REACTION: Final = "reaction/"
_HOOK: Final = "hook/"
# What fails if the state has no answer.
STATE: Final = "state"

# It is held for longer once this part of the lease is gone.
_PART_OF_IT: Final = 3
# Enough of an id to find the event by, as the hook that heard of it has it.
_SHOWN_CHARS: Final = 12
# So often in a row a look at a mark may take that long.
_TRIES: Final = 3


class _LostError(Exception):
    """Somebody else holds the event by now, or there is never time for it."""


class _NoStateError(Exception):
    """The state has no answer, so nothing more is to be tried."""


@attrs.frozen(eq=False)
class Handler:
    """
    Handles events, each once, whoever else has it at the same time.

    Attributes:
        parts: Returns what events act on, at every event anew.
        reactions: What is done about them, in order.
        known: What mail must have to be ours.
        keep_s: Seconds for which it is known what was handled; longer
            than any carrier keeps a message.
        lease_s: Seconds for which an event is held. Hooks that take
            longer may run at the same time for an event that is delivered
            twice.

    Raises:
        ConfigurationError: A number of seconds is not finite and above 0.
    """

    parts: Callable[[], Parts]
    reactions: Sequence[Reaction] = ()
    known: KnownMail = attrs.field(factory=KnownMail)
    keep_s: float = KEEP_S
    lease_s: float = LEASE_S
    _seldom: Seldom = attrs.field(factory=Seldom, init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        check_seconds("keep_s", self.keep_s)
        check_seconds("lease_s", self.lease_s)

    def handle(self, event: FeedbackEvent) -> Handled:
        """Do all that is to be done about *event*; see `Handled`."""
        parts = self.parts()
        why_not = self.known.why_not(event, parts)
        if why_not:
            self._seldom.info(
                parts.clock,
                "an event (%s) is ignored: it is about mail that is not"
                " known, as %s",
                type(event).__name__,
                why_not,
            )
            return Handled(status="ignored")
        try:
            if parts.seen.has(event.id, DONE):
                return Handled(status="duplicate")
            hooks = parts.hooks.of(event)
            if not hooks and not self._may_react(event, parts):
                return Handled(status="done")  # and nothing to remember
            return self._hold(_Case(event, parts, hooks, self))
        except Exception as error:  # noqa: BLE001  # whatever a store raises
            self._seldom.warning(
                parts.clock,
                "an event (%s) is left to its next delivery: the state has"
                " no answer (%s)",
                type(event).__name__,
                _what(error),
            )
            return Handled(status="failed", failed=(STATE,))

    def explain(self, event: FeedbackEvent) -> list[Act]:
        """
        Return what the reactions would do about *event*, and why.

        Raises:
            StoreError: The state has no answer.
        """
        parts = self.parts()
        why_not = self.known.why_not(event, parts)
        if why_not:
            return [Act(why=f"it is about mail that is not known: {why_not}")]
        return [
            act
            for reaction in self.reactions
            for act in reaction.plan(event, parts)
        ]

    def _may_react(self, event: FeedbackEvent, parts: Parts) -> bool:
        """Whether there is anything to do, or to find out."""
        try:
            return any(
                _does_something(act)
                for reaction in self.reactions
                for act in reaction.plan(event, parts)
            )
        except Exception:  # noqa: BLE001  # it will fail again, and be told
            return True

    def _hold(self, case: _Case) -> Handled:
        event, seen = case.event, case.parts.seen
        try:
            if not case.hold():
                return Handled(status="busy")
            # Who held it until now may have done all of it.
            if seen.has(event.id, DONE):
                case.release()
                return Handled(status="duplicate")
            handled = case.handle()
        except _LostError:
            case.release()  # unless somebody has it
            return Handled(status="busy")
        except BaseException:
            # The next delivery must not wait for the end of the lease.
            case.release()
            raise
        case.release()
        return handled


@attrs.define(eq=False)
class _Case:
    """One event in our hands."""

    event: FeedbackEvent
    parts: Parts
    hooks: Mapping[str, Callable[[Any], object]]
    handler: Handler
    owner: str = attrs.field(factory=lambda: secrets.token_hex(16))
    held_at: float = 0.0
    was_late: bool = False  # so that somebody else may have had it
    failed: list[str] = attrs.field(factory=list)

    def hold(self) -> bool:
        """Take it, or take it for longer; False if somebody else has it."""
        self.held_at = self.parts.clock.monotonic()
        return self.parts.seen.hold(
            self.event.id, self.handler.lease_s, self.owner
        )

    def release(self) -> None:
        """Let go of it; if the state has no answer the lease does."""
        with suppress(Exception):
            self.parts.seen.release(self.event.id, self.owner)

    def handle(self) -> Handled:
        """React, tell the hooks, and mark what succeeded."""
        self._react()
        self._tell()
        if self.failed:
            return Handled(status="failed", failed=tuple(self.failed))
        self._mark(DONE)
        return Handled(status="done")

    def _react(self) -> None:
        if self._is_marked(REACTED):
            return
        did: list[str] = []
        failed: list[str] = []
        for reaction in self.handler.reactions:
            name = reaction.name
            try:
                self._perform(reaction, did)
            except (_NoStateError, _LostError):
                raise
            except Exception as error:  # noqa: BLE001  # others go on
                failed.append(name)
                self._tell_of("reaction", name, error)
        self.failed += failed
        if failed:
            for name in did:
                self._mark(_REACTION + name)
        elif did and self.hooks:
            # A hook may take its time, or the process with it.
            self._mark(REACTED)

    def _perform(self, reaction: Reaction, did: list[str]) -> None:
        acts = reaction.plan(self.event, self.parts)
        if not any(map(_does_something, acts)):
            return
        if not self._is_due(_REACTION + reaction.name, REACTED, DONE):
            return
        for act in acts:
            act.perform(self.parts)
        did.append(reaction.name)

    def _tell(self) -> None:
        left = len(self.hooks)
        for name, hook in self.hooks.items():
            left -= 1
            if not self._is_due(_HOOK + name, DONE):
                continue
            try:
                call(hook, self.event)
            except Exception as error:  # noqa: BLE001  # others go on
                self.failed.append(name)
                self._tell_of("hook", name, error)
                continue
            if left or self.failed:  # else the mark of all says it
                self._mark(_HOOK + name)

    def _is_due(self, *marks: str) -> bool:
        """
        Whether something is not marked yet, and there is time to do it.

        Once the lease has run out somebody else may have done more than
        this: then all of *marks* say so, and before only the first.
        """
        for _ in range(_TRIES):
            looked_for = marks if self.was_late else marks[:1]
            if any(map(self._is_marked, looked_for)):
                return False
            if self._held_s(self.held_at) * _PART_OF_IT <= self._lease_s:
                return True
            self._hold_on()
        raise _LostError

    def _hold_on(self) -> None:
        """Hold it for longer."""
        held_at = self.held_at
        with _asking():
            is_ours = self.hold()
        if not is_ours:
            raise _LostError
        if self._held_s(held_at) >= self._lease_s:
            self.was_late = True

    def _held_s(self, held_at: float) -> float:
        return self.parts.clock.monotonic() - held_at

    @property
    def _lease_s(self) -> float:
        return self.handler.lease_s

    def _is_marked(self, by: str) -> bool:
        with _asking():
            return self.parts.seen.has(self.event.id, by)

    def _mark(self, by: str) -> None:
        with _asking():
            self.parts.seen.mark(self.event.id, by, self.handler.keep_s)

    def _tell_of(self, kind: str, name: str, error: Exception) -> None:
        log.warning(
            "the %s %r failed on %s %s (%s)",
            kind,
            name,
            type(self.event).__name__,
            self.event.id[:_SHOWN_CHARS],
            type(error).__name__,
        )


@contextmanager
def _asking() -> Iterator[None]:
    """Tell what the state raises from what a reaction raises."""
    try:
        yield
    except Exception as error:
        raise _NoStateError from error


def _what(error: BaseException | None) -> str:
    if isinstance(error, _NoStateError):
        error = error.__cause__
    # Its own text says once more that there is no answer.
    if isinstance(error, StoreError):
        return f"{error.part} in {error.engine}: {error.problem}"
    return type(error).__name__


def _does_something(act: Act) -> bool:
    return type(act).perform is not Act.perform
