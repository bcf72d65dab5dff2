"""
The correlation tag, its header where that is free, and the stream's tag.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from safeses import _ses
from safeses._mail import _raw
from safeses._mail._tag import STREAM_NAME, TAG_HEADER, TAG_NAME, of_stream

if TYPE_CHECKING:
    from safeses.events import Kind


def mark(
    mine: dict[str, Any],
    kind: Kind,
    fields: dict[str, list[str]],
    tag: str,
    stream: str,
) -> None:
    """
    Add our tags to the parameters of a message.

    A stream's tag that the caller has set stays: unlike the other one it
    is not what the mail is found by.
    """
    ours = {"Name": TAG_NAME, "Value": tag}
    others = [t for t in mine.get("EmailTags") or () if t["Name"] != TAG_NAME]
    mine["EmailTags"] = [*others, ours]
    if stream and all(t["Name"] != STREAM_NAME for t in others):
        named = {"Name": STREAM_NAME, "Value": of_stream(stream)}
        mine["EmailTags"].append(named)
    if kind == "raw":
        data = mine["Content"]["Raw"]["Data"]
        if (
            fields.keys().isdisjoint({"dkim-signature", TAG_HEADER.lower()})
            and len(data) <= _raw.COPY_MAX_BYTES
        ):
            data = _raw.with_header(data, TAG_HEADER, tag)
            mine["Content"] = {"Raw": {"Data": data}}
        return
    body = mine["Content"][kind.capitalize()]
    given = body.get("Headers") or []
    if len(given) < _ses.MAX_HEADERS and TAG_HEADER.lower() not in fields:
        body["Headers"] = [*given, {"Name": TAG_HEADER, "Value": tag}]
