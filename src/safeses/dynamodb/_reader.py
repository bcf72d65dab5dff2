"""
What is read from a table: items by their keys, and partitions in order.

All of it is read as it is now, and may be asked a second time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from safeses.dynamodb._asking import ENGINE, PAUSE_S
from safeses.dynamodb._numbers import item_from_wire, item_to_wire
from safeses.dynamodb._writes import key_to_wire
from safeses.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from safeses.dynamodb._asking import Asker
    from safeses.dynamodb._writes import Key
    from safeses.typing import Clock

FORMAT: Final = 1
# API reference, BatchGetItem: "up to 100 items".
BATCH: Final = 100
# Rounds for what BatchGetItem leaves out.
ROUNDS: Final = 4
# After every string that begins with the same letters, in UTF-8.
_LAST: Final = "\U0010ffff"
# The first string after another one is that one with this.
_NEXT: Final = "\x00"
_FORMAT_KEY: Final = ("safeses", "format")


class Reader:
    """
    The half of a table that reads.

    Attributes:
        name: The name of the table.
        clock: The time of this host.
    """

    name: str
    clock: Clock
    _asker: Asker
    # Whether this process has seen that the table is none of a newer version.
    _is_known: bool

    def get(self, part: str, key: Key) -> dict[str, Any] | None:
        """Return the item of *key* as it is now, None if there is none."""
        request = self._of_key(key) | {"ConsistentRead": True}
        answer = self._read(part, "GetItem", request)
        item = answer.get("Item")
        return None if item is None else item_from_wire(item)

    def get_many(
        self, part: str, keys: Sequence[Key]
    ) -> dict[Key, dict[str, Any]]:
        """
        Return the items of those keys that have one, as they are now.

        Up to a hundred keys are one request.
        """
        found: dict[Key, dict[str, Any]] = {}
        asked = [*dict.fromkeys(keys)]
        for begin in range(0, len(asked), BATCH):
            self._get_batch(part, asked[begin : begin + BATCH], found)
        return found

    def query(
        self,
        part: str,
        pk: str,
        *,
        after: str = "",
        limit: int = 1_000,
        prefix: str = "",
        between: tuple[str, str] | None = None,
    ) -> list[dict[str, Any]]:
        """
        Return items of one partition as they are now, in their order.

        Args:
            part: Who asks, for errors.
            pk: The partition.
            after: Only those whose ``sk`` comes after it.
            limit: So many at most.
            prefix: Only those whose ``sk`` begins with it.
            between: Only those whose ``sk`` is neither before the first
                nor after the second of these.
        """
        if between is not None and after >= between[1]:
            return []  # DynamoDB refuses a range that ends before it begins
        request = self._question(pk, after, prefix, between)
        items: list[dict[str, Any]] = []
        while len(items) < limit:
            request["Limit"] = limit - len(items)
            answer = self._read(part, "Query", request)
            items += map(item_from_wire, answer.get("Items", ()))
            if not answer.get("LastEvaluatedKey"):
                break
            request["ExclusiveStartKey"] = answer["LastEvaluatedKey"]
        return items

    def count(self, part: str, pk: str, *, prefix: str = "") -> int:
        """Return how many items a partition has; reads all of them."""
        request = {**self._question(pk, "", prefix, None), "Select": "COUNT"}
        count = 0
        while True:
            answer = self._read(part, "Query", request)
            count += int(answer["Count"])
            if not answer.get("LastEvaluatedKey"):
                return count
            request["ExclusiveStartKey"] = answer["LastEvaluatedKey"]

    def _ask(
        self,
        part: str,
        operation: str,
        request: dict[str, Any],
        *,
        again: bool,
        expected: Sequence[str] = (),
    ) -> tuple[dict[str, Any], str]:
        """Ask for items, after a look at the format at the first time."""
        if not self._is_known:
            self.check_format(part)
        return self._asker.ask(
            part, operation, request, again=again, expected=expected
        )

    def written_format(self, part: str) -> int:
        """Return the format that the table says it has, 0 if none."""
        request = self._of_key(_FORMAT_KEY) | {"ConsistentRead": True}
        answer, _ = self._asker.ask(part, "GetItem", request, again=True)
        return int(item_from_wire(answer.get("Item") or {}).get("v", 0))

    def check_format(self, part: str) -> None:
        """
        Look which format the table has; note ours in a new one.

        Raises:
            StoreError: A newer version of this library has made it.
        """
        written = self.written_format(part)
        if written > FORMAT:
            raise StoreError(
                part, ENGINE, f"the table {self.name!r} {newer(written)}"
            )
        if not written:
            # Whoever is first: what is there is never made older.
            note = self._of_key(_FORMAT_KEY) | {
                "UpdateExpression": "SET v = if_not_exists(v, :v)",
                "ExpressionAttributeValues": item_to_wire({":v": FORMAT}),
            }
            self._asker.ask(part, "UpdateItem", note, again=True)
        self._is_known = True

    def _read(
        self, part: str, operation: str, request: dict[str, Any]
    ) -> dict[str, Any]:
        return self._ask(part, operation, request, again=True)[0]

    def _of_key(self, key: Key) -> dict[str, Any]:
        return {"TableName": self.name, "Key": key_to_wire(key)}

    def _get_batch(
        self,
        part: str,
        keys: Sequence[Key],
        found: dict[Key, dict[str, Any]],
    ) -> None:
        left: Any = {
            self.name: {
                "Keys": [key_to_wire(key) for key in keys],
                "ConsistentRead": True,
            }
        }
        for round_number in range(ROUNDS):
            if round_number:
                self.clock.sleep(PAUSE_S * round_number)
            answer = self._read(part, "BatchGetItem", {"RequestItems": left})
            for wire in answer.get("Responses", {}).get(self.name, ()):
                item = item_from_wire(wire)
                found[item["pk"], item["sk"]] = item
            left = answer.get("UnprocessedKeys")
            if not left:
                return
        raise StoreError(part, ENGINE, f"the table {self.name!r} is throttled")

    def _question(
        self,
        pk: str,
        after: str,
        prefix: str,
        between: tuple[str, str] | None,
    ) -> dict[str, Any]:
        """Return a query for the keys from one to another."""
        low, high = between or (prefix, prefix + _LAST)
        values = {":pk": pk}
        condition = "pk = :pk"
        if after or between or prefix:
            values[":low"] = max(low, after + _NEXT) if after else low
            values[":high"] = high
            condition += " AND sk BETWEEN :low AND :high"
        return {
            "TableName": self.name,
            "ConsistentRead": True,
            "KeyConditionExpression": condition,
            "ExpressionAttributeValues": item_to_wire(values),
        }


def newer(written: int) -> str:
    """Return what to say of a format that is none of this version."""
    return (
        f"has the format {written}, and this version of safeses knows"
        f" {FORMAT}; update safeses"
    )
