"""An engine behind a proxy, an SES that counts, and clients of both."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import attrs
from tests.engines import open_url, state_class
from tests.integration._crash_worker import Ahead

from safeses import Client, Email, Limits, SafeSESError, StoreError
from safeses._state import ComposedState
from safeses.testing import SimulatedSES

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.proxy import Proxy

    from safeses import Receipt
    from safeses._outcome import Admission, Admitted, Claim, Later, Outcome
    from safeses.ledger import Found

KEY = "order-77/receipt"
MAIL = Email(
    from_email="shop@a.example",
    to="eva@b.example",
    subject="Your order",
    text="Thank you.",
)
PLENTY = Limits(per_second=10_000)
# Longer than every lease.
LATER_S = 100.0
# So long a circuit keeps from asking at most, and some more.
HEALS_S = 15.0
# After three calls without an answer the circuit is open: three time-outs,
# of 250 ms in Redis and of 1 s in SQL. On a machine with four times the work
# that it could do, the longest of 300 sends took 0.87 s and 3.06 s. A second
# is added for one that is busier still.
BOUND_S = {"redis": 1.75, "postgresql": 4.0, "mariadb": 4.0}
# SQLAlchemy's name of what a URL of ours names.
NAMES = {"mariadb": "mysql"}


class Hooked(ComposedState):
    """
    What a state is besides, something happens to before an act.

    Attributes:
        before: What happens, by the name of the act.
    """

    before: dict[str, Callable[[], object]]

    def admit(self, admission: Admission) -> Admitted | Later | Found:
        """Admit."""
        self._happens("admit")
        return super().admit(admission)

    def submit(self, claim: Claim, timeout_s: float) -> None:
        """Submit."""
        if not claim.is_submitted:  # it is not asked about that again
            self._happens("submit")
        super().submit(claim, timeout_s)

    def settle(self, claim: Claim, outcome: Outcome) -> None:
        """Settle."""
        self._happens("settle")
        super().settle(claim, outcome)

    def _happens(self, act: str) -> None:
        self.before.pop(act, lambda: None)()


def hooked(url: str, **settings: Any) -> Any:
    """Open a state to whose acts something can happen."""
    kind: Any = type("HookedState", (Hooked, state_class(url)), {})
    state = kind.from_url(url, **settings)
    state.before = {}
    return state


@attrs.define(eq=False)
class Engine:
    """
    One engine and an SES.

    Attributes:
        name: What it is called in tests.
        url: Where it is, past the proxy.
        proxy: What stands before it.
        ses: Counts what it takes.
        state: The one of the client, through the proxy.
        client: Sends.
    """

    name: str
    url: str
    proxy: Proxy
    ses: SimulatedSES = attrs.field(
        factory=lambda: SimulatedSES(max_send_rate=10_000)
    )
    state: Any = attrs.field(init=False)
    client: Client = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        """Make the tables, and a client."""
        open_url(self.url).close()
        self.state = hooked(self.proxy.url_for(self.url))
        self.client = Client(
            self.ses.client(), state=self.state, limits=PLENTY
        )

    @property
    def engine(self) -> str:
        """What it is called in errors."""
        return NAMES.get(self.name, self.name)

    @property
    def copies(self) -> int:
        """How many mails SES took."""
        return len(self.ses.sent)

    def send(
        self, key: str | None = None, **options: Any
    ) -> Receipt | SafeSESError:
        """Return what came of a send."""
        try:
            return self.client.send(MAIL, idempotency_key=key, **options)
        except SafeSESError as error:
            return error

    def timed(self, key: str | None = None) -> tuple[Any, float]:
        """Return the same, and how long it took."""
        began = time.monotonic()
        told = self.send(key)
        return told, time.monotonic() - began

    def is_said(self, told: object) -> bool:
        """Tell whether an error names the part and the engine, and no URL."""
        return (
            isinstance(told, StoreError)
            and told.engine == self.engine
            and bool(told.part)
            and "://" not in str(told)
            and str(self.proxy.port) not in str(told)
        )

    def later(self, key: str) -> Receipt | SafeSESError:
        """Repeat a job when all leases have ended, in another process."""
        clock = Ahead(LATER_S)
        state = open_url(self.url, clock=clock)
        with Client(
            self.ses.client(), state=state, clock=clock, limits=PLENTY
        ) as ses:
            try:
                return ses.send(MAIL, idempotency_key=key)
            except SafeSESError as error:
                return error
            finally:
                state.close()

    def recorded(self, key: str) -> str:
        """Return how far the job of a key is, ``""`` if unknown."""
        state = open_url(self.url)
        try:
            found = state.ledger.look_up(self.client.ledger.job_id(key))
        finally:
            state.close()
        return found.record.state if found else ""

    def recovers(self) -> bool:
        """Tell whether sends succeed again, by themselves and soon."""
        until = time.monotonic() + HEALS_S
        while time.monotonic() < until:
            told = self.send()
            if not isinstance(told, SafeSESError):
                return True
            time.sleep(min(told.retry_after_s or 0.05, 0.5))
        return False

    def close(self) -> None:
        """Close all."""
        self.client.close()
        self.state.close()
