"""A state in a real cluster of three nodes."""

from __future__ import annotations

import shutil
import subprocess
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import attrs
import pytest
from tests.engines import (
    HOST,
    STARTS_S,
    RedisServer,
    free_port,
    fresh_name,
    missing,
)

from safeses import Client, Email, Limits, Suppression
from safeses.redis import RedisLedger, RedisState
from safeses.testing import SimulatedSES

redis = pytest.importorskip("redis")

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.server

PATIENCE_S = 5.0
MAIL = Email(
    from_email="shop@a.example",
    to="eva@b.example",
    subject="Your order",
    text="Thank you.",
)


@attrs.define
class Cluster:
    """
    Nodes that share the slots.

    Attributes:
        nodes: The servers.
    """

    nodes: list[RedisServer]

    def ask(self, node: RedisServer, *words: object) -> Any:
        """Return the answer of one node."""
        with redis.Redis(host=HOST, port=node.port) as client:
            return client.execute_command(*words)

    def slot(self, prefix: str) -> int:
        """Return where the keys of a prefix are."""
        return int(self.ask(self.nodes[0], "CLUSTER", "KEYSLOT", prefix))

    def holder(self, prefix: str) -> RedisServer:
        """Return the node that has the keys of a prefix."""
        slot = self.slot(prefix)
        for node in self.nodes:
            for begin, end, first, *_ in self.ask(node, "CLUSTER", "SLOTS"):
                if first[1] == node.port and begin <= slot <= end:
                    return node
        raise AssertionError(slot)

    def others(self, prefix: str) -> list[RedisServer]:
        """Return the nodes that have none of them."""
        holder = self.holder(prefix)
        return [node for node in self.nodes if node is not holder]

    def url(self, node: RedisServer, prefix: str) -> str:
        """Return the URL of a state, as one node is asked first."""
        return (
            f"{node.url}?cluster=true&prefix={prefix}&timeout_s={PATIENCE_S}"
        )

    def move(self, prefix: str, to: RedisServer) -> None:
        """Move the keys of a prefix to another node."""
        slot, begin = self.slot(prefix), self.holder(prefix)
        source = self.ask(begin, "CLUSTER", "MYID").decode()
        target = self.ask(to, "CLUSTER", "MYID").decode()
        self.ask(to, "CLUSTER", "SETSLOT", slot, "IMPORTING", source)
        self.ask(begin, "CLUSTER", "SETSLOT", slot, "MIGRATING", target)
        keys = self.ask(begin, "CLUSTER", "GETKEYSINSLOT", slot, 1_000)
        where = ("MIGRATE", HOST, to.port, "", 0, 5_000, "KEYS")
        self.ask(begin, *where, *keys)
        for node in (to, begin):
            self.ask(node, "CLUSTER", "SETSLOT", slot, "NODE", target)


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """Three nodes, of which each has a third of the slots."""
    program = shutil.which("redis-cli")
    if program is None:
        missing("no redis-cli is installed")
    with ExitStack() as stack:
        nodes = [
            stack.enter_context(
                RedisServer(
                    *("--cluster-enabled", "yes"),
                    *("--cluster-port", str(free_port())),
                    *("--cluster-require-full-coverage", "no"),
                )
            )
            for _ in range(3)
        ]
        places = [f"{HOST}:{node.port}" for node in nodes]
        subprocess.run(  # noqa: S603  # found above
            [program, "--cluster", "create", *places, "--cluster-yes"],
            check=True,
            stdout=subprocess.DEVNULL,
            timeout=STARTS_S,
        )
        until = time.monotonic() + STARTS_S
        cluster = Cluster(nodes)
        while not all(
            b"cluster_state:ok" in cluster.ask(node, "CLUSTER", "INFO")
            for node in nodes
        ):
            assert time.monotonic() < until, "the cluster does not start"
        yield cluster


@pytest.fixture
def prefix() -> str:
    """What only keys of this test begin with."""
    return fresh_name()


def clients(
    stack: ExitStack, ses: SimulatedSES, *urls: str
) -> list[tuple[Client, RedisState]]:
    """Return clients of states, which are closed in the end."""
    found = []
    for url in urls:
        state = RedisState.from_url(url)
        stack.callback(state.close)
        client = Client(
            ses.client(), state=state, limits=Limits(per_second=10_000)
        )
        stack.callback(client.close)
        found.append((client, state))
    return found


def test_all_parts_are_on_one_node(cluster: Cluster, prefix: str) -> None:
    """Whichever node is asked first, all facts are where the slot is."""
    ses = SimulatedSES(max_send_rate=10_000)
    with ExitStack() as stack:
        urls = [cluster.url(node, prefix) for node in cluster.nodes]
        for number, (client, state) in enumerate(clients(stack, ses, *urls)):
            client.send(MAIL, idempotency_key="one")
            client.send(MAIL, idempotency_key=f"more {number}")
            client.send(MAIL)
            address = f"{number}@b.example"
            state.suppressions.add([Suppression(address=address)])
            state.seen.mark(f"event {number}", "test", 60)
            state.counters.add("scope", {"sent": 1}, time.time())
            state.soft_bounces.add(address, "event", time.time(), 0)
        told = (
            len(ses.sent),
            state.suppressions.count(),
            state.counters.totals("scope", ["sent"], 0),
            len(RedisLedger(state.server).records().records),
            [*state.charged().values()],
            [note.level for note in state.check() if "name" in note.text],
        )
    kept = [cluster.ask(n, "DBSIZE") for n in cluster.others(prefix)]

    assert (7, 3, {"sent": 3}, 4, [7], ["ok"]) == told
    assert [0, 0] == kept


def test_a_slot_that_moves(cluster: Cluster, prefix: str) -> None:
    """Whoever knew where the keys were finds them where they are."""
    ses = SimulatedSES(max_send_rate=10_000)
    target = cluster.others(prefix)[0]
    with ExitStack() as stack:
        url = cluster.url(cluster.holder(prefix), prefix)
        [(client, _)] = clients(stack, ses, url)
        client.send(MAIL, idempotency_key="one")
        cluster.move(prefix, target)
        again = client.send(MAIL, idempotency_key="one")
        client.send(MAIL, idempotency_key="two")

    assert (2, ses.sent[0].message_id) == (len(ses.sent), again.message_id)


def test_a_node_without_the_slot_dies(cluster: Cluster, prefix: str) -> None:
    """It is missed by nobody, though the URL names it."""
    ses = SimulatedSES(max_send_rate=10_000)
    dead = cluster.others(prefix)[0]
    with ExitStack() as stack:
        [(client, state)] = clients(stack, ses, cluster.url(dead, prefix))
        client.send(MAIL, idempotency_key="one")
        dead.kill()
        client.send(MAIL, idempotency_key="one")
        state.server.close()  # so that it connects again
        client.send(MAIL, idempotency_key="two")
        client.send(MAIL)

    assert 3 == len(ses.sent)
