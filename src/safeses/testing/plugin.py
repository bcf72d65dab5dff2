"""
Fixtures for pytest; installed with safeses, nothing to register.

.. code-block:: python

    def test_confirmation(ses_stub):
        outbox = ses_stub(shop.mail.ses)
        shop.order("book")
        assert outbox[0].subject == "Your order"
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from safeses import Client, Limits
    from safeses.testing import FakeClock, Outbox, SimulatedSES


@pytest.fixture
def fake_clock() -> FakeClock:
    """Virtual time, which `ses_stub` uses too."""
    from safeses.testing import FakeClock

    return FakeClock()


@pytest.fixture
def ses_stub(fake_clock: FakeClock) -> Iterator[Callable[..., Outbox]]:
    """
    Stub clients until the test ends.

    ``outbox = ses_stub(ses)``, or ``ses_stub(ses, limits=Limits(...))``.
    Time is the fixture `fake_clock`.
    """
    from safeses.testing import stubbed

    with contextlib.ExitStack() as stack:

        def stub(ses: Client, *, limits: Limits | None = None) -> Outbox:
            return stack.enter_context(
                stubbed(ses, limits=limits, clock=fake_clock)
            )

        yield stub


@pytest.fixture
def simulated_ses() -> SimulatedSES:
    """
    An account of a simulated SES, with limits and real time.

    Send with ``Client(simulated_ses.client())``, or over HTTP.
    """
    from safeses.testing import SimulatedSES

    return SimulatedSES()
