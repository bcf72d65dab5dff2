"""
Writes to one table, as values, and what came of a conditional one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

from safeses.dynamodb._numbers import item_to_wire

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import TypeAlias

Key: TypeAlias = "tuple[str, str]"


@attrs.frozen
class Tried:
    """
    What came of a conditional write.

    Attributes:
        done: Whether the condition held, and so it was written.
        item: What is there after it, or what was there instead; empty
            if there was nothing.
    """

    done: bool
    item: dict[str, Any] = attrs.field(repr=False)


@attrs.frozen(kw_only=True)
class Put:
    """Write a whole item, which names its ``pk`` and ``sk``."""

    item: Mapping[str, Any] = attrs.field(repr=False)
    condition: str = ""
    names: Mapping[str, str] = attrs.field(factory=dict)
    values: Mapping[str, Any] = attrs.field(factory=dict, repr=False)

    def request(self, table: str) -> dict[str, Any]:
        """Return the parameters of the low-level client."""
        return {
            "TableName": table,
            "Item": item_to_wire(self.item),
            **conditions(self.condition, self.names, self.values),
        }


@attrs.frozen(kw_only=True)
class Update:
    """Change the item of a key by an update expression."""

    key: Key = attrs.field(repr=False)
    expression: str
    condition: str = ""
    names: Mapping[str, str] = attrs.field(factory=dict)
    values: Mapping[str, Any] = attrs.field(factory=dict, repr=False)

    def request(self, table: str) -> dict[str, Any]:
        """Return the parameters of the low-level client."""
        return {
            "TableName": table,
            "Key": key_to_wire(self.key),
            "UpdateExpression": self.expression,
            **conditions(self.condition, self.names, self.values),
        }


@attrs.frozen(kw_only=True)
class Delete:
    """Remove the item of a key, if there is one."""

    key: Key = attrs.field(repr=False)
    condition: str = ""
    names: Mapping[str, str] = attrs.field(factory=dict)
    values: Mapping[str, Any] = attrs.field(factory=dict, repr=False)

    def request(self, table: str) -> dict[str, Any]:
        """Return the parameters of the low-level client."""
        return {
            "TableName": table,
            "Key": key_to_wire(self.key),
            **conditions(self.condition, self.names, self.values),
        }


@attrs.frozen(kw_only=True)
class Check:
    """Write nothing, but let a transaction depend on a condition."""

    key: Key = attrs.field(repr=False)
    condition: str
    names: Mapping[str, str] = attrs.field(factory=dict)
    values: Mapping[str, Any] = attrs.field(factory=dict, repr=False)

    def request(self, table: str) -> dict[str, Any]:
        """Return the parameters of the low-level client."""
        return {
            "TableName": table,
            "Key": key_to_wire(self.key),
            **conditions(self.condition, self.names, self.values),
        }


Write: TypeAlias = "Put | Update | Delete | Check"


def key_to_wire(key: Key) -> dict[str, Any]:
    """Return a key as the low-level client takes it."""
    return {"pk": {"S": key[0]}, "sk": {"S": key[1]}}


def conditions(
    condition: str, names: Mapping[str, str], values: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the parameters that are left out when they are empty."""
    given: dict[str, Any] = {}
    if condition:
        given["ConditionExpression"] = condition
    if names:
        given["ExpressionAttributeNames"] = dict(names)
    if values:
        given["ExpressionAttributeValues"] = item_to_wire(values)
    return given
