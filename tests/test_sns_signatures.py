"""What of a message SNS signs, and that nothing else passes for it."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.sns_authority import (
    lines,
    notification,
    rsa_key,
    sign,
)
from tests.sns_verifiers import (
    GENUINE,
    KINDS,
    SHARED,
    is_genuine,
)

from safeses.errors import (
    UnverifiedEventError,
)

SIGNED = [
    (kind, key)
    for kind, make in KINDS.items()
    for key in make()
    if f"\n{key}\n" in f"\n{lines(make()).decode()}" or key == "Signature"
]


@pytest.mark.parametrize("kind, key", SIGNED)
@pytest.mark.parametrize("version", ["1", "2"])
def test_every_byte(kind: str, key: str, version: str) -> None:
    """No byte of a signed field, or of the signature, may be another."""
    envelope = KINDS[kind](version=version)
    text = envelope[key]
    passed = [
        at
        for at in range(len(text))
        for flip in (1, 32)
        if is_genuine(
            {
                **envelope,
                key: text[:at] + chr(ord(text[at]) ^ flip) + text[at + 1 :],
            }
        )
    ]

    assert [] == passed


def test_signed_fields() -> None:
    """What is flipped above is all that SNS signs, for each type."""
    counts = dict.fromkeys(KINDS, 0)
    for kind, _ in SIGNED:
        counts[kind] += 1

    assert {
        "notification": 7,
        "subscription": 8,
        "unsubscription": 8,
    } == counts


@settings(max_examples=200)
@given(
    kind=st.sampled_from([*KINDS]),
    data=st.data(),
)
def test_altered_fields(kind: str, data: st.DataObject) -> None:
    """A signed field with any other value is refused, whatever its kind."""
    envelope = KINDS[kind]()
    key = data.draw(st.sampled_from([k for own, k in SIGNED if own == kind]))
    value = data.draw(
        st.one_of(
            st.text(),
            st.text(max_size=3).map(lambda text: envelope[key] + text),
            st.binary(),
            st.integers(),
            st.booleans(),
            st.lists(st.text()),
        ).filter(lambda value: value != envelope[key])
    )

    assert not is_genuine({**envelope, key: value})


@pytest.mark.parametrize("kind, key", SIGNED)
@pytest.mark.parametrize(
    "value", [None, 1, 1.5, True, b"x", ["x"], {"x": "y"}, "", "\ud800"]
)
def test_kinds_of_values(kind: str, key: str, value: Any) -> None:
    """A field that is no text is refused, not used."""
    envelope = {**KINDS[kind](), key: value}

    assert not is_genuine(envelope)


@pytest.mark.parametrize("kind", KINDS)
def test_missing_fields(kind: str) -> None:
    """Without any one of the fields that are needed it is refused."""
    envelope = KINDS[kind]()
    needed = [
        key
        for key in envelope
        if not is_genuine({k: v for k, v in envelope.items() if k != key})
    ]

    assert sorted(
        {key for own, key in SIGNED if own == kind}
        | {"SignatureVersion", "SigningCertURL"}
    ) == sorted(needed)


@pytest.mark.parametrize("payload", [None, "text", b"{}", 7, [], ["Type"]])
def test_no_mapping(payload: Any) -> None:
    """What is no mapping is refused."""
    with pytest.raises(UnverifiedEventError):
        SHARED.verify(payload)


LINE_ENDS = ["\n", "\r", "\0", "\x0b", "\x85", "\u2028", "\x7f"]


@pytest.mark.parametrize("end", LINE_ENDS)
@pytest.mark.parametrize("key", ["Subject", "MessageId", "Timestamp"])
def test_one_line(key: str, end: str) -> None:
    """No field but the message may hold what ends a line, signed or not."""
    envelope = notification(**{key: f"2026{end}x"})

    assert not is_genuine(envelope)


MOVED: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "into the message": (
        {"Message": "m", "Subject": "s\nMessageId\nx", "MessageId": "id"},
        {
            "Message": "m\nMessageId\nid\nSubject\ns",
            "Subject": None,
            "MessageId": "x",
        },
    ),
    "into the id": (
        {"Message": "m\nMessageId\nid", "MessageId": "x"},
        {"Message": "m", "MessageId": "id\nMessageId\nx"},
    ),
}


@pytest.mark.parametrize("case", MOVED)
def test_fields_cannot_be_moved(case: str) -> None:
    """Of two messages with the same signed bytes one at most passes."""
    one, other = (notification(**fields) for fields in MOVED[case])
    seen = [
        lines(one) == lines(other),
        one["Signature"] == other["Signature"],
        sorted([is_genuine(one), is_genuine(other)]),
    ]

    assert [True, True, [False, True]] == seen


SIGNATURE = GENUINE["Signature"]
SPELLINGS = {
    "newline": SIGNATURE + "\n",
    "newline inside": SIGNATURE[:76] + "\n" + SIGNATURE[76:],
    "blank": " " + SIGNATURE,
    "no padding": SIGNATURE.rstrip("="),
    "more padding": SIGNATURE + "==",
    "data behind": SIGNATURE + "AAAA",
    "URL-safe": SIGNATURE.translate(str.maketrans("+/", "-_")) + "-",
    "full width": SIGNATURE.replace(SIGNATURE[0], "\uff21", 1),
    "spare bits": SIGNATURE[:-3] + chr(ord(SIGNATURE[-3]) + 1) + "==",
    "zeros before": base64.b64encode(
        b"\0" + base64.b64decode(SIGNATURE)
    ).decode(),
    "nothing": base64.b64encode(b"\0" * 256).decode(),
    "huge": "A" * 10_000_000,
}


@pytest.mark.parametrize("text", SPELLINGS.values(), ids=SPELLINGS)
def test_spellings_of_a_signature(text: str) -> None:
    """A signature has one spelling."""
    envelope = {**notification(), "Signature": text}

    assert not is_genuine(envelope)


def test_foreign_key() -> None:
    """What another key signed is refused, though all else is right."""
    envelope = sign(notification(), key=rsa_key(number=1))

    assert not is_genuine(envelope)
