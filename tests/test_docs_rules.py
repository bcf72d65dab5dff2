"""The page of rules says what the rules are: all of them, and no other."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

import pytest

from safeses import _ses
from safeses._rules import RULES, Rule

PAGE = Path(__file__).parent.parent / "docs" / "rules.md"
TEXT = PAGE.read_text(encoding="utf-8")
_HEADING = re.compile(r"^### ([a-z][a-z-]*(?:\.[a-z-]+)?)$", re.MULTILINE)
_ROW = re.compile(
    r"^\| \[(?P<id>[^\]]+)\]\(#(?P<anchor>[^)]+)\)"
    r" \| (?P<severity>[^|]+) \| (?P<limit>.+) \|$",
    re.MULTILINE,
)
_ID = re.compile(r"`([a-z]+(?:-[a-z]+)*\.[a-z]+(?:-[a-z]+)*)`")
_NUMBER = re.compile(r"\d{2,}")
# Words in code with a dot that are no rules.
NO_RULES = {"a.local", "exe.jpg", "gpj.exe"}


class Row(NamedTuple):
    """What the table says of one rule."""

    id: str
    anchor: str
    severity: str
    limit: str


ROWS = [Row(**found.groupdict()) for found in _ROW.finditer(TEXT)]


def row(rule: Rule) -> Row:
    """Return what the table should say of a rule."""
    fixed = ", fixed" if rule.fixed else ""
    return Row(
        id=rule.id,
        anchor=rule.id.replace(".", ""),
        severity=f"{rule.severity}{fixed}",
        limit=rule.limit,
    )


def section(rule: str) -> str:
    """Return what stands below the heading of a rule."""
    _, _, after = TEXT.partition(f"\n### {rule}\n")
    return re.split(r"^#{2,3} ", after, maxsplit=1, flags=re.MULTILINE)[0]


def test_table() -> None:
    """The table has every rule once, with its severity and its limit."""
    assert [row(rule) for rule in RULES.values()] == ROWS


def test_headings() -> None:
    """Each rule has one heading, in the order of the table; no other does."""
    assert list(RULES) == _HEADING.findall(TEXT)


@pytest.mark.parametrize("rule", RULES.values(), ids=lambda rule: rule.id)
def test_section(rule: Rule) -> None:
    """A section says something, has the rule's figures, and its source."""
    words, named, source = section(rule.id).rpartition("\nSource: ")
    figures = set(_NUMBER.findall(section(rule.id).replace(",", "")))
    wanted = set(_NUMBER.findall(rule.limit))

    assert (True, "\nSource: ", f"{rule.source}.", set()) == (
        len(words) > len(rule.limit) // 2,
        named,
        " ".join(source.split()),
        wanted - figures,
    )


def test_names_no_unknown_rule() -> None:
    """What looks like a rule in the text is one."""
    assert NO_RULES == set(_ID.findall(TEXT)) - RULES.keys()


def test_lists() -> None:
    """What SES refuses by name is listed whole."""
    headers = re.findall(r"`([A-Za-z-]+)`", section("header.forbidden"))
    [extensions] = re.findall(
        r"```text\n(.*?)```", section("attachment.extension"), re.DOTALL
    )

    assert (set(_ses.FORBIDDEN_HEADERS), sorted(_ses.BLOCKED_EXTENSIONS)) == (
        {h.lower() for h in headers} - {"feedbackforwardingemailaddress"},
        extensions.split(),
    )


def test_counts_the_fixed() -> None:
    """The page says how many rules nobody can change."""
    fixed = sum(rule.fixed for rule in RULES.values())

    assert (9, True) == (fixed, "Nine rules are **fixed**" in TEXT)
