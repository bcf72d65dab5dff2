"""Where other parsers of addresses disagree with ours, and why."""

from __future__ import annotations

import re
from email.header import decode_header, make_header
from email.headerregistry import Address
from email.utils import getaddresses
from typing import TYPE_CHECKING, Final, NamedTuple

import pytest
from email_validator import EmailNotValidError, validate_email
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from tests.corpora.addresses import ADDRESSES, GROUPS, Group

from safeses._mail import _address

if TYPE_CHECKING:
    from collections.abc import Callable


class Difference(NamedTuple):
    """
    A class of addresses that another parser reads differently.

    Attributes:
        why: Why we do not as the other does.
        holds: Whether an address, as the caller wrote it, belongs to it.
    """

    why: str
    holds: Callable[[str], object]


def _local(address: str) -> str:
    return _address.split(address)[1].rpartition("@")[0]


def _domain(address: str) -> str:
    return _address.split(address)[1].rpartition("@")[2]


def _seen(address: str) -> _address.Problem | None:
    return _address.problem(_address.encode(address))


def _quoted(address: str) -> bool:
    return _local(address).startswith('"')


# What email-validator says of the bare address, and we do not.
DIFFERENCES: Final = {
    "invisible": Difference(
        "UTS 46 takes a domain without what nobody sees; email-validator"
        " refuses such characters, which come from copy and paste",
        lambda a: re.search(
            "[\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f"
            "\u200b-\u200f\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0]",
            _domain(a),
        ),
    ),
    "reserved labels": Difference(
        "labels with -- in places 3 and 4 are reserved, but registered"
        " ones exist, and SES takes them",
        lambda a: re.search(r"(?:^|\.)(?!xn)[^.]{2}--", _domain(a).lower()),
    ),
    "special use": Difference(
        "names such as a.local are for the operator of the network to"
        " judge; SES answers for them itself",
        lambda a: re.search(
            r"(?:^|\.)(?:arpa|home|internal|invalid|lan|local|localhost"
            r"|onion)\Z",
            _domain(a).lower(),
        ),
    ),
    "long local part": Difference(
        "RFC 5321 allows 64 characters; email-validator asks for that only"
        " where it is told to be strict",
        lambda a: _seen(a) == _address.LONG_LOCAL,
    ),
    "quoted specials": Difference(
        "valid, but mail software has delivered at the inner address",
        lambda a: _seen(a) == _address.QUOTED,
    ),
    "several": Difference(
        "the separator is quoted, but others split there all the same",
        lambda a: _seen(a) == _address.SEVERAL and _quoted(a),
    ),
    "needless quotes": Difference(
        "email-validator returns the address without quotes that it does"
        " not need; we mail what we are told",
        _quoted,
    ),
    "encoded word": Difference(
        "valid atoms, but mail software decodes them to other addresses",
        lambda a: _seen(a) == _address.ENCODED_WORD,
    ),
}

# What the standard library reads out of something that we take.
LENIENT: Final = {
    "needless quotes": Difference(
        "headerregistry drops the quotes of a local part, even those that"
        " it needs, so that what it writes is no address",
        _quoted,
    ),
}


def _validated(bare: str) -> str:
    """Return what email-validator makes of an address, "" for nothing."""
    try:
        found = validate_email(
            bare,
            allow_smtputf8=False,
            allow_quoted_local=True,
            check_deliverability=False,
            test_environment=True,
        )
    except EmailNotValidError:
        return ""
    return found.ascii_email or ""


def _taken(address: str) -> str:
    """Return what is mailed, "" if it is refused."""
    encoded = _address.encode(address)
    if _address.problem(encoded):
        return ""
    local, at, domain = _address.split(encoded)[1].rpartition("@")
    return f"{local}{at}{domain.lower()}"


def _unexplained(bare: str) -> str:
    """Return *bare* if no class holds why we differ from the validator."""
    if _taken(bare) == _validated(bare):
        return ""
    classes = DIFFERENCES.values()
    return "" if any(c.holds(bare) for c in classes) else bare


def _read(encoded: str) -> list[tuple[str, str]]:
    """Return the names and addresses that the standard library sees."""
    return [
        (str(make_header(decode_header(name))), address)
        for name, address in getaddresses([encoded])
    ]


def _misread(address: str) -> str:
    """Return what the standard library makes of an address that we take."""
    encoded = _address.encode(address)
    bare = _address.split(encoded)[1]
    if _address.problem(encoded):
        return ""
    seen = [other for _, other in getaddresses([encoded])]
    if seen != [bare]:
        return f"getaddresses: {seen}"
    if any(c.holds(address) for c in LENIENT.values()):
        return ""
    other = Address(addr_spec=bare).addr_spec
    return "" if other == bare else f"headerregistry: {other}"


PIECES: Final = st.sampled_from(
    [
        *'@@@..<>"\\,;:()[]- _=?\t%',
        *("ann", "a", "b.example", "@b.example", "a@b.example", "xn--"),
        *("=?utf-8?q?a?=", "=?", "?=", "xn--bcher-kva", "127.0.0.1"),
        *("\u00fc", "\u00df", "\u0430", "\U0001f600", "\u05d0", "\u0301"),
        *("\uff20", "\uff0e", "\u200b", "\u200d", "\u202e", "\u00ad"),
        *("\r\n", "\x00", "\x85", "\u2028", "\ud800", "\u00a0"),
    ]
)
MIXED: Final = st.lists(PIECES, max_size=14).map("".join)
LABEL: Final = st.from_regex(r"[a-z0-9-]{1,12}|[a-zA-Z]{1,3}", fullmatch=True)
UNICODE_LABEL: Final = st.text(
    st.characters(min_codepoint=0xA1, exclude_categories=["Cs"]),
    min_size=1,
    max_size=4,
)
DOMAINS: Final = st.lists(LABEL | UNICODE_LABEL, max_size=3).map(
    lambda labels: ".".join([*labels, "example"])
)
LOCALS: Final = st.from_regex(
    r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]{1,20}", fullmatch=True
)
ALIKE: Final = st.builds("{}@{}".format, LOCALS | MIXED, DOMAINS)
PLAIN: Final = st.builds(
    "{}@{}.example".format,
    st.from_regex(r"[a-z0-9+_'=-]{1,20}", fullmatch=True),
    st.from_regex(r"[a-z0-9]{1,20}", fullmatch=True),
)
NAMES: Final = st.text(
    st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp"]), max_size=60
).map(lambda text: " ".join(text.split()))


@st.composite
def _changed(draw: st.DrawFn) -> str:
    """Draw an address of the corpus with one piece put somewhere."""
    address = draw(st.sampled_from([a for a in ADDRESSES if len(a) < 300]))
    begin = draw(st.integers(0, len(address)))
    end = min(len(address), begin + draw(st.integers(0, 2)))
    return address[:begin] + draw(PIECES | st.just("")) + address[end:]


@pytest.mark.parametrize("group", GROUPS, ids=lambda group: group.why)
def test_corpus(group: Group) -> None:
    """Of every address in the corpus is said what stands there."""
    said = {}
    for address in group.addresses:
        encoded = _address.encode(address)
        found = _address.problem(encoded) or _address.doubt(encoded)
        said[address] = found.rule.id if found else ""

    assert dict.fromkeys(group.addresses, group.rule) == said


def test_corpus_against_email_validator() -> None:
    """Every difference over the corpus belongs to a class with a reason."""
    bare = [_address.split(address)[1] for address in ADDRESSES]

    assert [] == [b for b in bare if _unexplained(b)]


@pytest.mark.parametrize("name", DIFFERENCES)
def test_classes_are_needed(name: str) -> None:
    """A class of differences that nothing belongs to would be a lie."""
    holds = DIFFERENCES[name].holds
    bare = {_address.split(address)[1] for address in ADDRESSES}
    members = [b for b in bare if _taken(b) != _validated(b) and holds(b)]

    assert [] != members


@settings(derandomize=True, max_examples=400, deadline=None)
@given(ALIKE | MIXED | _changed().map(lambda a: _address.split(a)[1]))
def test_against_email_validator(bare: str) -> None:
    """Every difference found anywhere belongs to a class with a reason."""
    assume(not bare.endswith(">"))  # that is a name and an address

    assert "" == _unexplained(bare)


def test_corpus_against_standard_library() -> None:
    """What we take of the corpus is for both of its parsers the same."""
    readings = {address: _misread(address) for address in ADDRESSES}

    assert dict.fromkeys(ADDRESSES, "") == readings


@settings(derandomize=True, max_examples=400, deadline=None)
@given(_changed() | MIXED | st.builds("{} <{}>".format, MIXED, ALIKE))
@example('"a@b.example" <c@d.example>')
@example('"a, b" <c@d.example>')
def test_against_standard_library(address: str) -> None:
    """What we take of anything is for both of its parsers the same."""
    assert "" == _misread(address)


@settings(derandomize=True, max_examples=300, deadline=None)
@given(NAMES, PLAIN)
@example("M\u00fcller, \u201eBo\u201c", "a@b.example")
@example('\u00fc"\\', "a@b.example")
@example("a\\", "a@b.example")
@example("=?utf-8?q?\u00fc?=", "a@b.example")
@example("\u00fc" * 60, "a@b.example")
def test_round_trip(name: str, bare: str) -> None:
    """A name and an address are read back as they were given."""
    # Within quotes, too, an encoded word of the caller's own is decoded.
    assume("=?" not in name or not name.isascii())
    quoted = re.sub(r'(["\\])', r"\\\1", name)
    encoded = _address.encode(f'"{quoted}" <{bare}>')

    assert [(name, bare)] == _read(encoded)


@settings(derandomize=True, max_examples=200, deadline=None)
@given(ALIKE)
def test_twice_is_once(address: str) -> None:
    """What is in 7-bit form stays as it is, however often it is encoded."""
    once = _address.encode(address)

    assert once == _address.encode(once)
