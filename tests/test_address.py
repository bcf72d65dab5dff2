"""One address string: 7-bit if it can be, refused if it must be."""

from __future__ import annotations

from base64 import b64encode
from email.header import decode_header, make_header
from functools import partial
from typing import TYPE_CHECKING

import pytest
from email_validator import EmailNotValidError, validate_email
from hypothesis import assume, given
from hypothesis import strategies as st
from tests.corpora.addresses import ADDRESSES
from tests.pace import within

from safeses._mail import _address
from safeses._validation import _people

if TYPE_CHECKING:
    from safeses._findings import Finding

LONG = 10**5
# A quadratic pass over LONG would take seconds; a shared machine may lose
# some milliseconds now and then.
MOST_PASSES = 20

PLAIN_LOCAL = st.from_regex(
    r"[a-z0-9_+-]{1,20}(\.[a-z0-9]{1,10})?", fullmatch=True
)
PLAIN_DOMAIN = st.from_regex(
    r"([a-z0-9]([a-z0-9-]{0,10}[a-z0-9])?\.){1,3}[a-z]{2,8}", fullmatch=True
)
NAMES = st.text(
    st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp"]), max_size=80
)


@pytest.mark.parametrize(
    "address, expected",
    [
        ("ann@a.example", "ann@a.example"),
        ("Ann <ann@a.example>", "Ann <ann@a.example>"),
        ("ann@bücher.example", "ann@xn--bcher-kva.example"),
        ("ann@straße.example", "ann@xn--strae-oqa.example"),  # IDNA 2008
        ("ann@BÜCHER.example", "ann@xn--bcher-kva.example"),
        ("<ann@bücher.example>", "ann@xn--bcher-kva.example"),
        (
            "Ann <ann@bücher.example>",
            "Ann <ann@xn--bcher-kva.example>",
        ),
        ("Jürgen <j@a.example>", "=?utf-8?q?J=C3=BCrgen?= <j@a.example>"),
        (
            'Müller, "Bo" <b@a.example>',
            "=?utf-8?b?TcO8bGxlciwgIkJvIg==?= <b@a.example>",
        ),
        (
            '"Müller \\"Bo\\" \\\\" <b@a.example>',
            "=?utf-8?b?TcO8bGxlciAiQm8iIFw=?= <b@a.example>",
        ),
        ("日本 <b@a.example>", "=?utf-8?b?5pel5pys?= <b@a.example>"),
        ("jürgen@a.example", "jürgen@a.example"),
        ("Ä\r\nBcc: b <a@b.example>", "Ä\r\nBcc: b <a@b.example>"),
        ("Ä\ud800 <a@b.example>", "Ä\ud800 <a@b.example>"),
    ],
)
def test_encode(address: str, expected: str) -> None:
    """Names become encoded words, domains A-labels; the rest stays."""
    assert expected == _address.encode(address)


@given(NAMES, PLAIN_LOCAL, PLAIN_DOMAIN)
def test_encoded_names_decode(name: str, local: str, domain: str) -> None:
    """An encoded word is 7-bit, at most 75 long, and gives the name back."""
    name = f"ü{' '.join(name.split())}ü".replace('"', "").replace("\\", "")
    encoded, bare = _address.split(
        _address.encode(f"{name} <{local}@{domain}>")
    )

    assert (name, f"{local}@{domain}", True, True) == (
        str(make_header(decode_header(encoded))),
        bare,
        encoded.isascii(),
        all(len(word) <= 75 for word in encoded.split()),
    )


@pytest.mark.parametrize(
    "address",
    [
        "ann@a.example",
        "o'brien+tag@a.b.example",
        '"a b"@a.example',
        '"Doe, Ann" <ann@a.example>',
        '"Doe \\"x\\" \\\\" <ann@a.example>',
        "<ann@a.example>",
        "Ann Q. Doe <ann@a.example>",
        "ann@xn--bcher-kva.example",
        "ann@a.xn--p1ai",
        f"{'a' * 64}@a.example",
    ],
)
def test_no_problem(address: str) -> None:
    """What SES can mail is not refused."""
    assert None is _address.problem(address)


@pytest.mark.parametrize(
    "address",
    [
        "",
        "ann",
        "@a.example",
        "ann@",
        "ann@@a.example",
        "ann@a..example",
        ".ann@a.example",
        "ann@-a.example",
        "a@b.example, c@d.example",
        "a@b.example;c@d.example",
        "a@b.example <c@d.example>",
        "Doe, Ann <ann@a.example>",
        '"Doe" Ann" <ann@a.example>',
        '"x" <a@b.example>, "y <a@b.example>',
        "ann@a.example>",
        "Ann <<ann@a.example>>",
        "Ann <ann@a.example",
        "jürgen@a.example",
        "ann@\N{PILE OF POO}\u200d.example",
        "ann @a.example",
        f"{'a' * 65}@a.example",
        f"ann@{'a' * 64}.example",
        f"ann@{'a.' * 130}example",
        "ann@a.example\r\nBcc: eve@b.example",
        "ann@a.example\nBcc: eve@b.example",
        "Ann\r\nX-Evil: 1 <ann@a.example>",
        "Ann\rX <ann@a.example>",
        "Ann\x00 <ann@a.example>",
        "Ann\x85X <ann@a.example>",
        "Ann\u2028X <ann@a.example>",
        "Ann\ud800 <ann@a.example>",
        "ann\x00@a.example",
    ],
)
def test_problem(address: str) -> None:
    """What SES would refuse, misread or take for two is refused."""
    assert None is not _address.problem(_address.encode(address))


@pytest.mark.parametrize(
    "address, expected",
    [
        ("", _address.EMPTY),
        ("  ", _address.EMPTY),
        ("Ann <>", _address.EMPTY),
        ("a@b.example, c@d.example", _address.SEVERAL),
        ("a@b.example;c@d.example", _address.SEVERAL),
        ("Ann <a@b.example>, Bob <c@d.example>", _address.SEVERAL),
        (", ".join(["a@b.example"] * 100), _address.SEVERAL),
        (", ".join(["Ann <a@b.example>"] * 1000), _address.SEVERAL),
        (" ann@a.example", _address.BLANKS),
        ("ann@a.example ", _address.BLANKS),
        ("Ann <ann@a.example> ", _address.BLANKS),
        ("ann@a.example\u00a0", _address.BLANKS),
        ("ann", _address.NO_ADDRESS),
        ("jürgen", _address.NO_ADDRESS),
        ("ann @a.example", _address.NO_ADDRESS),
        ("ann@a..example", _address.NO_ADDRESS),
        (f"ann@{'a.' * 130}example", _address.TOO_LONG),
        (f"{'A' * 1990} <ann@a.example>", _address.TOO_LONG),
        (f"{'ü' * 1990} <ann@a.example>", _address.TOO_LONG),
        (f"{'a' * 65}@a.example", _address.LONG_LOCAL),
        ("Doe, Ann <ann@a.example>", _address.NAME),
        ("jürgen@a.example", _address.LOCAL_NOT_ASCII),
        ("ann@\N{PILE OF POO}\u200d.example", _address.DOMAIN_NOT_ASCII),
        ("ann@a.example\r\nBcc: eve@b.example", _address.CONTROLS),
    ],
)
def test_which_problem(address: str, expected: object) -> None:
    """What is wrong is told apart, as each has a remedy of its own."""
    assert expected == _address.problem(_address.encode(address))


@pytest.mark.parametrize("encoding", "bq")
@pytest.mark.parametrize(
    "charset, name",
    [
        ("ISO-2022-JP", "山田太郎"),
        ("iso-2022-jp*ja", "山田太郎"),
        ("shift_jis", "山田ソ太郎"),
        ("euc-jp", "ｱｲｳ"),
        ("gbk", "張三"),
        ("gb18030", "张三"),
        ("big5", "王小明"),
        ("windows-1252", "Ann\u2019s \u2013 €…"),
        ("windows-1251", "Ђура"),
        ("koi8-u", "Їжак"),
        ("cp850", "Zoë"),
        ("mac-roman", "Zoë"),
        ("utf-16", "上ਊ"),
    ],
)
def test_names_in_other_charsets(
    charset: str, name: str, encoding: str
) -> None:
    """A letter is no control character, whatever its bytes are."""
    data = name.encode(charset.partition("*")[0])
    text = (
        b64encode(data).decode()
        if encoding == "b"
        else "".join(f"={byte:02X}" for byte in data)
    )
    address = f"=?{charset}?{encoding}?{text}?= <a@b.example>"

    assert (None, None) == (
        _address.problem(address),
        _address.doubt(address),
    )


@pytest.mark.parametrize(
    "charset, text, expected",
    [
        ("x-unknown", "=1B$B=92", None),
        ("x-unknown", "a=0D", _address.CONTROLS),
        ("x-unknown", "a=0A", _address.CONTROLS),
        ("x-unknown", "a=00", _address.CONTROLS),
        ("base64", "a=0A", _address.CONTROLS),
        ("hz", "a~=0A", _address.CONTROLS),
        ("utf-8", "=C2=85", _address.CONTROLS),
        ("utf-8", "=1B", _address.CONTROLS),
        ("iso-8859-1", "=92", None),  # read as windows-1252
        ("iso-8859-15", "=85", _address.CONTROLS),
        ("shift_jis", "=83=0A", _address.CONTROLS),
        ("iso-2022-jp", "=1B$B=0A", _address.CONTROLS),
        ("utf-16", "=0A=00", _address.CONTROLS),
        ("utf-7", "+AAo-", _address.CONTROLS),
    ],
)
def test_controls_in_other_charsets(
    charset: str, text: str, expected: object
) -> None:
    """What is a control character once decoded is one."""
    address = f"=?{charset}?q?{text}?= <a@b.example>"

    assert expected == _address.problem(address)


@given(st.text(max_size=300) | st.text(alphabet='<>"\\,;:()@.ü\r\n a'))
def test_never_raises(text: str) -> None:
    """Any text at all is encoded, split and judged."""
    name, bare = _address.split(text)
    encoded = _address.encode(text)
    problem = _address.problem(encoded)

    assert (True, True) == (
        name in text and bare in text,
        bool(problem) or encoded.isascii(),
    )


def _is_valid(address: str) -> bool:
    try:
        validate_email(
            address, check_deliverability=False, test_environment=True
        )
    except EmailNotValidError:
        return False
    return True


@given(PLAIN_LOCAL, PLAIN_DOMAIN)
def test_agrees_with_email_validator(local: str, domain: str) -> None:
    """On plain addresses the fast way says what email-validator says."""
    address = f"{local}@{domain}"
    assume("--" not in domain)  # in 3 and 4 reserved; SES takes them

    assert _is_valid(address) == (not _address.problem(address))


@given(st.text(alphabet="ab.-@_1+", max_size=30))
def test_never_laxer_than_email_validator(text: str) -> None:
    """What the fast way lets through, email-validator lets through."""
    assume("--" not in text)
    passes = not _address.problem(text)

    assert passes == (passes and _is_valid(text))


HOSTILE = [
    ("", "a", ""),
    ("", "\u00fc", ""),
    ("", "\u00fc<", ""),
    ("", "@", ""),
    ("", "a@", ">"),
    ("", "<", ">"),
    ("", '"', " <a@b.example>"),
    ("", "\\", "\u00fc <a@b.example>"),
    ('"', '\\"', '" <a@b.example>'),
    ('"', "\\", '" <a@b.example>'),
    ("", "(", "@b.example"),
    ("", "a.", "@b.example"),
    ("a@", "b.", "example"),
    ("a@", "-", "example"),
    ("a@", "xn--", "example"),
    ("\u00fc@", "\u00fc.", "example"),
    ("", "\u00fc", " <a@b.example>"),
    ("", "a@\u00fc.b ", " <a@b.example>"),
    ("", "\u0345\u0315", " <a@b.example>"),
    ("", "=?", "=?utf-8?q?a?= <a@b.example>"),
    ("", "=?utf-8?q?", " <a@b.example>"),
    ("", "=?utf-8?q?=40?= ", " <a@b.example>"),
    ("", "?= ", "=? <a@b.example>"),
    ("=?utf-7?b?", "+AEA-", "?= <a@b.example>"),
    ("", "\r\n", ""),
    ("", "\u2028", " <a@b.example>"),
]
PARSERS = [
    _address.split,
    _address.unquote,
    _address.encode,
    _address.problem,
    _address.doubt,
    _address.is_plain,
    _address.is_simulated,
]


@pytest.mark.parametrize("length", [1_000, 1_900, LONG, 2 * LONG])
def test_hostile_length(length: int) -> None:
    """A hundred thousand hostile characters cost no more than a pass."""
    _address.encode("\u00fc <\u00fc@\u00fc.example>")  # what loads lazily
    _address.problem('"a b"@c.example')
    slow = [
        (parse, text)
        for before, text, after in HOSTILE
        for parse in PARSERS
        if not within(
            MOST_PASSES,
            LONG,
            partial(parse, before + (text * length)[:length] + after),
        )
    ]

    assert [] == slow


@pytest.mark.parametrize(
    "before, text, after", HOSTILE, ids=[text for _, text, _ in HOSTILE]
)
def test_long_is_refused(before: str, text: str, after: str) -> None:
    """Nothing of that length is an address."""
    address = before + text * LONG + after

    assert None is not _address.problem(_address.encode(address))


@pytest.mark.parametrize(
    "address, expected",
    [
        ("ann@a.example", None),
        ("xn--a@b.example", _address.PUNYCODE),
        ("Xn--a <ann@a.example>", _address.PUNYCODE),
        ("=?utf-8?q?xn=2D=2Da?= <ann@a.example>", _address.PUNYCODE),
        ("ann@xn--bcher-kva.example", None),
        ("Ann\u202e <ann@a.example>", _address.TURNED),
        ('"eve@b.example" <ann@a.example>', _address.SPOOF),
        ("eve\uff20b.example <ann@a.example>", _address.SPOOF),
        ("=?utf-8?q?eve=40b.example?= <ann@a.example>", _address.SPOOF),
        ('"ann@a.example" <ann@a.example>', None),
    ],
)
def test_doubt(address: str, expected: object) -> None:
    """What deceives a reader, or what SES may refuse, is told apart."""
    assert expected == _address.doubt(_address.encode(address))


@pytest.mark.parametrize(
    "address, expected",
    [
        ("ann@a.example", True),
        (f"{'a' * 54}@a.example", True),
        (f"{'a' * 55}@a.example", False),  # to be looked at more closely
        ("Ann <ann@a.example>", False),
        ("ann@a.example\n", False),
        ("xn--a@b.example", False),
        ("ann@xn--a.example", False),
        ("=?utf-8?q?a?=@b.example", False),
        ("ann", False),
        ("", False),
    ],
)
def test_is_plain(address: str, *, expected: bool) -> None:
    """The short way is for what is certainly good."""
    assert expected == _address.is_plain(address)


@given(st.text(alphabet="ab.-@_1+=?xn", max_size=80))
def test_plain_is_good(text: str) -> None:
    """Nothing that goes the short way has a problem or a doubt."""
    seen = _address.problem(text) or _address.doubt(text)

    assert _address.is_plain(text) == (
        _address.is_plain(text) and seen is None
    )


@pytest.mark.parametrize(
    "address, rule, severity",
    [
        ("ann", "address.syntax", "error"),
        ("ann@a.example\n", "text.control", "error"),
        (1, "type", "error"),
        ("=?utf-8?q?a?=@b.example", "address.encoded-word", "error"),
        ("xn--a@b.example", "address.punycode", "warning"),
        ('"b@c.example" <a@b.example>', "address.spoof", "warning"),
    ],
)
def test_findings(address: object, rule: str, severity: str) -> None:
    """What is wrong becomes a finding that says where, and how bad."""
    [finding] = _people.check_addresses("to", ["ann@a.example", address])

    assert (rule, "to[1]", severity) == (
        finding.rule,
        finding.field,
        finding.severity,
    )


@pytest.mark.parametrize(
    "found, expected",
    [
        (_people.check_count(0), "recipients.none"),
        (_people.check_count(1), None),
        (_people.check_count(50), None),
        (_people.check_count(51), "recipients.count"),
        (_people.check_sender(None), "sender.none"),
        (_people.check_sender(""), "sender.none"),
        (_people.check_sender(" "), "address.syntax"),
        (_people.check_sender(b"a@b.example"), "type"),
        (_people.check_sender("Ann <a@b.example>"), None),
    ],
)
def test_counts_and_senders(
    found: Finding | None, expected: str | None
) -> None:
    """Somebody sends it, and no more get it than SES takes."""
    assert expected == (found and found.rule)


@pytest.mark.parametrize("address", [a for a in ADDRESSES if "@" in a])
def test_findings_hide_addresses(address: str) -> None:
    """No finding repeats an address, or any part of one."""
    found = _people.check_address("to", _address.encode(address))
    local, _, domain = _address.split(address)[1].rpartition("@")

    assert not any(
        len(part) > 8 and part in str(found) for part in (local, domain)
    )


@pytest.mark.parametrize(
    "address, expected",
    [
        ("success@simulator.amazonses.com", True),
        ("Ann <bounce+x@Simulator.AmazonSES.com>", True),
        ("simulator.amazonses.com <ann@a.example>", False),
        ("ann@simulator.amazonses.com.a.example", False),
        ("ann@xsimulator.amazonses.com", False),
    ],
)
def test_is_simulated(address: str, *, expected: bool) -> None:
    """Only the domain of the bare address makes it a simulator's."""
    assert expected == _address.is_simulated(address)
