"""
One address string as SES wants it: 7-bit, with or without a name.

SES takes no UTF-8 in addresses (Guide, "Amazon SES problems"): a name
becomes an encoded word (RFC 2047), a domain its A-label (IDNA 2008), and
a local part that is not ASCII cannot be mailed at all.

Comments, groups, routes and address literals are valid in headers, but
no two programs read them alike; so nobody shall write them here.
"""

from __future__ import annotations

import re
from binascii import a2b_base64, a2b_qp
from typing import Final, NamedTuple

from safeses import _ses
from safeses._mail import _charsets
from safeses._rules import Rule, people, shape

# RFC 5321 dot-string and domain, without what hardly anybody has;
# everything else goes the slow way.
_PLAIN: Final = re.compile(
    r"[A-Za-z0-9!#$%&'*+/=^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=^_`{|}~-]+)*"
    r"@(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+"
    r"[A-Za-z]{2,63}"
)
# Breaks a header: C0, DEL, C1, the Unicode line ends, lone surrogates.
CONTROL: Final = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_SPECIALS: Final = frozenset('()<>[]:;@\\,"')
_QUOTED: Final = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"')
_SEPARATOR: Final = re.compile("[,;]")
# Software that decodes these anywhere does not count their characters.
_ENCODED_WORD: Final = re.compile(r"=\?[^?]*\?[bq]\?", re.IGNORECASE)
# A quoted local part with more in it is taken apart by too many: to
# `"a@b.example"@c.example` some have delivered at b.example.
_QUOTED_LOCAL: Final = re.compile(r'"[A-Za-z0-9!#$%&\'*+/=?^_`{|}~. -]+"')
_A_LABEL: Final = "xn--"
_PUNYCODE: Final = re.compile(r"(?<![a-z0-9-])xn--[a-z0-9]", re.IGNORECASE)
_WORD: Final = re.compile(r"=\?([^?]*)\?([bq])\?([^?]*)\?=", re.IGNORECASE)
_BETWEEN_WORDS: Final = re.compile(r"\?=\s+=\?")
# What is read as @ and as a dot, and what is not seen at all.
_SEEN_AS: Final = {
    **dict.fromkeys((0xFE6B, 0xFF20), "@"),
    **dict.fromkeys((0x3002, 0xFF0E, 0xFF61), "."),
    **dict.fromkeys((0xAD, 0x61C, 0x180E, 0xFEFF), None),
    **dict.fromkeys(range(0x200B, 0x2010), None),
    **dict.fromkeys(range(0x202A, 0x202F), None),
    **dict.fromkeys(range(0x2060, 0x2070), None),
}
_BETWEEN: Final = re.compile(r'[\s<>()\[\]{},;:|"]+')
# Show what follows in the other direction, whatever its letters.
_OVERRIDES: Final = re.compile("[\u202d\u202e]")
MAX_CHARS: Final = 2_000


class Problem(NamedTuple):
    """
    What is wrong with an address, or doubtful about it.

    Attributes:
        rule: What it breaks.
        seen: What is wrong with it; nothing of its text.
        remedy: What to do about it, if the rule does not say enough.
        limit: What is allowed, if the rule does not say it.
    """

    rule: Rule
    seen: str
    remedy: str | None = None
    limit: str | None = None


CONTROLS: Final = Problem(shape.TEXT_CONTROL, "at least one")
EMPTY: Final = Problem(
    people.ADDRESS_SYNTAX,
    "nothing that can be read as one",
    "give one, or leave it out",
)
SEVERAL: Final = Problem(
    people.ADDRESS_SYNTAX,
    "several addresses in one string",
    "give a list, one string for each",
)
BLANKS: Final = Problem(
    people.ADDRESS_SYNTAX, "blanks around it", "remove them, as strip() does"
)
TOO_LONG: Final = Problem(
    people.ADDRESS_SYNTAX,
    f"one of more than {_ses.ADDRESS_MAX_CHARS} characters,"
    f" or {MAX_CHARS} with its name",
    "correct the address",
)
LONG_LOCAL: Final = Problem(
    people.ADDRESS_SYNTAX,
    f"more than {_ses.LOCAL_PART_MAX_CHARS} characters before the @",
    "correct the address",
)
NAME: Final = Problem(
    people.ADDRESS_SYNTAX,
    "a display name with special characters outside quotes",
    "put the name into double quotes",
)
QUOTED: Final = Problem(
    people.ADDRESS_SYNTAX,
    "special characters in a quoted local part",
    "use another address: mail software takes this one for another",
)
LOCAL_NOT_ASCII: Final = Problem(
    people.ADDRESS_SYNTAX,
    "a local part that is not ASCII",
    "use another address, as SES cannot mail this one",
)
DOMAIN_NOT_ASCII: Final = Problem(
    people.ADDRESS_SYNTAX,
    "a domain that IDNA 2008 does not allow",
    "correct the domain",
)
NO_ADDRESS: Final = Problem(people.ADDRESS_SYNTAX, "not an address")
ENCODED_WORD: Final = Problem(
    people.ADDRESS_ENCODED_WORD, "an encoded word in the address"
)
PUNYCODE: Final = Problem(people.ADDRESS_PUNYCODE, "a label with xn--")
SPOOF: Final = Problem(
    people.ADDRESS_SPOOF, "another address than the one that is mailed"
)
TURNED: Final = Problem(
    people.ADDRESS_SPOOF,
    "characters that turn text round",
    "remove U+202D and U+202E",
    "no character in a display name that turns text round",
)


def split(address: str) -> tuple[str, str]:
    """Return the display name, possibly empty, and the bare address."""
    if address.endswith(">"):
        name, bracket, bare = address[:-1].rpartition("<")
        if bracket:
            return name.strip(), bare
    return "", address


def unquote(name: str) -> str:
    """Return a display name without its quotes, if it has them."""
    if _QUOTED.fullmatch(name):
        return re.sub(r"\\(.)", r"\1", name[1:-1])
    return name


def encode(address: str) -> str:
    """
    Return *address* in 7-bit form, as far as it has one.

    What is to be refused is left as it is: a local part that is not
    ASCII, and what an encoded word would hide: control characters, and
    several addresses in one string.
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
        text = unquote(name)
        if text is name and "@" in name and _SEPARATOR.search(name):
            return address
        from email.header import Header

        # Several words, as one has at most 75 characters (RFC 2047, 2).
        name = Header(text, "utf-8").encode(linesep="", maxlinelen=75)
    return f"{name} <{bare}>"


def is_simulated(address: str) -> bool:
    """Whether *address* is one of SES's mailbox simulator."""
    if _ses.SIMULATOR_DOMAIN not in address.lower():
        return False
    return split(address)[1].lower().endswith(f"@{_ses.SIMULATOR_DOMAIN}")


def is_plain(address: str) -> bool:
    """Whether *address* is a short, usual, bare one: nothing is wrong."""
    return (
        len(address) <= _ses.LOCAL_PART_MAX_CHARS
        and "--" not in address
        and _PLAIN.fullmatch(address) is not None
    )


def problem(address: str) -> Problem | None:
    """Return what is wrong with a 7-bit address, None if nothing."""
    if not address.isprintable() and CONTROL.search(address):
        return CONTROLS
    name, bare = split(address)
    if len(bare) > _ses.ADDRESS_MAX_CHARS or len(address) > MAX_CHARS:
        wrong: Problem | None = TOO_LONG
    elif name and _breaks_out(name):
        wrong = NAME
    elif "=?" in name and CONTROL.search(_decoded(name)):
        return CONTROLS
    elif not _PLAIN.fullmatch(bare):
        wrong = _slow_problem(bare)
    elif bare.find("@") > _ses.LOCAL_PART_MAX_CHARS:
        wrong = LONG_LOCAL
    elif "--" in bare:
        wrong = _label_problem(bare)
    else:
        return None
    if (
        wrong
        and wrong is not ENCODED_WORD
        and address.count("@") > 1
        and _SEPARATOR.search(address)
    ):
        return SEVERAL
    return wrong


def doubt(address: str) -> Problem | None:
    """
    Return what is doubtful about a 7-bit address without a problem.

    Such an address can be mailed, but is likely to be refused by SES or
    to deceive whoever reads it.
    """
    name, bare = split(address[-MAX_CHARS:])
    text = _decoded(unquote(name)) if name else ""
    if "--" in address or "=?" in name:
        local = bare.rpartition("@")[0]
        if _PUNYCODE.search(local) or _PUNYCODE.search(text):
            return PUNYCODE
    if not text.isascii():
        if _OVERRIDES.search(text):
            return TURNED
        text = text.translate(_SEEN_AS)
    return SPOOF if _names_another(text, bare) else None


def _names_another(text: str, bare: str) -> bool:
    if "@" not in text:
        return False
    own = bare.lower()
    for word in _BETWEEN.split(text):
        shown = word.strip("'`*.!?")
        local, _, domain = shown.partition("@")
        # A handle, such as "ann@work", is no address.
        if local and "." in domain and encode(shown).lower() != own:
            return True
    return False


def _decoded(name: str) -> str:
    """Decode encoded words as the most lenient of readers do."""
    if "=?" not in name:
        return name
    return _WORD.sub(_decoded_word, _BETWEEN_WORDS.sub("?==?", name))


def _decoded_word(word: re.Match[str]) -> str:
    charset, kind, text = word.groups()
    try:
        data = (
            a2b_qp(text.encode(), header=True)
            if kind in "qQ"
            else a2b_base64(text.encode() + b"==")
        )
    except ValueError:
        return ""
    return _charsets.decode(data, charset)


def _breaks_out(name: str) -> bool:
    return not _SPECIALS.isdisjoint(name) and not _QUOTED.fullmatch(name)


def _slow_problem(bare: str) -> Problem | None:
    stripped = bare.strip()
    local, at, _ = bare.rpartition("@")
    if stripped != bare or not bare:
        wrong: Problem | None = BLANKS if stripped else EMPTY
    elif not at:
        wrong = NO_ADDRESS
    elif _ENCODED_WORD.search(bare):
        wrong = ENCODED_WORD
    elif not bare.isascii():
        wrong = DOMAIN_NOT_ASCII if local.isascii() else LOCAL_NOT_ASCII
    elif len(local) > _ses.LOCAL_PART_MAX_CHARS:
        wrong = LONG_LOCAL
    elif _QUOTED.fullmatch(local) and not _QUOTED_LOCAL.fullmatch(local):
        wrong = QUOTED
    elif not _is_valid(bare):
        wrong = NO_ADDRESS
    else:
        wrong = _label_problem(bare)
    return wrong


def _is_valid(bare: str) -> bool:
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
        return False
    return True


def _label_problem(bare: str) -> Problem | None:
    """Look for A-labels that are the form of no name."""
    domain = bare.rpartition("@")[2].lower()
    if _A_LABEL not in domain:
        return None
    import idna

    for label in domain.split("."):
        if label.startswith(_A_LABEL):
            try:
                real = idna.alabel(idna.ulabel(label)).decode("ascii")
            except UnicodeError:  # which IDNAError is
                return DOMAIN_NOT_ASCII
            if real != label:
                return DOMAIN_NOT_ASCII
    return None


def _a_label(domain: str) -> str:
    if len(domain) > _ses.ADDRESS_MAX_CHARS:
        return domain
    import idna

    try:
        return idna.encode(domain, uts46=True).decode("ascii")
    except UnicodeError:
        return domain
