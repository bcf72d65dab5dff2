"""Who does not want a topic any more, or wants it again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs
import pytest
from tests.reacting import (
    ANN,
    BOB,
    DAY_S,
    EVERYTHING,
    START,
    Desk,
    at,
    bounce,
    desk,
    listed,
    mail_to,
    topics,
    wishes,
)

from safeses import ConfigurationError
from safeses.events import TopicPreferences
from safeses.feedback._reactions import (
    OptOuts,
    SuppressBounces,
    default_reactions,
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


class TestOptOuts:
    """Who does not want a topic any more, or again."""

    def test_topic(self, here: Desk) -> None:
        """Mail of the topic stops; other topics, and receipts, go."""
        event = wishes(new=topics(weekly=False, offers=True))
        here.react(OptOuts(), event)
        found = [
            here.stopped(ANN, stream=stream)
            for stream in ("weekly", "offers", "receipts", "")
        ]

        assert [["unsubscribe"], [""], [""], [""]] == found

    def test_mapped(self, here: Desk) -> None:
        """A topic may be another stream, all mail, or nothing."""
        streams = {"weekly": "newsletter", "offers": None, "shouts": ""}
        event = wishes(new=topics(weekly=False, offers=False))
        here.react(OptOuts(streams), event)
        some = [
            here.stopped(ANN, stream=stream)
            for stream in ("newsletter", "weekly", "offers", "")
        ]
        here.react(OptOuts(streams), wishes(new=topics(shouts=False)))

        assert [["unsubscribe"], [""], [""], [""]] == some
        assert ["unsubscribe"] == here.stopped(ANN)

    def test_everything(self, here: Desk) -> None:
        """Who wants nothing gets nothing of the list, but receipts."""
        event = wishes(
            contact_list="customers",
            mail=mail_to(ANN, stream="campaign"),
            new=EVERYTHING,
            old=topics(weekly=True),
        )
        here.react(OptOuts(), event)
        found = [
            here.stopped(ANN, stream=stream)
            for stream in ("customers", "campaign", "weekly", "receipts", "")
        ]

        assert [["unsubscribe"]] * 3 + [[""]] * 2 == found

    def test_back(self, here: Desk) -> None:
        """Who opts in again gets what an event had stopped."""
        stop = wishes(
            contact_list="customers",
            mail=mail_to(ANN, stream="campaign"),
            new=EVERYTHING,
            old=topics(weekly=True),
        )
        go = attrs.evolve(
            stop, at=at(1), new=topics(weekly=True), old=EVERYTHING
        )
        here.clock.sleep(2 * DAY_S)
        here.react(OptOuts(), stop, go)

        assert 0 == here.parts.suppressions.count()

    @pytest.mark.parametrize(
        "fields",
        [
            {"reason": "unsubscribe", "source": "import"},
            {"reason": "manual", "source": "ses-event"},
            {"reason": "complaint", "source": "ses-event"},
        ],
    )
    def test_not_ours(self, here: Desk, fields: dict[str, str]) -> None:
        """What somebody else has stopped stays stopped."""
        here.parts.suppressions.add([listed(stream="weekly", **fields)])
        event = wishes(at=at(1), new=topics(weekly=True))
        here.clock.sleep(2 * DAY_S)
        here.react(OptOuts(), event)

        assert [fields["reason"]] == here.stopped(ANN, stream="weekly")

    def test_both(self, here: Desk) -> None:
        """Of two topics of one stream, the one not wanted decides."""
        reaction = OptOuts({"weekly": "news", "daily": "news"})
        event = wishes(new=topics(weekly=False, daily=True))
        done = here.react(reaction, event, event)

        assert (["Suppress"] * 2, ["unsubscribe"]) == (
            done,
            here.stopped(ANN, stream="news"),
        )

    def test_whose(self, here: Desk) -> None:
        """Of a mail to several nobody knows who opted out."""
        event = wishes(new=topics(weekly=False), mail=mail_to(ANN, BOB))

        assert (["Act"], 0) == (
            here.react(OptOuts(), event),
            here.parts.suppressions.count(),
        )

    def test_no_stream(self, here: Desk) -> None:
        """A name that no stream can have stops nothing, and says so."""
        event = wishes(new=TopicPreferences(topics={"a topic ☃": False}))

        assert ["Act"] == here.react(OptOuts(), event)

    def test_hidden(self, here: Desk) -> None:
        """Behind an entry for all mail nothing changes: no mail goes."""
        here.react(OptOuts(), wishes(new=topics(weekly=False)))
        here.react(SuppressBounces(), bounce(ANN))
        event = wishes(at=START, new=topics(weekly=True))
        here.react(OptOuts(), event)

        assert 2 == here.parts.suppressions.count()

    def test_hidden_by_an_event(self, here: Desk) -> None:
        """It is the entry of the stream that tells since when."""
        here.clock.sleep(5 * DAY_S)
        streams = {"everything": ""}
        events = [
            wishes(at=at(1), new=topics(everything=False)),
            wishes(at=at(3), new=topics(weekly=False)),
            wishes(at=at(2), new=topics(weekly=True)),
        ]
        here.react(OptOuts(streams), *events)

        assert 2 == here.parts.suppressions.count()

    def test_meanwhile(self, here: Desk) -> None:
        """What was stopped anew after the plan was made stays."""
        here.react(OptOuts(), wishes(new=topics(weekly=False)))
        here.clock.sleep(3 * DAY_S)
        back = wishes(at=at(1), new=topics(weekly=True))
        (act,) = OptOuts().plan(back, here.parts)
        here.react(OptOuts(), wishes(at=at(2), new=topics(weekly=False)))
        act.perform(here.parts)

        assert ["unsubscribe"] == here.stopped(ANN, stream="weekly")

    @pytest.mark.parametrize(
        "streams", [["weekly"], {"weekly": "no stream"}, {"weekly": 7}]
    )
    def test_refused(self, streams: Any) -> None:
        """Streams that cannot exist are refused at once."""
        with pytest.raises(ConfigurationError) as caught:
            default_reactions(streams=streams)

        assert bool(caught.value.remedy)
