from __future__ import annotations

import copy
import datetime as dt
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.corpora.events_ses import SAMPLES, TAG, bridge, changed, paths

from safeses._ses import ADDRESS_MAX_CHARS
from safeses.errors import InvalidEventError
from safeses.events import (
    Bounce,
    FeedbackEvent,
    Recipient,
    UnknownEvent,
    parse,
)
from safeses.events._recipients import bare_of
from safeses.suppression import AddressKeys

UTC = dt.timezone.utc
SENT_AT = dt.datetime(2026, 5, 4, 9, 8, 7, 123_000, tzinfo=UTC)
MAIL = {"messageId": "m-1", "timestamp": "2026-05-04T09:08:07.123Z"}
LONGEST = "@example.net".rjust(ADDRESS_MAX_CHARS, "a")
# Nothing that a mapping should be, and what it might be instead.
JUNK: tuple[Any, ...] = (
    None,
    True,
    0,
    1.5,
    "text",
    [],
    ["text"],
    [None],
    {},
    {"a": 1},
    [[]],
)


def one(payload: object) -> FeedbackEvent:
    """Return the one event that *payload* carries."""
    (event,) = parse(payload)
    return event


def bounce_of(*recipients: object) -> Bounce:
    """Return a bounce with such recipients."""
    payload = copy.deepcopy(SAMPLES["event: Bounce"].payload)
    payload["bounce"]["bouncedRecipients"] = list(recipients)
    event = one(payload)
    assert isinstance(event, Bounce)
    return event


def recipient(address: str) -> Recipient:
    """Return the recipient whom SES names so."""
    return bounce_of({"emailAddress": address}).recipients[0]


@pytest.mark.parametrize(
    "address, bare",
    [
        ("gone@example.net", "gone@example.net"),
        ("Gone@Example.NET", "Gone@example.net"),
        ("<gone@example.net>", "gone@example.net"),
        (" gone@example.net\n", "gone@example.net"),
        ("Ann <gone@example.net>", "gone@example.net"),
        ('"Gone, Ann" <gone@example.net>', "gone@example.net"),
        ('"a@b.example" <gone@example.net>', "gone@example.net"),
        ("rfc822; gone@example.net", "gone@example.net"),
        ("RFC822;<gone@example.net>", "gone@example.net"),
        ("rfc-822 ; gone@example.net", "gone@example.net"),
        ("gone@example.net.", "gone@example.net"),
        ("gone@m\u00fcnchen.example", "gone@xn--mnchen-3ya.example"),
        ("gone@M\u00dcNCHEN.example", "gone@xn--mnchen-3ya.example"),
        ("a..b.@example.net", "a..b.@example.net"),
        ("gone@localhost", "gone@localhost"),
        ('"gone ann"@example.net', '"gone ann"@example.net'),
        ("gone@[192.0.2.1]", "gone@[192.0.2.1]"),
        ("gone+tag@example.net", "gone+tag@example.net"),
        ("unknown", ""),
        ("@example.net", ""),
        ("gone@", ""),
        ("g\u00f6ne@example.net", ""),
        ("gone@example.net, ann@example.net", ""),
        ("gone@example.net ann@example.net", ""),
        ("gone@a@example.net", ""),
        ("gone@exa mple.net", ""),
        ("gone\x00@example.net", ""),
        ("gone@example.net\r\nBcc: ann@example.net", ""),
        ("\ud800@example.net", ""),
        ("<>", ""),
        (LONGEST, LONGEST),
        (f"a{LONGEST}", ""),
        ("<" * 100_000, ""),
        ("rfc822" + " " * 100_000, ""),
        ("a@" * 100_000, ""),
    ],
    ids=range(35),
)
def test_bare(address: str, bare: str) -> None:
    """The address alone is found in what a server wrote, or is empty."""
    assert bare == recipient(address).bare


@given(
    address=st.text('aA."\\ @<>[];:-_\u00fc\u0130', max_size=20)
    | st.from_regex(r"[ab.\"\\]{1,5}@[A\[\].\-\u00fc]{1,9}", fullmatch=True)
)
def test_bare_has_a_key(address: str) -> None:
    """Whatever bare address there is can be suppressed, and is stable."""
    bare = bare_of(address)
    keys = AddressKeys().keys_of([bare]) if bare else {bare: ""}

    assert ([bare], bare) == ([*keys], bare_of(bare))


def test_odd_recipients() -> None:
    """Of a list of recipients, what is none is left out, the rest is not."""
    event = bounce_of(
        None,
        "ann@example.net",
        {"emailAddress": None},
        {"emailAddress": ""},
        {"emailAddress": "bob@example.net", "status": 5.11, "action": []},
        {"address": "x@example.net"},
        [{"emailAddress": "x@example.net"}],
        7,
    )

    assert (
        Recipient(address="ann@example.net", bare="ann@example.net"),
        Recipient(address="bob@example.net", bare="bob@example.net"),
    ) == event.recipients


def test_many() -> None:
    """Lists are cut where no event of SES goes."""
    who = [{"emailAddress": f"a{n}@example.net"} for n in range(1_500)]
    headers = [{"name": f"X-{n}", "value": "x"} for n in range(2_500)]
    event = one({"eventType": "Send", "mail": {"headers": headers}})

    assert (1_000, 2_000, True) == (
        len(bounce_of(*who).recipients),
        len(event.mail.headers),
        event.mail.headers_truncated,
    )


@pytest.mark.parametrize(
    "mail, tag, stream",
    [
        ({"tags": {"safeses-id": [TAG]}}, TAG, ""),
        ({"tags": {"safeses-id": TAG}}, TAG, ""),
        (
            {
                "tags": {"safeses-id": [TAG]},
                "headers": [{"name": "X-Safeses-Id", "value": "other"}],
            },
            TAG,
            "",
        ),
        ({"headers": [{"name": "x-safeses-ID", "value": TAG}]}, TAG, ""),
        ({"headers": [{"name": "X-Safeses-Id", "value": f" {TAG}"}]}, TAG, ""),
        (
            {
                "tags": {"safeses-id": []},
                "headers": [{"name": "X-Safeses-Id", "value": TAG}],
            },
            TAG,
            "",
        ),
        ({"tags": {"safeses-id": [7, TAG]}}, TAG, ""),
        ({"tags": {"safeses-id": {"a": TAG}}}, "", ""),
        ({"tags": [TAG], "headers": {"X-Safeses-Id": TAG}}, "", ""),
        (
            {"tags": {"safeses-stream": ["shop_dorders__eu"]}},
            "",
            "shop.orders_eu",
        ),
        ({"tags": {"safeses-stream": []}}, "", ""),
    ],
    ids=range(11),
)
def test_tag(mail: dict[str, Any], tag: str, stream: str) -> None:
    """Our tag is found in the tags, else in the headers that SES repeats."""
    found = one({"eventType": "Send", "mail": mail}).mail

    assert (tag, stream) == (found.tag, found.stream)


@pytest.mark.parametrize(
    "mail, account_id, region",
    [
        (
            {
                "sourceArn": "arn:aws:ses:eu-west-1:111122223333:identity/a",
                "sendingAccountId": "444455556666",
            },
            "444455556666",
            "eu-west-1",
        ),
        (
            {"sourceArn": "arn:aws-cn:ses:cn-north-1:1111:identity/a@b.c"},
            "1111",
            "cn-north-1",
        ),
        (
            {"sourceArn": "arn:aws-us-gov:ses:us-gov-west-1:1:identity/a"},
            "1",
            "us-gov-west-1",
        ),
        ({"sourceArn": "arn:aws:sns:eu-west-1:1111:topic"}, "", ""),
        ({"sourceArn": "eu-west-1", "sendingAccountId": 1}, "", ""),
    ],
)
def test_account(mail: dict[str, Any], account_id: str, region: str) -> None:
    """The account and region are those of the identity that sent it."""
    found = one({"eventType": "Send", "mail": mail}).mail

    assert (account_id, region) == (found.account_id, found.region)


def test_account_of_the_bus() -> None:
    """EventBridge says whose mail it is where SES does not."""
    mail = one(bridge({"eventType": "Open", "mail": MAIL})).mail

    assert ("111122223333", "eu-west-1") == (mail.account_id, mail.region)


@pytest.mark.parametrize(
    "value, truncated",
    [
        (True, True),
        ("true", True),
        ("True", True),
        ("false", False),
        (1, False),
    ],
)
def test_truncated(value: object, *, truncated: bool) -> None:
    """Whether headers are left out is said by a boolean or a text."""
    mail = one({"eventType": "Send", "mail": {"headersTruncated": value}}).mail

    assert truncated == mail.headers_truncated


WHOLE = [
    name for name in SAMPLES if name.startswith(("event:", "notification"))
]


def sample(name: str) -> FeedbackEvent:
    """Return a sample, read."""
    return one(SAMPLES[name].payload)


@pytest.mark.parametrize("name", WHOLE)
def test_other_types(name: str) -> None:
    """A member that is missing, or of another type, costs itself alone."""
    payload = SAMPLES[name].payload
    whole = sample(name)
    lost = []
    for path in paths(payload):
        if path[-1] in {"eventType", "notificationType"}:
            continue
        for junk in (*JUNK, ...):
            event = one(changed(payload, path, junk))
            kept = path[0] == "mail" or whole.mail == event.mail
            if type(event) is not type(whole) or not kept:
                lost.append((path, junk))

    assert [] == lost


@pytest.mark.parametrize("key", ["eventType", "notificationType"])
@pytest.mark.parametrize("junk", JUNK, ids=repr)
def test_no_kind(key: str, junk: object) -> None:
    """What does not say what it is keeps all that it has."""
    payload = {key: junk, "mail": MAIL}
    event = one(payload)

    assert (UnknownEvent, payload) == (type(event), event.raw)


def test_halves_of_characters() -> None:
    """Half a character spoils nothing: every text can be stored."""
    payload = json.dumps(SAMPLES["event: Bounce"].payload).replace(
        "user unknown", "\\ud83d"
    )
    event = one(payload)
    assert isinstance(event, Bounce)
    diagnostic = event.recipients[0].diagnostic

    assert ("smtp; 550 5.1.1 \ufffd", 64) == (diagnostic, len(event.id))


def test_whole_characters() -> None:
    """A character of two escapes is one."""
    event = one('{"eventType":"Reject","reject":{"reason":"\\ud83d\\ude00"}}')

    assert "\U0001f600" == getattr(event, "reason", None)


def test_large_numbers() -> None:
    """A number that no store could hold is none."""
    numbers = [
        getattr(
            one(
                {
                    "eventType": "Delivery",
                    "delivery": {"processingTimeMillis": number},
                }
            ),
            "processing_ms",
            0,
        )
        for number in (5, 2**63, 10**399, True, 1.5, "5")
    ]

    assert [5, None, None, None, None, None] == numbers


def test_mapping_that_no_json_has() -> None:
    """A mapping is read whatever it holds, or refused; both without fault."""
    endless: dict[str, Any] = {"eventType": "Open"}
    endless["open"] = endless
    deep: dict[str, Any] = {}
    for _ in range(100_000):
        deep = {"a": deep}
    refused = []
    for payload in (
        endless,
        {"eventType": "Open", "open": deep},
        {"eventType": "Open", (1, 2): 3},
        {"eventType": "Open", 1: 2},
        {"eventType": "Open", "at": SENT_AT, "data": b"x", "set": {1}},
    ):
        try:
            refused.append(type(one(payload)).__name__)
        except InvalidEventError as error:
            refused.append(error.rule)
    wrong = "a mapping as JSON has them"

    assert [wrong, wrong, wrong, wrong, "Open"] == refused
