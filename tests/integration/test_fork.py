"""A child of a process that has sent: its own connections, right answers."""

from __future__ import annotations

import datetime as dt
import json
import multiprocessing
import os
import select
import signal
import threading
import traceback
import warnings
from typing import TYPE_CHECKING, Any

import boto3
import botocore.session
import pytest
from botocore.credentials import RefreshableCredentials

from safeses import Client, ConfigurationWarning, Email, Limits
from safeses.testing import SimulatedSES

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    Join = Callable[[], object]

    Serving = Callable[..., tuple[SimulatedSES, Client]]

pytestmark = [
    pytest.mark.server,
    pytest.mark.skipif(not hasattr(os, "fork"), reason="has no fork"),
    # Python 3.12 warns of what these tests are about.
    pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork"),
]

CHILDREN = 4
EACH = 50
HANGS_S = 60
REMEDY = "ignore:this process was forked:safeses.ConfigurationWarning"


def report(act: Callable[[], Any], pipe: int) -> None:
    """Write what *act* returns, or how it failed, to *pipe*."""
    try:
        said = json.dumps(act())
    except BaseException:  # noqa: BLE001  # the parent must hear of it
        said = json.dumps(traceback.format_exc())
    os.write(pipe, said.encode())
    os.close(pipe)
    # Not os._exit: whoever measures coverage has locks there that a thread
    # of the parent may have held at the fork.
    os.kill(os.getpid(), signal.SIGKILL)


def by_fork(act: Callable[[], Any], pipe: int) -> tuple[int, Join]:
    """Fork as gunicorn does."""
    pid = os.fork()
    if not pid:
        report(act, pipe)
    return pid, lambda: os.waitpid(pid, 0)


def by_multiprocessing(act: Callable[[], Any], pipe: int) -> tuple[int, Join]:
    """Fork as Celery does."""
    process = multiprocessing.get_context("fork").Process(
        target=report, args=(act, pipe)
    )
    process.start()
    return process.pid or 0, process.join


def in_children(
    fork: Callable[[Callable[[], Any], int], tuple[int, Join]],
    acts: Iterable[Callable[[], Any]],
) -> Iterator[Callable[[], Any]]:
    """Start a child for each act; call the results to wait for them."""
    for act in acts:
        reading, writing = os.pipe()
        pid, join = fork(act, writing)
        os.close(writing)

        def result(
            reading: int = reading, pid: int = pid, join: Join = join
        ) -> Any:
            data, more = b"", b"?"
            while more and select.select([reading], [], [], HANGS_S)[0]:
                more = os.read(reading, 65536)
                data += more
            os.close(reading)
            if more:  # not to its end
                os.kill(pid, signal.SIGKILL)
            join()
            return json.loads(data or b'"the child hangs"')

        yield result


def send_many(
    client: Client, mail: Callable[..., Email], name: str
) -> Callable[[], list[list[str]]]:
    """Return what sends mails and returns subjects with ids."""

    def act() -> list[list[str]]:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConfigurationWarning)
            return [
                [subject, client.send(mail(subject)).message_id]
                for subject in (f"{name}-{n}" for n in range(EACH))
            ]

    return act


@pytest.mark.filterwarnings(REMEDY)
@pytest.mark.parametrize("secure", [False, True], ids=["http", "https"])
@pytest.mark.parametrize("fork", [by_fork, by_multiprocessing])
def test_answers_are_not_mixed_up(
    serving: Serving,
    mail: Callable[..., Email],
    tls: tuple[ssl.SSLContext, Path],
    fork: Callable[[Callable[[], Any], int], tuple[int, Join]],
    *,
    secure: bool,
) -> None:
    """Parent and children each get the ids of their own mails."""
    ses, client = serving(
        server={
            "host": "localhost",
            "ssl_context": tls[0] if secure else None,
        },
        verify=str(tls[1]),
    )
    client.send(mail("before"))
    children = list(
        in_children(
            fork,
            [send_many(client, mail, f"child{n}") for n in range(CHILDREN)],
        )
    )
    answers = send_many(client, mail, "parent")()
    for child in children:
        answers += child()
    answers += send_many(client, mail, "after")()
    there = {sent.subject: sent.message_id for sent in ses.sent}
    del there["before"]

    assert (EACH * (CHILDREN + 2), there) == (len(answers), dict(answers))


@pytest.mark.filterwarnings(REMEDY)
def test_a_fork_amid_sends(
    serving: Serving, mail: Callable[..., Email]
) -> None:
    """A fork while other threads send, wait and ask hangs nobody."""
    _, client = serving(
        SimulatedSES(max_send_rate=200, latency_s=0.005), limits=None
    )
    over = threading.Event()

    def keep_sending() -> None:
        while not over.is_set():
            client.send(mail("busy"), max_wait_s=20)

    busy = [threading.Thread(target=keep_sending) for _ in range(8)]
    for thread in busy:
        thread.start()

    def act() -> int:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConfigurationWarning)
            return len([client.send(mail("child")) for _ in range(3)])

    seen = []
    for _ in range(6):
        children = list(in_children(by_fork, [act] * CHILDREN))
        seen += [child() for child in children]
    over.set()
    for thread in busy:
        thread.join()

    assert [3] * CHILDREN * 6 == seen


def test_a_fork_while_the_first_send_connects(
    serving: Serving, mail: Callable[..., Email]
) -> None:
    """A fork while a thread builds the client leaves the child able."""
    ses, another = serving()
    boto = another.boto3_client
    building, go_on = threading.Event(), threading.Event()

    def slowly() -> Any:
        if not building.is_set():  # in the child it is
            building.set()
            go_on.wait(HANGS_S)
        return boto

    client = Client(slowly, limits=Limits(per_second=1_000), state="memory:")
    thread = threading.Thread(target=client.send, args=(mail("parent"),))
    thread.start()
    building.wait()
    (child,) = in_children(
        by_fork, [lambda: client.send(mail("child")).attempts]
    )
    attempts = child()
    go_on.set()
    thread.join()

    assert (1, 2) == (attempts, len(ses.sent))


def test_a_fork_while_credentials_are_renewed(
    mail: Callable[..., Email],
) -> None:
    """A child does not wait for a thread that renews in the parent."""
    renewing, go_on = threading.Event(), threading.Event()

    def renew() -> dict[str, str]:
        if not renewing.is_set():
            renewing.set()
            go_on.wait(HANGS_S)
        return {
            "access_key": "testing",
            "secret_key": "testing",
            "token": "testing",
            "expiry_time": "2999-01-01T00:00:00Z",
        }

    session = botocore.session.Session()
    session._credentials = RefreshableCredentials(  # type: ignore[attr-defined]  # noqa: SLF001  # no other way
        "testing",
        "testing",
        "testing",
        dt.datetime.now(dt.timezone.utc),
        renew,
        "test",
    )
    ses = SimulatedSES()
    with ses.serve() as url:
        boto = boto3.Session(botocore_session=session).client(
            "sesv2", region_name="eu-west-1", endpoint_url=url
        )
        with Client(boto, limits=Limits(per_second=1_000)) as client:
            thread = threading.Thread(target=client.send, args=(mail(),))
            thread.start()
            renewing.wait()
            act = send_many(client, mail, "child")
            (child,) = in_children(by_fork, [lambda: len(act())])
            sent = child()
            go_on.set()
            thread.join()

    assert (EACH, EACH + 1) == (sent, len(ses.sent))


def test_memory_that_nobody_named(
    serving: Serving, mail: Callable[..., Email]
) -> None:
    """A child is warned once that memory limits itself only."""
    ses, client = serving()
    client.send(mail())

    def act() -> list[str]:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            client.send(mail())
            client.send(mail())
        return [
            str(one.message)
            for one in caught
            if issubclass(one.category, ConfigurationWarning)
        ]

    (child,) = in_children(by_fork, [act])
    warned = child()

    assert (1, True, 3) == (
        len(warned),
        "Client(processes=N)" in warned[0],
        len(ses.sent),
    )


@pytest.mark.parametrize("settings", [{"processes": 4}, {"state": "memory:"}])
def test_memory_by_choice(
    serving: Serving, mail: Callable[..., Email], settings: dict[str, Any]
) -> None:
    """Who chose memory, or said how many processes there are, knows."""
    _, client = serving(**settings)
    client.send(mail())

    def act() -> int:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            client.send(mail())
        return sum(
            issubclass(one.category, ConfigurationWarning) for one in caught
        )

    (child,) = in_children(by_fork, [act])

    assert 0 == child()
