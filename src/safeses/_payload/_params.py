"""
From the parameters of ``SendEmail`` to the fingerprint of a payload.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from safeses._payload import _headers, _ids, _json, _mime, _text
from safeses._payload._encode import (
    content,
    encode,
    is_bytes,
    is_list,
    is_text,
    raw_bytes,
    several,
    unreadable,
)
from safeses._request import STREAM_NAME, TAG_NAME

_LISTS: Final = (
    ("ToAddresses", "to"),
    ("CcAddresses", "cc"),
    ("BccAddresses", "bcc"),
)
_KINDS: Final = ("Simple", "Raw", "Template")
_BODIES: Final = (("Text", "text"), ("Html", "html"))
# Python's own idea of a blank grows with Unicode.
_BLANKS: Final = " \t\r\n"
_OUR_TAGS: Final = (TAG_NAME, STREAM_NAME)

Dict = dict[Any, Any]


def payload_of(params: Mapping[str, Any]) -> str:
    """
    Return the fingerprint of what a caller wants to send.

    The same for the same mail: in another process, on another Python,
    and if it is made anew. So it leaves out the date, the message id,
    boundaries, unsubscribe links and our tags; content ids count by their
    number. Recipients, answer addresses and tags are sets. Nothing of
    the mail can be read in it, though who guesses a short part can see
    that the guess is right.

    It never raises. What cannot be read, as it is not what boto3 takes,
    counts by the name of its type.

    Args:
        params: The parameters as the caller gave them.

    Returns:
        A text for `differs`.
    """
    parts: dict[str, bytes] = {}
    try:
        kind = _read(params, parts)
    except Exception:  # noqa: BLE001  # a caller's objects raise it
        kind = b"?"
        parts["other"] = unreadable(params)
    return _text.written(kind, parts)


def _read(params: Mapping[str, Any], parts: dict[str, bytes]) -> bytes:
    """Fill in the parts, and return the kind of content."""
    left = _own(params)
    if left is None:
        parts["other"] = unreadable(params)
        return b"?"
    _put(parts, "from", encode(_stripped(left.pop("FromEmailAddress", None))))
    _read_people(left, parts)
    _put(parts, "reply_to", _addresses(left.pop("ReplyToAddresses", None)))
    _put(parts, "tags", _tags(left.pop("EmailTags", None)))
    name = left.pop("ConfigurationSetName", None)
    _put(parts, "configuration_set", encode(name))
    kind = _read_content(left, parts)
    if left:
        _put(parts, "other", encode(left))
    return kind


def _read_people(left: Dict, parts: dict[str, bytes]) -> None:
    given = _own(left.get("Destination"))
    if given is None:
        return
    for name, part in _LISTS:
        _put(parts, part, _addresses(given.pop(name, None)))
    _put_back(left, "Destination", given)


def _read_content(left: Dict, parts: dict[str, bytes]) -> bytes:
    given = _own(left.get("Content"))
    named = [k for k in _KINDS if given and given.get(k) is not None]
    body = _own(given[named[0]]) if given and len(named) == 1 else None
    if given is None or body is None:
        _put(parts, "content", encode(left.pop("Content", None)))
        return b""
    kind: str = named[0]
    if kind == "Raw":
        _read_raw(body, parts)
    else:
        ids = _read_attachments(body, parts)
        _put(parts, "headers", _custom_headers(body.pop("Headers", None)))
        if kind == "Simple":
            _read_simple(body, parts, ids)
        else:
            _read_template(body, parts, ids)
    _put_back(given, kind, body)
    _put_back(left, "Content", given)
    return kind.encode()


def _read_simple(
    body: Dict, parts: dict[str, bytes], ids: dict[bytes, int]
) -> None:
    _put(parts, "subject", encode(body.pop("Subject", None)))
    texts = _own(body.get("Body"))
    if texts is None:
        return
    for name, part in _BODIES:
        known = ids if part == "html" else {}
        _put(parts, part, encode(texts.pop(name, None), known))
    _put_back(body, "Body", texts)


def _read_template(
    body: Dict, parts: dict[str, bytes], ids: dict[bytes, int]
) -> None:
    data = body.pop("TemplateData", None)
    if is_text(data):
        _put(parts, "template_data", _json.encoded(data, ids))
    else:
        _put(parts, "template_data", encode(data, ids))
    names = ("TemplateName", "TemplateArn", "TemplateContent")
    which = {name: body.pop(name, None) for name in names}
    _put(parts, "template", encode(which, ids))


def _read_raw(body: Dict, parts: dict[str, bytes]) -> None:
    data = body.pop("Data", None)
    if is_text(data):
        data = raw_bytes(data)
    if is_bytes(data):
        if isinstance(data, memoryview):  # which cannot be searched
            data = bytes(data)
        parts.update(_mime.parts(data))
    else:
        _put(parts, "content", encode(data))


def _read_attachments(body: Dict, parts: dict[str, bytes]) -> dict[bytes, int]:
    """Encode the attachments, and return the numbers of their ids."""
    ids: dict[bytes, int] = {}
    given = body.pop("Attachments", None)
    if not is_list(given):
        _put(parts, "attachments", encode(given))
        return ids
    found = []
    for item in given:
        fields = _own(item)
        if fields is None:
            found.append(encode(item) or b"n")
            continue
        number = b""
        named = fields.get("ContentId")
        if is_text(named):
            bare = _ids.bare(raw_bytes(named))
            number = b"%d" % ids.setdefault(bare, len(ids) + 1)
            del fields["ContentId"]
        file = content(fields.pop("RawContent", None))
        pieces = (number, file, encode(fields))
        found.append(b"".join(map(_headers.framed, pieces)))
    _put(parts, "attachments", several(b"a", found))
    return ids


def _custom_headers(given: Any) -> bytes:
    if not is_list(given):
        return encode(given)
    fields, others = [], []
    for item in given:
        field = _own(item) or {}
        name, value = field.get("Name"), field.get("Value")
        if is_text(name) and is_text(value):
            fields.append((raw_bytes(name), raw_bytes(value)))
        else:
            others.append(encode(item) or b"n")
    return _headers.headers(fields) + several(b"l", others)


def _tags(given: Any) -> bytes:
    if not is_list(given):
        return encode(given)
    found = set()
    for item in given:
        tag = _own(item)
        if tag is None or tag.get("Name") not in _OUR_TAGS:
            found.add(encode(item) or b"n")
    return several(b"e", sorted(found))


def _addresses(given: Any) -> bytes:
    if not is_list(given):
        return encode(given)
    found = {encode(_stripped(item)) or b"n" for item in given}
    return several(b"e", sorted(found))


def _stripped(value: Any) -> Any:
    return str.strip(value, _BLANKS) if is_text(value) else value


def _own(value: Any) -> Dict | None:
    """Return a copy to take out of, None if it is no mapping."""
    if type(value) is dict:
        return value.copy()
    try:
        return dict(value) if issubclass(type(value), Mapping) else None
    except Exception:  # noqa: BLE001  # a caller's objects raise it
        return None


def _put(parts: dict[str, bytes], name: str, told: bytes) -> None:
    if told:
        parts[name] = told


def _put_back(left: Dict, name: str, rest: Dict) -> None:
    """Leave what has no name of its own."""
    if rest:
        left[name] = rest
    else:
        del left[name]
