"""Whether an event is about mail of ours."""

from __future__ import annotations

from typing import Any

import pytest
from tests.receiving import KEY, Noted, memory_parts, ses_event

from safeses import Client
from safeses._mail import _tag
from safeses.errors import ConfigurationError
from safeses.events import (
    Advice,
    Delivery,
    FeedbackEvent,
    Mail,
    SendingStatus,
    SetUp,
    TopicConfirmation,
    UnknownEvent,
)
from safeses.feedback._known import KnownMail
from safeses.feedback._receiver import Receiver

OURS = _tag.make(KEY)
ACCOUNT = "123456789012"
ARN = f"arn:aws:ses:eu-west-1:{ACCOUNT}:identity/"


def delivered(**mail: Any) -> FeedbackEvent:
    """Return an event about a mail."""
    return Delivery(id="e", mail=Mail(message_id="m", **mail))


def is_known(known: KnownMail, event: FeedbackEvent) -> bool:
    """Tell whether an event counts."""
    return not known.why_not(event, memory_parts(tag_key=KEY))


@pytest.mark.parametrize(
    "tag, expected",
    [
        (OURS, True),
        (_tag.of(64 * "a", KEY), True),
        ("", False),
        (OURS[:-1], False),
        (OURS + "0", False),
        (OURS.upper(), False),
        (_tag.make(), False),
        (_tag.make(b"another key"), False),
        (OURS.replace("-", ""), False),
        (f"-{OURS}", False),
        ("a" * 32 + OURS[32:], False),
        ("ä-ö", False),
        ("\udc80-", False),
        (OURS + "-" + OURS, False),
    ],
)
def test_tags(tag: str, *, expected: bool) -> None:
    """None but a tag that our key has signed is ours."""
    known = is_known(KnownMail(tag=True), delivered(tag=tag))

    assert expected is known


@pytest.mark.parametrize(
    "given, mail, expected",
    [
        ("a.example", {"source_arn": f"{ARN}a.example"}, True),
        ("A.Example", {"source_arn": f"{ARN}a.example"}, True),
        ("a.example", {"source_arn": f"{ARN}shop@a.example"}, True),
        ("a.example", {"source_arn": f"{ARN}mail.a.example"}, True),
        ("a.example", {"source_arn": f"{ARN}nota.example"}, False),
        ("a.example", {"source_arn": f"{ARN}a.example.evil.example"}, False),
        ("mail.a.example", {"source_arn": f"{ARN}a.example"}, False),
        ("shop@a.example", {"source_arn": f"{ARN}shop@a.example"}, True),
        ("shop@a.example", {"source_arn": f"{ARN}a.example"}, False),
        ("shop@a.example", {"source_arn": f"{ARN}x.shop@a.example"}, False),
        ("a.example", {"source": "shop@a.example"}, True),
        ("a.example", {"source": '"b@b.example" <x@a.example>'}, True),
        ("a.example", {"source": '"x@a.example" <b@b.example>'}, False),
        (
            "a.example",
            {"source": "x@a.example", "source_arn": f"{ARN}b.example"},
            False,
        ),
        ("a.example", {"source": "", "source_arn": "odd"}, False),
        ("a.example", {}, False),
        ("example", {"source": "x@a.example"}, True),
    ],
)
def test_identities(
    given: str, mail: dict[str, str], *, expected: bool
) -> None:
    """A domain stands for its addresses and subdomains; ARNs go first."""
    known = is_known(KnownMail(identities=[given]), delivered(**mail))

    assert expected is known


@pytest.mark.parametrize(
    "account, expected",
    [(ACCOUNT, True), ("999999999999", False), ("", False)],
)
def test_accounts(account: str, *, expected: bool) -> None:
    """An account that is not named, or none, is not ours."""
    known = KnownMail(accounts=frozenset([ACCOUNT]))

    assert expected is is_known(known, delivered(account_id=account))


@pytest.mark.parametrize("right", range(3))
def test_all_that_is_given_must_hold(right: int) -> None:
    """One of three that is wrong is enough."""
    mail = {
        "tag": OURS,
        "account_id": ACCOUNT,
        "source_arn": f"{ARN}a.example",
    }
    known = KnownMail(
        tag=True, accounts=frozenset([ACCOUNT]), identities=["a.example"]
    )
    wrong = dict.fromkeys([list(mail)[right]], "x")
    found = [
        is_known(known, delivered(**m)) for m in (mail, {**mail, **wrong})
    ]

    assert [True, False] == found


@pytest.mark.parametrize(
    "event, expected",
    [
        (SetUp(id="e"), True),
        (SendingStatus(id="e", enabled=False), True),
        (Advice(id="e", is_open=True), True),
        (TopicConfirmation(id="e", kind="x", topic_arn="y"), True),
        (UnknownEvent(id="e"), True),
        (UnknownEvent(id="e", mail=Mail(message_id="m")), False),
        (Delivery(id="e"), False),
    ],
)
def test_without_a_mail(event: FeedbackEvent, *, expected: bool) -> None:
    """What is not about mail passes; what leaves its mail out does not."""
    known = KnownMail(
        tag=True, accounts=frozenset([ACCOUNT]), identities=["a.example"]
    )

    assert expected is is_known(known, event)


def test_nothing_is_required() -> None:
    """All mail is known unless something is asked for."""
    known = is_known(KnownMail(), Delivery(id="e"))

    assert known is True


@pytest.mark.parametrize("key", [None, KEY])
def test_a_key_is_needed(key: bytes | None) -> None:
    """Without a key no tag is signed, so a receiver refuses to begin."""
    ses = Client(region="eu-west-1", tag_key=key)
    problem = ""
    try:
        Receiver(ses, require_known_message=True, reactions=())
    except ConfigurationError as error:
        problem = str(error)

    assert (key is None) is ("tag_key" in problem)


@pytest.mark.parametrize(
    "tag, status, ran", [(OURS, "done", 1), ("", "ignored", 0)]
)
def test_it_is_ignored(tag: str, status: str, ran: int) -> None:
    """Mail of others is taken off the carrier, and nothing is done."""
    noted = Noted()
    receiver = Receiver(
        memory_parts(tag_key=KEY),
        require_known_message=True,
        accounts=[ACCOUNT],
        identities=["a.example"],
        reactions=[noted],
    )
    received = receiver.receive(ses_event(tag=tag))

    assert ([status], True, ran) == (
        [handled.status for handled in received.handled],
        received.is_done,
        noted.ran,
    )


def test_explain_says_so() -> None:
    """Explaining an event about mail of others says why nothing is done."""
    receiver = Receiver(
        memory_parts(), accounts=["999999999999"], reactions=[Noted()]
    )
    (event,) = receiver.receive(ses_event()).events
    why = [act.why for act in receiver.explain(event)]

    assert [
        "it is about mail that is not known: another account sent it"
    ] == why
