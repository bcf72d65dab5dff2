"""Lists that are written: whole, private, and the same when read again."""

from __future__ import annotations

import datetime as dt
import io
import os
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from safeses import ConfigurationError, StoreError
from safeses.suppression import (
    AddressKeys,
    MemorySuppressionStore,
    Suppression,
    Suppressions,
)
from safeses.testing import FakeClock

ANN = "ann@a.example"
NOON = dt.datetime(2026, 1, 1, 12, tzinfo=dt.timezone.utc)
INTERRUPTER = Path(__file__).with_name("interrupter.py")
HEADER = "address,reason,stream,source,since,expires_at,note\r\n"
# With everything that a form might lose.
ENTRY = Suppression(
    address="=1+1@a.example",
    reason="complaint",
    stream="news",
    source="import",
    since=NOON - dt.timedelta(days=1, microseconds=1),
    expires_at=NOON + dt.timedelta(days=1),
    note='said "no",\r\n# not a comment\n\n=now\rGrüße',
)


def empty() -> Suppressions:
    """Return a list with nobody on it, on New Year's Day."""
    clock = FakeClock()
    return Suppressions(MemorySuppressionStore(clock=clock), clock)


@pytest.mark.parametrize("form", ["csv", "jsonl"])
def test_round_trip(form: Any, tmp_path: Path) -> None:
    """What was exported is imported as it was."""
    before, after = empty(), empty()
    before.add_many(
        [
            ENTRY,
            attrs.evolve(ENTRY, address="#x@a.example", stream="", note="#"),
            attrs.evolve(ENTRY, address='"a,\\" b"@a.example', source=""),
            Suppression(address="Ann@bücher.example", note=1_000 * "😀"),
            Suppression(address=ANN, note=1_000 * '"'),
        ]
    )
    path = tmp_path / "list"
    written = before.export_file(path, format=form)
    report = after.import_file(path, source="other", stream="other")

    assert (5, 5, list(before.list())) == (
        written,
        report.added,
        list(after.list()),
    )


@given(
    st.lists(
        st.builds(
            Suppression,
            address=st.from_regex(
                r"[a-z0-9=+#{'@-]{1,9}@[a-z0-9]{1,5}\.example",
                fullmatch=True,
            ).filter(lambda a: a.count("@") == 1),
            stream=st.sampled_from(["", "news"]),
            since=st.datetimes(
                dt.datetime(2000, 1, 1),  # noqa: DTZ001  # made aware below
                dt.datetime(2026, 1, 1),  # noqa: DTZ001  # the same
                timezones=st.just(dt.timezone.utc),
            ),
            note=st.text(
                st.characters(exclude_categories=["Cs", "Cc"])
                | st.sampled_from("\t\r\n"),
                max_size=50,
            ),
        ),
        max_size=5,
    ),
    st.sampled_from(["csv", "jsonl"]),
)
def test_round_trip_of_anything(entries: list[Suppression], form: Any) -> None:
    """No note, and no address, is lost or changed on the way."""
    before, after = empty(), empty()
    before.add_many(entries)
    file = io.StringIO(newline="")
    before.export_file(file, format=form)
    after.import_file(io.BytesIO(file.getvalue().encode()))

    assert list(before.list()) == list(after.list())


def test_csv() -> None:
    """The CSV is what a spreadsheet, and a person, can read."""
    suppressions = empty()
    suppressions.add_many([ENTRY, Suppression(address=ANN, since=NOON)])
    file = io.StringIO(newline="")
    suppressions.export_file(file)

    assert (
        HEADER + "=1+1@a.example,complaint,news,import,"
        "2025-12-31T11:59:59.999999+00:00,2026-01-02T12:00:00+00:00,"
        '"said ""no"",\r\n# not a comment\n\n=now\rGrüße"\r\n'
        "ann@a.example,manual,,,2026-01-01T12:00:00+00:00,,\r\n"
    ) == file.getvalue()


def test_aws_csv() -> None:
    """For SES only what SES can keep is written, in its words."""
    suppressions = empty()
    suppressions.add("a@a.example", "bounce")
    suppressions.add("b@a.example", "complaint")
    suppressions.add("c@a.example", "manual")
    suppressions.add("d@a.example", "bounce", stream="news")
    suppressions.add("e@a.example", "bounce", expires_in_s=60)
    file = io.StringIO()
    written = suppressions.export_file(file, format="aws-csv")

    assert (2, "a@a.example,BOUNCE\nb@a.example,COMPLAINT\n") == (
        written,
        file.getvalue(),
    )


def test_no_such_format(tmp_path: Path) -> None:
    """A wrong format is refused before a file is made."""
    wrong: Any = "xlsx"
    with pytest.raises(ConfigurationError, match="csv, aws-csv, jsonl"):
        empty().export_file(tmp_path / "list", format=wrong)

    assert [] == list(tmp_path.iterdir())


def test_hashes_are_not_written(tmp_path: Path) -> None:
    """A store of hashes has nothing to write, and leaves no file."""
    clock = FakeClock()
    keys = AddressKeys(secret=b"0123456789abcdef")
    store = MemorySuppressionStore(keys, clock=clock)
    with pytest.raises(ConfigurationError):
        Suppressions(store, clock).export_file(tmp_path / "list")

    assert [] == list(tmp_path.iterdir())


class Breaking(MemorySuppressionStore):
    """Has a first page, and no second."""

    def page(self, after: str = "", limit: int = 1_000) -> Any:
        """Return the first page, then fail."""
        if after:
            raise StoreError("suppression", self.engine, "no answer")
        return super().page(after, 1 if limit else 0)


def test_failed_export(tmp_path: Path) -> None:
    """An export that fails leaves the old file, and nothing beside it."""
    clock = FakeClock()
    suppressions = Suppressions(Breaking(clock=clock), clock)
    suppressions.add_many(
        [Suppression(address=f"{x}@a.example") for x in "ab"]
    )
    path = tmp_path / "list"
    path.write_text("old")
    with pytest.raises(StoreError):
        suppressions.export_file(path)

    assert (["list"], "old") == (
        [left.name for left in tmp_path.iterdir()],
        path.read_text(),
    )


def test_exported_file_is_private(tmp_path: Path) -> None:
    """Only its owner may read the file, whatever was there before."""
    path, link = tmp_path / "list", tmp_path / "link"
    path.write_text("old")
    path.chmod(0o644)
    link.symlink_to(path)
    suppressions = empty()
    suppressions.add(ANN)
    suppressions.export_file(link)

    assert (True, 0o600, True) == (
        link.is_symlink(),
        stat.S_IMODE(path.stat().st_mode),
        ANN in path.read_text(encoding="utf-8"),
    )


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="has no pipes")
def test_a_pipe_is_written_to(tmp_path: Path) -> None:
    """What is no regular file stays what it is, and gets the list."""
    path, link = tmp_path / "pipe", tmp_path / "link"
    os.mkfifo(path)
    link.symlink_to(path)
    reading = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    try:
        written = empty().export_file(link)
        text = os.read(reading, 10_000).decode()
    finally:
        os.close(reading)

    assert (0, HEADER, True, ["link", "pipe"]) == (
        written,
        text,
        stat.S_ISFIFO(path.stat().st_mode),
        sorted(left.name for left in tmp_path.iterdir()),
    )


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    """A folder is not replaced, and nothing is left beside it."""
    path = tmp_path / "folder"
    path.mkdir()
    with pytest.raises(OSError, match="irectory"):
        empty().export_file(path)

    assert [path] == list(tmp_path.iterdir())


def test_a_link_to_nothing(tmp_path: Path) -> None:
    """A link is followed to where the file is to be."""
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "list")
    empty().export_file(link)

    assert HEADER == (tmp_path / "list").read_bytes().decode()


def test_a_link_to_itself(tmp_path: Path) -> None:
    """A link that leads nowhere is said to do so."""
    link = tmp_path / "link"
    link.symlink_to(link)
    with pytest.raises(ConfigurationError, match="leads to itself") as refusal:
        empty().export_file(link)

    assert (True, [link]) == (
        bool(refusal.value.remedy),
        list(tmp_path.iterdir()),
    )


def test_no_text_file(tmp_path: Path) -> None:
    """What takes no text is refused before anything is written."""
    path = tmp_path / "list"
    wrong: Any
    with path.open("wb") as binary:
        for wrong in (binary, io.BytesIO(), 7):
            with pytest.raises(ConfigurationError):
                empty().export_file(wrong)

    assert b"" == path.read_bytes()


def test_export_interrupted_at_any_step() -> None:
    """The file is the old or the new one, and nothing is beside it."""
    ran = subprocess.run(  # noqa: S603  # our own script
        [sys.executable, str(INTERRUPTER), "exports"],
        capture_output=True,
        text=True,
        check=True,
        timeout=300,
    )

    assert "[]" == ran.stdout


@pytest.mark.parametrize("note", ["\ud800", "a\0", "x" * 1001])
def test_a_note_that_cannot_be_written(note: str) -> None:
    """What no file takes back is no note."""
    with pytest.raises(ConfigurationError):
        empty().add(ANN, note=note)


def test_export_streams() -> None:
    """Entries are written as they come, page by page."""

    class Watched(io.StringIO):
        lengths: list[int]

        def write(self, text: str, /) -> int:
            self.lengths.append(len(text))
            return super().write(text)

    suppressions = empty()
    suppressions.add_many(
        Suppression(address=f"p{n}@a.example") for n in range(2_500)
    )
    file = Watched()
    file.lengths = []
    suppressions.export_file(file, format="jsonl")

    assert (2_500, True) == (len(file.lengths), max(file.lengths) < 200)
