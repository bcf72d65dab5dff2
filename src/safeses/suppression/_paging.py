"""
Where a page of a suppression list begins, for stores that number entries.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from safeses.errors import ConfigurationError

if TYPE_CHECKING:
    from safeses.suppression._keys import AddressKeys

# So many digits are less than the largest number of any database.
_MAX_CHARS: Final = 18


def first_after(keys: AddressKeys, after: str, limit: int) -> int:
    """
    Return the number of the last entry before the page.

    Args:
        keys: Those of the list.
        after: ``""``, or what the page before named as next.
        limit: How many entries are asked for.

    Raises:
        ConfigurationError: The store keeps hashes, or *after* is not from
            a page, or *limit* is less than 1.
    """
    if keys.is_hashed:
        raise ConfigurationError(
            "a store that keeps hashes cannot list addresses",
            "list them where they came from, or use one without a secret",
        )
    is_number = (
        after.isascii() and after.isdecimal() and len(after) <= _MAX_CHARS
    )
    if limit < 1 or (after and not is_number):
        raise ConfigurationError(
            "there is no such page of a suppression list",
            "give after as the page before says, and a limit of 1 or more",
        )
    return int(after or 0)
