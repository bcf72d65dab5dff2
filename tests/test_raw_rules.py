"""The rules on finished MIME messages and on file names."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.pace import within

from safeses._mail import _raw
from safeses._validation._file_names import check_file_name
from safeses._validation._raw import check_raw

FROM = b"From: Shop <shop@a.example>\n"
HEAD = FROM + b"To: ann@b.example\nMime-Version: 1.0\n"
MIXED = HEAD + b"Content-Type: multipart/mixed; boundary=b\n"
# For a coarse bound: a quadratic pass would take minutes.
MOST_PASSES = 400


def found(data: bytes) -> list[tuple[str, str]]:
    """Return the rules that a message breaks, and where."""
    findings = check_raw(data, _raw.headers(data))
    return [(finding.rule, finding.field) for finding in findings]


def attached(name: str) -> bytes:
    """Return a message with an attachment of this name."""
    part = f"--b\nContent-Disposition: attachment; filename={name}\n\nx\n"
    return MIXED + b"\n" + part.encode() + b"--b--\n"


@pytest.mark.parametrize(
    "data",
    [
        HEAD + b"\nx",
        HEAD.replace(b"\n", b"\r\n") + b"\r\nx\r\n",
        HEAD + b"Date: x\nMessage-ID: <1@a>\nSubject:\n\tx\n\n",
        HEAD + b"X-A: 1\nX-A: 2\nReceived: a\nReceived: b\n\n",
        HEAD + b"\n" + b"x" * 998 + b"\r\n" + b"x" * 998 + b"\n",
        FROM + b"Cc: ann@b.example\n\nx",
        FROM + b"To: undisclosed-recipients:;\n\nx",
        FROM + b"Resent-To: ann@b.example\n\nx",
        b"From: a@b.example, c@d.example\nSender: a@b.example\nTo: e@f.x\n\n",
        b'From: "Doe, Ann: (x)" <a@b.example>\nTo: e@f.example\n\nx',
        b"From: =?utf-8?q?J=C3=B6rg?= <a@b.example>\nTo: e@f.example\n\nx",
        b'From: a@b.example (x)\nTo: "=?utf-8?q?x?=" <e@f.example>\n\nx',
        HEAD + b"Reply-To: =?u?b?YQ==?=\n =?u?b?YQ==?= <a@b.example>,\n"
        b" =?utf-8?q?a@b?= <c@d.example>\n\nx",
        HEAD + b"Subject: <=?utf-8?q?x?=@y>\n\nx",
        MIXED + b"\n" + b"--b\n\nx\n" * 500 + b"--b--\n",
        attached("report.pdf"),
        attached("logo"),
        attached("exe"),
        attached("exe.txt"),
        attached("a.zip"),
        attached("x; filename*=utf-8''%E2%80%8Fa%E2%80%8E%D8%9C.zip"),
        b"From: =?windows-1252?Q?Ann=92s?= <a@b.example>\nTo: e@f.example\n\n",
        attached('"a b.tar.gz"'),
        attached("x; filename*=utf-8''%C3%A4%20%E6%BC%A2.pdf"),
        attached('"' + "a" * 300 + '.pdf"'),
    ],
    ids=range(25),
)
def test_nothing_is_wrong(data: bytes) -> None:
    """A proper message, up to every limit, breaks no rule."""
    assert ([], None) == (
        found(data),
        _raw.problem(data, _raw.headers(data)),
    )


DATA = "Raw.Data"
PART = "Raw.Data part 1"


@pytest.mark.parametrize(
    "data, rule, field",
    [
        (HEAD + b"\n" + b"x" * 999, "raw.line", DATA),
        (HEAD + b"X-A: " + b"x" * 994 + b"\n\n", "raw.line", DATA),
        (HEAD + b"\n" + b"x" * 999 + b"\r\n", "raw.line", DATA),
        (HEAD + b"\n\xc3\xa4", "raw.eight-bit", DATA),
        (HEAD + b"Subject: \xc3\xa4\n\nx", "raw.eight-bit", "header Subject"),
        (HEAD + b"\nx\0", "raw.nul", DATA),
        (MIXED + b"\n" + b"--b\n\nx\n" * 501, "message.parts", DATA),
        (HEAD + b"To: c@d.example\n\nx", "header.repeated", "header To"),
        (
            HEAD + b"Subject: a\nsubject: b\n\n",
            "header.repeated",
            "header Subject",
        ),
        (b"To: a@b.example\n\nx", "raw.missing", "header From"),
        (FROM + b"\nx", "raw.missing", "header To"),
        (
            FROM + b"To: a@b.example\nContent-Type: text/html\n\nx",
            "raw.missing",
            "header Mime-Version",
        ),
        (FROM + HEAD + b"\nx", "raw.from", "header From"),
        (b"From:\nTo: a@b.example\n\nx", "raw.from", "header From"),
        (b"From: Shop\nTo: a@b.example\n\nx", "raw.from", "header From"),
        (
            b"From: a@b.example, c@d.example\nTo: a@b.example\n\nx",
            "raw.from",
            "header From",
        ),
        (
            b"From: a@b.example <c@d.example>\nTo: a@b.example\n\nx",
            "raw.from",
            "header From",
        ),
        (
            b"From: x:;\nTo: a@b.example\n\nx",
            "raw.from",
            "header From",
        ),
        (
            b"From: " + b"(" * 20_000 + b"\n\tx\nTo: a@b.example\n\nx",
            "raw.from",
            "header From",
        ),
        (HEAD + b"Bcc: a@b.example\n\nx", "raw.bcc", "header Bcc"),
        (HEAD + b"Resent-Bcc: a@b.example\n\nx", "raw.bcc", "header Bcc"),
        (HEAD + b"Subject: a\x01b\n\nx", "text.control", "header Subject"),
        (HEAD + b"Subject: a\0b\n\nx", "text.control", "header Subject"),
        (HEAD + b"Subject: \xc2\x85\n\nx", "text.control", "header Subject"),
        (HEAD + b"Subject: \xe4\n\nx", "raw.eight-bit", "header Subject"),
        (
            HEAD + b"Subject: \x1b$B;3ED\x1b(B\n\nx",
            "raw.eight-bit",
            "header Subject",
        ),
        (
            HEAD + b"Subject: \xe4\x1b[2J\n\nx",
            "text.control",
            "header Subject",
        ),
        (
            HEAD + b"Subject: \xe4\x85Bcc: x@y.example\n\nx",
            "text.control",
            "header Subject",
        ),
        (
            HEAD + b"Reply-To: \x1b$B;3ED\x1b(B <a@b.example>\n\nx",
            "text.control",
            "header Reply-To",
        ),
        (
            HEAD + b"Reply-To: j\xf6rg@b.example\n\nx",
            "address.syntax",
            "header Reply-To",
        ),
        (HEAD + b"ann@x.example: \xc3\xa9\n\nx", "raw.eight-bit", "a header"),
        (HEAD + b"X" * 41 + b": \xc3\xa9\n\nx", "raw.eight-bit", "a header"),
        (
            HEAD + b"Reply-To: j\xc3\xb6rg@b.example\n\nx",
            "address.syntax",
            "header Reply-To",
        ),
        (attached("a.exe"), "attachment.extension", PART),
        (attached('"A.EXE"'), "attachment.extension", PART),
        (attached('"a.js.pdf"'), "attachment.extension", PART),
        (attached('"a.vbs .txt"'), "attachment.extension", PART),
        (attached('".bat"'), "attachment.extension", PART),
        (attached('"a.exe. ."'), "attachment.extension", PART),
        (
            attached("x; filename*=utf-8''a%2Eexe"),
            "attachment.extension",
            PART,
        ),
        (attached('"=?utf-8?b?YS5leGU=?="'), "attachment.extension", PART),
        (
            attached("x; filename*0=a.e; filename*1=xe"),
            "attachment.extension",
            PART,
        ),
        (
            MIXED + b"\n--b\nContent-Type: a/b; name=a.exe\n\n",
            "attachment.extension",
            PART,
        ),
        (
            HEAD + b"Content-Type: a/b; name=a.exe\n\nx",
            "attachment.extension",
            DATA,
        ),
        (attached('"../a.pdf"'), "attachment.trick", PART),
        (attached('"C:\\\\a.pdf"'), "attachment.trick", PART),
        (attached('"a.pdf "'), "attachment.trick", PART),
        (attached('"a.pdf."'), "attachment.trick", PART),
        (attached('"a\u202efdp.zip"'), "attachment.trick", PART),
        (attached('"a\u2067.zip"'), "attachment.trick", PART),
        (
            attached("x; filename*=utf-8''%E2%81%A6a.zip"),
            "attachment.trick",
            PART,
        ),
        (
            attached("x; filename*=utf-8''a.pdf%22%0D%0ABcc:x"),
            "text.control",
            PART,
        ),
        (attached('"a\x01.pdf"'), "text.control", PART),
        (
            MIXED + b"\n--b\nX: " + b"x\n " * 30_000 + b"x\n\n",
            "raw.headers",
            PART,
        ),
    ],
    ids=lambda value: value[-30:] if isinstance(value, bytes) else None,
)
def test_what_breaks_a_rule(data: bytes, rule: str, field: str) -> None:
    """Each rule speaks about the messages that it is for, and says where."""
    assert (rule, field) in found(data)


@pytest.mark.parametrize(
    "value",
    [
        b"a@b..example",
        b"a b@c.example",
        b'"x@y',
        b"<a@b.example",
        b"a@b.example (",
        b"a@-",
        b"Ann Lee a@b.example",
        b"ann@x.example.",
        b"a@b.example, c@d..example",
        b"a@" + b"b." * 480 + b"c",
    ],
    ids=lambda value: value[:30],
)
def test_senders_that_are_no_address(value: bytes) -> None:
    """A sender in a header has to be an address that SES can mail."""
    data = b"From: %s\nSender: a@b.example\nTo: e@f.example\n\nx" % value

    assert ("raw.from", "header From") in found(data)


@pytest.mark.parametrize(
    "value",
    [
        "<=?utf-8?b?asO2?=@b.example>",
        "=?utf-8?b?asO2?=@b.example",
        "Ann <ann@=?utf-8?q?b?=.example>",
        "Ann <=?utf-8?q?a=40b.example?=>",
        "a@b.example, =?utf-8?q?a=40b.example?=",
        "=?utf-8?q?a=40b.example?= =?utf-8?q?c?=",
        "=?x?q?a=40b.example=3E=00?=foo@c.example",
        "Team: =?utf-8?q?a=40b.example?=;",
    ],
)
@pytest.mark.parametrize("name", ["From", "To", "CC", "Reply-To", "Sender"])
def test_encoded_words_in_addresses(name: str, value: str) -> None:
    """An address has no encoded word, in whichever header it stands."""
    data = f"{name}: {value}\n\nx".encode()

    assert ("address.encoded-word", f"header {name.title()}") in found(data)


@pytest.mark.parametrize(
    "head",
    [
        b"garbage",
        b"Subject: s\ngarbage",
        b" To: c@d.example",
        b"From ann@b.example Sat Nov 21 20:00:00 2026",
        b"X Y: z",
        b": z",
        "Grüße: x".encode(),
        b"Subject: s\rX: y",
        b"X : y",
        b"Subject: s\n\r",
    ],
)
def test_lines_that_are_no_header(head: bytes) -> None:
    """What other readers would take for the body is refused."""
    data = head + b"\nTo: a@b.example\n\nx"
    finding = _raw.problem(data, _raw.headers(data))

    assert "raw.headers" == (finding and finding.rule)


@pytest.mark.parametrize(
    "name, expected",
    [
        ("a.b", []),
        ("a" * 251 + ".pdf", []),
        ("ä.漢字", []),
        ("a" * 252 + ".pdf", ["attachment.file-name"]),
        ("", ["attachment.file-name"]),
        ("noextension", ["attachment.file-name"]),
        ("a.", ["attachment.file-name", "attachment.trick"]),
        ("a.exe", ["attachment.extension"]),
        ("a.exe. ", ["attachment.extension", "attachment.trick"]),
        ('a.pdf"\r\nBcc: x', ["text.control"]),
        ("a\u2028.pdf", ["text.control"]),
        ("a\ud83d.pdf", ["text.control"]),
    ],
)
def test_file_name_of_an_attachment(name: str, expected: object) -> None:
    """SES builds the part itself, and wants a name with an extension."""
    assert expected == [f.rule for f in check_file_name("FileName", name)]


def test_findings_do_not_repeat_the_message() -> None:
    """No finding shows a name, an address or a line of the message."""
    secret = b"secret"
    data = (
        b"From: %s@a.example, %s@b.example\nSubject: %s\0\n"
        b"Content-Type: a/b; name=%s.exe\n\n%s"
        % ((secret,) * 4 + (secret * 999,))
    )
    findings = check_raw(data, _raw.headers(data))

    assert "secret" not in "".join(map(repr, findings))


@pytest.mark.parametrize(
    "repeated",
    [
        b"=?",
        b"=?u?q?a?=",
        b"=?u?q?a?=@",
        b"=?u?q?a?= ,",
        b"<",
        b"@",
        b"(",
        b'"',
        b",",
        b", ",
        b" ",
        b"\xc3\xa4@",
        b"\0",
    ],
)
@pytest.mark.parametrize("name", [b"From", b"Reply-To", b"X"])
def test_hostile_headers(name: bytes, repeated: bytes) -> None:
    """Half a megabyte of hostile header costs a moment, and no crash."""
    data = name + b": a" + repeated * (500_000 // len(repeated)) + b"b\n\nx"

    assert within(MOST_PASSES, len(data), lambda: found(data))


@given(st.binary(max_size=300))
def test_any_bytes(data: bytes) -> None:
    """Whatever the bytes are, the checks end with findings at most."""
    assert all(field for _, field in found(data))
