"""The client that is wrapped: made late, shared, and of the right kind."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from botocore.exceptions import ClientError
from tests.fake_ses import FakeSES

from safeses import Client, ConfigurationError, Email, Limits
from safeses.testing import FakeClock

pytestmark = pytest.mark.race  # threads

MAIL = Email(from_email="shop@a.example", to="ann@b.example", text="t")


def client(given: object = None) -> Client:
    """Return a client around *given*."""
    fake: Any = given
    return Client(fake, limits=Limits(per_second=14), clock=FakeClock())


def test_nothing_is_built_before_use() -> None:
    """Neither a region nor a client is needed to make one."""
    made = []

    def make() -> Any:
        made.append(FakeSES())
        return made[0]

    sender = client(make)
    before = list(made)
    sender.send(MAIL)

    assert ([], 1, made[0]) == (before, len(made), sender.boto3_client)


def test_threads_build_one() -> None:
    """Threads that send first at once share one client."""
    made = []
    barrier = threading.Barrier(8)

    def make() -> Any:
        made.append(FakeSES())
        return made[-1]

    sender = client(make)

    def act() -> None:
        barrier.wait(60)
        sender.boto3_client  # noqa: B018  # builds it

    threads = [threading.Thread(target=act) for _ in range(8)]
    for act_on in (threading.Thread.start, threading.Thread.join):
        for thread in threads:
            act_on(thread)

    assert 1 == len(made)


@pytest.mark.parametrize("given", [object(), 5, {"send_email": 1}])
def test_no_client(given: object) -> None:
    """What cannot send is refused at the first use."""
    with pytest.raises(ConfigurationError) as caught:
        client(given).send(MAIL)

    assert f"{type(given).__name__} is not a boto3 client" == (
        caught.value.problem
    )


def test_v1_client() -> None:
    """A client of the v1 API is told apart, with the remedy."""
    import boto3

    given = boto3.session.Session().client("ses")
    with pytest.raises(ConfigurationError) as caught:
        client(given).send(MAIL)

    assert 'give one made by boto3.client("sesv2")' == (caught.value.remedy)


def test_adaptive() -> None:
    """The retry mode that sleeps without bound is refused."""
    import boto3
    from botocore.config import Config

    given = boto3.session.Session().client(
        "sesv2", config=Config(retries={"mode": "adaptive"})
    )
    with pytest.raises(ConfigurationError) as caught:
        client(given).send(MAIL)

    assert "adaptive" in caught.value.problem


def test_no_region(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a region the error says where to name one."""
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    with pytest.raises(ConfigurationError) as caught:
        Client().send(MAIL)

    assert "no AWS region is known" == caught.value.problem


def test_v1_parameters() -> None:
    """Parameters of v1 are refused as boto3 would: by a ClientError."""
    v1: Any = {"Source": "a@b.example", "Message": {}}
    with pytest.raises(ClientError) as caught:
        client().send_email(**v1)

    assert (True, "BadRequestException") == (
        isinstance(caught.value, ConfigurationError),
        caught.value.response["Error"]["Code"],
    )
