"""Suppressions in Redis: hashed ones, and what only Redis can do."""

from __future__ import annotations

import contextlib
import datetime as dt
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, ClassVar

import pytest

from safeses.errors import ConfigurationError, StoreError
from safeses.redis._connection import Server
from safeses.redis._suppressions import RedisSuppressionStore
from safeses.suppression import AddressKeys, Suppression
from safeses.testing import FakeClock, SuppressionStoreContract

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from safeses.typing import SuppressionStore

pytestmark = [pytest.mark.server, pytest.mark.long]

ANN = "ann@a.example"
BOB = "bob@a.example"
EVA = "eva@a.example"
SECRET = b"0123456789abcdef"
UTC = dt.timezone.utc


@pytest.fixture
def clock() -> FakeClock:
    """Return the time of the stores."""
    return FakeClock()


@pytest.fixture
def server(redis_url: str, clock: FakeClock) -> Iterator[Server]:
    """Return where keys of our own are asked."""
    with contextlib.closing(
        Server(redis_url, clock=clock, timeout_s=5)
    ) as server:
        yield server


class TestHashedRedis(SuppressionStoreContract):
    """Keys from which nobody can read an address, among those of others."""

    can_list: ClassVar[bool] = False

    @pytest.fixture
    def store(
        self, redis_url: str, clock: FakeClock
    ) -> Iterator[SuppressionStore]:
        """Return a store that nobody has used."""
        with contextlib.closing(Server(redis_url, clock=clock)) as server:
            RedisSuppressionStore(server, namespace="a").add(
                [Suppression(address=a) for a in (ANN, BOB)]
            )
            yield RedisSuppressionStore(
                server, keys=AddressKeys(secret=SECRET, providers=True)
            )


# --- One Redis, many lists ---------------------------------------------------


def test_a_stream_that_cannot_be(server: Server) -> None:
    """Only no stream at all means every stream, in removing."""
    store = RedisSuppressionStore(server)
    store.add([Suppression(address=ANN), Suppression(address=BOB)])
    removed = [store.remove([ANN], stream=stream) for stream in ("*", "=")]

    assert ([0, 0], 2) == (removed, store.count())


def test_namespaces(server: Server, clock: FakeClock) -> None:
    """Namespaces see nothing of each other."""
    end = dt.datetime.fromtimestamp(clock.time() + 60, UTC)
    shop, blog = (
        RedisSuppressionStore(server, namespace=name)
        for name in ("shop", "blog")
    )
    for store in (shop, blog):
        store.add(
            [
                Suppression(address=ANN),
                Suppression(address=BOB, expires_at=end),
            ]
        )
    shop.add([Suppression(address=EVA)])
    clock.sleep(60)

    assert (1, 1, 1, [EVA], 2, [ANN]) == (
        shop.remove([ANN]),
        shop.purge(),
        shop.count(),
        [entry.address for entry in shop.page().entries],
        blog.count(),
        list(blog.find([ANN, BOB, EVA])),
    )


ACTS: dict[str, Callable[[RedisSuppressionStore], object]] = {
    "add": lambda store: store.add([Suppression(address=BOB)]),
    "find": lambda store: store.find([ANN]),
    "remove": lambda store: store.remove([ANN]),
    "count": lambda store: store.count(),
    "purge": lambda store: store.purge(),
}


@pytest.mark.parametrize("act", ACTS.values(), ids=ACTS)
@pytest.mark.parametrize(
    "keys",
    [
        AddressKeys(plus_tags=True),
        AddressKeys(secret=b"another-secret-0"),
        AddressKeys(),
    ],
    ids=["folded", "another-secret", "not-hashed"],
)
def test_other_keys(
    server: Server,
    act: Callable[[RedisSuppressionStore], object],
    keys: AddressKeys,
) -> None:
    """Who folds otherwise is told so, and never that nobody is there."""
    made = RedisSuppressionStore(server, keys=AddressKeys(secret=SECRET))
    made.add([Suppression(address=ANN)])
    other = RedisSuppressionStore(server, keys=keys)
    with pytest.raises(ConfigurationError, match="migration") as refusal:
        act(other)

    assert (False, [ANN], 1) == (
        "secret-0" in str(refusal.value) or ANN in str(refusal.value),
        list(made.find([ANN])),
        made.count(),
    )


@pytest.mark.parametrize("act", ACTS.values(), ids=ACTS)
def test_a_list_that_is_gone(
    server: Server, act: Callable[[RedisSuppressionStore], object]
) -> None:
    """A list that has vanished does not read as "nobody"."""
    store = RedisSuppressionStore(server)
    store.add([Suppression(address=ANN)])
    server.ask("test", "DEL", server.key("suppressions", "safeses"))
    with pytest.raises(StoreError, match="is gone") as refusal:
        act(store)

    assert ("suppression", "redis") == (
        refusal.value.part,
        refusal.value.engine,
    )


@pytest.mark.parametrize("act", ACTS.values(), ids=ACTS)
def test_a_newer_format(
    server: Server, act: Callable[[RedisSuppressionStore], object]
) -> None:
    """A list of a newer version says so."""
    key = server.key("suppressions", "safeses")
    server.ask("test", "HSET", key, "policy", "2 v1")
    with pytest.raises(StoreError) as refusal:
        act(RedisSuppressionStore(server))

    assert "format 2" in refusal.value.problem


def test_looking_decides_nothing(server: Server) -> None:
    """How a list folds is settled by its first entry, not by who looks."""
    looking = RedisSuppressionStore(server)
    answers = (
        looking.find([ANN]),
        looking.remove([ANN]),
        looking.count(),
        looking.purge(),
        looking.page().entries,
    )
    keys = AddressKeys(plus_tags=True)
    added = RedisSuppressionStore(server, keys=keys).add(
        [Suppression(address=ANN)]
    )
    with pytest.raises(ConfigurationError):
        looking.find([ANN])

    assert (({}, 0, 0, 0, ()), [True]) == (answers, added)


# --- What Redis holds --------------------------------------------------------


def test_small(server: Server) -> None:
    """A usual entry is kept without an object of its own."""
    for keys in (AddressKeys(), AddressKeys(secret=SECRET)):
        store = RedisSuppressionStore(server, keys=keys, namespace=keys.policy)
        store.add([Suppression(address=ANN, reason="bounce", source="event")])
    hashes = [
        name
        for name in server.ask("test", "KEYS", server.key("suppressed", "*"))
        if b":suppressed:" in name
    ]

    assert [b"listpack"] * 2 == [
        server.ask("test", "OBJECT", "ENCODING", name).replace(
            b"ziplist", b"listpack"
        )
        for name in hashes
    ]


@pytest.mark.parametrize(
    "end",
    [
        dt.datetime(9999, 12, 31, 23, 59, 59, 999_999, UTC),
        dt.datetime(2500, 1, 1, 0, 0, 0, 1, UTC),
        dt.datetime(
            9999, 12, 31, 23, 59, tzinfo=dt.timezone(dt.timedelta(hours=-9))
        ),
    ],
    ids=["last", "odd", "later-than-last"],
)
def test_any_date(server: Server, end: dt.datetime) -> None:
    """Every date is kept to the microsecond, the last of all too."""
    first = dt.datetime.min.replace(tzinfo=dt.timezone(dt.timedelta(hours=14)))
    before = dt.datetime(1969, 12, 31, 23, 59, 59, 500_000, UTC)
    store = RedisSuppressionStore(server)
    store.add([Suppression(address=ANN, since=first, expires_at=end)])
    store.add([Suppression(address=BOB, since=before)])
    found = store.find([ANN, BOB])
    last = dt.datetime.max.replace(tzinfo=UTC)

    assert (
        dt.datetime.min.replace(tzinfo=UTC),
        min(end, last),
        before,
    ) == (found[ANN].since, found[ANN].expires_at, found[BOB].since)


@pytest.mark.parametrize("number", [1, 50, 500, 501, 1_001])
def test_any_number(server: Server, number: int) -> None:
    """However many are asked for, all are found and removed."""
    people = [f"p{n}@a.example" for n in range(number)]
    others = [f"q{n}@a.example" for n in range(number)]
    store = RedisSuppressionStore(server)
    store.add([Suppression(address=a, stream="news") for a in people])
    store.add([Suppression(address=a) for a in (people[-1], others[-1])])
    found = store.find(people, stream="news")
    removed = store.remove([*people, *people])

    assert (people, "", number + 1, 1) == (
        list(found),
        found[people[-1]].stream,
        removed,
        store.count(),
    )


def test_purge_of_many(server: Server, clock: FakeClock) -> None:
    """However many have expired, all go at once."""
    store = RedisSuppressionStore(server)
    end = dt.datetime.fromtimestamp(clock.time() + 60, UTC)
    store.add(
        [
            Suppression(address=f"p{n}@a.example", expires_at=end)
            for n in range(2_500)
        ]
    )
    store.add([Suppression(address=ANN)])
    clock.sleep(60)

    assert (2_500, 1) == (store.purge(), store.count())


@pytest.mark.parametrize(
    "after, limit", [("x", 1), ("7", 1), ("1-2", 1), ("\u0663", 1), ("", 0)]
)
def test_no_such_page(server: Server, after: str, limit: int) -> None:
    """What no page gave is refused."""
    store = RedisSuppressionStore(server)
    store.add([Suppression(address=ANN)])
    with pytest.raises(ConfigurationError) as refusal:
        store.page(after, limit)

    assert "no such page" in refusal.value.problem


@pytest.mark.parametrize("value", ["", "1", "a\n\nb\n\n\n", "1\n\nNO\n\n\n"])
def test_what_is_no_entry(server: Server, value: str) -> None:
    """What cannot be read is an outage, never nobody."""
    store = RedisSuppressionStore(server)
    store.add([Suppression(address=ANN)])
    [name] = server.ask("test", "KEYS", "*" + server.key("suppressed", "*"))
    server.ask("test", "HSET", name, ANN, value)
    with pytest.raises(StoreError) as refusal:
        store.find([ANN])

    assert ("suppression", False) == (
        refusal.value.part,
        ANN in str(refusal.value),
    )


def test_threads_and_lost_scripts(redis_url: str) -> None:
    """Of sixteen threads one adds each entry, though scripts are lost."""
    entries = [Suppression(address=f"p{n}@a.example") for n in range(20)]
    with contextlib.closing(Server(redis_url, timeout_s=5)) as server:
        store = RedisSuppressionStore(server)

        def add(number: int) -> list[bool]:
            changed = []
            for entry in entries:
                if number == 0:
                    server.ask("test", "SCRIPT", "FLUSH")
                changed += store.add([entry])
            return changed

        with ThreadPoolExecutor(16) as pool:
            added = [*pool.map(add, range(16))]
        count = store.count()

    assert ([1] * 20, 20) == (
        [sum(each) for each in zip(*added, strict=True)],
        count,
    )
