"""
One address string as SES wants it: 7-bit, with or without a name.

SES takes no UTF-8 in addresses (Guide, "Amazon SES problems"): a name
becomes an encoded word (RFC 2047), a domain its A-label (IDNA 2008), and
a local part that is not ASCII cannot be mailed at all.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

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
_SEPARATOR: Final = re.compile("[,;]")
MAX_CHARS: Final = 2_000


class Problem(NamedTuple):
    """
    Why an address cannot be mailed.

    Attributes:
        seen: What is wrong with it; nothing of its text.
        remedy: What to do about it.
    """

    seen: str
    remedy: str


CONTROLS: Final = Problem("control characters", "remove them")
EMPTY: Final = Problem(
    "nothing that can be read as one", "give one, or leave it out"
)
SEVERAL: Final = Problem(
    "several addresses in one string", "give a list, one string for each"
)
BLANKS: Final = Problem("blanks around it", "remove them, as strip() does")
TOO_LONG: Final = Problem(
    f"one of more than {_ses.ADDRESS_MAX_CHARS} characters,"
    f" or {MAX_CHARS} with its name",
    "correct the address",
)
LONG_LOCAL: Final = Problem(
    f"more than {_ses.LOCAL_PART_MAX_CHARS} characters before the @",
    "correct the address",
)
NAME: Final = Problem(
    "a display name with special characters outside quotes",
    "put the name into double quotes",
)
LOCAL_NOT_ASCII: Final = Problem(
    "a local part that is not ASCII",
    "use another address, as SES cannot mail this one",
)
DOMAIN_NOT_ASCII: Final = Problem(
    "a domain that IDNA 2008 does not allow", "correct the domain"
)
NO_ADDRESS: Final = Problem(
    "not an address", "correct the address; SES fails the whole call"
)


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


def problem(address: str) -> Problem | None:
    """Return what is wrong with a 7-bit address, None if nothing."""
    if not address.isprintable() and CONTROL.search(address):
        return CONTROLS
    name, bare = split(address)
    if len(bare) > _ses.ADDRESS_MAX_CHARS or len(address) > MAX_CHARS:
        wrong: Problem | None = TOO_LONG
    elif name and _breaks_out(name):
        wrong = NAME
    elif not _PLAIN.fullmatch(bare):
        wrong = _slow_problem(bare)
    elif bare.find("@") > _ses.LOCAL_PART_MAX_CHARS:
        wrong = LONG_LOCAL
    else:
        return None
    if wrong and address.count("@") > 1 and _SEPARATOR.search(address):
        return SEVERAL
    return wrong


def _breaks_out(name: str) -> bool:
    if len(name) > 1 and name[0] == name[-1] == '"':
        return '"' in name[1:-1].replace("\\\\", "").replace('\\"', "")
    return not _SPECIALS.isdisjoint(name)


def _slow_problem(bare: str) -> Problem | None:
    stripped = bare.strip()
    if stripped != bare or not bare:
        return BLANKS if stripped else EMPTY
    if not bare.isascii():
        local, at, _ = bare.rpartition("@")
        if not at:
            return NO_ADDRESS
        return DOMAIN_NOT_ASCII if local.isascii() else LOCAL_NOT_ASCII
    # Loaded at the first unusual address.
    from email_validator import EmailNotValidError, validate_email

    try:
        validate_email(
            bare,
            allow_smtputf8=False,
            allow_quoted_local=True,
            check_deliverability=False,
            test_environment=True,
        )
    except EmailNotValidError:
        return NO_ADDRESS
    return None


def _a_label(domain: str) -> str:
    import idna

    try:
        return idna.encode(domain[:MAX_CHARS], uts46=True).decode("ascii")
    except (idna.IDNAError, UnicodeError):
        return domain
