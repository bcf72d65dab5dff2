"""Many processes have the same jobs, and each job is done once."""

from __future__ import annotations

import json
import os
import select
import signal
import traceback
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest
from tests.integration._workers import Workers

from safeses.testing import SimulatedSES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from safeses import Client, Email

    Serving = Callable[..., tuple[SimulatedSES, Client]]

pytestmark = [
    pytest.mark.server,
    pytest.mark.skipif(not hasattr(os, "fork"), reason="has no fork"),
    # Python 3.12 warns of forks where there are threads.
    pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork"),
]

PROCESSES = 16
KEYS = [f"order-{n}/receipt" for n in range(50)]
CHILDREN = 4
HANGS_S = 120


@pytest.fixture(scope="module")
def workers() -> Iterator[Workers]:
    """Where processes come from."""
    with Workers() as workers:
        yield workers


def ids_by_key(said: list[dict[str, Any]]) -> dict[str, set[str]]:
    """Return the ids that callers were told, key by key."""
    told: dict[str, set[str]] = {key: set() for key in KEYS}
    for line in said:
        told[line["key"]].add(line.get("id") or line["error"])
    return told


@pytest.mark.parametrize("latency_s", [0.0, 0.02])
def test_equal_keys(
    workers: Workers, tmp_path: Path, latency_s: float
) -> None:
    """Of 16 processes with the same 50 jobs one does each, all hear of it."""
    ses = SimulatedSES(max_send_rate=10_000, latency_s=latency_s)
    with ses.serve() as url:
        job = {
            "url": url,
            "state": f"sqlite:///{tmp_path}/mail.db",
            "keys": KEYS,
        }
        crowd = [workers.start(**job, seed=n) for n in range(PROCESSES)]
        said = [line for worker in crowd for line in worker.said()]
        # Who was too hurried to wait for another's answer asks again.
        late = sorted(
            {s["key"] for s in said if s.get("error") == "InFlightError"}
        )
        heard = [s for s in said if s.get("error") != "InFlightError"]
        if late:
            heard += workers.run(**{**job, "keys": late})
    there = {mail.subject: {mail.message_id} for mail in ses.sent}

    assert (PROCESSES * len(KEYS), len(KEYS)) == (len(said), len(ses.sent))
    assert there == ids_by_key(heard)


def test_suppressed_since(workers: Workers, tmp_path: Path) -> None:
    """A repeated job is answered, though its recipient bounced since."""
    ses = SimulatedSES()
    with ses.serve() as url:
        job = {"url": url, "state": f"sqlite:///{tmp_path}/mail.db"}
        first = workers.run(**job, keys=KEYS[:1])
        workers.run(**job, suppress=["eva@b.example"])
        repeated = workers.run(**job, keys=KEYS[:1])
        another = workers.run(**job, keys=KEYS[1:2])
    (sent,) = ses.sent

    assert (
        [{"key": KEYS[0], "id": sent.message_id, "replayed": False}],
        [{"key": KEYS[0], "id": sent.message_id, "replayed": True}],
        [{"key": KEYS[1], "error": "SuppressedError"}],
    ) == (first, repeated, another)


def forked(act: Callable[[], object]) -> tuple[int, int]:
    """Let a child act; return its id and where its answer can be read."""
    reading, writing = os.pipe()
    pid = os.fork()
    if not pid:
        try:
            said = json.dumps(act())
        except BaseException:  # noqa: BLE001  # the parent must hear of it
            said = json.dumps(traceback.format_exc())
        os.write(writing, said.encode())
        # Nothing of the parent's is to be cleared away here.
        os.kill(os.getpid(), signal.SIGKILL)
    os.close(writing)
    return pid, reading


def answer(pid: int, reading: int) -> Any:
    """Wait for a child's answer, and for its end."""
    data, more = b"", b"?"
    while more and select.select([reading], [], [], HANGS_S)[0]:
        more = os.read(reading, 65_536)
        data += more
    os.close(reading)
    if more:  # it hangs
        os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    return json.loads(data or b'"the child hangs"')


@pytest.mark.parametrize("where", ["sqlite", "memory:"])
def test_forked_after_the_first_use(
    serving: Serving, mail: Callable[..., Email], tmp_path: Path, where: str
) -> None:
    """Parent and children get, by their keys, the ids of their own mails."""
    file = f"sqlite:///{tmp_path / 'mail.db'}"
    ses, client = serving(state=file if where == "sqlite" else where)
    first = client.send(mail("before"), idempotency_key="before")

    def send(name: str) -> list[tuple[str, str]]:
        subjects = ["before", *(f"{name}-{n}" for n in range(10))]
        shared = [f"shared-{n}" for n in range(10)]
        # In memory nothing is shared but what was there before.
        subjects += shared if where == "sqlite" else []
        return [
            (
                subject,
                client.send(mail(subject), idempotency_key=subject).message_id,
            )
            for subject in [*subjects, *subjects]
        ]

    children = [
        forked(lambda name=f"child-{n}": send(name))  # type: ignore[misc]  # its default
        for n in range(CHILDREN)
    ]
    told = send("parent")
    for child in children:
        told += map(tuple, answer(*child))
    there = {sent.subject: sent.message_id for sent in ses.sent}
    copies = Counter(sent.subject for sent in ses.sent)

    assert {first.message_id} == {i for key, i in told if key == "before"}
    assert {*there.items()} == {*told}
    assert {1} == {*copies.values()}
