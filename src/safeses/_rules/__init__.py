"""
Every rule that a message is held to, as data; the checks are elsewhere.

A rule is known by its id, which users write into ``rules=`` and look up
in the documentation, so that an id never changes its meaning.
"""

from __future__ import annotations

from typing import Final

from safeses._rules import (
    attachments,
    content,
    fields,
    people,
    raw,
    shape,
)
from safeses._rules.rule import Rule

__all__ = [
    "RULES",
    "Rule",
    "attachments",
    "content",
    "fields",
    "people",
    "raw",
    "shape",
]

RULES: Final = {
    rule.id: rule
    for module in (shape, people, content, fields, attachments, raw)
    for rule in vars(module).values()
    if isinstance(rule, Rule)
}
