"""
What SES would otherwise take for 7-bit, and mangle.
"""

from __future__ import annotations

import contextlib
from typing import Any


def raw_text_to_bytes(mine: dict[str, Any]) -> None:
    """Encode a raw message given as text, as boto3 would, in UTF-8."""
    content = mine.get("Content")
    if not isinstance(content, dict):
        return
    raw = content.get("Raw")
    if isinstance(raw, dict) and isinstance(raw.get("Data"), str):
        with contextlib.suppress(UnicodeEncodeError):  # then it is refused
            encoded = raw["Data"].encode("utf-8", "surrogateescape")
            mine["Content"] = {**content, "Raw": {**raw, "Data": encoded}}


def fill_in(mine: dict[str, Any], name: str) -> None:
    """Name the charset of texts and the encoding of attachments."""
    body = mine["Content"] = {name: mine["Content"][name]}
    message = body[name]
    if name == "Simple":
        _name_charset(message["Subject"])
        for part in (message.get("Body") or {}).values():
            _name_charset(part)
    for attachment in message.get("Attachments") or ():
        attachment.setdefault("ContentTransferEncoding", "BASE64")


def _name_charset(part: Any) -> None:
    if not isinstance(part, dict) or part.get("Charset"):
        return
    text = part.get("Data")
    if isinstance(text, str) and not text.isascii():
        part["Charset"] = "UTF-8"
