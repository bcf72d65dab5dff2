"""
Suppression lists that are written to files, an entry at a time.

What is written is written as it is. An address may begin with ``=``, ``+``
or ``-``, which a spreadsheet takes for a formula; but one with a quote put
before it would be another address when it is read again, and the person
would get mail. So open such a file in a spreadsheet only through its text
import, with every column as text.
"""

from __future__ import annotations

import contextlib
import csv
import errno
import io
import os
import stat
from typing import TYPE_CHECKING, Any, Final, Literal, TextIO

from safeses.errors import ConfigurationError
from safeses.suppression._files import FIELDS, Fields, path_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from safeses._suppressed import Suppression

Format = Literal["csv", "aws-csv", "jsonl"]


def write(found: Iterable[Suppression], file: TextIO, form: Format) -> int:
    """Write entries as they come; return how many were written."""
    put = WRITERS[form](file)
    return sum(put(entry) for entry in found)


def _csv_writer(file: TextIO) -> Callable[[Suppression], bool]:
    # CRLF, as RFC 4180 has it, makes Python quote a lone CR too.
    writer = csv.DictWriter(file, FIELDS, lineterminator="\r\n")
    writer.writeheader()

    def put(entry: Suppression) -> bool:
        writer.writerow(_fields(entry))
        return True

    return put


def _aws_csv_writer(file: TextIO) -> Callable[[Suppression], bool]:
    writer = csv.writer(file, lineterminator="\n")

    def put(entry: Suppression) -> bool:
        if (
            entry.reason not in {"bounce", "complaint"}
            or entry.stream
            or entry.expires_at
        ):
            return False
        writer.writerow((entry.address, entry.reason.upper()))
        return True

    return put


def _jsonl_writer(file: TextIO) -> Callable[[Suppression], bool]:
    import json

    def put(entry: Suppression) -> bool:
        # ASCII would make a note longer than a line may be.
        line = json.dumps(_fields(entry), ensure_ascii=False)
        file.write(f"{line}\n")
        return True

    return put


WRITERS: Final = {
    "csv": _csv_writer,
    "aws-csv": _aws_csv_writer,
    "jsonl": _jsonl_writer,
}


def _fields(entry: Suppression) -> Fields:
    since, expires_at = entry.since, entry.expires_at
    return {
        "address": entry.address,
        "reason": entry.reason,
        "stream": entry.stream,
        "source": entry.source,
        "since": "" if since is None else since.isoformat(),
        "expires_at": "" if expires_at is None else expires_at.isoformat(),
        "note": entry.note,
    }


@contextlib.contextmanager
def opened(file: str | os.PathLike[str] | TextIO) -> Iterator[TextIO]:
    """
    Yield what to write to: *file* itself if it is open.

    A path gets a new file when all is well. A device, a pipe or a socket
    cannot be replaced and is written to.

    Raises:
        ConfigurationError: It is no path, and not open to write text.
    """
    if not isinstance(file, (str, os.PathLike)):
        _check_open(file)
        yield file
        return
    path = path_of(file)
    if _is_replaceable(path):
        with _replaced(path) as stream:
            yield stream
    else:
        with path.open("w", encoding="utf-8", newline="") as stream:
            yield stream


def _check_open(file: Any) -> None:
    if not hasattr(file, "write"):
        raise ConfigurationError(
            f"{type(file).__name__} is neither a path nor an open file",
            'give a path, or what open(path, "w", newline="") returns',
        )
    if isinstance(file, (io.RawIOBase, io.BufferedIOBase)) or "b" in str(
        getattr(file, "mode", "")
    ):
        raise ConfigurationError(
            "the file is open for bytes, and a list is text",
            'give its path, or open it with mode "w"',
        )


def _is_replaceable(path: Path) -> bool:
    """Whether nothing is there, or a regular file."""
    try:
        return stat.S_ISREG(path.stat().st_mode)
    except FileNotFoundError:
        return True
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise ConfigurationError(
                "the path is a link that leads to itself",
                "remove the link, or give another path",
            ) from error
        raise


@contextlib.contextmanager
def _replaced(path: Path) -> Iterator[TextIO]:
    """
    Yield a new file that takes the place of *path* when all is well.

    Only its owner may read it. If anything fails, *path* is as it was
    and nothing is left beside it.
    """
    target = path.resolve()  # where a link leads to
    # Named before it is there, so that no interrupt comes in between.
    beside = target.with_name(f".safeses-{os.urandom(8).hex()}")
    try:
        with open(
            beside, "x", encoding="utf-8", newline="", opener=_private
        ) as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        beside.replace(target)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
