"""
A suppression: who must not be mailed, why, and for how long.
"""

from __future__ import annotations

import datetime as dt
import re
from typing import Any, Final

import attrs

from safeses._findings import Dropped, mask
from safeses.errors import ConfigurationError

NOTE_MAX_CHARS: Final = 1_000
SOURCE_MAX_CHARS: Final = 64
# No database takes these; tabs and line ends a note may have.
_UNWRITABLE: Final = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]"
)
_STREAM: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_WORD: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")


def _check_text(_: object, field: attrs.Attribute[Any], value: object) -> None:
    if not isinstance(value, str):
        raise ConfigurationError(
            f"{field.name} is {type(value).__name__}, not text",
            f"give {field.name} as str",
        )


def _check_word(_: object, field: attrs.Attribute[Any], value: object) -> None:
    if not (isinstance(value, str) and _WORD.fullmatch(value)):
        raise ConfigurationError(
            f"{field.name} is not a word of 1 to 64 of a-z 0-9 . _ -",
            'use one such as "complaint"',
        )


def _check_aware(
    _: object, field: attrs.Attribute[Any], value: object
) -> None:
    if value is None:
        return
    if not isinstance(value, dt.datetime) or value.utcoffset() is None:
        raise ConfigurationError(
            f"{field.name} is not an aware datetime",
            "use datetime.now(timezone.utc), or another with a time zone",
        )


def _check_note(_: object, field: attrs.Attribute[Any], value: object) -> None:
    if (
        not isinstance(value, str)
        or len(value) > NOTE_MAX_CHARS
        or _UNWRITABLE.search(value)
    ):
        raise ConfigurationError(
            f"{field.name} is not text of at most {NOTE_MAX_CHARS} characters,"
            " without control characters and lone surrogates",
            "shorten or clean it",
        )


def _check_source(
    _: object, field: attrs.Attribute[Any], value: object
) -> None:
    if (
        not isinstance(value, str)
        or len(value) > SOURCE_MAX_CHARS
        or not value.isprintable()
    ):
        raise ConfigurationError(
            f"{field.name} is not one line of at most {SOURCE_MAX_CHARS}"
            " characters",
            'use one such as "import"',
        )


def check_stream(stream: object) -> None:
    """
    Check the name of a kind of mail.

    Raises:
        ConfigurationError: It is not one.
    """
    if not (isinstance(stream, str) and _STREAM.fullmatch(stream)):
        raise ConfigurationError(
            "stream is not 1 to 64 of A-Z a-z 0-9 . _ -",
            'use one such as "newsletter"',
        )


def _check_stream(_: object, __: object, stream: object) -> None:
    if stream != "":
        check_stream(stream)


@attrs.frozen(kw_only=True)
class Suppression:
    """
    One entry of a suppression list.

    Attributes:
        address: Who must not be mailed, without a display name; ``""``
            where the store keeps only hashes.
        reason: Why: ``"bounce"``, ``"complaint"``, ``"unsubscribe"``,
            ``"manual"``, or a word of your own.
        stream: The only kind of mail that it stops; ``""`` stops all.
        source: Who says so, such as ``"import"`` or ``"ses-account"``.
        since: When it began, aware UTC.
        expires_at: When it ends, aware UTC; None is never.
        note: Anything that a person wants to know later.

    Raises:
        ConfigurationError: A value that no entry can have.
    """

    address: str = attrs.field(validator=_check_text, repr=mask)
    reason: str = attrs.field(default="manual", validator=_check_word)
    stream: str = attrs.field(default="", validator=_check_stream)
    source: str = attrs.field(default="", validator=_check_source)
    since: dt.datetime | None = attrs.field(
        default=None, validator=_check_aware
    )
    expires_at: dt.datetime | None = attrs.field(
        default=None, validator=_check_aware
    )
    note: str = attrs.field(default="", validator=_check_note, repr=False)

    def outlasts(self, other: Suppression) -> bool:
        """Whether it stops mail for longer than *other* does."""
        if other.expires_at is None:
            return False
        return self.expires_at is None or self.expires_at > other.expires_at

    def is_over(self, now: dt.datetime) -> bool:
        """Whether it has expired."""
        return self.expires_at is not None and self.expires_at <= now

    def dropped(self, address: str) -> Dropped:
        """Return what a receipt says of *address*, which this stopped."""
        return Dropped(
            address=address,
            reason=self.reason,
            since=self.since,
            source=self.source,
        )


@attrs.frozen(kw_only=True)
class Page:
    """
    Some entries of a suppression list, in the order of the store.

    Attributes:
        entries: The entries.
        next: What to ask the next page with; ``""`` after the last one.
    """

    entries: tuple[Suppression, ...]
    next: str = ""
