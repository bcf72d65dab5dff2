from __future__ import annotations

import copy
import datetime as dt
import pickle
from typing import Any

import attrs
import pytest
from tests.corpora.events_ses import SAMPLES

from safeses import events
from safeses.events import (
    Bounce,
    FeedbackEvent,
    Open,
    parse,
)

UTC = dt.timezone.utc
SENT_AT = dt.datetime(2026, 5, 4, 9, 8, 7, 123_000, tzinfo=UTC)
COMMON = {"id", "mail", "carrier_id", "raw"}


def one(payload: object) -> FeedbackEvent:
    """Return the one event that *payload* carries."""
    (event,) = parse(payload)
    return event


def sample(name: str) -> FeedbackEvent:
    """Return a sample, read."""
    return one(SAMPLES[name].payload)


def details(event: FeedbackEvent) -> dict[str, Any]:
    """Return what an event says beside its mail."""
    return {
        field.name: getattr(event, field.name)
        for field in attrs.fields(type(event))
        if field.name not in COMMON
    }


@pytest.mark.parametrize("name", SAMPLES)
def test_types(name: str) -> None:
    """Every payload of SES is the event that it should be."""
    event = sample(name)

    assert SAMPLES[name].type == type(event).__name__


@pytest.mark.parametrize("name", SAMPLES)
def test_pickles(name: str) -> None:
    """Every event comes back from a task queue, with words we do not know."""
    event = sample(name)
    again = pickle.loads(pickle.dumps(event))  # noqa: S301  # our own

    assert (event, event) == (again, copy.deepcopy(event))


@pytest.mark.parametrize("name", SAMPLES)
def test_private(name: str) -> None:
    """No `repr` holds an address, a subject, or whoever clicked where."""
    text = repr(sample(name))
    seen = [
        word
        for word in (
            "ann@",
            "bob@",
            "gone@",
            "shop@",
            "in@",
            "example.net",
            "example.org",
            "Your order",
            "user unknown",
            "rendering data",
            "192.0.2.44",
            "2336412f37",
        )
        if word in text
    ]

    assert [] == seen


def test_private_where_it_should_not_be() -> None:
    """An address stays out of a `repr` in whatever member it arrives."""

    def stuffed(value: Any) -> Any:
        if isinstance(value, dict):
            return {
                k: v if k.endswith("Type") and k[:5] != "bounc" else stuffed(v)
                for k, v in value.items()
            }
        if isinstance(value, list):
            return [stuffed(item) for item in value]
        return "ann@example.net" if isinstance(value, str) else value

    shown = [
        repr(one(payload))
        for name, (_, _, payload) in SAMPLES.items()
        for payload in [stuffed(payload)]
        if isinstance(payload, dict) and "set-up" not in name
    ]

    assert [] == [text for text in shown if "ann@" in text]


def test_unknown_keeps_its_mail() -> None:
    """An event of tomorrow still says which mail it is about."""
    event = sample("an event of tomorrow")

    assert ("0102018f0000aaaa-1-000000", "o-77") == (
        event.mail.message_id,
        event.mail.tags["order"][0],
    )


@pytest.mark.parametrize(
    "name",
    ["RENDERING_FAILURE", "RenderingFailure", "rendering failure"],
)
def test_spelling_of_kinds(name: str) -> None:
    """Case, blanks and underscores tell no two kinds apart."""
    event = one({"eventType": name, "failure": {"templateName": "order"}})

    assert "order" == getattr(event, "template", None)


def test_both_type_keys() -> None:
    """Of both type keys the one of event publishing counts, if it is one."""
    kinds = [
        type(one({"eventType": first, "notificationType": "Bounce"}))
        for first in ("Open", "", None, 7)
    ]

    assert [Open, Bounce, Bounce, Bounce] == kinds


def test_public() -> None:
    """Every kind of event is public, beside what reads them."""
    kinds = {
        name
        for name, value in ((n, getattr(events, n)) for n in events.__all__)
        if isinstance(value, type) and issubclass(value, FeedbackEvent)
    }

    assert kinds | {"parse"} <= {*events.__all__}
