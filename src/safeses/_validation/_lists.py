"""
Lists of dicts, as boto3 takes them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from safeses._rules import shape

if TYPE_CHECKING:
    from collections.abc import Iterable

    from safeses._findings import Finding


def dicts(
    field: str, items: object
) -> tuple[list[dict[str, Any]], Iterable[Finding]]:
    """Split a list into its dicts and what is wrong with the rest."""
    if items is None:
        return [], []
    wanted = "a list of dicts"
    if not isinstance(items, (list, tuple)):
        return [], [shape.wrong_type(field, wanted, items)]
    return (
        [item for item in items if isinstance(item, dict)],
        (
            shape.wrong_type(f"{field}[{number}]", wanted, item)
            for number, item in enumerate(items)
            if not isinstance(item, dict)
        ),
    )
