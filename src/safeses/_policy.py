"""
What one client chose to check, and whom its mail may reach.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, Literal, cast

import attrs

from safeses._findings import Dropped, Finding
from safeses._mail import _address
from safeses._rules import RULES
from safeses.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

Level = Literal["error", "warning", "off"]
Mode = Literal["enforce", "observe"]
AccountList = Literal["ignore", "ask", "require"]
LEVELS: Final = ("error", "warning", "off")
MODES: Final = ("enforce", "observe")
ACCOUNT_LISTS: Final = ("ignore", "ask", "require")
_DOMAIN: Final = re.compile(
    r"(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9-]{2,63}"
)


@attrs.frozen
class AllowList:
    """
    The only ones who may get mail: a test system's staff, say.

    Attributes:
        domains: Domains, in 7-bit lower case; without their subdomains.
        addresses: Addresses, in 7-bit lower case.
    """

    domains: frozenset[str]
    addresses: frozenset[str]

    @classmethod
    def of(cls, entries: Collection[str]) -> AllowList:
        """
        Read domains and addresses.

        Raises:
            ConfigurationError: One of them is neither.
        """
        given: object = (entries,) if isinstance(entries, str) else entries
        if not isinstance(given, (set, frozenset, list, tuple)):
            raise ConfigurationError(
                f"only_to={type(given).__name__} is not a set of strings",
                'use one such as {"example.com", "qa@example.net"}',
            )
        folded = [_folded(entry) for entry in given]
        return cls(
            frozenset(f for f in folded if "@" not in f),
            frozenset(f for f in folded if "@" in f),
        )

    def others(self, recipients: Iterable[str]) -> tuple[Dropped, ...]:
        """Return who of the *recipients* must be left out."""
        return tuple(
            Dropped(address=recipient, reason="only-to", source="only_to")
            for recipient in recipients
            if not self._has(recipient)
        )

    def _has(self, recipient: str) -> bool:
        if _address.problem(recipient) is not None:
            return False  # others may read another address in it
        bare = _address.split(recipient)[1].lower()
        domain = bare.rpartition("@")[2]
        return domain in self.domains or bare in self.addresses


def _folded(entry: object) -> str:
    if isinstance(entry, str):
        given = entry if "@" in entry else f"x@{entry}"
        bare = _address.split(_address.encode(given))[1].lower()
        if _address.problem(bare) is None:
            return bare if "@" in entry else bare[2:]
    raise ConfigurationError(
        "only_to= holds something that is neither an address nor a domain",
        'write it as "example.com" or "qa@example.net"',
    )


def _levels(chosen: Mapping[str, Level] | None) -> dict[str, Level]:
    if chosen is None:
        return {}
    if not isinstance(chosen, Mapping):
        raise ConfigurationError(
            f"rules={type(chosen).__name__} is not a mapping",
            'use one such as {"body.html-only": "off"}',
        )
    for rule, level in chosen.items():
        if rule not in RULES:
            raise ConfigurationError(
                f"there is no rule {rule!r}", f"use {_nearest(rule)}"
            )
        if level not in LEVELS:
            raise ConfigurationError(
                f"the level {level!r} of the rule {rule!r} does not exist",
                'use "error", "warning" or "off"',
            )
        if RULES[rule].fixed and level != "error":
            raise ConfigurationError(
                f"the rule {rule!r} is an error for everybody",
                "leave it out of rules=: what it refuses cannot be sent"
                " safely, or not at all",
            )
    return dict(chosen)


def _nearest(rule: object) -> str:
    from difflib import get_close_matches

    known = get_close_matches(str(rule)[:80], RULES, n=1, cutoff=0.4)
    return f"{known[0]!r}" if known else "an id of the page of rules"


@attrs.frozen(kw_only=True)
class Policy:
    """
    What one client chose.

    Attributes:
        levels: What a rule is, where not what it is for everybody.
        observes: Whether rules and suppressions only say what they
            would have done.
        only_to: The only ones who may get mail; None is everybody.

    Raises:
        ConfigurationError: A choice that does not exist.
    """

    levels: Mapping[str, Level] = attrs.field(default=None, converter=_levels)
    observes: bool = False
    only_to: AllowList | None = None

    @classmethod
    def of(
        cls,
        rules: Mapping[str, Level] | None,
        mode: Mode,
        only_to: Collection[str] | None,
    ) -> Policy:
        """Read what a caller chose."""
        if mode not in MODES:
            raise ConfigurationError(
                f"the mode {mode!r} does not exist",
                'use "enforce" or "observe"',
            )
        return cls(
            levels=rules,
            observes=mode == "observe",
            only_to=None if only_to is None else AllowList.of(only_to),
        )

    def level(self, rule: str) -> Level:
        """Return what *rule* is for this client."""
        return self.levels.get(rule) or RULES[rule].severity

    def judge(self, found: Iterable[Finding]) -> Iterable[Finding]:
        """Return *found* with the severities of this client."""
        return self._judged(found) if self.levels else found

    def _judged(self, found: Iterable[Finding]) -> Iterator[Finding]:
        for finding in found:
            level = self.levels.get(finding.rule)
            if level is None or level == finding.severity:
                yield finding
            elif level != "off":
                severity: Any = cast("Any", level)
                yield attrs.evolve(finding, severity=severity)

    def refuses(self, finding: Finding) -> bool:
        """Whether a message with this finding is not sent."""
        if finding.severity != "error":
            return False
        return not self.observes or not RULES[finding.rule].observable
