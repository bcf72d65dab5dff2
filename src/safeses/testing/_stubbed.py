"""
Test an application that sends, without sending.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Final

import attrs

from safeses._budget import MemoryBudget
from safeses._core import Core
from safeses._state import ComposedState
from safeses.testing._clock import FakeClock
from safeses.testing._stub_ses import UNLIMITED, StubSES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from safeses._client import Client
    from safeses._values import Limits
    from safeses.testing._outbox import Outbox
    from safeses.typing import Clock

NO_WAIT_RECIPIENTS: Final = 1e9


@contextlib.contextmanager
def stubbed(
    ses: Client, *, limits: Limits | None = None, clock: Clock | None = None
) -> Iterator[Outbox]:
    """
    Let one client, and all of its views, send into an outbox for a while.

    Within the context the client has another boto3 client (`StubSES`),
    an empty memory state and virtual time; afterwards its own again.
    Rules, `only_to` and hooks are the application's. It needs no region, no
    credentials and no network, and never sleeps. Contexts may nest: the
    innermost gets the mail.

    Args:
        ses: The client that the application uses.
        limits: What the account may send, to see throttling; no limits
            by default.
        clock: Virtual time that the test moves; a `FakeClock` by default.

    Yields:
        The outbox.

    Example:
        >>> from safeses import Client, Email
        >>> ses = Client()
        >>> with stubbed(ses) as outbox:
        ...     receipt = ses.send(
        ...         Email(
        ...             from_email="a@a.example", to="b@b.example", text="Hi!"
        ...         )
        ...     )
        >>> outbox[0].text
        'Hi!'
    """
    stub = StubSES(limits=limits or UNLIMITED)
    clock = clock or FakeClock()
    # Without limits so much goes at once that nobody ever waits.
    burst = 1.0 if limits else NO_WAIT_RECIPIENTS
    state = ComposedState(MemoryBudget(clock, burst=burst), clock=clock)
    cores = ses._cores  # noqa: SLF001  # the seam made for this
    core = cores[0]
    other = Core(
        attrs.evolve(
            core.settings,
            boto3_client=stub,
            state=state,
            limits=limits or UNLIMITED,
            suppressions=None,
            budget=None,
            ledger=None,
            on_store_error="refuse",
            account_suppressions="ignore",
            verify_identities=False,
            processes=1,
            clock=clock,
        )
    )
    other.hooks = core.hooks
    cores.append(other)
    try:
        yield stub.outbox
    finally:
        # Not pop(): contexts of several threads may end in any order.
        cores.remove(other)
