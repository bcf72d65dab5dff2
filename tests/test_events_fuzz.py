from __future__ import annotations

import pickle
import random
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.corpora.events_mutated import mutated
from tests.corpora.events_ses import CARRIERS, EVENTS

from safeses.errors import InvalidEventError
from safeses.events import FeedbackEvent, UnknownEvent, parse

COUNT = 3_000
# Names that are read, so that chance finds them together.
NAMES = st.sampled_from(
    sorted(
        {
            *(
                k
                for e in EVENTS.values()
                if isinstance(e.payload, dict)
                for k in e.payload
            ),
            "Type",
            "Message",
            "Records",
            "records",
            "Messages",
            "Sns",
            "body",
            "Body",
            "eventSource",
            "MessageId",
            "detail-type",
            "detail",
            "source",
            "data",
            "id",
            "timestamp",
            "tags",
            "headers",
            "bouncedRecipients",
            "emailAddress",
        }
    )
)
WORDS = st.sampled_from(
    ["Bounce", "Send", "Notification", "aws.ses", "aws:sqs", "e30=", "{}", ""]
)
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | WORDS,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(NAMES | st.text(max_size=3), inner, max_size=6)
    ),
    max_leaves=25,
)


def read(payload: object) -> list[FeedbackEvent]:
    """Return the events of *payload*, each shown, pickled and compared."""
    try:
        events = parse(payload)
    except InvalidEventError:
        return []
    for event in events:
        again = pickle.loads(pickle.dumps(event))  # noqa: S301  # our own
        # What is no number equals nothing, not even itself.
        assert repr(event) == repr(again)
        for text in (event.id, event.carrier_id, event.mail.tag):
            text.encode("utf-8")
    return events


@given(payload=JSON)
def test_any_mapping(payload: object) -> None:
    """No mapping raises anything, but what is none of JSON's is refused."""
    if not isinstance(payload, (list, dict, str)):
        return

    assert all(isinstance(event, FeedbackEvent) for event in read(payload))


@given(payload=JSON, carrier=st.sampled_from(sorted(CARRIERS)))
def test_any_message(payload: object, carrier: str) -> None:
    """No message raises anything in any carrier, and none gets lost."""
    wrapped = CARRIERS[carrier](payload)
    try:
        events = parse(wrapped)
    except InvalidEventError:
        return

    assert all(isinstance(event, FeedbackEvent) for event in events)


@given(data=st.binary(max_size=200))
def test_any_bytes(data: bytes) -> None:
    """No bytes raise anything else than that they are no event."""
    assert all(isinstance(event, FeedbackEvent) for event in read(data))


@pytest.mark.parametrize("seed", range(6))
def test_mutations(seed: int) -> None:
    """Damage costs what is damaged: most events are still what they were."""
    chance = random.Random(seed)  # noqa: S311  # no secret
    kinds = Counter(
        type(event)
        for _ in range(COUNT // 6)
        for event in read(mutated(chance))
    )

    assert kinds.total() - kinds[UnknownEvent] > COUNT // 24, kinds
