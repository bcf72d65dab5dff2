"""What the error of a state says: what is true for the act."""

from __future__ import annotations

import pickle
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError
from tests.keyed import KEY, MAIL, PARAMS, outcome_of, world
from tests.receiving import DELIVERED, Idle, memory_parts

from safeses import StoreError
from safeses.feedback import Receiver

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from safeses import Client

BEGINS = "the ledger in memory could not answer: out of order"
SENT_NOTHING = "; nothing was sent"


class Out:
    """A part that gives no answer."""

    engine = "memory"

    def __init__(self, part: Any) -> None:
        """Stand in for *part*."""
        self.part = part

    def __getattr__(self, name: str) -> Any:
        if name in {"after_fork", "close"}:
            return getattr(self.part, name)

        def fail(*_: object, **__: object) -> None:
            raise StoreError("ledger", "memory", "out of order")

        return fail


def failing(tmp_path: Path) -> Client:
    """Return a client whose ledger gives no answer."""
    here: Any = world("memory", tmp_path)
    here.state.ledger = Out(here.state.ledger)
    client: Client = here.client()
    return client


@pytest.mark.parametrize(
    "act",
    [
        lambda c: c.send(MAIL, idempotency_key=KEY),
        lambda c: c.send_email(**PARAMS),
        lambda c: c.with_options(idempotency_key=KEY).send_email(**PARAMS),
    ],
    ids=["send", "drop-in", "drop-in with a key"],
)
def test_of_a_send(act: Callable[[Client], object], tmp_path: Path) -> None:
    """A send says that nothing was sent, on the other side of a queue, too."""
    error = outcome_of(lambda: act(failing(tmp_path)))
    again = pickle.loads(pickle.dumps(error))  # noqa: S301  # our own
    message = (
        error.response["Error"]["Message"]
        if isinstance(error, ClientError)
        else str(error)
    )

    assert [BEGINS + SENT_NOTHING] * 3 == [str(error), str(again), message]


@pytest.mark.parametrize(
    "act",
    [
        lambda c: [*c.unknown()],
        lambda c: c.resolve(KEY, "sent"),
    ],
    ids=["list", "resolve"],
)
def test_of_another_act(
    act: Callable[[Client], object], tmp_path: Path
) -> None:
    """What sends nothing anyway does not speak of sending."""
    error = outcome_of(lambda: act(failing(tmp_path)))
    again = pickle.loads(pickle.dumps(error))  # noqa: S301  # our own

    assert [BEGINS] * 2 == [str(error), str(again)]


def test_of_an_event() -> None:
    """Events are not sent, so their handling does not speak of it."""

    class Fails(Idle):
        def plan(self, *_: object) -> Any:
            raise StoreError("suppressions", "redis", "no answer")

    receiver = Receiver(memory_parts(), reactions=[Fails()])
    error = outcome_of(lambda: receiver.explain(DELIVERED))

    assert "the suppressions in redis could not answer: no answer" == str(
        error
    )
