"""
moto's DynamoDB, which looks only at the items that a request names.

moto copies all of a table for every write of a transaction, and sorts all
of it for each query: with thousands of items they take seconds. What a
request does is left to moto.
"""

from __future__ import annotations

import copy
from collections import defaultdict
from typing import Any

from moto.dynamodb.models import DynamoDBBackend
from moto.dynamodb.models.dynamo_type import DynamoType
from moto.dynamodb.models.table import Table


class PartOfTable(Table):
    """Some items of a table, which is copied once however often asked."""

    copied: Table | None

    @classmethod
    def of(cls, table: Table) -> PartOfTable:
        """Return a table like another one, without its items."""
        # Not its own `__new__`, which keeps all instances for ever.
        part: PartOfTable = object.__new__(cls)
        part.__dict__.update(vars(table), copied=None)
        part.items = defaultdict(dict)
        return part

    def __deepcopy__(self, _: dict[int, Any]) -> Table:
        """Return a copy as it was at the first time."""
        if self.copied is None:
            self.copied = PartOfTable.of(self)
            self.copied.items = copy.deepcopy(self.items)
        return self.copied


class Backend(DynamoDBBackend):
    """All tables of a region."""

    def query(  # type: ignore[override]  # the rest is passed on
        self,
        table_name: str,
        hash_key_dict: dict[str, Any],
        *given: Any,
        **options: Any,
    ) -> Any:
        """Answer a query from the items of its partition."""
        table = self.get_table(table_name)
        part, pk = PartOfTable.of(table), DynamoType(hash_key_dict)
        part.items[pk] = table.items.get(pk, {})
        self.tables[table_name] = part
        try:
            return super().query(table_name, hash_key_dict, *given, **options)
        finally:
            self.tables[table_name] = table

    def transact_write_items(
        self, transact_items: list[dict[str, Any]]
    ) -> None:
        """Do all writes or none, each to another item of one table."""
        writes = [write for item in transact_items for write in item.values()]
        [name] = {write["TableName"] for write in writes}
        table = self.get_table(name)
        part = PartOfTable.of(table)
        keys = []
        for write in writes:
            given = write.get("Key") or write["Item"]
            pk, sk = DynamoType(given["pk"]), DynamoType(given["sk"])
            keys.append((pk, sk))
            if sk in table.items.get(pk, {}):
                part.items[pk][sk] = table.items[pk][sk]
        self.tables[name] = part
        try:
            super().transact_write_items(transact_items)
        finally:
            after, self.tables[name] = self.tables[name], table
            for pk, sk in keys:
                table.items[pk].pop(sk, None)
                if sk in after.items.get(pk, {}):
                    table.items[pk][sk] = after.items[pk][sk]
