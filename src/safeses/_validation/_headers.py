"""
What goes into the header: custom headers, message tags, names.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from safeses import _ses
from safeses._mail import _address
from safeses._rules import fields as rules
from safeses._rules import shape
from safeses._validation._lists import dicts

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from safeses._findings import Finding

_TAG: Final = re.compile(rf"[A-Za-z0-9_-]{{1,{_ses.TAG_MAX_CHARS}}}")
_SES_TAG: Final = re.compile(r"ses:feedback-id-[ab]")
_SET_NAME: Final = re.compile(rf"[A-Za-z0-9_-]{{1,{_ses.SET_NAME_MAX_CHARS}}}")
_HEADER_NAME: Final = re.compile(
    rf"[!-9;-~]{{1,{_ses.HEADER_NAME_MAX_CHARS}}}"
)
_HEADER_VALUE: Final = re.compile(rf"[ -~]{{1,{_ses.HEADER_VALUE_MAX_CHARS}}}")
_SECRET_HEADERS: Final = frozenset({"bcc", "resent-bcc"})
_OTHERS_HEADERS: Final = frozenset({"dkim-signature", "received"})
_SES_PREFIX: Final = "x-ses-"


def check_tags(tags: object) -> Iterator[Finding]:
    """Check that SES takes the names and values of the message tags."""
    good, bad = dicts("EmailTags", tags)
    yield from bad
    names = set()
    for number, tag in enumerate(good):
        name, value = tag.get("Name"), tag.get("Value")
        field = f"EmailTags[{number}]"
        if not (isinstance(name, str) and isinstance(value, str)):
            yield shape.wrong_type(
                field, "a name and a value, both strings", value
            )
            continue
        named = _TAG.fullmatch(name) or _SES_TAG.fullmatch(name)
        if not (named and _TAG.fullmatch(value)):
            yield rules.TAG_CHARACTERS.found(
                field, "another character or length"
            )
        elif name in names:
            yield rules.TAG_REPEATED.found(field, "one before")
        else:
            names.add(name)


def check_texts(params: Mapping[str, Any]) -> Iterator[Finding]:
    """Check the parameters that are one text each."""
    for field, text in params.items():
        if field in _ses.STRUCTURES or text is None:
            continue
        if not isinstance(text, str):
            if field in _ses.TEXTS:
                yield shape.wrong_type(field, "a string", text)
        elif not text.isprintable() and _address.CONTROL.search(text):
            yield shape.TEXT_CONTROL.found(field, "at least one")


def check_set_name(name: object) -> Finding | None:
    """Check the name of a configuration set."""
    field = "ConfigurationSetName"
    if not isinstance(name, str):
        return shape.wrong_type(field, "a string", name)
    if not _SET_NAME.fullmatch(name):
        seen = f"another character, or {len(name)} of them"
        return rules.CONFIGURATION_SET_NAME.found(field, seen)
    return None


def check_headers(headers: object) -> Iterator[Finding]:
    """Check the custom headers of a simple message or a template."""
    good, bad = dicts("Headers", headers)
    yield from bad
    if len(good) > _ses.MAX_HEADERS:
        yield rules.HEADERS_COUNT.found("Headers", len(good))
    names = set()
    for number, header in enumerate(good):
        field = f"Headers[{number}]"
        wrong = _check_header(field, header)
        if wrong is not None:
            yield wrong
            continue
        name = header["Name"].lower()
        if name in names and name in _ses.SINGLE_HEADERS:
            yield rules.HEADER_REPEATED.found(field, "one before")
        names.add(name)


def _check_header(field: str, header: Mapping[str, Any]) -> Finding | None:
    name, value = header.get("Name"), header.get("Value")
    if not (isinstance(name, str) and isinstance(value, str)):
        wanted = "a name and a value, both strings"
        return shape.wrong_type(field, wanted, value)
    line = f"{name}{value}"
    if not line.isprintable() and _address.CONTROL.search(line):
        return shape.TEXT_CONTROL.found(field, "at least one")
    return _check_form(field, name, value) or _check_owner(field, name)


def _check_form(field: str, name: str, value: str) -> Finding | None:
    if not _HEADER_NAME.fullmatch(name):
        return rules.HEADER_NAME.found(field, f"{len(name)} characters")
    if not _HEADER_VALUE.fullmatch(value):
        which = "ASCII" if value.isascii() else "not all ASCII"
        return rules.HEADER_VALUE.found(
            field, f"{len(value)} characters, {which}"
        )
    length = len(name) + len(value)
    if length > _ses.HEADER_MAX_CHARS:
        return rules.HEADER_LENGTH.found(field, length)
    return None


def _check_owner(field: str, name: str) -> Finding | None:
    lower = name.lower()
    if lower in _SECRET_HEADERS:
        return rules.HEADER_BCC.found(field, name)
    if lower in _ses.FORBIDDEN_HEADERS:
        return rules.HEADER_FORBIDDEN.found(field, name)
    if lower in _OTHERS_HEADERS or lower.startswith(_SES_PREFIX):
        return rules.HEADER_RESERVED.found(field, name[:40])
    return None
