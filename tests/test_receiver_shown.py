"""How a receiver shows itself, in a debugger or a log."""

from __future__ import annotations

import re
from typing import Any

import pytest
from tests.fake_ses import FakeSES
from tests.receiving import KEY, SECRET, TOPIC, Idle, memory_parts

from safeses import Client, Limits
from safeses.feedback import Receiver
from safeses.testing import FakeClock


@pytest.mark.parametrize(
    "settings, shown",
    [
        (
            {"reactions": ()},
            (
                "Receiver(<0 topics>, verifier=None, secret=None,"
                " allow_unsigned=False, reactions=[])"
            ),
        ),
        (
            {
                "topic_arns": [TOPIC],
                "secret": SECRET,
                "allow_unsigned": True,
                "reactions": [Idle("note")],
                "identities": ["ann@b.example"],
            },
            (
                "Receiver(<1 topics>, verifier=SNSVerifier, secret=***,"
                " allow_unsigned=True, reactions=['note'])"
            ),
        ),
    ],
)
def test_repr(settings: dict[str, Any], shown: str) -> None:
    """It says what it takes, and nothing that is secret."""
    receiver = Receiver(memory_parts(tag_key=KEY), **settings)

    assert shown == repr(receiver)


def test_no_place_in_memory() -> None:
    """It is the same for two that are made alike, reactions and all."""
    parts = memory_parts()
    one, two = repr(Receiver(parts)), repr(Receiver(parts))

    assert (one, None) == (two, re.search(r"0x[0-9a-f]+", one))


def test_closed() -> None:
    """It shows itself after its client was closed, too."""
    fake: Any = FakeSES()
    client = Client(fake, limits=Limits(per_second=14), clock=FakeClock())
    receiver = Receiver(client)
    before = repr(receiver)
    client.close()

    assert before == repr(receiver)
