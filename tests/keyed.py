"""What tests of idempotency keys stand on: one state, and its clients."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import attrs
from tests.fake_ses import FakeSES, client_error

from safeses import (
    Client,
    Email,
    Limits,
    SafeSESError,
    StoreError,
)
from safeses._state import ComposedState, memory_state
from safeses.sqlite import SqliteState
from safeses.testing import FakeClock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from safeses import Receipt
    from safeses.ledger import Record
    from safeses.typing import Ledger

KEY = "order-77/receipt"
MAIL = Email(
    from_email="shop@a.example",
    to=("ann@b.example", "bob@b.example"),
    subject="Your order",
    text="t",
)
OTHER = attrs.evolve(MAIL, subject="Another order")
PARAMS: dict[str, Any] = {
    "FromEmailAddress": "shop@a.example",
    "Destination": {"ToAddresses": ["ann@b.example"]},
    "Content": {
        "Simple": {
            "Subject": {"Data": "Your order"},
            "Body": {"Text": {"Data": "t"}},
        }
    },
}
LIMITS = Limits(per_second=14)
SCOPE = "safeses/local"
LOST = client_error("InternalFailure", "", 500)
REJECTED = client_error("MessageRejected", "Virus found.")
DENIED = client_error("AccessDeniedException", "", 403)
THROTTLED = client_error(
    "TooManyRequestsException", "Maximum sending rate exceeded.", 429
)
# An attempt has 10 s, and 5 s to say how it ended; a claim has 10 s.
SUBMIT_LEASE_S = 15.0
CLAIM_LEASE_S = 10.0
GRACE_S = 900.0


class World:
    """
    A fake SES, a fake clock, one state, and the clients on them.

    Attributes:
        ses: The fake SES; it answers as its script says.
        clock: The fake clock.
        state: What all the clients share.
    """

    def __init__(self, state: ComposedState, clock: FakeClock) -> None:
        """Begin with an SES that accepts."""
        self.ses = FakeSES()
        self.clock = clock
        self.state = state

    @property
    def calls(self) -> int:
        """How often SES was called."""
        return len(self.ses.sent)

    def client(self, **settings: Any) -> Client:
        """Return one more client, as another process would make it."""
        settings.setdefault("limits", LIMITS)
        fake: Any = self.ses
        return Client(fake, state=self.state, clock=self.clock, **settings)

    def answers(self, *answers: Any) -> None:
        """Say what SES answers next."""
        self.ses.answers = [*answers]

    def record(self, key: str = KEY) -> Record | None:
        """Return what is on record of a key."""
        name = self.client().ledger.job_id(key)
        found = self.state.ledger.look_up(name)
        return found.record if found else None

    def state_of(self, key: str = KEY) -> str:
        """Return how far the job of a key is, ``""`` if unknown here."""
        record = self.record(key)
        return record.state if record else ""

    @contextlib.contextmanager
    def deaf(self, *acts: str) -> Iterator[None]:
        """Have the ledger not answer some acts for a while."""
        # In SQLite a second one is at work inside of transactions.
        parts = [self.state, getattr(self.state, "_parts", self.state)]
        ledgers = [part.ledger for part in parts]
        for part, ledger in zip(parts, ledgers, strict=True):
            part.ledger = Deaf(ledger, acts)
        yield
        for part, ledger in zip(parts, ledgers, strict=True):
            part.ledger = ledger

    def close(self) -> None:
        """Close the state."""
        self.state.close()


def world(engine: str, tmp_path: Path) -> World:
    """Return a world whose state is in *engine*."""
    clock = FakeClock()
    if engine == "sqlite":
        path = tmp_path / "mail.db"
        return World(SqliteState.open(path, clock=clock), clock)
    return World(memory_state(clock), clock)


def told(
    ses: Client, mail: object = MAIL, key: str | None = KEY, **options: Any
) -> Any:
    """Return the receipt, or the error, of a send with a key."""
    message: Any = mail
    return outcome_of(
        lambda: ses.send(message, idempotency_key=key, **options)
    )


def outcome_of(call: Callable[[], object]) -> Any:
    """Return what *call* returns, or which error it raises."""
    try:
        return call()
    except SafeSESError as error:
        return error


def replay_of(first: Receipt) -> Receipt:
    """Return what a repetition gets."""
    return attrs.evolve(first, replayed=True)


@attrs.define
class Deaf:
    """
    A ledger some acts of which get no answer.

    Attributes:
        inner: The ledger behind it.
        acts: The names of those acts.
    """

    inner: Ledger
    acts: tuple[str, ...]

    def __getattr__(self, name: str) -> Any:
        """Return an act of the ledger, or one that fails."""
        if name in self.acts:
            return self._fail
        return getattr(self.inner, name)

    def _fail(self, *_: object) -> Any:
        raise StoreError("ledger", "fake", "no answer")
