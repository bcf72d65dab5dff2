"""Every rule: its data, its two messages at the edge, and its oracles."""

from __future__ import annotations

from typing import Any

import attrs
import pytest
from tests.rule_table import OF_THE_ACCOUNT, TABLE

from safeses import lint
from safeses._rules import (
    RULES,
    Rule,
    attachments,
    content,
    fields,
    people,
    raw,
    shape,
)


def rules_in(params: object, **options: object) -> list[str]:
    """Return the rules that a message breaks."""
    return [found.rule for found in lint(params, **options)]  # type: ignore[arg-type]  # from the table


class TestTable:
    """The table of rules is whole, and each row is true."""

    def test_has_every_rule(self) -> None:
        """No rule is without its two messages."""
        assert RULES.keys() - OF_THE_ACCOUNT == TABLE.keys()

    def test_ids_are_unique(self) -> None:
        """No two rules share an id."""
        defined = [
            rule.id
            for module in (shape, people, content, fields, attachments, raw)
            for rule in vars(module).values()
            if isinstance(rule, Rule)
        ]

        assert sorted(RULES) == sorted(defined)

    @pytest.mark.parametrize("rule", TABLE)
    def test_is_broken(self, rule: str) -> None:
        """A message beyond the limit is found."""
        case = TABLE[rule]

        assert rule in rules_in(case.breaks, **case.options)

    @pytest.mark.parametrize("rule", TABLE)
    def test_is_kept(self, rule: str) -> None:
        """A message just inside the limit breaks no rule as an error."""
        case = TABLE[rule]
        found = lint(case.inside, **case.options)

        assert ([], True) == (
            [f.rule for f in found if f.severity == "error"],
            rule not in [f.rule for f in found],
        )

    @pytest.mark.parametrize("rule", TABLE)
    def test_breaks_little_else(self, rule: str) -> None:
        """What breaks a rule breaks no other as an error."""
        case = TABLE[rule]
        found = lint(case.breaks, **case.options)
        others = {f.rule for f in found if f.severity == "error"} - {rule}

        assert set() == others

    @pytest.mark.parametrize("rule", RULES)
    def test_speaks(self, rule: str) -> None:
        """Each says what is allowed, what to do, and who says so."""
        data = RULES[rule]

        assert all((data.limit, data.remedy, data.source))

    @pytest.mark.parametrize("rule", TABLE)
    def test_hides_the_content(self, rule: str) -> None:
        """No finding shows an address or a text of the message."""
        case = TABLE[rule]
        shown = str(lint(case.breaks, **case.options))

        assert [] == [s for s in ("ann@b", "evil", "Hello") if s in shown]


class TestLevels:
    """A client may say what a rule is."""

    @pytest.mark.parametrize(
        "rule",
        [rule for rule in TABLE if not RULES[rule].fixed],
    )
    def test_can_be_off(self, rule: str) -> None:
        """What is off is not found, and nothing else fails for it."""
        case = TABLE[rule]
        found = rules_in(case.breaks, rules={rule: "off"}, **case.options)

        assert rule not in found

    @pytest.mark.parametrize(
        "rule",
        [rule for rule in TABLE if not RULES[rule].fixed],
    )
    def test_can_be_turned(self, rule: str) -> None:
        """An error can be a warning, and a warning an error."""
        case = TABLE[rule]
        other: Any = "warning" if RULES[rule].severity == "error" else "error"
        found = lint(
            case.breaks,
            rules={rule: other},
            **case.options,
        )

        assert {other} == {f.severity for f in found if f.rule == rule}


def test_a_rule_is_frozen() -> None:
    """Nobody changes a rule for others."""
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        RULES["raw.line"].severity = "warning"  # type: ignore[misc]  # the point
