"""A finished MIME message: who gets it, and the little that is changed."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.pace import within

from safeses import InvalidMessageError
from safeses._mail import _raw as raw
from safeses._request import request

TAG = "0123abcd"
OURS = {"Name": "safeses-id", "Value": TAG}
# For a coarse bound: a quadratic pass would take minutes.
MOST_PASSES = 800


def made(data: bytes, *, tagged: bool = False, **params: Any) -> Any:
    """Return the parameters that become of a raw message."""
    return request(
        {
            "FromEmailAddress": "shop@a.example",
            "Content": {"Raw": {"Data": data}},
            **params,
        },
        tag=TAG,
        scope="local",
        tagged=tagged,
    ).params


def refused(data: bytes) -> list[str]:
    """Return the rules that a raw message breaks."""
    with pytest.raises(InvalidMessageError) as caught:
        made(data)
    return [finding.rule for finding in caught.value.findings]


@pytest.mark.parametrize(
    "head, expected",
    [
        (b"To: a@b.example", [["a@b.example"], [], []]),
        (
            (
                b"to: A <a@b.example>, c@d.example\nCC: e@f.example\n"
                b"bCc: g@h.example"
            ),
            [["a@b.example", "c@d.example"], ["e@f.example"], ["g@h.example"]],
        ),
        (
            b"To:\r\n a@b.example,\r\n\tc@d.example",
            [["a@b.example", "c@d.example"], [], []],
        ),
        (
            (
                b"To: a@b.example\nBcc: x@y.example\nResent-To: c@d.example\n"
                b"Resent-Bcc: e@f.example"
            ),
            [["c@d.example"], [], ["e@f.example"]],
        ),
        (
            b'To: "Doe, Ann" <a@b.example>, =?utf-8?q?J=2C?= <c@d.example>',
            [["a@b.example", "c@d.example"], [], []],
        ),
        (
            b"To: undisclosed-recipients:;\nBcc: a@b.example",
            [[], [], ["a@b.example"]],
        ),
        (
            b"To: Team: a@b.example, c@d.example;",
            [["a@b.example", "c@d.example"], [], []],
        ),
        (b"To: a@b.example, ", [["a@b.example"], [], []]),
        (b"To: a@b.example (Ann)", [["a@b.example"], [], []]),
        (
            "To: Jürgen <a@bücher.example>".encode(),
            [["a@xn--bcher-kva.example"], [], []],
        ),
    ],
)
@pytest.mark.parametrize("newline", [b"\n", b"\r\n"])
@pytest.mark.parametrize("end", [b"\n\nx", b""])
def test_recipients(
    head: bytes, end: bytes, newline: bytes, expected: object
) -> None:
    """Without a Destination the headers say who gets it, explicitly."""
    data = (head + end).replace(b"\r\n", b"\n").replace(b"\n", newline)
    destination = made(data)["Destination"]

    assert expected == [
        destination.get(f"{kind}Addresses", []) for kind in ("To", "Cc", "Bcc")
    ]


def test_doubled_headers() -> None:
    """Nobody is left out where a header is doubled and the rule is off."""
    fields = raw.headers(b"To: a@b.example\r\nTo: c@d.example\r\n\r\nx")

    assert ["a@b.example", "c@d.example"] == raw.recipients(fields)["to"]


RESENT = b"Resent-From: x@y.example\n"


@pytest.mark.parametrize(
    "head, expected",
    [
        (
            RESENT
            + b"Resent-To: new@b.example\nReceived: x\n"
            # the next block is the older one
            + RESENT
            + b"Resent-To: old@b.example\n",
            [["new@b.example"], [], []],
        ),
        (
            (RESENT + b"Resent-To: new@b.example\nResent-Cc: c@b.example\n")
            + (b"Resent-To: old@b.example\nResent-Cc: d@b.example\n" + RESENT),
            [["new@b.example"], ["c@b.example"], []],
        ),
        (
            RESENT * 2 + b"Resent-To: a@b.example\n",
            [[""], [], []],
        ),
        (
            (RESENT + b"Resent-To: a@b.example\nResent-To: c@b.example\n"),
            [[""], [], []],
        ),
        (b"Resent-Date: x\n", [[], [], []]),
    ],
)
def test_resent_twice(head: bytes, expected: object) -> None:
    """Only who the newest block names gets it; in doubt it is refused."""
    fields = raw.headers(head + b"To: first@b.example\n\nx")

    assert expected == list(raw.recipients(fields).values())


@pytest.mark.parametrize(
    "value, expected",
    [
        ('"Ann <x" <a@b.example>', ["a@b.example"]),
        ('Ann (x < (y) "z) <a@b.example>', ["a@b.example"]),
        ('"Ann \\" (x" <a@b.example>', ["a@b.example"]),
        ('<"a b"@c.example>', ['"a b"@c.example']),
        ("<a@b.example", ["", "a@b.example"]),
        ("a@b.example (x", ["", "a@b.example"]),
        ("Zo\udceb <a@b.example>", ["a@b.example"]),
        ("Zo\udceb@b.example", ["Zo\ufffd@b.example"]),
    ],
)
def test_people(value: str, expected: object) -> None:
    """What is opened has to be closed, or nobody is certain."""
    assert expected == raw.people(value)


@pytest.mark.parametrize(
    "value",
    [
        'Ann \\"x <a@b.example>',
        "a@b.example)",
        "Ann <<a@b.example>>",
        "a@b.example>",
        '"a@b.example',
    ],
)
def test_what_is_not_closed(value: str) -> None:
    """Readers end it where they like, so that it is nobody."""
    assert "" in raw.people(value)


def test_destination_wins() -> None:
    """A Destination is the envelope; headers then add nobody."""
    given_destination = {"BccAddresses": ["z@y.example"]}
    params = made(
        b"To: a@b.example\nBcc: c@d.example\n\n",
        Destination=given_destination,
    )

    assert (given_destination, b"To: a@b.example\n\n") == (
        params["Destination"],
        params["Content"]["Raw"]["Data"],
    )


def test_misspelt_destination_is_kept() -> None:
    """A key that SESv2 does not know stays, for boto3 to refuse."""
    params = made(b"To: a@b.example\n\n", Destination={"To": ["c@d.example"]})

    assert ["c@d.example"] == params["Destination"]["To"]


@pytest.mark.parametrize(
    "head",
    [
        b"To: a@b.example <c@d.example>",
        b"To: a@b.example junk",
        b"To: a@b.example\nCc: c@@d.example, e@f.example",
        b"To: a@b.example c@d.example",
        b"To: a@b@c.example",
        b"To: a@b.example, @",
        "To: jürgen@b.example".encode(),
        "To: a@bücher.example".encode("latin-1"),
        b"To: a@b.example\nBcc: " + b"(" * 50_000,
        b"To: " + b"a@b.example, " * 51,
        b"Subject: nobody",
        b"To: undisclosed-recipients:;",
    ],
    ids=lambda head: head[:30],
)
def test_unreadable_recipients(head: bytes) -> None:
    """Whom a header means is never guessed: in doubt it is refused."""
    assert {
        "address.syntax",
        "recipients.count",
        "recipients.none",
        "text.control",
    } & set(refused(head + b"\n\nx"))


@pytest.mark.parametrize("newline", [b"\n", b"\r\n"])
@pytest.mark.parametrize(
    "bcc",
    [
        b"Bcc: x@y.example|",
        b"BCC:x@y.example|",
        b"Bcc:|  x@y.example,|\tz@y.example|",
        b"Bcc: x@y.example|Bcc: z@y.example|",
        b"Resent-Bcc: x@y.example|",
        b"Bcc:|",
    ],
)
@pytest.mark.parametrize("place", ["first", "middle", "last"])
def test_bcc_is_stripped_to_the_byte(
    bcc: bytes, newline: bytes, place: str
) -> None:
    """Bcc headers go, every other byte stays, the body's Bcc too."""
    before = b"To: a@b.example|X-Bcc: 1|"
    after = b"Subject: s|\tBcc: folded|"
    body = b"|Bcc: in the body||\r\n\n\r"
    parts = {
        "first": (b"", bcc, before + after),
        "middle": (before, bcc, after),
        "last": (before + after, bcc, b""),
    }[place]
    kept = parts[0] + parts[2] + body
    data = made(
        (b"".join(parts) + body).replace(b"|", newline),
        Destination={"ToAddresses": ["a@b.example"]},
    )["Content"]["Raw"]["Data"]

    assert kept.replace(b"|", newline) == data


def test_bcc_without_a_body() -> None:
    """A Bcc that ends the data, without a line end, goes as well."""
    data = made(b"To: a@b.example\nBcc: x@y.example")["Content"]["Raw"]["Data"]

    assert b"To: a@b.example\n" == data


def test_a_body_only_has_no_headers() -> None:
    """What follows an empty first line is body, whatever it looks like."""
    assert ["recipients.none"] == refused(b"\r\nTo: a@b.example\r\n\r\nx")


@pytest.mark.parametrize(
    "signed, expected",
    [
        (b"from:to:bcc", ["raw.signed-bcc"]),
        (b"From : Bcc;", ["raw.signed-bcc"]),
        (b"from:\r\n\tResent-BCC:to", ["raw.signed-bcc"]),
    ],
)
def test_signed_bcc(signed: bytes, expected: object) -> None:
    """A Bcc that a DKIM signature covers cannot be stripped."""
    head = b"To: a@b.example\r\nDKIM-Signature: v=1; h=%s; b=x\r\n" % signed

    assert expected == refused(head + b"Bcc: x@y.example\r\n\r\nx")


@pytest.mark.parametrize(
    "head, has_header",
    [
        (b"To: a@b.example\n", True),
        (b"To: a@b.example\nDKIM-Signature: h=from:bcc\n", False),
        (b"To: a@b.example\nX-SAFESES-ID: other\n", False),
        (b"To: a@b.example\nBcc: c@d.example\n", True),
    ],
)
def test_header_where_free(head: bytes, *, has_header: bool) -> None:
    """Our header goes in front, unless signed or there already."""
    data = made(head + b"\nx", tagged=True)["Content"]["Raw"]["Data"]

    assert has_header == data.startswith(b"X-Safeses-Id: 0123abcd\nTo:")


def test_header_ends_as_the_others_do() -> None:
    """Our header has the line end of the message."""
    data = made(b"To: a@b.example\r\n\r\nx\n", tagged=True)

    assert (
        b"X-Safeses-Id: 0123abcd\r\nTo: a@b.example\r\n\r\nx\n"
        == data["Content"]["Raw"]["Data"]
    )


def test_large_message_is_not_copied() -> None:
    """Two megabytes are worth more than our header."""
    data = b"To: a@b.example\n\n" + b"x\n" * 1024**2

    assert data is made(data, tagged=True)["Content"]["Raw"]["Data"]


@pytest.mark.parametrize(
    "head, params, expected",
    [
        (b"", {}, [OURS]),
        (
            b"X-SES-MESSAGE-TAGS: a=b, c=d\r\n",
            {},
            [
                {"Name": "a", "Value": "b"},
                {"Name": "c", "Value": "d"},
                OURS,
            ],
        ),
        (
            b"x-ses-message-tags: a=b,\r\n ses:feedback-id-a=1\r\n",
            {},
            [
                {"Name": "a", "Value": "b"},
                {"Name": "ses:feedback-id-a", "Value": "1"},
                OURS,
            ],
        ),
        (
            b"X-SES-MESSAGE-TAGS: a=b\r\n",
            {"EmailTags": [{"Name": "e", "Value": "f"}]},
            [{"Name": "e", "Value": "f"}, OURS],
        ),
        (b"X-SES-MESSAGE-TAGS: safeses-id=old\r\n", {}, [OURS]),
    ],
)
def test_message_tags(
    head: bytes, params: dict[str, Any], expected: object
) -> None:
    """Tags of the raw header are merged, as ours would replace them."""
    data = head + b"To: a@b.example\r\n\r\n"

    assert expected == made(data, tagged=True, **params)["EmailTags"]


def test_bad_message_tags() -> None:
    """A tag in the raw header that SES refuses is a finding."""
    data = b"X-SES-MESSAGE-TAGS: a=b c\nTo: a@b.example\n\n"

    assert ["tag.characters"] == refused(data)


@pytest.mark.parametrize(
    "data",
    [
        b"To: a@b.example\rBcc: c@d.example\n\nx",
        b"To: a@b.example\n" + b"X: y\n" * 150_000 + b"Bcc: c@d.example\n\n",
        b"To: a@b.example\r\nX: y\n\r\nBcc: c@d.example\r\n\r\nx",
        b"To: a@b.example\nX: y\n\r\nBcc: c@d.example\r\n\r\nx",
        b"To: a@b.example\r\n\nBcc: c@d.example\r\n\r\nx",
        b"To: a@b.example\r\nX: y\n\nBcc: c@d.example\r\n\r\nx",
        b"To: a@b.example\nX :y\nBcc: c@d.example\n\nx",
        b"bcc : c@d.example\nTo: a@b.example\n\nx",
        b"To: a@b.example\nbcc\t: c@d.example\n\nx",
    ],
    ids=range(9),
)
def test_hidden_headers(data: bytes) -> None:
    """Where a Bcc could hide from us, but not from others, is refused."""
    assert ["raw.headers"] == refused(data)


@pytest.mark.parametrize(
    "data",
    [
        b"To: a@b.example\n" + b" a\n" * 160_000,
        b"To: " + b"@" * 500_000,
        b"To: " + b"@" * 60_000,
        b"To: " + b"a@b.example," * 5_000,
        b"To: " + b'"' * 60_000,
        b"To: " + b"(" * 60_000,
        b"To: " + b"<" * 60_000,
        b"Bcc:\n" * 100_000,
        b"bcc" + b" " * 400_000,
        b"resent-" * 70_000,
        b"DKIM-Signature: h=" + b"x:" * 200_000 + b"bcc\nBcc: a@b.example",
        b"X-SES-MESSAGE-TAGS: " + b"a=b," * 100_000,
        b":" * 500_000,
    ],
    ids=lambda data: data[:12],
)
def test_hostile_headers(data: bytes) -> None:
    """Half a megabyte of hostile headers costs a moment, and no crash."""
    assert within(MOST_PASSES, len(data), lambda: refused(data + b"\n\nx"))


@given(
    st.binary(max_size=300)
    | st.text(alphabet='tobc: @.,;<>()"\\\r\n\tx', max_size=200).map(
        lambda text: f"To: a@b.example\n{text}".encode()
    )
)
def test_any_bytes(data: bytes) -> None:
    """Any bytes at all are sent or refused; what is sent has no Bcc."""
    try:
        sent = made(data)["Content"]["Raw"]["Data"]
    except InvalidMessageError:
        sent = b""
    head = sent.replace(b"\r\n", b"\n").partition(b"\n\n")[0]
    names = [
        line.partition(b":")[0].strip().lower()
        for line in head.split(b"\n")
        if b":" in line and not line.startswith((b" ", b"\t"))
    ]

    assert not {b"bcc", b"resent-bcc"} & set(
        [] if sent.startswith((b"\n", b"\r\n")) else names
    )
