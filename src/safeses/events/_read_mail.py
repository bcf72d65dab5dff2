"""
What an event says of its mail.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from safeses._mail import _tag
from safeses.events._fields import (
    flag_of,
    lists_of,
    mapping_of,
    mend,
    text_of,
    texts_of,
)
from safeses.events._mail import Mail
from safeses.events._times import read_time

MAX_HEADERS: Final = 2_000
_IDENTITY: Final = re.compile(r"arn:aws[a-z-]*:ses:([a-z0-9-]*):([0-9]*):.*")
_TAG_HEADER: Final = _tag.TAG_HEADER.lower()

Headers = tuple[tuple[str, str], ...]


def read_mail(
    mail: Mapping[str, Any], *, account_id: str = "", region: str = ""
) -> Mail:
    """
    Return the mail of an event.

    Args:
        mail: What SES says of it.
        account_id: The account that the carrier names.
        region: The region that the carrier names.
    """
    if not mail:
        return Mail(account_id=account_id, region=region)
    tags = lists_of(mail, "tags")
    source_arn = text_of(mail, "sourceArn")
    found = _IDENTITY.fullmatch(source_arn) if source_arn else None
    items = mail.get("headers")
    headers = _headers(items) if isinstance(items, list) else ()
    stream = _first(tags, _tag.STREAM_NAME)
    return Mail(
        message_id=text_of(mail, "messageId"),
        sent_at=read_time(mail.get("timestamp")),
        source=text_of(mail, "source"),
        source_arn=source_arn,
        account_id=text_of(mail, "sendingAccountId")
        or (found[2] if found else "")
        or account_id,
        region=(found[1] if found else "") or region,
        destination=texts_of(mail, "destination"),
        tags=tags,
        headers=headers,
        headers_truncated=flag_of(mail, "headersTruncated")
        or (isinstance(items, list) and len(items) > MAX_HEADERS),
        common_headers=mapping_of(mail, "commonHeaders"),
        tag=_first(tags, _tag.TAG_NAME) or _in_headers(headers),
        stream=_tag.stream_in(stream) if "_" in stream else stream,
        source_ip=text_of(mail, "sourceIp"),
        caller_identity=text_of(mail, "callerIdentity"),
    )


def _headers(items: list[Any]) -> Headers:
    found = []
    for item in items[:MAX_HEADERS]:
        if type(item) is dict or isinstance(item, Mapping):
            name, value = item.get("name"), item.get("value")
            if isinstance(name, str) and isinstance(value, str):
                found.append(
                    (
                        name if name.isascii() else mend(name),
                        value if value.isascii() else mend(value),
                    )
                )
    return tuple(found)


def _first(tags: Mapping[str, tuple[str, ...]], name: str) -> str:
    values = tags.get(name)
    return values[0] if values else ""


def _in_headers(headers: Headers) -> str:
    """Return our tag from its header: some events have no tags."""
    for name, value in headers:
        if name.lower() == _TAG_HEADER:
            return value.strip()
    return ""
