"""
What a request of HTTP brings, whatever framework hands it over.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Iterable, Mapping
from typing import Final

from safeses.errors import ConfigurationError
from safeses.feedback._reply import HTTPReply

# A message of SNS has 256 KiB at most; as JSON within JSON it has a
# backslash more for every quotation mark.
MAX_BODY_BYTES: Final = 512 * 1024
LEAST_SECRET_CHARS: Final = 16
AUTHORIZATION: Final = "authorization"
RAW_DELIVERY: Final = "x-amz-sns-rawdelivery"
# What nobody needs more of, so that nobody makes us decode megabytes.
_MAX_HEADER_CHARS: Final = 4_096

_Text = str | bytes
# A mapping of any spelling, or pairs, as ASGI and WSGI servers have them.
Headers = Mapping[str, str] | Iterable[tuple[_Text, _Text]]


def header(headers: object, name: str) -> str:
    """Return a header by its name in lower case, ``""`` if there is none."""
    pairs: object = headers
    if hasattr(headers, "items"):
        pairs = headers.items()
    if not isinstance(pairs, Iterable):
        return ""
    for pair in pairs:
        if not isinstance(pair, (tuple, list)) or len(pair) < 2:  # noqa: PLR2004  # a name and a value
            continue
        if _text(pair[0]).strip().lower() == name:
            value = pair[1]
            if isinstance(value, (tuple, list)):  # one header, many values
                value = value[0] if value else ""
            return _text(value).strip()
    return ""


def check_secret(secret: object) -> None:
    """
    Refuse a secret that keeps nobody away.

    Raises:
        ConfigurationError: It is no text, too short, or not ASCII.
    """
    if not isinstance(secret, str) or (
        len(secret) < LEAST_SECRET_CHARS or not secret.isascii()
    ):
        raise ConfigurationError(
            "secret= is not ASCII text of at least"
            f" {LEAST_SECRET_CHARS} characters",
            "make one with secrets.token_urlsafe(), and give SNS the URL"
            " https://sns:<secret>@<host>/<path>",
        )


def knows(secret: str, authorization: str) -> bool:
    """Whether *authorization*, of HTTP Basic, has *secret* as password."""
    scheme, _, value = authorization.partition(" ")
    if scheme.lower() != "basic" or len(value) > _MAX_HEADER_CHARS:
        return False
    try:
        pair = base64.b64decode(value.strip(), validate=True)
    except (binascii.Error, ValueError):
        return False
    password = pair.partition(b":")[2]
    # Hashes are of one length, so that not even the secret's shows.
    return hmac.compare_digest(_hash(password), _hash(secret.encode("ascii")))


def body_bytes(body: object, most: int) -> bytes | None:
    """
    Return the body as bytes; None if it has more than *most*.

    Raises:
        ConfigurationError: It is neither bytes nor text: no stranger can
            bring that about.
    """
    if isinstance(body, str):
        if len(body) > most:
            return None
        body = body.encode("utf-8", "surrogatepass")
    if not isinstance(body, (bytes, bytearray, memoryview)):
        raise ConfigurationError(
            f"the body is {type(body).__name__}, not bytes or text",
            "give it as it arrived, before a framework read it",
        )
    if memoryview(body).nbytes > most:
        return None
    return bytes(body)


def reply(
    status: int, body: str, *, retry_after_s: float | None = None
) -> HTTPReply:
    """Return an answer of one line of plain text."""
    headers = {
        "Content-Type": "text/plain; charset=utf-8",
        "Cache-Control": "no-store",
    }
    if retry_after_s is not None:
        headers["Retry-After"] = str(max(1, round(retry_after_s)))
    if status == 401:  # noqa: PLR2004  # Unauthorized
        # SNS sends the password of its URL once it is asked for it.
        headers["WWW-Authenticate"] = 'Basic realm="events"'
    return HTTPReply(status=status, body=body, headers=headers)


def _hash(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def _text(value: object) -> str:
    if isinstance(value, bytes):
        return value.decode("latin-1")
    return value if isinstance(value, str) else ""
