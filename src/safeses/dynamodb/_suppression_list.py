"""
What says that there is a list of suppressions, and how it is kept.

A namespace is a list of its own. It is made when the first entry comes, and
says from then on how its addresses are folded: who folds otherwise would
not find what others added. So nobody answers before having seen that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import attrs

from safeses.dynamodb._items import names_in, partition
from safeses.dynamodb._suppression_items import PART
from safeses.errors import ConfigurationError

if TYPE_CHECKING:
    from safeses.dynamodb._connection import Key, Table
    from safeses.dynamodb._items import Item

_NEW: Final = "attribute_not_exists(#pk)"


@attrs.define(eq=False)
class SuppressionList:
    """
    The item that makes the list of a namespace.

    Attributes:
        table: Where it is.
        namespace: Whose list it is.
        policy: How addresses are folded here.
        is_seen: It is there, and is kept as here. A list stays as it was
            made, so that one look will do.

    Raises:
        StoreError: The table gives no answer.
        ConfigurationError: The list was made with other keys.
    """

    table: Table = attrs.field(repr=False)
    namespace: str
    policy: str
    is_seen: bool = attrs.field(default=False, init=False)

    @property
    def key(self) -> Key:
        """Where the item is."""
        return partition("suppressions", self.namespace, ""), "list"

    def make(self) -> None:
        """Make the list, if nobody has."""
        if self.is_seen:
            return
        pk, sk = self.key
        made = {"pk": pk, "sk": sk, "policy": self.policy}
        tried = self.table.try_put(
            PART,
            made,
            condition=_NEW,
            names=names_in(_NEW),
            again=True,
        )
        self.see(made if tried.done else tried.item)

    def is_made(self) -> bool:
        """Whether there is a list; it has our keys then."""
        if not self.is_seen:
            self.see(self.table.get(PART, self.key))
        return self.is_seen

    def see(self, made: Item | None) -> None:
        """Take note of the item, if there is one."""
        if made is None:
            return
        policy = made.get("policy")
        if policy != self.policy:
            raise ConfigurationError(
                f"the suppressions {self.namespace!r} in the table"
                f" {self.table.name} have keys of {policy!r}, not of"
                f" {self.policy!r}",
                "use the AddressKeys and the secret that they were made"
                " with; other ones are a migration: add all entries to"
                " another namespace",
            )
        self.is_seen = True
