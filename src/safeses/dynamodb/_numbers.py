"""
Plain values to what DynamoDB sends over the wire, and back.

boto3's own types turn numbers into `Decimal` and bytes into a class; what
the parts keep is plain, so that it can be compared and written again.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


def to_wire(value: Any) -> dict[str, Any]:
    """
    Return *value* with its type, as the low-level client takes it.

    Args:
        value: A string, number, bytes, boolean, None, list or dict.

    Raises:
        TypeError: DynamoDB cannot keep it.
    """
    wire: dict[str, Any]
    if isinstance(value, str):
        wire = {"S": value}
    elif isinstance(value, bool):
        wire = {"BOOL": value}
    elif isinstance(value, (int, float)):
        wire = {"N": repr(value)}
    elif isinstance(value, Decimal):
        wire = {"N": str(value)}
    elif value is None:
        wire = {"NULL": True}
    elif isinstance(value, (bytes, bytearray)):
        wire = {"B": bytes(value)}
    elif isinstance(value, (list, tuple)):
        wire = {"L": [to_wire(one) for one in value]}
    elif isinstance(value, dict):
        wire = {"M": item_to_wire(value)}
    else:
        msg = f"DynamoDB keeps no {type(value).__name__}"
        raise TypeError(msg)
    return wire


def from_wire(wire: Mapping[str, Any]) -> Any:
    """
    Return the plain value of what the low-level client gives.

    A whole number becomes an int, any other number a float.
    """
    (kind, value), *_ = wire.items()
    if kind == "N":
        return _number(value)
    if kind == "L":
        return [from_wire(one) for one in value]
    if kind == "M":
        return item_from_wire(value)
    if kind == "NULL":
        return None
    if kind == "B":
        return bytes(value)
    return value


def item_to_wire(item: Mapping[str, Any]) -> dict[str, Any]:
    """Return an item, or what stands for values, with its types."""
    return {name: to_wire(value) for name, value in item.items()}


def item_from_wire(item: Mapping[str, Any]) -> dict[str, Any]:
    """Return the plain values of an item."""
    return {name: from_wire(wire) for name, wire in item.items()}


def _number(text: str) -> int | float:
    try:
        return int(text)
    except ValueError:
        number = Decimal(text)
        return (
            int(number)
            if number == number.to_integral_value()
            else (float(number))
        )
