"""
What safeses said of each mail, beside what the simulated SES counted.

Every demo mail carries a tag of its own, so the simulator's count does not
depend on anything that safeses adds. The verdicts below are computed from
these counts and from nothing else.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal, TypeAlias

import attrs

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from safeses._commands.demo._heard import Heard

Said = Literal["accepted", "accepted before", "not sent", "unknown", "nothing"]
ORDER: Final[tuple[Said, ...]] = (
    "accepted",
    "accepted before",
    "unknown",
    "not sent",
    "nothing",
)
# A mail's name and a bare address, or SES's id.
Pair: TypeAlias = "tuple[str, str]"
_ACCEPTED: Final[frozenset[Said]] = frozenset({"accepted", "accepted before"})
# What an unknown outcome is called needs no second word.
_WITH_WHY: Final = frozenset({"not sent", "nothing"})
# What SES answers when somebody was too fast or sent too much.
OVER_LIMIT: Final = frozenset(
    {"LimitExceededException", "TooManyRequestsException"}
)


@attrs.frozen(kw_only=True)
class Result:
    """
    What the caller of one send was told.

    Attributes:
        mail: The mail's own name.
        said: ``"nothing"`` if the send raised what no caller can read;
            ``"accepted before"`` is the receipt of an earlier call.
        why: The error's name, ``""`` if there was none.
        elapsed_s: How long the call took.
        error: The error itself.
        dropped: Who was left out, as the receipt or the error names them.
        message_id: SES's id of it, as the receipt names it.
    """

    mail: str
    said: Said
    why: str = ""
    elapsed_s: float = 0.0
    error: Exception | None = None
    dropped: tuple[str, ...] = ()
    message_id: str = ""


@attrs.frozen(kw_only=True)
class Reached:
    """
    Who should get which mail, and who does.

    Attributes:
        stopped: Who must not get it.
        allowed: Who should.
        at_ses: Whom SES accepted it for.
        told: Whom the caller was told to be left out.
    """

    stopped: frozenset[Pair]
    allowed: frozenset[Pair]
    at_ses: frozenset[Pair]
    told: frozenset[Pair]

    @property
    def leaked(self) -> frozenset[Pair]:
        """Who must not get it, and does."""
        return self.stopped & self.at_ses

    @property
    def missing(self) -> frozenset[Pair]:
        """Who should get it, and does not."""
        return self.allowed - self.at_ses

    @property
    def misnamed(self) -> frozenset[Pair]:
        """Who was left out and not named, or named and not left out."""
        return (self.stopped - self.at_ses) ^ self.told


@attrs.frozen(kw_only=True)
class Record:
    """
    One scene as both sides tell it.

    Attributes:
        title: What the scene is about.
        results: What safeses, or boto3, said of each mail, with each call.
        copies: How often SES accepted each mail, by its name.
        requests: Requests to send that reached SES.
        refusals: Error codes that SES answered.
        recipients: Recipients of all that SES accepted.
        quota: How many it may accept in 24 hours, less those of others.
        knows_limits: False where the client was told a wrong limit, or
            others use it up: then only SES can refuse.
        malformed: Whether the mails are ones that SES would refuse.
        plain: Whether it was boto3 alone, for comparison.
        proved: Whether what the scene is about did happen.
        message_ids: The names of the mails that SES has, with its ids.
        reached: Who should get mail and who does, where that is what the
            scene is about.
        heard: What SES reported and what became known of it, where that is
            what the scene is about.
        note: What else there is to say.
    """

    title: str
    results: Sequence[Result]
    copies: Mapping[str, int]
    requests: int
    refusals: Counter[str]
    recipients: int
    quota: float
    knows_limits: bool = True
    malformed: bool = False
    plain: bool = False
    proved: bool = True
    message_ids: frozenset[Pair] = frozenset()
    reached: Reached | None = None
    heard: Heard | None = None
    note: str = ""

    @property
    def mails(self) -> frozenset[str]:
        """The names of the mails that were to be sent, once or oftener."""
        return frozenset(result.mail for result in self.results)

    def told(self, *kinds: Said) -> frozenset[str]:
        """Return of which mails one of *kinds* was said."""
        return frozenset(r.mail for r in self.results if r.said in kinds)

    @property
    def over_limit(self) -> int:
        """How often SES answered "too fast" or "too much"."""
        return sum(self.refusals[code] for code in OVER_LIMIT)


@attrs.frozen(kw_only=True)
class Line:
    """
    One outcome of one scene.

    Attributes:
        said: What was said, with the error's name.
        mails: Of how many mails.
        copies: How many of them, copies included, SES has.
        alarm: What is wrong about that, ``""`` if nothing is.
    """

    said: str
    mails: int
    copies: int
    alarm: str


@attrs.frozen(kw_only=True)
class Verdict:
    """
    Whether a promise held, and the figures that say so.

    Attributes:
        number: The promise's number.
        promise: Its name.
        held: Whether it held; None if it was not put to the test.
        figures: What was counted.
    """

    number: int
    promise: str
    held: bool | None
    figures: str


def lines(record: Record) -> Iterator[Line]:
    """Group a scene's mails by what was said of them."""
    kinds = {(ORDER.index(r.said), _shown(r)): r.said for r in record.results}
    for (_, shown), said in sorted(kinds.items()):
        mails = {r.mail for r in record.results if _shown(r) == shown}
        counts = [record.copies.get(mail, 0) for mail in mails]
        twice = sum(count > 1 for count in counts)
        lost = said in _ACCEPTED and counts.count(0)
        sent = said == "not sent" and len(counts) - counts.count(0)
        wrong = record.reached and len(
            [who for who in record.reached.leaked if who[0] in mails]
        )
        alarms = (
            f"{wrong} must not get it" if wrong else "",
            f"{twice} more than once" if twice else "",
            f"{lost} lost" if lost else "",
            f"{sent} sent all the same" if sent else "",
            "nobody knows" if said == "nothing" else "",
        )
        yield Line(
            said=shown,
            mails=len(mails),
            copies=sum(counts),
            alarm=", ".join(filter(None, alarms)),
        )


def _shown(result: Result) -> str:
    if result.said in _WITH_WHY:
        return f"{result.said}: {result.why}"
    return result.said


def verdicts(records: Iterable[Record]) -> tuple[Verdict, ...]:
    """Judge the promises that this version makes."""
    ours = [record for record in records if not record.plain]
    return (
        _limit(ours),
        _people(ours),
        _malformed(ours),
        _once(ours),
        _feedback(ours),
    )


def _limit(records: Sequence[Record]) -> Verdict:
    known = [record for record in records if record.knows_limits]
    requests = sum(record.requests for record in known)
    refused = sum(record.over_limit for record in known)
    above = sum(record.recipients > record.quota for record in known)
    return Verdict(
        number=1,
        promise="never over the limit",
        held=not refused and not above if requests else None,
        figures=(
            f'SES answered "too fast" or "too much" to {refused} of'
            f" {requests} requests; quotas exceeded: {above} (the scene"
            " with a wrong limit not counted)"
        ),
    )


def _people(records: Sequence[Record]) -> Verdict:
    stopped = allowed = leaked = missing = misnamed = 0
    for record in records:
        if record.reached is not None:
            stopped += len(record.reached.stopped)
            allowed += len(record.reached.allowed)
            leaked += len(record.reached.leaked)
            missing += len(record.reached.missing)
            misnamed += len(record.reached.misnamed)
    broken = leaked or missing or misnamed
    return Verdict(
        number=2,
        promise="never to somebody who must not get it",
        held=not broken if stopped and allowed else None,
        figures=(
            f"of {stopped} recipients who must not get a mail {leaked} were"
            f" handed to SES, of {allowed} others {allowed - missing} were;"
            f" callers were misled about {misnamed}"
        ),
    )


def _malformed(records: Sequence[Record]) -> Verdict:
    bad = [record for record in records if record.malformed]
    mails = sum(len(record.results) for record in bad)
    named = sum(
        result.why == "InvalidMessageError"
        for record in bad
        for result in record.results
    )
    reached = sum(record.requests for record in bad)
    refused = sum(
        count
        for record in records
        for code, count in record.refusals.items()
        if code not in OVER_LIMIT
    )
    return Verdict(
        number=3,
        promise="never malformed",
        held=not reached and not refused and named == mails if mails else None,
        figures=(
            f"{named} of {mails} malformed mails refused here; {reached}"
            f" reached SES, which called {refused} mails wrong"
        ),
    )


def _once(records: Sequence[Record]) -> Verdict:
    mails = twice = lost = wrong = unread = strange = 0
    unknown = settled = before = misled = 0
    for record in records:
        at_ses = {mail for mail, copies in record.copies.items() if copies}
        accepted = record.told(*_ACCEPTED)
        doubtful = record.told("unknown")
        mails += len(record.mails)
        twice += sum(record.copies.get(mail, 0) > 1 for mail in record.mails)
        lost += len(accepted - at_ses)
        wrong += len(record.told("not sent") & at_ses)
        unread += len(record.told("nothing"))
        strange += len(at_ses - record.mails)
        unknown += len(doubtful)
        settled += len(doubtful & accepted)
        for result in record.results:
            if result.said == "accepted before":
                before += 1
                pair = (result.mail, result.message_id)
                misled += pair not in record.message_ids
    broken = twice or lost or wrong or unread or strange or misled
    proved = bool(mails) and all(record.proved for record in records)
    return Verdict(
        number=4,
        promise="never twice, never lost in silence",
        held=False if broken else True if proved else None,
        figures=(
            f"of {mails} mails SES has {twice} more than once; {lost} said"
            f" to be accepted are missing; {wrong} said to be not sent were;"
            f" {unread} without an outcome; {unknown} reported as unknown,"
            f" of which {settled} were settled; {before} calls got an earlier"
            f" receipt, {misled} of them a wrong one"
        ),
    )


def _feedback(records: Sequence[Record]) -> Verdict:
    heard = [record.heard for record in records if record.heard is not None]
    happened = sum(len(one.happened) for one in heard)
    missed = sum(len(one.missed) for one in heard)
    doubtful = sum(one.doubtful for one in heard)
    forged = sum(one.forged for one in heard)
    broken = any(one.is_broken for one in heard)
    return Verdict(
        number=5,
        promise="never blind",
        held=False if broken else True if happened and doubtful else None,
        figures=(
            f"of {happened} bounces and complaints {happened - missed} were"
            f" told, {sum(len(one.wrong) for one in heard)} of them wrongly or"
            f" twice; {sum(len(one.unlisted) for one in heard)} recipients"
            " were not suppressed; of"
            f" {doubtful} unknown outcomes {sum(o.settled for o in heard)}"
            f" were settled; of {forged} forged reports"
            f" {sum(one.believed for one in heard)} were believed"
        ),
    )
