"""Text that is no event, and what it comes in."""

from __future__ import annotations

import json

import pytest
from tests.corpora.events_ses import (
    CARRIERS,
    SAMPLES,
    sns,
    sqs,
)

from safeses.errors import InvalidEventError
from safeses.events import SetUp, UnknownEvent, parse

BOUNCE = SAMPLES["event: Bounce"].payload
SEND = SAMPLES["event: Send"].payload
SET_UP = SAMPLES["set-up: an event destination"].payload


def kinds(payload: object) -> list[str]:
    """Return the kinds of events that *payload* carries."""
    return [type(event).__name__ for event in parse(payload)]


def refused(payload: object) -> str:
    """Return the rule that refuses *payload*, ``""`` if none does."""
    try:
        parse(payload)
    except InvalidEventError as error:
        return error.rule
    return ""


@pytest.mark.parametrize(
    "payload",
    [
        None,
        7,
        1.5,
        True,
        object(),
        {1, 2},
        "",
        b"",
        " \n",
        "<html><body>Not found</body></html>",
        b"eventType=Bounce",
        b"\x00\x01",
        b"\xff\xfe",
        memoryview(b"no JSON"),
        "Successfully",
    ],
    ids=range(15),
)
def test_no_event_at_all(payload: object) -> None:
    """What is no JSON, and comes in no carrier, is refused."""
    assert refused(payload) in {
        "an event as text, bytes, a mapping or a list",
        "an event is a JSON document",
        "UTF-8",
    }


@pytest.mark.parametrize("number", range(5))
def test_set_up_text(number: int) -> None:
    """The one text that SES itself publishes is known, wherever it comes."""
    payload: object = (
        SET_UP,
        SET_UP.encode() + b"\n",
        sns(SET_UP),
        sqs(SET_UP.removesuffix(".")),
        json.dumps(SET_UP),
    )[number]

    assert ["SetUp"] == kinds(payload)


@pytest.mark.parametrize(
    "words",
    [
        "Hello",
        "",
        "<html>",
        "12 apples",
        '{"eventType":',
        "{'a': 1}",
        "x" * 9999,
    ],
)
def test_other_text(words: str) -> None:
    """Other text in a carrier is kept: it must not stop a queue."""
    found = [parse(wrap(words)) for wrap in CARRIERS.values()]
    texts = {
        str(getattr(event, "text", None)).strip()
        for events in found
        for event in events
    }

    assert {words} == texts


@pytest.mark.parametrize(
    "scalar, shown", [("12", "12"), ("null", "null"), ("true", "true")]
)
def test_scalars(scalar: str, shown: str) -> None:
    """JSON that is no event at all is an unknown one, with its text."""
    found = parse(sns(scalar)) + parse(scalar) + parse([json.loads(scalar)])
    texts = [e.text for e in found if isinstance(e, UnknownEvent)]

    assert [shown] * 3 == texts


def test_ids_of_texts() -> None:
    """A text comes again with its id, and another delivery has another."""
    first, again = (parse(sns("Hello"))[0] for _ in range(2))
    other = parse(sns("Hello", MessageId="other"))[0]

    assert (first.id, True) == (again.id, other.id != first.id)


def test_set_up_notification() -> None:
    """What SES publishes first to an identity's topic says what it says."""
    (event,) = parse(sns(SAMPLES["set-up: an identity's topic"].payload))
    assert isinstance(event, SetUp)

    assert event.text.startswith("You have successfully subscribed")
