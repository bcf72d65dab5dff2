"""Any history of a ledger, judged by an exact log of every message."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Final

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from safeses._job import Found
from safeses._outcome import Accepted
from safeses.errors import InFlightError, NotSentError
from safeses.testing._contracts._ledger_desk import (
    DAY_S,
    DEFERRED,
    FINAL,
    MINUTE_S,
    MOMENT_S,
    OTHER_PAYLOAD,
    PAYLOAD,
    REJECTED,
    UNKNOWN,
    Desk,
    accepted,
    ids,
    sent,
)
from safeses.testing._contracts._ledger_story import Attempt, Story

if TYPE_CHECKING:
    from safeses._job import OnUnknown, Sent
    from safeses._outcome import Outcome
    from safeses.testing._clock import FakeClock
    from safeses.typing import Ledger

KEYED: Final = 2
KEYLESS: Final = 1
_LEASES_S: Final = (10.0, 30.0, 30.0, 4_000.0)
_LONG_S: Final = 400 * DAY_S
_ENDS: Final[dict[str, tuple[Outcome, str]]] = {
    "deferred": (DEFERRED, "refused"),
    "rejected": (REJECTED, "refused"),
    "final": (FINAL, "final"),
    "unknown": (UNKNOWN, "unknown"),
}

_BESIDES: Final = (
    *3 * ["other mail"],
    *3 * ["not sent"],
    "sent",
    "event",
    "event again",
    "fork",
    "purge",
)
_ENDINGS: Final = ("lease", "lease", "grace", "grace", "kept", "gone")

_who = st.integers(0, KEYED - 1)
_anybody = st.integers(0, KEYED + KEYLESS - 1)
_on_unknown = st.sampled_from(["resend", "hold", "reconcile"])
# Mostly the last claim that was given, sometimes an older one.
_hand = st.sampled_from([0, 0, 0, 1, 2])
_end = st.sampled_from(["unknown", "unknown", *_ENDS, "accepted"])
_lease_s = st.sampled_from(_LEASES_S)


class LedgerHistorian(RuleBasedStateMachine):
    """
    Makes histories, and judges them by the log of each message.

    What comes next never depends on what a ledger has answered, as it may
    answer one way or the other: a rule that has nothing to do does nothing.
    """

    def __init__(self, ledger: Ledger, clock: FakeClock) -> None:
        super().__init__()
        self.ledger, self.clock = ledger, clock
        # Proof that others have left is of an hour ago. It counts by the
        # minute, and each history begins at the same point of one.
        clock.sleep(3_600)
        clock.sleep(MINUTE_S - clock.time() % MINUTE_S)
        # Names of one history stand together in the order of names.
        self.prefix = uuid.uuid4().hex
        self.named = self.owners = 0
        self.stories = [
            self._new_story(is_keyed=n < KEYED) for n in range(KEYED + KEYLESS)
        ]
        self.proofs: list[float] = []

    def teardown(self) -> None:
        self.clock.sleep(2 * max(_LEASES_S))
        for story in self.stories:
            self.ledger.resolve(story.desk.name, None)
        assert [] == self._listed()

    # --- What callers do ---

    @rule(
        who=_who,
        on_unknown=_on_unknown,
        payload=st.sampled_from([PAYLOAD, PAYLOAD, OTHER_PAYLOAD]),
        same_payload=st.sampled_from([True, True, False]),
        is_same_caller=st.booleans(),
        lease_s=_lease_s,
    )
    def claim(
        self,
        who: int,
        on_unknown: OnUnknown,
        payload: str,
        lease_s: float,
        *,
        same_payload: bool,
        is_same_caller: bool,
    ) -> None:
        story, now = self.stories[who], self._now()
        job = story.desk.job(on_unknown, payload, same_payload=same_payload)
        state = story.state(now)
        expected = story.may_claim(job, now, self.proofs)
        if is_same_caller and story.attempts:
            owner = story.attempts[-1].claim.owner
        else:
            self.owners += 1
            owner = f"caller {self.owners}"
        answer = story.desk.ask(owner, job, lease_s)
        if isinstance(answer, Found):
            assert not expected
            assert state == answer.record.state
            left_s = self._left_s(story)
            assert abs(left_s - answer.retry_after_s) < MOMENT_S
            if state == "accepted" and is_same_caller:  # that was that
                self.stories[who] = self._new_story(is_keyed=True)
            return
        assert expected is not False
        before = story.attempts[-1].claim.attempt if story.attempts else 0
        assert before + 1 == answer.attempt
        if state != "unknown":
            story.payload = payload
        attempt = Attempt(answer, now + lease_s)
        story.attempts.append(attempt)
        story.hands.append(attempt)

    @rule(
        who=_who,
        on_unknown=_on_unknown,
        is_same_caller=st.booleans(),
        end=st.sampled_from(["", ""]) | _end,
    )
    def send(
        self,
        who: int,
        on_unknown: OnUnknown,
        end: str,
        *,
        is_same_caller: bool,
    ) -> None:
        """Claim and submit, and settle too unless the caller is lost."""
        story = self.stories[who]
        attempts = len(story.attempts)
        self.claim(
            who,
            on_unknown,
            PAYLOAD,
            _LEASES_S[0],
            same_payload=False,
            is_same_caller=is_same_caller,
        )
        if len(story.attempts) == attempts:
            return
        attempt, now = story.attempts[-1], self._now()
        story.desk.submit(attempt.claim, _LEASES_S[1])
        attempt.submitted_at, attempt.lease_ends = now, now + _LEASES_S[1]
        if end:
            self._settle(story, attempt, end)

    @rule(who=_who, hand=_hand, lease_s=_lease_s)
    def submit(self, who: int, hand: int, lease_s: float) -> None:
        story, now = self._held(who, KEYED), self._now()
        if story is None:
            return
        attempt = story.hands[-1 - hand % len(story.hands)]
        expected = story.is_current(attempt) and attempt.submitted_at is None
        try:
            story.desk.submit(attempt.claim, lease_s)
        except NotSentError:
            assert not expected
            return
        assert expected
        attempt.submitted_at, attempt.lease_ends = now, now + lease_s

    @rule(who=st.integers(KEYED, KEYED + KEYLESS - 1), lease_s=_lease_s)
    def submit_without_a_key(self, who: int, lease_s: float) -> None:
        story, now = self.stories[who], self._now()
        if story.state(now):  # a call makes one attempt at a time
            return
        if story.is_told and story.attempts[-1].ended != "refused":
            story = self._new_story(is_keyed=False)
            self.stories[who] = story
        claim = story.desk.keyless(len(story.attempts) + 1)
        story.desk.submit(claim, lease_s)
        attempt = Attempt(claim, now + lease_s, submitted_at=now)
        story.attempts.append(attempt)
        story.hands = [attempt]
        story.is_told = False

    @rule(who=_anybody, hand=_hand, end=_end)
    def settle(self, who: int, hand: int, end: str) -> None:
        story = self._held(who, KEYED + KEYLESS)
        if story is not None:
            attempt = story.hands[-1 - hand % len(story.hands)]
            self._settle(story, attempt, end)

    # --- What others know, and do ---

    @rule(who=_anybody, what=st.sampled_from(_BESIDES))
    def go_on_besides(self, who: int, what: str) -> None:
        story = self.stories[who]
        if what == "other mail":
            self._hear(None)
        elif what == "event":
            self._hear(story, len(story.ids))
        elif what == "event again":
            self._hear(story, max(0, len(story.ids) - 1))
        elif what == "fork":
            self.ledger.after_fork()
        elif what == "purge":
            assert self.ledger.purge() >= 0
            assert not self.ledger.purge()
        else:
            self._resolve(story, sent("m-0") if what == "sent" else None)

    def _hear(self, story: Story | None, number: int = 0) -> None:
        """Hear of a message, or of one that nobody has on record."""
        now, at = self._now(), self.clock.time()
        self.proofs.append(now)
        if story is None:
            other = f"{self.prefix}-nobody"
            assert not self.ledger.confirm(other, sent("m-0", at))
            return
        was_there = bool(story.state(now))
        event = sent(f"m-{number}", at)
        assert was_there == self.ledger.confirm(story.desk.name, event)
        if was_there:
            story.accept(event.message_id, now)

    def _resolve(self, story: Story, known: Sent | None) -> None:
        now = self._now()
        state = story.state(now)
        if state == "rejected":  # a ledger may let a person doubt SES
            return
        resolved, told_s = False, 0.0
        try:
            resolved = self.ledger.resolve(story.desk.name, known)
        except InFlightError as error:
            told_s = error.retry_after_s
        assert abs(self._left_s(story) - told_s) < MOMENT_S
        assert (state == "unknown") is resolved
        if resolved and known is None:
            story.pardon(now)
        elif resolved and known is not None:
            story.accept(known.message_id, now)

    # --- Time ---

    @rule(seconds=st.sampled_from([*6 * [300.0], 0.5, _LONG_S]))
    def wait(self, seconds: float) -> None:
        self._sleep(seconds)

    @rule(
        who=_anybody,
        which=st.sampled_from([*_ENDINGS]),
        side=st.sampled_from([-1, 1, 1]),
    )
    def wait_until(self, who: int, which: str, side: int) -> None:
        """Wait until just before, or after, something ends by itself."""
        now = self._now()
        ends = self.stories[who].endings(now).get(which)
        if ends is not None and ends > now + 1:
            self._sleep(ends + side * MOMENT_S - now)

    # --- What holds at any time ---

    @invariant()
    def each_is_as_it_should_be(self) -> None:
        now = self._now()
        for story in self.stories:
            found, state = story.desk.found(), story.state(now)
            if found is None:
                assert not state
                continue
            record = found.record
            assert state
            last = story.attempts[-1]
            assert (
                state,
                story.desk.name,
                story.is_keyed,
                last.claim.owner,
                last.claim.attempt,
                story.ids,
            ) == (
                record.state,
                record.id,
                record.keyed,
                record.owner,
                record.attempt,
                ids(record),
            )
            left_s = self._left_s(story)
            assert (left_s > 0) == found.is_in_flight
            assert abs(left_s - found.retry_after_s) < MOMENT_S
            if story.is_keyed:
                assert story.payload == record.payload

    @invariant()
    def all_doubt_is_listed(self) -> None:
        now = self._now()
        unknown = [
            story.desk.name
            for story in self.stories
            if story.state(now) == "unknown"
        ]
        assert sorted(unknown) == self._listed()

    def _listed(self) -> list[str]:
        """Return what is unknown in this history."""
        page = self.ledger.unsettled(self.prefix)
        assert all(record.state == "unknown" for record in page.records)
        names = [record.id for record in page.records]
        return [name for name in names if name.startswith(self.prefix)]

    def _left_s(self, story: Story) -> float:
        """Return how long somebody holds the job yet."""
        now = self._now()
        if story.state(now) in {"reserved", "submitting"}:
            return story.attempts[-1].lease_ends - now
        return 0.0

    def _settle(self, story: Story, attempt: Attempt, end: str) -> None:
        now = self._now()
        if end in _ENDS:
            outcome, ended = _ENDS[end]
            self.ledger.settle(attempt.claim, outcome)
            story.end(attempt, ended, now)
            return
        # Now and then it is a copy that an event has told of before.
        name = f"m-{attempt.claim.attempt % 3}"
        what = accepted(name)
        if attempt.claim.attempt % 2:  # no more is said
            what = Accepted(message_id=name)
        self.ledger.settle(attempt.claim, what)
        story.remember(attempt)
        story.accept(name, now)

    def _now(self) -> float:
        return self.clock.monotonic()

    def _new_story(self, *, is_keyed: bool) -> Story:
        self.named += 1
        name = f"{self.prefix}{self.named:032x}"
        return Story(Desk(self.ledger, name), is_keyed=is_keyed)

    def _held(self, who: int, among: int) -> Story | None:
        """Return a story of which somebody holds a claim, if there is one."""
        held = [story for story in self.stories[:among] if story.hands]
        return held[who % len(held)] if held else None

    def _boundaries(self) -> list[float]:
        now = self._now()
        return [
            instant
            for story in self.stories
            for instant in story.endings(now).values()
        ]

    def _sleep(self, seconds: float) -> None:
        """Sleep, but not until an instant that rounding may move."""
        self.clock.sleep(seconds)
        while any(
            abs(boundary - self._now()) < MOMENT_S / 4
            for boundary in self._boundaries()
        ):
            self.clock.sleep(MOMENT_S / 2)
        self._leave_what_may_be_forgotten()

    def _leave_what_may_be_forgotten(self) -> None:
        """Judge only what must be remembered, or must be forgotten."""
        now = self._now()
        for n, story in enumerate(self.stories):
            kept_until, gone_at = story.kept_until(now), story.gone_at(now)
            if kept_until is None or gone_at is None or now < kept_until:
                continue
            if now > gone_at:  # a purge is due
                self.ledger.purge()
                story.forget()
            else:
                self.stories[n] = self._new_story(is_keyed=True)
