"""Words of a bounce rule that SES may not have."""

from __future__ import annotations

import pickle
import warnings
from typing import Any

import attrs
import pytest
from tests.reacting import ANN, bounce

from safeses import ConfigurationWarning
from safeses.events import BounceSubType, BounceType
from safeses.feedback import BouncePolicy, BounceRule


@pytest.mark.parametrize(
    "fields, named",
    [
        ({"type": "Permament"}, "no type of a bounce"),
        ({"type": "permanent"}, "no type of a bounce"),
        ({"sub_type": "MailBoxFull"}, "no sub_type of a bounce"),
        ({"sub_type": "Permanent"}, "no sub_type of a bounce"),
    ],
)
def test_misspelt(fields: dict[str, Any], named: str) -> None:
    """Who writes a word that is none is told so, there, and what there is."""
    with pytest.warns(ConfigurationWarning, match=named) as caught:
        BounceRule(action="ignore", **fields)
    (warned,) = caught
    (field,) = fields
    words: Any = BounceType if field == "type" else BounceSubType
    listed = ", ".join(word.value for word in words)

    assert (True, __file__) == (
        str(warned.message).endswith(f"known are {listed}"),
        warned.filename,
    )


def test_known() -> None:
    """Every word of SES, and what stands for any, goes without a word."""
    made = [
        *(BounceRule(type=word, action="count") for word in BounceType),
        *(BounceRule(sub_type=w.value, action="count") for w in BounceSubType),
        *(BounceRule(type=w, sub_type=w, action="count") for w in ("", "*")),
    ]

    assert len(BounceType) + len(BounceSubType) + 2 == len(made)


def test_new_word() -> None:
    """A word that SES invents tomorrow can have a rule today."""
    with pytest.warns(ConfigurationWarning, match="'Brand New'"):
        rule = BounceRule(sub_type="Brand New", action="suppress", why="new")
    event = bounce(ANN, is_a="Transient", sub_type="Brand New")
    decision = (
        BouncePolicy().with_rules(rule).decide(event, event.recipients[0])
    )

    assert ("suppress", "new") == (decision.action, decision.why)


def test_said_once() -> None:
    """A rule that is there is not warned of again when it travels."""
    with pytest.warns(ConfigurationWarning):
        rule = BounceRule(sub_type="Brand New", action="ignore")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        again = pickle.loads(pickle.dumps(rule))  # noqa: S301  # our own

    assert attrs.asdict(rule) == attrs.asdict(again)
