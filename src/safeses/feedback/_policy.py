"""
What a bounce means for an address, as data that callers may change.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import attrs

from safeses._soft_bounces import KEEP_S, MOST_OF_ONE
from safeses.errors import ConfigurationError
from safeses.feedback._bounce_rules import (
    BOUNCE_RULES,
    UNMATCHED,
    BounceRule,
    status_of,
)
from safeses.feedback._envelope import Envelope

if TYPE_CHECKING:
    from safeses.events import Bounce, Recipient
    from safeses.feedback._bounce_rules import Action

DAY_S: Final = 86_400.0
# Ten years: whoever means longer means for ever.
_EXPIRES_MAX_S: Final = 3_650 * DAY_S


@attrs.frozen(kw_only=True)
class BounceDecision:
    """
    What a bounce means for one recipient.

    Attributes:
        action: ``"suppress"``, ``"count"`` or ``"ignore"``.
        hard: Whether SES counts it in the bounce rate.
        rule: The rule that says so.
    """

    action: Action
    hard: bool
    rule: BounceRule

    @property
    def why(self) -> str:
        """Why, in words that hold no address."""
        return self.rule.why


def _check_rules(_: object, __: object, value: object) -> None:
    if not isinstance(value, tuple) or not all(
        isinstance(rule, BounceRule) for rule in value
    ):
        raise ConfigurationError(
            "rules are not BounceRule values", "give a sequence of them"
        )


def _check_limit(_: object, __: object, value: object) -> None:
    if (
        not isinstance(value, int)
        or isinstance(value, bool)
        or not 1 <= value <= MOST_OF_ONE
    ):
        raise ConfigurationError(
            f"soft_limit={value!r} is not a count",
            f"use a whole number from 1 to {MOST_OF_ONE:,}",
        )


def _seconds_up_to(most_s: float) -> Any:
    def check(_: object, field: attrs.Attribute[Any], value: object) -> None:
        if (
            not isinstance(value, (int, float))
            or isinstance(value, bool)
            or not 0 < value <= most_s
        ):
            raise ConfigurationError(
                f"{field.name}={value!r} is not a number of seconds",
                f"use one above 0, up to {most_s:,.0f}",
            )

    return check


def _check_expires(
    policy: object, field: attrs.Attribute[Any], value: object
) -> None:
    if value is not None:
        _seconds_up_to(_EXPIRES_MAX_S)(policy, field, value)


def _as_rules(rules: Any) -> Any:
    try:
        return tuple(rules)
    except TypeError:
        return rules


@attrs.frozen(kw_only=True)
class BouncePolicy:
    """
    What bounces mean for addresses, as data.

    Attributes:
        rules: The table; the first rule that matches decides. A sub-type
            that has no line is decided by its type alone, and what no
            rule matches is ignored.
        soft_limit: After so many soft bounces within the window, without
            a delivery among them, an address is suppressed; up to 1,000.
        soft_window_s: The window in seconds, up to now; at most 31 days,
            for which stores keep soft bounces.
        soft_expires_s: For how many seconds, from the last of them; None
            is for ever. Two weeks by default, as with SES's global list.

    Raises:
        ConfigurationError: A value that no policy can have.

    Example:
        Blocks by reputation (5.7.x) shall not suppress for good:

        >>> policy = BouncePolicy().with_rules(
        ...     BounceRule(type="Permanent", status="5.7.", action="count")
        ... )
        >>> policy.rules[0].action
        'count'
    """

    rules: tuple[BounceRule, ...] = attrs.field(
        default=BOUNCE_RULES, converter=_as_rules, validator=_check_rules
    )
    soft_limit: int = attrs.field(default=5, validator=_check_limit)
    soft_window_s: float = attrs.field(
        default=14 * DAY_S, validator=_seconds_up_to(KEEP_S)
    )
    soft_expires_s: float | None = attrs.field(
        default=14 * DAY_S, validator=_check_expires
    )

    def with_rules(self, *rules: BounceRule) -> BouncePolicy:
        """
        Return a policy that asks *rules* before its own.

        Raises:
            ConfigurationError: One of them is not a rule.
        """
        return attrs.evolve(self, rules=(*rules, *self.rules))

    def decide(
        self,
        bounce: Bounce,
        recipient: Recipient,
        *,
        is_sent_to: bool | None = None,
    ) -> BounceDecision:
        """
        Return what *bounce* means for one of its recipients.

        Args:
            bounce: The bounce.
            recipient: One of those whom it names.
            is_sent_to: Whether the mail was sent to that recipient, if
                you know; else it is looked up in the bounce.
        """
        if is_sent_to is None:
            is_sent_to = Envelope.of(bounce.mail).whom(recipient).is_sent_to
        status = status_of(recipient)
        rule = next(
            (
                rule
                for rule in self.rules
                if rule.matches(bounce, status, is_sent_to=is_sent_to)
            ),
            UNMATCHED,
        )
        hard = rule.hard
        if hard is None:
            hard = bounce.type.value == "Permanent"
        return BounceDecision(action=rule.action, hard=hard, rule=rule)
