"""Lists as files: every form is read, a bad line stops no other."""

from __future__ import annotations

import datetime as dt
import io
import json
import tracemalloc
from typing import TYPE_CHECKING, Any

import pytest

from safeses import ConfigurationError, StoreError
from safeses.suppression import (
    ImportReport,
    MemorySuppressionStore,
    RefusedLine,
    Suppression,
    Suppressions,
)
from safeses.testing import FakeClock

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

ANN = "ann@a.example"
NOON = dt.datetime(2026, 1, 1, 12, tzinfo=dt.timezone.utc)


def empty() -> Suppressions:
    """Return a list with nobody on it, on New Year's Day."""
    clock = FakeClock()
    return Suppressions(MemorySuppressionStore(clock=clock), clock)


def imported(text: str | bytes, **options: Any) -> list[tuple[str, ...]]:
    """Return address, reason and stream of what was taken."""
    data = text.encode() if isinstance(text, str) else text
    suppressions = empty()
    suppressions.import_file(io.BytesIO(data), **options)
    return [(e.address, e.reason, e.stream) for e in suppressions.list()]


def refusals(text: str | bytes) -> dict[int, str]:
    """Return which lines were refused, and why."""
    data = text.encode() if isinstance(text, str) else text
    report = empty().import_file(io.BytesIO(data))
    return {refused.line: refused.why for refused in report.refusals}


# --- What is read -----------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "ann@a.example\nbob@b.example\n",
        "Ann <ann@a.example>\n  bob@b.example  ",
        '"ann@a.example"\n"Bob, B" <bob@b.example>\n',
        "ann@a.example,BOUNCE\nbob@b.example,BOUNCE\n",
        'ann@a.example,bounce\r\n\r\n# x\r\n"bob@b.example",Bounce\r\n',
        (
            '{"emailAddress":"ann@a.example","reason":"BOUNCE"}\n'
            '{"reason":"bounce","emailAddress":"bob@b.example"}'
        ),
        '{"address":"ann@a.example"}\n\n{"address":"bob@b.example"}\n',
        "address\nann@a.example\nbob@b.example\n",
        'Reason,EmailAddress\nBOUNCE,ann@a.example\n"",bob@b.example\n',
        "id,address,is,reason\n1,ann@a.example,x,BOUNCE\n2,bob@b.example",
        "# our list\n\nann@a.example\n#\n#### and\n\tbob@b.example\n",
        "\ufeffann@a.example\nbob@b.example",
        "Our list\nof 2026,1,2\n{\nann@a.example\nbob@b.example,bounce",
        "Our list\naddress,reason\nann@a.example,\nbob@b.example,bounce",
        'Our list\n{"address": "ann@a.example"}\n{"address":"bob@b.example"}',
        "\ufeffaddress,reason\nann@a.example,\nbob@b.example,bounce",
    ],
)
def test_forms(text: str) -> None:
    """Every form is recognised by its first line that makes sense."""
    entries = imported(text, reason="bounce")

    assert [
        ("ann@a.example", "bounce", ""),
        ("bob@b.example", "bounce", ""),
    ] == entries


@pytest.mark.parametrize(
    "line",
    [
        "#ann@a.example",
        "{ann@a.example",
        "'ann'@a.example",
        "=cmd|'/c'!x@a.example",
        '"a,b c"@a.example',
        "ann@[192.0.2.1]",
        "ann@bücher.example",
    ],
)
def test_odd_addresses(line: str) -> None:
    """An address is read as such, whatever it begins with."""
    entries = imported(f"{line}\nbob@b.example\n")

    assert [line, "bob@b.example"] == [address for address, *_ in entries]


def test_what_a_file_does_not_say() -> None:
    """Arguments fill what is missing, and overrule nothing."""
    text = (
        "address,reason,stream\n"
        "ann@a.example,,\nbob@a.example,bounce,bills\neva@a.example\n"
    )

    entries = imported(text, reason="manual", stream="news")

    assert [
        ("ann@a.example", "manual", ""),
        ("bob@a.example", "bounce", "bills"),
        ("eva@a.example", "manual", "news"),
    ] == entries


def test_what_ses_lists() -> None:
    """The fields of SES's own answers are known by SES's names."""
    line = {
        "EmailAddress": ANN,
        "Reason": "COMPLAINT",
        "LastUpdateTime": "2026-01-01T13:00:00.500000+01:00",
        "Attributes": {"MessageId": "1"},
    }
    suppressions = empty()
    suppressions.import_file(io.StringIO(json.dumps(line)), source="ses")

    assert (
        Suppression(
            address=ANN,
            reason="complaint",
            source="ses",
            since=NOON + dt.timedelta(seconds=0.5),
        )
    ) == suppressions.find(ANN)


@pytest.mark.parametrize("kind", ["path", "text path", "bytes", "text"])
def test_sources(kind: str, tmp_path: Path) -> None:
    """A path, or an open file of either kind, is read."""
    path = tmp_path / "list.txt"
    path.write_text("ann@bücher.example\n", encoding="utf-8")
    suppressions = empty()
    with path.open("rb") as binary, path.open(encoding="utf-8") as text:
        sources: dict[str, Any] = {
            "path": path,
            "text path": str(path),
            "bytes": binary,
            "text": text,
        }
        report = suppressions.import_file(sources[kind])

    assert ImportReport(read=1, added=1, known=0, refused=0) == report


def test_no_file(tmp_path: Path) -> None:
    """A file that is not there, or is none, is said to be so."""
    number: Any = 7
    with pytest.raises(ConfigurationError):
        empty().import_file(number)
    with pytest.raises(FileNotFoundError):
        empty().import_file(tmp_path / "missing")

    assert ImportReport(
        read=0, added=0, known=0, refused=0
    ) == empty().import_file(io.StringIO(""))


@pytest.mark.parametrize("path", ["a\0b", "\ud800", b"list"])
def test_no_path(path: Any) -> None:
    """What no file can be called is refused, to read and to write."""
    remedies = []
    for act in (empty().import_file, empty().export_file):
        with pytest.raises(ConfigurationError) as refusal:
            act(path)
        remedies.append(bool(refusal.value.remedy))

    assert [True, True] == remedies


def test_an_address_is_no_header() -> None:
    """A first line with an address is an entry, whatever it says beside."""
    text = f"{ANN},address\nbob@a.example,BOUNCE\n"

    assert [(ANN, "address", ""), ("bob@a.example", "bounce", "")] == imported(
        text
    )


def test_report() -> None:
    """The report tells the new from the known and from the refused."""
    suppressions = empty()
    suppressions.add("Ann <ann@a.example>", "bounce")
    text = "ANN@a.example\nbob@a.example\nBob@a.example\nnobody\n\n# end\n"

    report = suppressions.import_file(io.StringIO(text))

    assert (
        ImportReport(
            read=4,
            added=1,
            known=2,
            refused=1,
            refusals=(
                RefusedLine(line=4, why="not an address that SES can mail"),
            ),
        )
        == report
    )


def test_dry_run() -> None:
    """A dry run says who would be new, and changes nothing."""
    suppressions = empty()
    suppressions.add(ANN, stream="news")
    text = (
        "address,stream,expires_at\n"
        "ann@a.example,news,\nann@a.example,,\nbob@a.example,,\n"
        "eva@a.example,,2025-01-01T00:00:00Z\nnobody,,\n"
    )
    report = suppressions.import_file(io.StringIO(text), dry_run=True)

    assert ((5, 2, 2, 1), 1) == (
        (report.read, report.added, report.known, report.refused),
        suppressions.count(),
    )


# --- What is refused --------------------------------------------------------


@pytest.mark.parametrize(
    "bad",
    [
        "nobody",
        "ann@a.example;bounce",
        "ann@a.example,Unsub Scribed",
        "ann@a.example,bounce,news",
        'ann@a.example,"bounce',
        'ann@a.example,"bou"nce',
        "ann@a.example\tbounce",
        "jürgen@a.example",
        "ann@a.example\x00",
        b"ann\xff@a.example",
        "ann@a.example".encode("utf-16"),
        "x" * 10_001,
        "x" * 100_000,
        '"' * 9_999,
    ],
)
def test_bad_lines(bad: str | bytes) -> None:
    """A bad line is refused by its number; those around it are taken."""
    line = bad.encode() if isinstance(bad, str) else bad
    text = b"zoe@a.example\n" + line + b"\nbob@a.example"
    # What a line break inside of it makes of UTF-16 is refused as well.
    refused = {2 + n for n in range(1 + line.count(b"\n"))}

    assert (["zoe@a.example", "bob@a.example"], refused) == (
        [address for address, *_ in imported(text)],
        set(refusals(text)),
    )


@pytest.mark.parametrize(
    "bad",
    [
        "{",
        "{}",
        "[]",
        '"ann@a.example"',
        "ann@a.example",
        '{"emailAddress": 7}',
        '{"emailAddress": ["ann@a.example"]}',
        '{"emailAddress": "ann@a.example", "reason": 1e999}',
        '{"emailAddress": "ann@a.example", "expires_at": "tomorrow"}',
        '{"emailAddress": "ann@a.example", "since": "2026-01-01T00:00:00"}',
        '{"emailAddress": "ann@a.example", "since": 1767225600}',
        '{"emailAddress": "ann\\ud800@a.example"}',
        "[" * 9_999,
        '{"a":' * 1_900,
        "9" * 9_999,
        f'{{"emailAddress": "ann@a.example", "note": "{"x" * 1_001}"}}',
    ],
)
def test_bad_json(bad: str) -> None:
    """What is no entry is refused, however deep or long."""
    good = '{"emailAddress": "zoe@a.example", "reason": null}'
    text = f"{good}\n{bad}\n{good.replace('zoe', 'bob')}\n"

    assert (["zoe@a.example", "bob@a.example"], {2}) == (
        [address for address, *_ in imported(text)],
        set(refusals(text)),
    )


@pytest.mark.parametrize(
    "bad",
    [
        'ann@a.example,manual,"no end',
        'ann@a.example,manual,"no"end',
        "ann@a.example,manual,a note,more",
        ",manual,nobody",
        'ann@a.example,"man\nual",two lines',
    ],
)
def test_bad_rows(bad: str) -> None:
    """A quote that is not closed swallows none of the lines that follow."""
    text = f"address,reason,note\n{bad}\nzoe@a.example\n\nbob@a.example,,x\n"

    assert (["zoe@a.example", "bob@a.example"], {2}) == (
        [address for address, *_ in imported(text)],
        set(refusals(text)),
    )


def test_open_quotes_are_no_work() -> None:
    """Where every line opens a quote, every line is refused, and soon."""
    text = "address,note\n" + 'ann@a.example,"" "\n,"\n' * 2_000

    report = empty().import_file(io.StringIO(text))

    assert report.read == report.refused + report.added + report.known


def test_refusals_name_nobody() -> None:
    """Why a line was refused never repeats what stood on it."""
    lines = [
        "secret",
        "secret@",
        "secret@a.example,Secret Reason",
        "secret@a.example,secret,secret",
        '"secret',
        f"secret@a.example,{'secret' * 20}",
    ]
    why = refusals("zoe@a.example\n" + "\n".join(lines)).values()

    assert (len(lines), False) == (
        len(why),
        any("secret" in text.lower() for text in why),
    )


def test_refusals_are_counted_not_kept() -> None:
    """Of a million bad lines all are counted, a hundred are told."""
    report = empty().import_file(io.StringIO("nobody\n" * 1_234))

    assert (1_234, 100, 100) == (
        report.refused,
        len(report.refusals),
        report.refusals[-1].line,
    )


def test_bytes_in_a_text_file(tmp_path: Path) -> None:
    """A text file keeps its bad bytes to one line, or says it cannot."""
    path = tmp_path / "list.txt"
    path.write_bytes(b"zoe@a.example\n\xff@a.example\nbob@a.example\n")
    suppressions = empty()
    with path.open(encoding="utf-8", errors="surrogateescape") as lenient:
        report = suppressions.import_file(lenient)
    with (
        path.open(encoding="utf-8") as strict,
        pytest.raises(ConfigurationError, match="binary"),
    ):
        suppressions.import_file(strict)

    assert (2, 1) == (report.added, report.refused)


def test_wrong_reason() -> None:
    """A wrong argument is said once, not for every line."""
    with pytest.raises(ConfigurationError):
        empty().import_file(io.StringIO(ANN), reason="No Reason")

    assert [(ANN, "own-1", "")] == imported(ANN, reason="own-1")


def test_outage_half_way() -> None:
    """After an outage the same import again does the rest."""
    clock = FakeClock()
    store = MemorySuppressionStore(clock=clock, max_entries=700)
    text = "".join(f"p{n}@a.example\n" for n in range(1_200))
    with pytest.raises(StoreError):
        Suppressions(store, clock).import_file(io.StringIO(text))
    store.max_entries = None
    report = Suppressions(store, clock).import_file(io.StringIO(text))

    assert (700, 500, 1_200) == (report.added, report.known, store.count())


class Endless(io.BytesIO):
    """A file that is made while it is read."""

    def __init__(self, line: bytes, times: int) -> None:
        super().__init__()
        self.line, self.times = line, times

    def readline(self, size: int | None = -1, /) -> bytes:
        """Return the line, or as much of it as is wanted."""
        if not self.times:
            return b""
        self.times -= 1
        return self.line[:size]


class Forgetful(MemorySuppressionStore):
    """Takes everything and keeps nothing."""

    def add(self, entries: Sequence[Suppression]) -> list[bool]:
        """Say that it was added."""
        return [True for _ in entries]


@pytest.mark.race  # other threads' memory counts as well
@pytest.mark.parametrize(
    "line, times",
    [
        (b"ann@a.example,BOUNCE\n", 20_000),
        (b"nobody\n", 20_000),
        (b"x" * 20_000, 2_000),  # one line of 40 MB
    ],
    ids=["good", "bad", "endless"],
)
def test_memory_is_flat(line: bytes, times: int) -> None:
    """No file, and no line, is ever in memory whole."""
    suppressions = Suppressions(Forgetful(), FakeClock())
    suppressions.import_file(Endless(line, 1_000))
    tracemalloc.start()
    try:
        suppressions.import_file(Endless(line, times))
        peak_bytes = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert peak_bytes < 1_000_000
