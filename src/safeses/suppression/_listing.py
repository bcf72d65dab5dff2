"""What users do with a suppression list, as ``ses.suppressions``."""

from __future__ import annotations

import datetime as dt
from itertools import chain, islice
from typing import IO, TYPE_CHECKING, TypeVar

import attrs

from safeses._suppressed import Suppression
from safeses.errors import ConfigurationError, StoreError

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable, Iterator
    from typing import TextIO

    from safeses.suppression._export import Format
    from safeses.suppression._files import ImportReport
    from safeses.typing import Clock, Page, SuppressionStore

T = TypeVar("T")

_CHUNK = 500


@attrs.frozen
class Suppressions:
    """
    A suppression list, as ``ses.suppressions``.

    Addresses are given as people write them: a display name, upper case
    or a domain in another script make no difference. Whatever is stopped
    by an entry for all mail is stopped in every stream.

    Attributes:
        store: Where the entries are.
        clock: Tells when something expires.

    Raises:
        StoreError: The store has no answer. What went through before
            stays; the same call again does the rest.
        ConfigurationError: A wrong argument, or the store cannot do it.

    Example:
        >>> from safeses.suppression import MemorySuppressionStore
        >>> from safeses.testing import FakeClock
        >>> clock = FakeClock()
        >>> store = MemorySuppressionStore(clock=clock)
        >>> suppressions = Suppressions(store, clock)
        >>> suppressions.add("Ann <ann@example.com>", "unsubscribe")
        True
        >>> suppressions.find("ANN@example.com").reason
        'unsubscribe'
    """

    store: SuppressionStore
    clock: Clock

    def add(
        self,
        address: str,
        reason: str = "manual",
        *,
        stream: str = "",
        source: str = "",
        note: str = "",
        expires_at: dt.datetime | None = None,
        expires_in_s: float | None = None,
    ) -> bool:
        """
        Stop mail to *address*; say whether that changed anything.

        It does not if it is stopped for as long already, nor if the end
        has passed.

        Args:
            address: Whose.
            reason: Why: ``"bounce"``, ``"complaint"``, ``"unsubscribe"``,
                ``"manual"``, or a word of your own.
            stream: The only kind of mail to stop; ``""`` stops all.
            source: Who says so.
            note: Anything that a person wants to know later.
            expires_at: When it ends, aware; None is never.
            expires_in_s: The same in seconds from now, instead.

        Raises:
            ConfigurationError: Not an address, or another wrong argument.
        """
        _check_text(address=address, stream=stream, source=source)
        if expires_in_s is not None:
            if expires_at is not None:
                raise ConfigurationError(
                    "expires_at and expires_in_s are both given",
                    "give one of them",
                )
            expires_at = self._now_plus(expires_in_s)
        entry = Suppression(
            address=address,
            reason=reason,
            stream=stream,
            source=source,
            note=note,
            expires_at=expires_at,
        )
        return self.store.add([entry])[0]

    def add_many(self, entries: Iterable[Suppression]) -> int:
        """
        Add entries, 500 at a time; return how many changed anything.

        Raises:
            ConfigurationError: One of them is not an entry, or has no
                address. Those before its 500 were added.
        """
        changed = 0
        for chunk in _chunks(entries):
            for entry in chunk:
                _check_entry(entry)
            changed += sum(self.store.add(chunk))
        return changed

    def remove(
        self, address: str | Iterable[str], *, stream: str | None = None
    ) -> int:
        """
        Allow mail again; return how many entries there were.

        Args:
            address: Whose; one or many.
            stream: Only the entry of one stream, ``""`` the one for all
                mail; None removes them all.
        """
        if stream is not None:
            _check_text(stream=stream)
        many = [address] if isinstance(address, str) else address
        removed = 0
        for chunk in _chunks(many):
            for one in chunk:
                _check_text(address=one)
            removed += self.store.remove(chunk, stream=stream)
        return removed

    def find(self, address: str, *, stream: str = "") -> Suppression | None:
        """
        Return why *address* gets no mail, None if it does.

        Args:
            address: Whose; what is not an address is never found.
            stream: The kind of mail; ``""`` is mail of no stream.
        """
        _check_text(address=address, stream=stream)
        return self.store.find([address], stream=stream).get(address)

    def find_many(
        self, addresses: Iterable[str], *, stream: str = ""
    ) -> dict[str, Suppression]:
        """
        Return who of *addresses* gets no mail, and why.

        Keys are the addresses as they were given.
        """
        _check_text(stream=stream)
        found: dict[str, Suppression] = {}
        for chunk in _chunks(addresses):
            for address in chunk:
                _check_text(address=address)
            found |= self.store.find(chunk, stream=stream)
        return found

    def list(
        self, *, reason: str | None = None, stream: str | None = None
    ) -> Iterator[Suppression]:
        """
        Return the entries in force, fetched a page at a time as it is read.

        Args:
            reason: Only those with this one.
            stream: Only those of this one, ``""`` those for all mail;
                None returns both.

        Raises:
            ConfigurationError: A wrong argument; or, when the first entry
                is read, that the store keeps hashes.
        """
        for name, value in (("reason", reason), ("stream", stream)):
            if value is not None:
                _check_text(**{name: value})
        return (
            entry
            for entry in self._in_force(self._pages())
            if reason in {None, entry.reason}
            and stream in {None, entry.stream}
        )

    def count(self) -> int:
        """Return how many entries there are, expired ones too."""
        return self.store.count()

    def purge(self) -> int:
        """Remove what has expired and return how many that were."""
        return self.store.purge()

    def import_file(
        self,
        file: str | os.PathLike[str] | IO[str] | IO[bytes],
        *,
        reason: str | None = None,
        source: str = "import",
        stream: str = "",
        dry_run: bool = False,
    ) -> ImportReport:
        """
        Read a list of any length; what is wrong with a line stops no other.

        These are recognised: a list of addresses, one a line; what SES
        imports, ``ann@example.com,BOUNCE`` or JSON lines with
        ``emailAddress`` and ``reason``; and what `export_file` writes. A
        CSV header names its columns in any order. The text is UTF-8;
        lines of more than 10,000 characters are refused.

        Args:
            file: A path, or a file that is open to read.
            reason: Why, where a line does not say; None is ``"manual"``.
            source: Who says so, where the file does not.
            stream: The only kind of mail to stop, where the file does
                not say; ``""`` stops all.
            dry_run: Change nothing: `added` is how many entries name
                somebody who gets mail now, one named twice counted twice.

        Raises:
            ConfigurationError: A wrong argument, or a file that decodes
                its bytes itself and cannot.
            OSError: The file cannot be read.
        """
        from safeses.suppression import _files

        _check_text(source=source, stream=stream)
        defaults = _files.Defaults(
            reason="manual" if reason is None else reason,
            stream=stream,
            source=source,
        )
        # Refuses a wrong reason before every line would be refused for it.
        Suppression(address="any@a.example", reason=defaults.reason)
        read = added = refused = 0
        refusals: tuple[_files.RefusedLine, ...] = ()
        with _files.opened(file) as readline:
            for chunk in _chunks(_files.entries(readline, defaults)):
                good = [e for e in chunk if isinstance(e, Suppression)]
                bad = [r for r in chunk if isinstance(r, _files.RefusedLine)]
                read += len(chunk)
                add = self._would_add if dry_run else self.add_many
                added += add(good)
                refused += len(bad)
                refusals = (*refusals, *bad)[: _files.SHOWN_REFUSALS]
        return _files.ImportReport(
            read=read,
            added=added,
            known=read - added - refused,
            refused=refused,
            refusals=refusals,
        )

    def export_file(
        self,
        file: str | os.PathLike[str] | TextIO,
        *,
        format: Format = "csv",  # noqa: A002  # what it is
    ) -> int:
        """
        Write the entries in force; return how many were written.

        ``"csv"`` and ``"jsonl"`` hold everything, and give the same list
        when they are imported. ``"aws-csv"`` is what SES imports: only
        bounces and complaints that stop all mail for ever, since SES
        knows nothing else. Nothing is altered for spreadsheets, where an
        address such as ``=1@example.com`` is a formula: open the file
        through their text import.

        Args:
            file: A path, or a text file that is open to write, with
                ``newline=""``. A path is replaced when all is written,
                not before, by a file that only its owner may read; what
                is there and no regular file, such as a pipe or
                ``/dev/stdout``, is written to.
            format: How to write it.

        Raises:
            ConfigurationError: There is no such format, it is no file to
                write text to, or the store keeps hashes.
            OSError: The file cannot be written.
        """
        from safeses.suppression import _export

        if format not in _export.WRITERS:
            raise ConfigurationError(
                "there is no such format of a suppression list",
                f"use one of {', '.join(_export.WRITERS)}",
            )
        pages = self._pages()
        first = next(pages)  # what the store refuses, it refuses here
        entries = self._in_force(chain([first], pages))
        with _export.opened(file) as stream:
            return _export.write(entries, stream, format)

    def _now_plus(self, seconds: float) -> dt.datetime:
        try:
            # Neither the negative nor NaN is more than 0.
            lifetime = dt.timedelta(seconds=seconds) if seconds > 0 else None
            end = self._now() + lifetime if lifetime else None
        except (TypeError, OverflowError):
            end = None
        if end is None:
            raise ConfigurationError(
                "expires_in_s is not a number of seconds above 0",
                "give one, or leave it out for what never ends",
            )
        return end

    def _now(self) -> dt.datetime:
        return dt.datetime.fromtimestamp(self.clock.time(), dt.timezone.utc)

    def _pages(self) -> Iterator[Page]:
        after = ""
        seen = {after}
        while True:
            page = self.store.page(after)
            yield page
            after = page.next
            if not after:
                return
            if after in seen:
                raise StoreError(
                    "suppression",
                    self.store.engine,
                    "its pages lead back to one that was read",
                )
            seen.add(after)

    def _in_force(self, pages: Iterable[Page]) -> Iterator[Suppression]:
        for page in pages:
            now = self._now()
            for entry in page.entries:
                if not entry.is_over(now):
                    yield entry

    def _would_add(self, entries: Iterable[Suppression]) -> int:
        now = self._now()
        asked: dict[str, dict[str, int]] = {}
        for entry in entries:
            if not entry.is_over(now):
                times = asked.setdefault(entry.stream, {})
                times[entry.address] = times.get(entry.address, 0) + 1
        added = 0
        for stream, times in asked.items():
            found = self.store.find([*times], stream=stream)
            added += sum(n for who, n in times.items() if who not in found)
        return added


def _chunks(values: Iterable[T]) -> Iterator[list[T]]:
    """Return *values* in lists that a store takes at once."""
    if isinstance(values, (str, bytes)) or not hasattr(values, "__iter__"):
        raise ConfigurationError(
            f"{type(values).__name__} stands where several things are meant",
            "give a list",
        )
    iterator = iter(values)
    # Not a generator: what is wrong is said at the call.
    return iter(lambda: list(islice(iterator, _CHUNK)), [])


def _check_text(**texts: object) -> None:
    for name, value in texts.items():
        if not isinstance(value, str):
            raise ConfigurationError(
                f"{name} is {type(value).__name__}, not text",
                f"give {name} as str",
            )


def _check_entry(entry: object) -> None:
    if not isinstance(entry, Suppression):
        raise ConfigurationError(
            f"{type(entry).__name__} is no entry of a suppression list",
            "make each one with safeses.suppression.Suppression",
        )
