"""
Recipients, as SES or a server that it mailed to wrote them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from safeses import _ses
from safeses._mail import _address
from safeses.events._fields import mend, text_of
from safeses.events._mail import Recipient

_ATEXT: Final = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]+"
_DOMAIN: Final = r"[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*"
# What the key of a suppression can be made of (RFC 5321, 4.1.2 and 4.1.3).
_BARE: Final = re.compile(
    rf'(?:{_ATEXT}|"(?:[ !#-\[\]-~]|\\[ -~])+")'
    rf"@(?:{_DOMAIN}|\[[!-Z^-~]+\])"
)
# RFC 3464, 2.3.2: the type of a recipient's address stands before it.
_TYPE: Final = re.compile(r"\s*rfc-?822\s*;", re.IGNORECASE)


def read_recipients(items: list[Any]) -> tuple[Recipient, ...]:
    """Return who they are: texts, or mappings with more about each."""
    return tuple([who for item in items if (who := _recipient(item))])


def bare_of(address: str) -> str:
    """
    Return *address* alone, its domain in lower case; ``""`` if there is none.

    The local part stays as it is: whether its case matters is up to whose
    mail it is.
    """
    if len(address) > _address.MAX_CHARS:
        return ""
    if not _BARE.fullmatch(address):
        address = _unwrapped(address)
    local, _, domain = address.rpartition("@")
    if not local or len(address) > _ses.ADDRESS_MAX_CHARS:
        return ""
    return f"{local}@{domain.lower()}"


def _recipient(item: object) -> Recipient | None:
    if isinstance(item, str):
        address = mend(item)
        return Recipient(address=address, bare=bare_of(address))
    if not (type(item) is dict or isinstance(item, Mapping)):
        return None
    address = text_of(item, "emailAddress")
    if not address:
        return None
    return Recipient(
        address=address,
        bare=bare_of(address),
        status=text_of(item, "status"),
        action=text_of(item, "action"),
        diagnostic=text_of(item, "diagnosticCode"),
    )


def _unwrapped(address: str) -> str:
    typed = _TYPE.match(address)
    text = address[typed.end() :] if typed else address
    bare = _address.split(text.strip())[1].strip()
    bare = _address.encode(bare).removesuffix(".")
    return bare if _BARE.fullmatch(bare) else ""
