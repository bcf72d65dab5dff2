"""Who complained, and which reports are no complaints."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from tests.reacting import (
    ANN,
    BOB,
    Desk,
    complaint,
    desk,
    mail_to,
)

from safeses import ConfigurationError
from safeses.events import ComplaintType
from safeses.feedback._reactions import (
    ComplaintPolicy,
    SuppressComplaints,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(params=["memory", "sqlite"])
def here(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Desk]:
    """Return a desk on which there is nothing."""
    made = desk(request.param, tmp_path)
    yield made
    made.state.close()


class TestComplaints:
    """Who complained."""

    @pytest.mark.parametrize(
        "kind, stopped",
        [
            (None, "complaint"),
            ("abuse", "complaint"),
            ("fraud", "complaint"),
            ("other", "complaint"),
            ("never heard of", "complaint"),
            ("not-spam", ""),
            ("NOT-SPAM", ""),
            ("auth-failure", ""),
            ("virus", ""),
        ],
    )
    def test_types(self, here: Desk, kind: str | None, stopped: str) -> None:
        """Every report suppresses, but those that are no complaint."""
        report = None if kind is None else ComplaintType(kind)
        here.react(SuppressComplaints(), complaint(ANN, feedback_type=report))

        assert [stopped] == here.stopped(ANN)

    @pytest.mark.parametrize(
        "candidates, stopped",
        [("all", ["complaint", "complaint"]), ("only_one", ["", ""])],
    )
    def test_candidates(
        self, here: Desk, candidates: Any, stopped: list[str]
    ) -> None:
        """Of several who may have complained, all are, or nobody is."""
        policy = ComplaintPolicy(candidates=candidates)
        done = here.react(SuppressComplaints(policy), complaint(ANN, BOB))

        assert (1, stopped) == (len(done), here.stopped(ANN, BOB))

    @pytest.mark.parametrize(
        "named", [(ANN,), (ANN, "Ann@B.example"), ("x@c.example",), ()]
    )
    def test_the_one(self, here: Desk, named: tuple[str, ...]) -> None:
        """Of a mail to one, it is that one, even by the careful policy."""
        policy = ComplaintPolicy(candidates="only_one")
        event = complaint(*named, mail=mail_to(ANN))
        here.react(SuppressComplaints(policy), event)

        assert ["complaint"] == here.stopped(ANN)

    @pytest.mark.parametrize(
        "sub_type", ["OnAccountSuppressionList", "OnTenantSuppressionList"]
    )
    def test_prevented(self, here: Desk, sub_type: str) -> None:
        """What SES did not send nobody has complained about now."""
        event = complaint(ANN, sub_type=sub_type)

        assert (["Act"], [""]) == (
            here.react(SuppressComplaints(), event),
            here.stopped(ANN),
        )

    def test_nobody(self, here: Desk) -> None:
        """Without a name there is nobody to suppress."""
        event = complaint(mail=mail_to(ANN, BOB))

        assert ["Act"] == here.react(SuppressComplaints(), event)

    def test_own_types(self, here: Desk) -> None:
        """Which types are none is for the caller to say."""
        policy = ComplaintPolicy(ignored=["Fraud"])
        events = [
            complaint(ANN, feedback_type=ComplaintType("fraud")),
            complaint(BOB, feedback_type=ComplaintType("not-spam")),
        ]
        here.react(SuppressComplaints(policy), *events)

        assert ["", "complaint"] == here.stopped(ANN, BOB)

    @pytest.mark.parametrize(
        "fields", [{"ignored": "virus"}, {"candidates": "some"}]
    )
    def test_refused(self, fields: dict[str, Any]) -> None:
        """A policy that cannot work cannot exist."""
        with pytest.raises(ConfigurationError) as caught:
            ComplaintPolicy(**fields)

        assert bool(caught.value.remedy)
