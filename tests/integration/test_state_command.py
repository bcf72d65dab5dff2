"""``safeses state`` as people type it, on real engines."""

from __future__ import annotations

import subprocess
import sys
import time
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest
from tests.engines import open_url

from safeses import Client, Suppression
from safeses.cli import main
from safeses.sqlite import SqliteState
from safeses.testing import SimulatedSES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from safeses import Email

pytestmark = pytest.mark.server

ENGINES = ("redis", "postgresql", "mariadb", "dynamodb")
END_S = 120
MANY = 30_000
COPY = [sys.executable, "-m", "safeses", "state", "copy"]
TRIES = 5


@pytest.fixture
def ses(monkeypatch: pytest.MonkeyPatch) -> Iterator[SimulatedSES]:
    """Have boto3 take a simulated SES for AWS."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "k")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "s")
    simulated = SimulatedSES(max_send_rate=500)
    with simulated.serve() as url:
        monkeypatch.setenv("AWS_ENDPOINT_URL_SESV2", url)
        yield simulated


def patient(url: str) -> str:
    """Return *url* with time for a busy machine, where a URL can say so."""
    if not url.startswith(("redis:", "dynamodb:")):
        return url
    return f"{url}{'&' if '?' in url else '?'}timeout_s=60"


@pytest.mark.parametrize("name", ENGINES)
def test_outgrown(
    ses: SimulatedSES,
    engine_url: Any,
    tmp_path: Path,
    mail: Callable[..., Email],
    name: str,
) -> None:
    """Who moves from a file to an engine sends nothing twice, to nobody."""
    old, new = f"sqlite:///{tmp_path}/mail.db", patient(engine_url(name))
    with Client(region="eu-west-1", state=old) as client:
        client.suppressions.add("bob@b.example", "bounce")
        client.send(mail(), idempotency_key="k")
    statuses = [
        main(["state", *argv])
        for argv in (
            ["init", new],
            ["copy", old, new],
            ["copy", old, new],
            ["stats", new],
            ["purge", new],
        )
    ]
    with Client(region="eu-west-1", state=new) as client:
        again = client.send(mail(), idempotency_key="k")
        found = client.suppressions.find("bob@b.example")

    assert ([0] * 5, 1, True, "bounce") == (
        statuses,
        len(ses.sent),
        again.replayed,
        found.reason if found else "",
    )


@pytest.mark.parametrize("name", ENGINES)
def test_back(engine_url: Any, tmp_path: Path, name: str) -> None:
    """The way back is the same."""
    new, old = patient(engine_url(name)), f"sqlite:///{tmp_path}/mail.db"
    with closing(open_url(new)) as state:
        state.init()
        state.suppressions.add(
            [Suppression(address="bob@b.example", reason="bounce")]
        )
    status = main(["state", "copy", new, old])
    with closing(SqliteState.from_url(old)) as state:
        count = state.suppressions.count()

    assert (0, 1) == (status, count)


def killed_amid(old: str, new: str) -> int:
    """Kill a copy that has begun; return how far it has come."""
    with closing(SqliteState.from_url(new)) as state:
        state.init()
        with subprocess.Popen([*COPY, old, new]) as copying:  # noqa: S603  # our command
            until = time.monotonic() + END_S
            while not state.suppressions.count():
                assert time.monotonic() < until
            copying.kill()
        return state.suppressions.count()


def test_killed(tmp_path: Path) -> None:
    """A copy that was killed is begun again, and is whole."""
    old = f"sqlite:///{tmp_path}/old.db"
    with closing(SqliteState.from_url(old)) as state:
        for first in range(0, MANY, 500):
            state.suppressions.add(
                [
                    Suppression(address=f"u{n}@b.example", reason="bounce")
                    for n in range(first, first + 500)
                ]
            )
    new, amid = "", MANY
    for number in range(TRIES):
        new = f"sqlite:///{tmp_path}/new{number}.db"
        amid = killed_amid(old, new)
        if amid < MANY:  # not killed too late
            break
    argv = [*COPY, old, new]
    with closing(SqliteState.from_url(new)) as state:
        done = subprocess.run(  # noqa: S603  # the same
            argv, check=True, capture_output=True, text=True, timeout=END_S
        )
        copied = f"{MANY - amid} suppressions copied, {amid} known"

        assert (True, MANY, copied) == (
            0 < amid < MANY,
            state.suppressions.count(),
            done.stdout.splitlines()[0],
        )
