"""
What safeses said of each mail, beside what the simulated SES counted.

Every demo mail carries a tag of its own, so the simulator's count does not
depend on anything that safeses adds. The verdicts below are computed from
these counts and from nothing else.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final, Literal

import attrs

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

Said = Literal["accepted", "not sent", "unknown", "nothing"]
ORDER: Final[tuple[Said, ...]] = (
    "accepted",
    "unknown",
    "not sent",
    "nothing",
)
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
        said: ``"nothing"`` if the send raised what no caller can read.
        why: The error's name, ``""`` if there was none.
        elapsed_s: How long the call took.
        error: The error itself.
    """

    mail: str
    said: Said
    why: str = ""
    elapsed_s: float = 0.0
    error: Exception | None = None


@attrs.frozen(kw_only=True)
class Record:
    """
    One scene as both sides tell it.

    Attributes:
        title: What the scene is about.
        results: What safeses, or boto3, said of each mail.
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
    note: str = ""

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
    kinds = Counter((result.said, result.why) for result in record.results)
    for said, why in sorted(kinds, key=lambda k: (ORDER.index(k[0]), k[1])):
        mails = [
            result.mail
            for result in record.results
            if (result.said, result.why) == (said, why)
        ]
        counts = [record.copies.get(mail, 0) for mail in mails]
        twice = sum(count > 1 for count in counts)
        lost = said == "accepted" and counts.count(0)
        sent = said == "not sent" and len(counts) - counts.count(0)
        alarms = (
            f"{twice} more than once" if twice else "",
            f"{lost} lost" if lost else "",
            f"{sent} sent all the same" if sent else "",
            "nobody knows" if said == "nothing" else "",
        )
        yield Line(
            said=f"{said}: {why}" if said in _WITH_WHY else said,
            mails=len(mails),
            copies=sum(counts),
            alarm=", ".join(filter(None, alarms)),
        )


def verdicts(records: Iterable[Record]) -> tuple[Verdict, ...]:
    """Judge the promises that this version makes."""
    ours = [record for record in records if not record.plain]
    return _limit(ours), _malformed(ours), _once(ours)


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
        promise="never malformed (the basics)",
        held=not reached and not refused and named == mails if mails else None,
        figures=(
            f"{named} of {mails} malformed mails refused here; {reached}"
            f" reached SES, which called {refused} mails wrong"
        ),
    )


def _once(records: Sequence[Record]) -> Verdict:
    mails = twice = lost = wrong = unread = unknown = 0
    for record in records:
        for result in record.results:
            copies = record.copies.get(result.mail, 0)
            mails += 1
            twice += copies > 1
            lost += result.said == "accepted" and copies == 0
            wrong += result.said == "not sent" and copies > 0
            unread += result.said == "nothing"
            unknown += result.said == "unknown"
    strange = sum(
        len(record.copies.keys() - {r.mail for r in record.results})
        for record in records
    )
    broken = twice or lost or wrong or unread or strange
    proved = bool(mails) and all(record.proved for record in records)
    return Verdict(
        number=4,
        promise="never twice, never lost in silence",
        held=False if broken else True if proved else None,
        figures=(
            f"of {mails} mails SES has {twice} more than once; {lost} said"
            f" to be accepted are missing; {wrong} said to be not sent were;"
            f" {unread} without an outcome; {unknown} reported as unknown"
        ),
    )
