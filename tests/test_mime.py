"""The lines and parts of a message, as read from its bytes."""

from __future__ import annotations

import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safeses._mail import _mime, _raw

HEAD = b"Content-Type: multipart/mixed; boundary=b\n\n"
SIZE = 50_000
# Four times the input may cost this much more: a linear pass costs four
# times as much, a quadratic one sixteen. Below the floor it is noise.
MOST_TIMES = 10
FLOOR_S = 0.02


def parts(data: bytes) -> list[_mime.Part]:
    """Return the parts of a message, itself first."""
    return _mime.parts(data, _raw.headers(data))


def names(value: str) -> list[str]:
    """Return the file names of a message with one Content-Disposition."""
    data = f"Content-Disposition: {value}\n\nx".encode()
    return list(parts(data)[0].names)


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b""])
@pytest.mark.parametrize("before", [b"", b"x\n", b"x\r\n" * 700, b"\n" * 999])
@pytest.mark.parametrize(
    "length, expected", [(0, 0), (997, 0), (998, 0), (999, 999), (5000, 5000)]
)
def test_long_line(
    length: int, expected: int, before: bytes, end: bytes
) -> None:
    """A line may have 998 bytes, whatever ends it and stands around it."""
    data = before + b"x" * length + end

    assert (expected, expected) == (
        _mime.long_line(data),
        _mime.long_line(data + b"y\n"[: len(end)] * 3),
    )


@given(
    st.lists(
        st.tuples(
            st.sampled_from([0, 1, 500, 996, 997, 998, 999, 1000, 1500]),
            st.sampled_from([b"\n", b"\r\n"]),
        ),
        max_size=20,
    )
)
def test_long_line_among_others(lines: list[tuple[int, bytes]]) -> None:
    """The longest of all lines is found, as a plain reading finds it."""
    data = b"".join(b"x" * length + end for length, end in lines)
    longest = max((length for length, _ in lines), default=0)

    assert (longest if longest > 998 else 0) == _mime.long_line(data)


@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_nested_parts(end: bytes) -> None:
    """Parts of parts and of messages in messages are found in order."""
    data = b"""Content-Type: multipart/mixed;
 boundary="b o"

preamble
--b o
Content-Type: multipart/alternative; boundary=b

--b
Content-Type: TEXT/Plain; charset=utf-8

text --b
--bb
--b--
--b o
Content-Type: message/rfc822

Subject: inner
Content-Type: multipart/mixed; boundary="c"

--c
Content-Type: application/pdf; name=a.pdf

--c--
--b o--
"""

    assert [
        "multipart/mixed",
        "multipart/alternative",
        "text/plain",
        "message/rfc822",
        "multipart/mixed",
        "application/pdf",
    ] == [part.kind for part in parts(data.replace(b"\n", end))]


@pytest.mark.parametrize(
    "data, expected",
    [
        (b"Subject: s\n\nx\n--b\n\ny", 1),
        (HEAD + b"--b\n\nx\n--b \t\n\ny\n--b--\n", 3),
        (HEAD + b"--b\n--b\n--b", 4),
        (HEAD + b"--bb\n-b\n --b\n--b--", 1),
        (HEAD + b"--b\nContent-Type: message/rfc822\n\n\n--b\n", 4),
        (b"Content-Type: message/rfc822\n\nTo: a\n\nx", 2),
        (b"content-type : multipart/x;BOUNDARY = b;\n\n--b\n", 2),
        (
            b'Content-Type: multipart/x; a="; boundary=c";boundary=b\n\n--b\n',
            2,
        ),
        (b'Content-Type: multipart/x; boundary="\\b"\n\n--b\n', 2),
        (
            b"Content-Type: multipart/x; boundary*0=a; boundary*1=b\n\n--ab\n",
            2,
        ),
        (
            b"Content-Type: multipart/x; boundary="
            + b"b" * 2000
            + b"\n\n--bb",
            1,
        ),
    ],
    ids=lambda value: value if isinstance(value, int) else value[:40],
)
def test_delimiters(data: bytes, expected: int) -> None:
    """Only whole delimiter lines of declared boundaries begin a part."""
    assert expected == len(parts(data))


def test_a_closed_boundary_still_counts() -> None:
    """No part hides behind an end that other readers take otherwise."""
    data = HEAD + b"--b--\n--b\nContent-Type: a/b; name=x.exe\n\n"

    assert ("x.exe",) == parts(data)[1].names


@pytest.mark.parametrize(
    "count, expected", [(500, 501), (501, 502), (900, 502)]
)
def test_counting_stops(count: int, expected: int) -> None:
    """One part more than SES takes is seen, the others are not read."""
    data = HEAD + b"--b\n\nx\n" * count

    assert expected == len(parts(data))


@pytest.mark.parametrize("size, expected", [(1_000, True), (100_000, False)])
def test_long_headers_of_a_part(size: int, *, expected: bool) -> None:
    """Headers that are too long to be read are not taken for whole."""
    data = HEAD + b"--b\nX: " + b"x\n " * (size // 3) + b"x\n\nbody"

    assert expected == parts(data)[1].is_whole


@pytest.mark.parametrize(
    "value, expected",
    [
        ("attachment", []),
        ("attachment; filename=a.pdf", ["a.pdf"]),
        ("attachment; FileName = a.pdf ; size=1", ["a.pdf"]),
        ('attachment; filename="a;b \\"c\\".pdf"', ['a;b "c".pdf']),
        ('attachment; x="; filename=no"; filename=a.pdf', ["a.pdf"]),
        ('attachment; filename="a.pdf', ["a.pdf"]),
        ("attachment; filename=a b.pdf", ["a b.pdf"]),
        ("attachment; filename=a.pdf; filename=b.exe", ["a.pdf", "b.exe"]),
        ("attachment; filename*=utf-8''%C3%A4.pdf", ["ä.pdf"]),
        ("attachment; filename*=iso-8859-1'de'%E4.pdf", ["ä.pdf"]),
        ("attachment; filename*=punycode''%C3%A4.pdf", ["ä.pdf"]),
        ("attachment; filename*=utf-99''%C3%A4.pdf", ["ä.pdf"]),
        ("attachment; filename*=a%2Epdf", ["a.pdf"]),
        ("attachment; filename*=shift_jis''%83%5C.pdf", ["ソ.pdf"]),
        ("attachment; filename*=x-unknown''%1B%0Aa.pdf", ["\ufffd\na.pdf"]),
        ("attachment; filename*=''%1Ba.pdf", ["\x1ba.pdf"]),
        ("attachment; filename*1=exe; filename*0=a.", ["a.exe"]),
        (
            "a;filename*0*=utf-8''%C3%A4%2E; filename*1=e%78; filename*2*=%65",
            ["ä.e%78e"],
        ),
        ('attachment; filename="=?utf-8?b?w6QucGRm?="', ["ä.pdf"]),
        ('attachment; filename="=?utf-8?Q?=C3=A4_?= =?utf-8?q?b?="', ["ä b"]),
        ('attachment; filename="=?utf-8*en?q?a?=.pdf"', ["a.pdf"]),
        ('attachment; filename="=?utf-8?b?a?=.pdf"', ["=?utf-8?b?a?=.pdf"]),
        ("attachment; filename*=utf-7''+2AA-.pdf", None),
        ("attachment; filename*=utf-16''%00.pdf", None),
    ],
)
def test_file_names(value: str, expected: list[str] | None) -> None:
    """A file name is read however it is written, and no form crashes."""
    found = names(value)

    assert (found if expected is None else expected) == found


@pytest.mark.parametrize(
    "header", ["Type: a/b; name", "Disposition: x; filename"]
)
def test_folded_file_names(header: str) -> None:
    """A name may be folded, in both headers of a part."""
    data = HEAD + f'--b\nContent-{header}="a\r\n\tb\n c.pdf"\n\n'.encode()

    assert ("a b c.pdf",) == parts(data)[1].names


@pytest.mark.parametrize(
    "repeated",
    [
        b"\n--",
        b"\n--bx",
        b"\n--b",
        b"\n--b\nContent-Type: a/b",
        b"\n--b\nContent-Type: multipart/x; boundary=b\n\n",
        b"\n--b\nContent-Type: message/rfc822\n",
        b"Content-Type: message/rfc822\n\n",
        b"\n\r",
        b"\r\n",
        b";",
        b";a=b",
        b"; ",
        b';filename="\\"',
        b";filename=a",
        b";filename*1*=%41",
        b"=?",
        b"=?u?q?a?=",
        b"=?utf-8?b?YQ==?=",
        b" a",
        b"\xe4",
        b"%41",
        b"\\",
    ],
)
@pytest.mark.parametrize(
    "before",
    [
        HEAD,
        HEAD + b"--b\nContent-Disposition: a; filename=",
        HEAD + b'--b\nContent-Disposition: a; filename="',
        b"Content-Disposition: a; filename*=",
        b"Content-Type: message/rfc822\n\n",
    ],
    ids=range(5),
)
def test_hostile_input_costs_linear_time(
    before: bytes, repeated: bytes
) -> None:
    """Four times as much of anything costs about four times the CPU."""
    took_s = []
    for size in (SIZE, 4 * SIZE):
        data = before + repeated * (size // len(repeated))
        fields = _raw.headers(data)
        best_s = float("inf")
        for _ in range(3):
            began = time.thread_time()
            _mime.parts(data, fields)
            _mime.long_line(data)
            best_s = min(best_s, time.thread_time() - began)
        took_s.append(best_s)

    assert took_s[1] < max(MOST_TIMES * took_s[0], FLOOR_S)


def test_many_different_boundaries() -> None:
    """Boundaries that begin alike are told apart, each a part."""
    inner = (
        b"\n--%s\nContent-Type: multipart/x; boundary=%s\n\n"
        % (b"b" * i, b"b" * (i + 1))
        for i in range(1, 400)
    )

    assert 400 == len(parts(HEAD + b"".join(inner)))


@given(
    st.binary(max_size=300)
    | st.lists(
        st.sampled_from(
            [
                b"\n",
                b"\r\n",
                b"--b",
                b"--",
                b"Content-Type: ",
                b"a/b",
                b";",
                b'boundary="',
                b"boundary=c",
                b"filename*0*=",
                b"message/rfc822",
                b'"',
                b"\\",
                b"=?utf-8?q?",
                b"?=",
                b" ",
                b"\xff",
                b"\0",
                b"'",
            ]
        ),
        max_size=60,
    ).map(b"".join)
)
def test_any_bytes(tail: bytes) -> None:
    """No bytes at all make the reader fail; a bytearray reads the same."""
    data = HEAD + b"--b\nContent-Type: " + tail
    same: Any = bytearray(data)

    assert parts(data) == _mime.parts(same, _raw.headers(same))
