"""What bounces mean: the table, and what callers make of it."""

from __future__ import annotations

import pickle
from typing import TYPE_CHECKING, Any

import attrs
import pytest
from tests.reacting import ANN, BOB, bounce, mail_to

from safeses import ConfigurationError
from safeses.events import Recipient
from safeses.feedback._bounce_rules import BOUNCE_RULES, BounceRule, status_of
from safeses.feedback._envelope import Envelope
from safeses.feedback._policy import BouncePolicy

if TYPE_CHECKING:
    from safeses.events import Bounce
    from safeses.feedback._policy import BounceDecision

POLICY = BouncePolicy()


def _decide(
    is_a: str,
    sub_type: str,
    policy: BouncePolicy = POLICY,
    **fields: Any,
) -> BounceDecision:
    event = bounce(ANN, is_a=is_a, sub_type=sub_type, **fields)
    return policy.decide(event, event.recipients[0])


class TestTable:
    """The table that counts unless somebody changes it."""

    @pytest.mark.parametrize(
        "is_a, sub_type, status, action, hard",
        [
            ("Permanent", "General", "5.1.1", "suppress", True),
            ("Permanent", "General", "", "suppress", True),
            ("Permanent", "NoEmail", "", "suppress", True),
            ("Permanent", "Suppressed", "", "suppress", True),
            ("Permanent", "OnAccountSuppressionList", "", "ignore", False),
            ("Permanent", "OnTenantSuppressionList", "", "ignore", False),
            ("Permanent", "EmailValidationSuppressed", "", "ignore", False),
            ("Permanent", "UnsubscribedRecipient", "", "ignore", False),
            ("Transient", "MailboxFull", "", "count", False),
            ("Transient", "MessageTooLarge", "5.3.4", "ignore", False),
            ("Transient", "ContentRejected", "5.6.0", "ignore", False),
            ("Transient", "AttachmentRejected", "5.7.1", "ignore", False),
            ("Transient", "CustomTimeoutExceeded", "", "ignore", False),
            # Out of office, or a report of a failure.
            ("Transient", "General", "", "ignore", False),
            ("Transient", "General", "2.0.0", "ignore", False),
            ("Transient", "General", "4.4.7", "count", False),
            ("Transient", "General", "5.1.1", "count", False),
            ("Undetermined", "Undetermined", "", "ignore", False),
            ("Undetermined", "Undetermined", "2.1.5", "ignore", False),
            ("Undetermined", "Undetermined", "4.2.2", "count", False),
            ("Undetermined", "Undetermined", "5.0.0", "count", False),
            # What SES may invent.
            ("Permanent", "MailboxOnTheMoon", "", "suppress", True),
            ("Transient", "MailboxOnTheMoon", "", "count", False),
            ("Undetermined", "MailboxOnTheMoon", "", "ignore", False),
            ("Sideways", "General", "5.1.1", "ignore", False),
        ],
    )
    def test_decision(
        self, is_a: str, sub_type: str, status: str, action: str, *, hard: bool
    ) -> None:
        """Every type of SES means what AWS says, unknown ones by type."""
        decision = _decide(is_a, sub_type, status=status)

        assert (action, hard, True) == (
            decision.action,
            decision.hard,
            bool(decision.why),
        )

    @pytest.mark.parametrize(
        "mailed, named, action",
        [
            ((ANN, BOB), "Ann@B.example", "suppress"),
            ((f"Ann <{ANN}>", BOB), ANN, "suppress"),
            ((ANN,), "elsewhere@c.example", "suppress"),
            ((ANN,), "", "suppress"),
            ((ANN, BOB), "elsewhere@c.example", "ignore"),
            ((ANN, BOB), "", "ignore"),
            ((), ANN, "ignore"),
        ],
    )
    def test_no_email(
        self, mailed: tuple[str, ...], named: str, action: str
    ) -> None:
        """No such address suppresses who it is, if that can be told."""
        event = bounce(named, sub_type="NoEmail", mail=mail_to(*mailed))
        decision = POLICY.decide(event, event.recipients[0])

        assert (action, True) == (decision.action, decision.hard)

    def test_out_of_office(self) -> None:
        """A reply is no bounce, and a failure without a number is one."""
        reply = _decide("Transient", "General")
        failure = _decide(
            "Transient",
            "General",
            diagnostic="smtp; 452 mailbox of <ann@b.example> is full",
        )

        assert (("ignore", False), ("count", True)) == (
            (reply.action, reply.rule.is_bounce),
            (failure.action, failure.rule.is_bounce),
        )

    def test_every_rule_counts(self) -> None:
        """No rule stands behind one that takes everything from it."""
        hidden = [
            later
            for number, later in enumerate(BOUNCE_RULES)
            for rule in BOUNCE_RULES[:number]
            if rule.type in {"", later.type}
            and rule.sub_type in {"", later.sub_type}
            and rule.status in {"", later.status}
            and rule.sent_to in {None, later.sent_to}
        ]

        assert [] == hidden

    def test_reasons(self) -> None:
        """Rules for different things say different things."""
        reasons = {(rule.why, rule.action, rule.type) for rule in BOUNCE_RULES}
        actions = [rule.why for rule in BOUNCE_RULES if not rule.why]

        assert ([], True) == (actions, len(reasons) >= 14)


class TestStatus:
    """What the server said of a recipient."""

    @pytest.mark.parametrize(
        "status, diagnostic, expected",
        [
            ("5.1.1", "", "5.1.1"),
            (" 5.1.1 (bad mailbox)", "", "5.1.1"),
            ("", "smtp; 550 5.1.1 user unknown", "5.1.1"),
            ("", "smtp; 550-5.1.1 user unknown", "5.1.1"),
            ("", "smtp; 550 user unknown", "5.0.0"),
            ("", "smtp;421 later", "4.0.0"),
            ("", "250 ok", "2.0.0"),
            ("failed", "smtp; 450 4.2.2 full", "4.2.2"),
            ("", "x-unix; 3 addresses, 550 in all", ""),
            ("", "host 5.1.1.2 said nothing", ""),
            ("3.1.1", "", ""),
            ("5.1", "", ""),
            ("5.1.1111", "", ""),
            ("\u0665.1.1", "", ""),
            ("", "", ""),
        ],
    )
    def test_read(self, status: str, diagnostic: str, expected: str) -> None:
        """It is the status, else what the diagnostic begins to say."""
        recipient = Recipient(
            address=ANN, bare=ANN, status=status, diagnostic=diagnostic
        )

        assert expected == status_of(recipient)

    @pytest.mark.parametrize(
        "pattern, status, matches",
        [
            ("", "", True),
            ("*", "5.1.1", True),
            ("-", "", True),
            ("-", "5.1.1", False),
            ("5.", "5.1.1", True),
            ("5", "5.1.1", True),
            ("5.1.", "5.1.1", True),
            ("5.1.", "5.10.1", False),
            ("5.1", "5.10.1", False),
            ("5.1.1", "5.1.1", True),
            ("5.1.1", "5.1.10", False),
            ("4.", "5.1.1", False),
            ("5.", "", False),
        ],
    )
    def test_pattern(
        self, pattern: str, status: str, *, matches: bool
    ) -> None:
        """A pattern is a beginning, and ends where a number does."""
        rule = BounceRule(status=pattern, action="ignore")
        event = bounce(ANN)

        assert matches == rule.matches(event, status, is_sent_to=True)


class TestOwnRules:
    """What callers change."""

    def test_in_front(self) -> None:
        """A rule that is put in front decides, the others do the rest."""
        policy = POLICY.with_rules(
            BounceRule(type="Permanent", status="5.7.", action="count")
        )
        blocked = _decide("Permanent", "General", policy, status="5.7.1")
        gone = _decide("Permanent", "General", policy, status="5.1.1")

        assert (("count", True), ("suppress", True)) == (
            (blocked.action, blocked.hard),
            (gone.action, gone.hard),
        )

    def test_first_of_several(self) -> None:
        """Of several that are put in front the first decides."""
        policy = POLICY.with_rules(
            BounceRule(action="ignore", hard=False, why="first"),
            BounceRule(action="suppress", why="second"),
        ).with_rules(BounceRule(type="Transient", action="count", why="last"))
        found = [
            _decide(kind, "General", policy).why
            for kind in ("Permanent", "Transient")
        ]

        assert ["first", "last"] == found

    def test_no_rules(self) -> None:
        """Without a table nothing is done."""
        decision = _decide("Permanent", "General", BouncePolicy(rules=()))

        assert ("ignore", False) == (decision.action, decision.hard)

    def test_any_sequence(self) -> None:
        """Rules may come as a list, and cannot be changed behind its back."""
        rules = [BounceRule(action="ignore")]
        policy = BouncePolicy(rules=rules)
        rules.clear()

        assert 1 == len(policy.rules)

    @pytest.mark.parametrize(
        "fields",
        [
            {"rules": "General"},
            {"rules": 7},
            {"rules": [{"action": "ignore"}]},
            {"soft_limit": 0},
            {"soft_limit": 2.5},
            {"soft_limit": True},
            {"soft_limit": 1_001},
            {"soft_window_s": 0},
            {"soft_window_s": -1.0},
            {"soft_window_s": float("nan")},
            {"soft_window_s": float("inf")},
            {"soft_window_s": 32 * 86_400},
            {"soft_window_s": "14"},
            {"soft_window_s": None},
            {"soft_expires_s": 0},
            {"soft_expires_s": True},
            {"soft_expires_s": float("inf")},
            {"soft_expires_s": 1e12},
        ],
    )
    def test_refused_policies(self, fields: dict[str, Any]) -> None:
        """A policy that cannot work cannot exist."""
        with pytest.raises(ConfigurationError) as caught:
            BouncePolicy(**fields)

        assert bool(caught.value.remedy)

    @pytest.mark.parametrize(
        "fields",
        [
            {"action": "delete"},
            {"action": None},
            {"action": ["suppress"]},
            {"action": "count", "status": "6."},
            {"action": "count", "status": "5.1.1."},
            {"action": "count", "status": "5.1.1\n"},
            {"action": "count", "status": "5%"},
            {"action": "count", "status": 5},
            {"action": "count", "status": None},
            {"action": "count", "type": None},
            {"action": "count", "sub_type": 3},
            {"action": "count", "why": ""},
            {"action": "count", "why": None},
        ],
    )
    def test_refused_rules(self, fields: dict[str, Any]) -> None:
        """A rule that cannot match, or do anything, cannot exist."""
        with pytest.raises(ConfigurationError) as caught:
            BounceRule(**fields)

        assert (
            caught.value.remedy
            == pickle.loads(  # noqa: S301  # our own
                pickle.dumps(caught.value)
            ).remedy
        )

    def test_for_ever(self) -> None:
        """A suppression by soft bounces may last for ever."""
        policy = BouncePolicy(soft_expires_s=None)

        assert policy.soft_expires_s is None


class TestHostile:
    """What no policy should fall over."""

    @pytest.mark.parametrize("said", ["5." * 10**6, "0" * 10**6, "; " * 10**6])
    def test_long_diagnostics(self, said: str) -> None:
        """What a server says may have any length."""
        decision = _decide(
            "Transient", "General", status=said, diagnostic=said
        )

        assert "ignore" == decision.action

    def test_many_recipients(self) -> None:
        """Who was mailed is read once, however many there are."""
        many = [f"u{n}@b.example" for n in range(5_000)]
        event: Bounce = bounce(*many, sub_type="NoEmail")
        envelope = Envelope.of(event.mail)
        found = {
            POLICY.decide(
                event, one, is_sent_to=envelope.whom(one).is_sent_to
            ).action
            for one in event.recipients
        }

        assert {"suppress"} == found

    def test_survives_attrs(self) -> None:
        """A policy is a value: equal ones are equal, and it can evolve."""
        changed = attrs.evolve(POLICY, soft_limit=3)

        assert (BouncePolicy(), 3, False) == (
            POLICY,
            changed.soft_limit,
            changed == POLICY,
        )
