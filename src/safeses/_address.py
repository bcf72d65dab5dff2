"""
One address string as SES wants it: 7-bit, with or without a name.

SES takes no UTF-8 in addresses (Guide, "Amazon SES problems"): a name
becomes an encoded word (RFC 2047), a domain its A-label (IDNA 2008), and
a local part that is not ASCII cannot be mailed at all.
"""

from __future__ import annotations

import re
from typing import Final

from safeses import _ses

# RFC 5321 dot-string and domain, without what hardly anybody has;
# everything else goes the slow way.
_PLAIN: Final = re.compile(
    r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*"
    r"@(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+"
    r"[A-Za-z]{2,63}"
)
# Breaks a header: C0, DEL, C1, the Unicode line ends, lone surrogates.
CONTROL: Final = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_SPECIALS: Final = frozenset('()<>[]:;@\\,"')
MAX_CHARS: Final = 2_000


def split(address: str) -> tuple[str, str]:
    """Return the display name, possibly empty, and the bare address."""
    if address.endswith(">"):
        name, bracket, bare = address[:-1].rpartition("<")
        if bracket:
            return name.strip(), bare
    return "", address


def encode(address: str) -> str:
    """
    Return *address* in 7-bit form, as far as it has one.

    What is to be refused is left as it is: a local part that is not
    ASCII, and control characters, which an encoded word would hide.
    """
    if address.isascii() or len(address) > MAX_CHARS:
        return address
    if CONTROL.search(address):
        return address
    name, bare = split(address)
    local, at, domain = bare.rpartition("@")
    if not domain.isascii():
        domain = _a_label(domain)
    bare = f"{local}{at}{domain}"
    if not name:
        return bare
    if not name.isascii():
        from email.header import Header

        quoted = len(name) > 1 and name[0] == name[-1] == '"'
        text = re.sub(r"\\(.)", r"\1", name[1:-1]) if quoted else name
        # Several words, as one has at most 75 characters (RFC 2047, 2).
        name = Header(text, "utf-8").encode(linesep="", maxlinelen=75)
    return f"{name} <{bare}>"


def is_simulated(address: str) -> bool:
    """Whether *address* is one of SES's mailbox simulator."""
    return split(address)[1].lower().endswith(f"@{_ses.SIMULATOR_DOMAIN}")


def problem(address: str) -> str:
    """Return what is wrong with a 7-bit address, ``""`` if nothing."""
    if not address.isprintable() and CONTROL.search(address):
        return "control characters"
    name, bare = split(address)
    if len(bare) > _ses.ADDRESS_MAX_CHARS or len(name) > MAX_CHARS:
        return "too long"
    if name and _breaks_out(name):
        return "a display name with special characters outside quotes"
    if _PLAIN.fullmatch(bare):
        if bare.find("@") > _ses.LOCAL_PART_MAX_CHARS:
            return "a local part that is too long"
        return ""
    return _slow_problem(bare)


def _breaks_out(name: str) -> bool:
    if len(name) > 1 and name[0] == name[-1] == '"':
        return '"' in name[1:-1].replace("\\\\", "").replace('\\"', "")
    return not _SPECIALS.isdisjoint(name)


def _slow_problem(bare: str) -> str:
    # Loaded at the first unusual address.
    from email_validator import EmailNotValidError, validate_email

    if not bare.isascii():
        return "a local part or domain that is not ASCII"
    try:
        validate_email(
            bare,
            allow_smtputf8=False,
            allow_quoted_local=True,
            check_deliverability=False,
            test_environment=True,
        )
    except EmailNotValidError:
        return "not an address"
    return ""


def _a_label(domain: str) -> str:
    import idna

    try:
        return idna.encode(domain[:MAX_CHARS], uts46=True).decode("ascii")
    except (idna.IDNAError, UnicodeError):
        return domain
