r"""
Suppression lists that are read from files, a line at a time.

There are four forms; the first line that makes sense tells which:

- a list of addresses, one a line;
- what SES imports, ``ann@example.com,BOUNCE`` without a header;
- what SES imports as JSON, ``{"emailAddress": "…", "reason": "BOUNCE"}``,
  and our own JSON lines, which have more fields;
- our own CSV: a header names the columns, in any order, of which only
  ``address`` must be there. ``EmailAddress``, ``Reason`` and
  ``LastUpdateTime``, as SES calls them, will do as well.

Blank lines count for nothing, nor do those that begin with ``#`` and a
blank, or hold no ``@`` after the ``#`` (an address may begin with one).
"""

from __future__ import annotations

import contextlib
import csv
import datetime as dt
import os
from collections import deque
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final, NamedTuple

import attrs

from safeses._suppressed import Suppression
from safeses.errors import ConfigurationError
from safeses.suppression._keys import AddressKeys, bare

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

Fields = dict[str, str]

LINE_MAX_CHARS: Final = 10_000
# More than any entry needs, with a note of many lines in quotes.
_RECORD_MAX_CHARS: Final = 5_000
SHOWN_REFUSALS: Final = 100
FIELDS: Final = (
    "address",
    "reason",
    "stream",
    "source",
    "since",
    "expires_at",
    "note",
)
# Whose names they are in other lists: SESv2 API, SuppressedDestination.
_NAMES: Final = {name: name for name in FIELDS} | {
    "emailaddress": "address",
    "lastupdatetime": "since",
}
_KEYS: Final = AddressKeys()


class _RefusedError(Exception):
    """A line says nothing that can be used; the text says why."""


class Defaults(NamedTuple):
    """What an entry is like where its file does not say."""

    reason: str
    stream: str
    source: str


@attrs.frozen(kw_only=True)
class RefusedLine:
    """
    A line that was left out.

    Attributes:
        line: Its number, from 1.
        why: What is wrong with it; never the address.
    """

    line: int
    why: str


@attrs.frozen(kw_only=True)
class ImportReport:
    """
    What came of an import.

    Attributes:
        read: Lines with something on them: the sum of the next three.
        added: Entries that changed the list.
        known: Entries that changed nothing: the list has them for as long
            already, or they have expired.
        refused: Lines that were left out.
        refusals: The first hundred of them.
    """

    read: int
    added: int
    known: int
    refused: int
    refusals: tuple[RefusedLine, ...] = ()


class _Line(NamedTuple):
    number: int
    text: str
    why: str = ""

    @property
    def says_nothing(self) -> bool:
        text = self.text.strip()
        if text.startswith("#"):
            return text[1:2].isspace() or "@" not in text
        return not (text or self.why)


class _Lines:
    """Numbered lines, none of which is ever held if it is too long."""

    def __init__(self, readline: Callable[[int], str | bytes]) -> None:
        self._readline = readline
        self._number = 0
        self._given_back: deque[_Line] = deque()

    def __iter__(self) -> Iterator[_Line]:
        while (line := self.next()) is not None:
            if not line.says_nothing:
                yield line

    def next(self) -> _Line | None:
        if self._given_back:
            return self._given_back.popleft()
        raw = self._read(LINE_MAX_CHARS + 1)
        if not raw:
            return None
        self._number += 1
        if len(raw) > LINE_MAX_CHARS and not _ends_line(raw):
            while (more := self._read(LINE_MAX_CHARS)) and not _ends_line(
                more
            ):
                pass
            why = f"longer than {LINE_MAX_CHARS} characters"
            return _Line(self._number, "", why)
        text = _decoded(raw)
        if text is None:
            return _Line(self._number, "", "not UTF-8")
        if self._number == 1:
            text = text.removeprefix("\ufeff")
        return _Line(self._number, text)

    def give_back(self, lines: Iterable[_Line]) -> None:
        self._given_back.extendleft(reversed(list(lines)))

    def _read(self, limit: int) -> str | bytes:
        try:
            return self._readline(limit)
        except UnicodeDecodeError as error:
            raise ConfigurationError(
                "the open file decodes its bytes itself, and cannot",
                "give its path, or open it in binary mode",
            ) from error


def entries(
    readline: Callable[[int], str | bytes], defaults: Defaults
) -> Iterator[Suppression | RefusedLine]:
    """
    Read a list of any form, and refuse what is not part of it.

    Args:
        readline: Returns at most so many characters, or bytes of UTF-8,
            of the next line.
        defaults: What stands where the file says nothing.
    """
    lines = _Lines(readline)
    fields_of: Callable[[_Line], Fields] | None = None
    for line in lines:
        if line.why:
            yield RefusedLine(line=line.number, why=line.why)
            continue
        try:
            if fields_of is None:
                columns = _header(line.text)
                if columns is not None:
                    fields_of = _Table(columns, lines).fields_of
                    continue
            form = fields_of or (_json if _is_json(line.text) else _simple)
            entry = _entry(form(line), defaults)
        except _RefusedError as error:
            yield RefusedLine(line=line.number, why=str(error))
        else:
            fields_of = form
            yield entry


class _Table:
    """The lines under a header; a field in quotes may hold line ends."""

    def __init__(self, columns: list[str], lines: _Lines) -> None:
        self._columns = columns
        self._lines = lines

    def fields_of(self, line: _Line) -> Fields:
        rest = self._rest_of(line)
        try:
            texts = [line.text, *(more.text for more in rest)]
            cells = _cells(texts, len(self._columns))
        except _RefusedError:
            self._lines.give_back(rest)
            raise
        fields = dict(zip(self._columns, cells, strict=False))
        fields.pop("", None)  # columns of others
        return fields

    def _rest_of(self, line: _Line) -> list[_Line]:
        """Return the lines that follow, until no quote is open."""
        rest: list[_Line] = []
        quotes, chars = line.text.count('"'), len(line.text)
        while quotes % 2:
            following = self._lines.next()
            if following is not None:
                rest.append(following)
                quotes += following.text.count('"')
                chars += len(following.text)
            if following is None or following.why or chars > _RECORD_MAX_CHARS:
                self._lines.give_back(rest)
                return []
        return rest


def _header(text: str) -> list[str] | None:
    try:
        cells = _cells([text], LINE_MAX_CHARS)
    except _RefusedError:
        return None
    if any("@" in cell for cell in cells):  # an address, not its column
        return None
    columns = [_NAMES.get(cell.strip().lower(), "") for cell in cells]
    return columns if "address" in columns else None


def _is_json(text: str) -> bool:
    """Whether a line is JSON, not an address: one may begin with ``{``."""
    return text.lstrip().startswith("{") and ('"' in text or "@" not in text)


def _json(line: _Line) -> Fields:
    import json

    try:
        value = json.loads(line.text)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise _RefusedError("not a JSON object on one line")
    fields = {}
    for name, text in value.items():
        field = _NAMES.get(name.lower())
        if field is None or text is None:
            continue
        if not isinstance(text, str):
            raise _RefusedError(f"{field} is not text")
        fields[field] = text
    return fields


def _simple(line: _Line) -> Fields:
    text = line.text.strip()
    if _KEYS.keys_of([text]):
        return {"address": text}
    columns = ("address", "reason")
    return dict(zip(columns, _cells([text], len(columns)), strict=False))


def _cells(texts: list[str], most: int) -> list[str]:
    try:
        rows = list(csv.reader(texts, strict=True))
    except csv.Error:
        rows = []
    if len(rows) != 1:
        raise _RefusedError("not CSV: its quotes do not match")
    if len(rows[0]) > most:
        raise _RefusedError(f"{len(rows[0])} fields, {most} at most")
    return rows[0]


def _entry(fields: Fields, defaults: Defaults) -> Suppression:
    address = fields.get("address", "").strip()
    reason = fields.get("reason", "").strip() or defaults.reason
    if reason.upper() in {"BOUNCE", "COMPLAINT"}:  # as SES writes them
        reason = reason.lower()
    try:
        _KEYS.key(address)
        return Suppression(
            address=bare(address),
            reason=reason,
            stream=fields.get("stream", defaults.stream),
            source=fields.get("source", defaults.source),
            since=_instant(fields, "since"),
            expires_at=_instant(fields, "expires_at"),
            note=fields.get("note", ""),
        )
    except ConfigurationError as error:
        raise _RefusedError(error.problem) from None


def _instant(fields: Fields, name: str) -> dt.datetime | None:
    text = fields.get(name, "").strip()
    if not text:
        return None
    if text.endswith(("Z", "z")):  # Python 3.10 does not know it
        text = f"{text[:-1]}+00:00"
    try:
        return dt.datetime.fromisoformat(text)
    except ValueError:
        raise _RefusedError(f"{name} is not an instant of ISO 8601") from None


def _decoded(raw: str | bytes) -> str | None:
    """Return text without a trace of undecodable bytes, None if there is."""
    try:
        if isinstance(raw, bytes):
            return raw.decode()
        raw.encode()
    except UnicodeError:
        return None
    return raw


def _ends_line(raw: str | bytes) -> bool:
    if isinstance(raw, bytes):
        return raw.endswith(b"\n")
    return raw.endswith("\n")


def path_of(file: str | os.PathLike[str]) -> Path:
    """
    Return *file* as a path.

    Raises:
        ConfigurationError: No file can have it.
    """
    try:
        path = Path(file)
        if b"\0" not in os.fsencode(path):
            return path
    except (TypeError, UnicodeEncodeError):
        pass
    raise ConfigurationError(
        "that is not the path of a file",
        "give it as text without NUL characters and lone surrogates",
    )


@contextlib.contextmanager
def opened(
    file: str | os.PathLike[str] | IO[str] | IO[bytes],
) -> Iterator[Callable[[int], str | bytes]]:
    """Open *file* if it is a path; yield what reads its next line."""
    if isinstance(file, (str, os.PathLike)):
        with path_of(file).open("rb") as stream:
            yield stream.readline
    elif hasattr(file, "readline"):
        yield file.readline
    else:
        raise ConfigurationError(
            f"{type(file).__name__} is neither a path nor an open file",
            'give a path, or what open(path, "rb") returns',
        )
