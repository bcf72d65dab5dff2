"""A client that goes on while Redis, which has its budget, is gone."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

import pytest

from safeses import Client, Email, Limits, QuotaExceededError, StoreError
from safeses.testing import SimulatedSES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.engines import RedisServer

pytestmark = pytest.mark.server

PER_DAY = 40
# The Redis is asked again after a pause, however fast the refusals are.
BOUND_S = 60.0


@pytest.fixture
def ses(monkeypatch: pytest.MonkeyPatch) -> Iterator[SimulatedSES]:
    """Have boto3 take a simulated SES for AWS."""
    simulated = SimulatedSES(max_send_rate=500)
    with simulated.serve() as url:
        monkeypatch.setenv("AWS_ENDPOINT_URL_SESV2", url)
        yield simulated


def test_back_by_itself(
    ses: SimulatedSES,
    own_redis: RedisServer,
    tmp_path: Path,
    mail: Callable[..., Email],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """What was sent meanwhile is in the quota of the Redis that came back."""
    with (
        caplog.at_level(logging.WARNING, "safeses"),
        Client(
            region="eu-west-1",
            state=f"sqlite:///{tmp_path}/mail.db",
            budget=own_redis.url,
            limits=Limits(per_second=100, per_day=PER_DAY),
            on_store_error="degrade",
            processes=2,
        ) as client,
    ):
        client.send(mail(), idempotency_key="before")
        own_redis.kill()
        for number in range(4):
            client.send(mail(), idempotency_key=f"meanwhile-{number}")
        told = sum("cannot answer" in r.getMessage() for r in caplog.records)
        own_redis.start()
        refused = 0
        until = time.monotonic() + BOUND_S
        while time.monotonic() < until:
            try:
                client.send(mail())
            except QuotaExceededError:
                refused += 1
                if own_redis.ask("DBSIZE") != ":0":
                    break
        again = client.send(mail(), idempotency_key="before")

    # The Redis that came back knows nothing of the mail before.
    assert (1, True, 0, 1 + PER_DAY, True) == (
        told,
        refused > 0,
        ses.throttled,
        len(ses.sent),
        again.replayed,
    )


def test_refuses(
    ses: SimulatedSES,
    own_redis: RedisServer,
    tmp_path: Path,
    mail: Callable[..., Email],
) -> None:
    """Who does not ask for it sends nothing."""
    with Client(
        region="eu-west-1",
        state=f"sqlite:///{tmp_path}/mail.db",
        budget=own_redis.url,
        limits=Limits(per_second=100),
    ) as client:
        client.send(mail())
        own_redis.kill()
        with pytest.raises(StoreError) as caught:
            client.send(mail())

    assert ("budget", "redis", 1) == (
        caught.value.part,
        caught.value.engine,
        len(ses.sent),
    )
