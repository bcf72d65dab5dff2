"""
Are the types of a request beyond doubt?

botocore checks every parameter against its model, which costs a few per
cent of a send. For the shapes below this says the same, faster; for all
others it says nothing, and botocore looks for itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_DESTINATION: Final = frozenset({"ToAddresses", "CcAddresses", "BccAddresses"})


def has_plain_types(params: Mapping[str, Any]) -> bool:
    """Whether botocore's check of the types would certainly pass."""
    return "Content" in params and all(
        name in _CHECKS and _CHECKS[name](value)
        for name, value in params.items()
    )


def _is_string(value: Any) -> bool:
    # An empty string may be below a member's least length.
    return type(value) is str and bool(value)


def _is_destination(value: Any) -> bool:
    return (
        type(value) is dict
        and value.keys() <= _DESTINATION
        and all(map(_are_strings, value.values()))
    )


def _is_content(content: Any) -> bool:
    if type(content) is not dict or len(content) != 1:
        return False
    raw = content.get("Raw")
    if raw is not None:
        return raw.keys() == {"Data"} and type(raw["Data"]) is bytes
    simple = content.get("Simple")
    if type(simple) is not dict or not simple.keys() <= {
        "Subject",
        "Body",
        "Headers",
    }:
        return False
    body = simple.get("Body")
    return (
        type(body) is dict
        and body.keys() <= {"Text", "Html"}
        and all(map(_is_text, body.values()))
        and _is_text(simple.get("Subject"))
        and _are_pairs(simple.get("Headers", []))
    )


def _is_text(part: Any) -> bool:
    return (
        type(part) is dict
        and type(part.get("Data")) is str
        and (
            len(part) == 1
            or (len(part) == 2 and type(part.get("Charset")) is str)
        )
    )


def _are_strings(values: Any) -> bool:
    return type(values) is list and all(type(v) is str for v in values)


def _are_pairs(values: Any) -> bool:
    return type(values) is list and all(
        type(pair) is dict
        and len(pair) == 2
        and type(pair.get("Name")) is str
        and type(pair.get("Value")) is str
        and pair["Name"]
        for pair in values
    )


_CHECKS: Final[Mapping[str, Callable[[Any], bool]]] = {
    "FromEmailAddress": _is_string,
    "FromEmailAddressIdentityArn": _is_string,
    "FeedbackForwardingEmailAddress": _is_string,
    "FeedbackForwardingEmailAddressIdentityArn": _is_string,
    "ConfigurationSetName": _is_string,
    "TenantName": _is_string,
    "Destination": _is_destination,
    "ReplyToAddresses": _are_strings,
    "EmailTags": _are_pairs,
    "Content": _is_content,
}
