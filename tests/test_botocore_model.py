"""
What we build, judged by botocore's own model of SESv2.

The oracle is independent of us: botocore's validator for types, names
and minima, and a walk over the model for maxima, patterns and choices.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from botocore.validate import ParamValidator
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.sesv2_model import MODEL, breaches

from safeses import (
    Attachment,
    ConfigurationError,
    Email,
    InvalidMessageError,
    ListManagement,
    NotSentError,
    RawEmail,
    TemplateEmail,
)
from safeses._mail._parameters import parameters
from safeses._request import request

if TYPE_CHECKING:
    from collections.abc import Iterator


# What people type, what attackers type, and what just fits.
LINES = st.text(
    st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp"]), max_size=12
)
ADDRESSES = st.builds(
    "{}{}@{}{}".format,
    st.sampled_from(["Ann <", "Jürgen <", '"Doe, J" <', "日本 " * 20 + "<"]),
    st.sampled_from(["ann", "a.b+c", "x" * 64]),
    st.sampled_from(["a.example", "bücher.example", "b.c.example"]),
    st.just(">"),
)
SOME = st.lists(ADDRESSES, max_size=1)
NAMES = st.sampled_from(["a", "A_b-9", "0", "x" * 64])
VISIBLE = "".join(map(chr, range(0x21, 0x7F)))
HEADERS = st.dictionaries(
    st.text(VISIBLE.replace(":", ""), max_size=9).map("X-{}".format)
    | st.just("X" * 126),
    st.text(VISIBLE, max_size=9).map("a {}".format) | st.just("y" * 870),
    max_size=4,
) | st.just({f"X-{n}": "1" for n in range(15)})
FILES = st.text(
    st.characters(
        exclude_categories=["Cc", "Cf", "Cs", "Zl", "Zp"],
        exclude_characters="/\\.",
    ),
    max_size=12,
).map("{}.bin".format)
ATTACHMENTS = st.lists(
    st.builds(
        Attachment,
        content=st.binary(max_size=20),
        file_name=FILES,
        content_type=st.none() | st.sampled_from(["text/plain", "a/b"]),
        content_id=st.none() | LINES.filter(bool),
        inline=st.sampled_from([None, True, False]),
        description=st.none() | LINES,
    ),
    max_size=2,
)
COMMON: dict[str, Any] = {
    "from_email": ADDRESSES,
    "to": st.lists(ADDRESSES, min_size=1, max_size=2),
    "cc": SOME,
    "bcc": SOME,
    "reply_to": SOME,
    "tags": st.dictionaries(NAMES, NAMES, max_size=3),
    "configuration_set": st.none() | NAMES,
    "tenant": st.none() | NAMES,
    "endpoint_id": st.none() | NAMES,
    "identity_arn": st.none() | NAMES,
    "list_management": st.none()
    | st.builds(ListManagement, contact_list=NAMES, topic=st.none() | NAMES),
}
MESSAGES = st.one_of(
    st.builds(
        Email,
        **COMMON,
        subject=LINES,
        text=st.text(st.characters(exclude_categories=["Cs"]), max_size=20),
        html=st.none() | LINES,
        headers=HEADERS,
        attachments=ATTACHMENTS,
    ),
    st.builds(
        TemplateEmail,
        **COMMON,
        name=NAMES,
        data=st.dictionaries(LINES, LINES | st.integers()),
        headers=HEADERS,
        attachments=ATTACHMENTS,
    ),
    st.builds(
        RawEmail,
        **COMMON,
        message=st.binary(max_size=200).map(
            lambda body: (
                b"Subject: s\r\nBcc: a@b.example\r\n\r\n."
                + body.replace(b"\0", b"")
            )
        ),
    ),
)


def texts(value: Any) -> Iterator[str]:
    """Return every address and header, which must be 7-bit."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from texts(item)


@settings(max_examples=200, deadline=None)
@given(MESSAGES)
def test_valid_messages(message: Email | RawEmail | TemplateEmail) -> None:
    """What we build of a sane message is exactly what the model allows."""
    params = request(parameters(message), tag="t" * 49, scope="local").params
    report = ParamValidator().validate(params, MODEL).generate_report()
    content = next(iter(params["Content"].values()))
    seven_bit = [
        params.get("FromEmailAddress"),
        params["Destination"],
        params.get("ReplyToAddresses"),
        content.get("Headers"),
    ]

    assert ("", [], True) == (
        report,
        list(breaches(MODEL, params)),
        all(text.isascii() for part in seven_bit for text in texts(part)),
    )


WILD = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(max_size=5)
    | st.binary(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "Data",
                    "Subject",
                    "Body",
                    "Text",
                    "Headers",
                    "Attachments",
                    "Name",
                    "Value",
                    "RawContent",
                    "FileName",
                    "TemplateName",
                    "ToAddresses",
                ]
            ),
            inner,
            max_size=3,
        )
    ),
    max_leaves=5,
)


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from(["Simple", "Raw", "Template"]),
    st.fixed_dictionaries(
        {},
        optional={
            "Subject": WILD | st.just({"Data": "s"}),
            "Body": WILD | st.just({"Text": {"Data": "t"}}),
            "Data": WILD | st.just(b"To: a@b.example\n\n"),
            "TemplateName": st.just("x"),
            "Headers": WILD,
            "Attachments": WILD,
        },
    ),
    st.fixed_dictionaries(
        {},
        optional={
            "Destination": WILD | st.just({"ToAddresses": ["a@b.example"]}),
            "FromEmailAddress": WILD,
            "ReplyToAddresses": WILD,
            "EmailTags": WILD,
            "Content": WILD,
        },
    ),
)
def test_wild_parameters(
    kind: str, content: dict[str, Any], params: dict[str, Any]
) -> None:
    """Whatever is passed in is sent or a NotSentError, never a crash."""
    params.setdefault("Content", {kind: content})
    try:
        request(params, tag="t", scope="local")
    except (InvalidMessageError, ConfigurationError) as error:
        is_ours = isinstance(error, NotSentError)
    else:
        is_ours = True

    assert is_ours


@pytest.mark.parametrize(
    "changed",
    [
        {"headers": {f"X-{n}": "1" for n in range(16)}},
        {"headers": {"X" * 127: "1"}},
        {"headers": {"X": "1" * 996}},
        {"headers": {"X": "ü"}},
        {"headers": {"X ": "1"}},
        {"attachments": [Attachment(content=b"", file_name="a" * 256)]},
        {
            "attachments": [
                Attachment(content=b"", file_name="a", content_id="b" * 79)
            ]
        },
        {
            "attachments": [
                Attachment(content=b"", file_name="a", content_type="b" * 79)
            ]
        },
        {
            "attachments": [
                Attachment(content=b"", file_name="a", description="b" * 1001)
            ]
        },
    ],
)
def test_breaches_of_the_model(changed: dict[str, Any]) -> None:
    """What breaks the model is refused by us; botocore sends most of it."""
    message = Email(
        from_email="shop@a.example", to="a@b.example", text="t", **changed
    )
    params = parameters(message)
    with pytest.raises(InvalidMessageError):
        request(params, tag="t", scope="local")

    assert [] != list(breaches(MODEL, params))
