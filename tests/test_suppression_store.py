"""Other stores that keep the contract, and the bounds of memory."""

from __future__ import annotations

import datetime as dt
import os
import pickle
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, NoReturn

import pytest

from safeses import ConfigurationError, NotSentError, StoreError
from safeses.suppression import (
    AddressKeys,
    MemorySuppressionStore,
    Page,
    Suppression,
    SuppressionLayers,
)
from safeses.testing import FakeClock, SuppressionStoreContract

if TYPE_CHECKING:
    from collections.abc import Sequence

    from safeses.typing import SuppressionStore

pytestmark = pytest.mark.race  # threads

ANN = "ann@a.example"
BOB = "bob@a.example"
EVA = "eva@a.example"
SECRET = b"0123456789abcdef"
INTERRUPTER = Path(__file__).with_name("interrupter.py")


class TestMemoryOfEverySpelling(SuppressionStoreContract):
    """The same with every folding there is, and a bound."""

    @pytest.fixture
    def store(self, clock: FakeClock) -> SuppressionStore:
        """Return a store that nobody has used."""
        keys = AddressKeys(providers=True)
        return MemorySuppressionStore(keys, clock=clock, max_entries=10_000)


class TestHashedMemory(SuppressionStoreContract):
    """Keys from which nobody can read an address."""

    can_list: ClassVar[bool] = False

    @pytest.fixture
    def store(self, clock: FakeClock) -> SuppressionStore:
        """Return a store that nobody has used."""
        return MemorySuppressionStore(AddressKeys(secret=SECRET), clock=clock)


class TestLayers(SuppressionStoreContract):
    """A store behind which there is another, empty one."""

    @pytest.fixture
    def store(self, clock: FakeClock) -> SuppressionStore:
        """Return layers that nobody has used."""
        return SuppressionLayers(
            MemorySuppressionStore(clock=clock),
            MemorySuppressionStore(clock=clock),
        )


def in_s(clock: FakeClock, seconds: float) -> dt.datetime:
    """Return the instant so many seconds from now."""
    return dt.datetime.fromtimestamp(clock.time() + seconds, dt.timezone.utc)


# --- Memory -----------------------------------------------------------------


def test_full() -> None:
    """A full store refuses the newcomers of a call, and evicts nobody."""
    store = MemorySuppressionStore(clock=FakeClock(), max_entries=2)
    store.add([Suppression(address=ANN)])
    with pytest.raises(StoreError) as refusal:
        store.add([Suppression(address=a) for a in (BOB, EVA)])
    after = store.add([Suppression(address=a) for a in (BOB, ANN, BOB)])

    assert (True, [True, False, False], {ANN, BOB}) == (
        "the suppression in memory" in str(refusal.value)
        and "max_entries is 2" in str(refusal.value),
        after,
        set(store.find([ANN, BOB, EVA])),
    )


def test_full_of_the_past() -> None:
    """What has expired makes room."""
    clock = FakeClock()
    store = MemorySuppressionStore(clock=clock, max_entries=2)
    ends = {ANN: in_s(clock, 60), BOB: in_s(clock, 600)}
    store.add([Suppression(address=a, expires_at=e) for a, e in ends.items()])
    clock.sleep(60)
    store.add([Suppression(address=EVA)])
    with pytest.raises(StoreError):
        store.add([Suppression(address=ANN)])
    clock.sleep(600)

    assert ([True], 2) == (
        store.add([Suppression(address=ANN)]),
        store.count(),
    )


@pytest.mark.parametrize("after", ["x", "-1", "1.5", "٣", "9" * 5_000])
def test_no_such_page(after: str) -> None:
    """A page is asked for with what another page said, and nothing else."""
    store = MemorySuppressionStore()
    with pytest.raises(ConfigurationError):
        store.page(after)

    assert Page(entries=()) == store.page("7")


def test_no_such_limit() -> None:
    """A page of nothing would never end."""
    store = MemorySuppressionStore()

    with pytest.raises(ConfigurationError):
        store.page(limit=0)


def test_pages_outlive_packing() -> None:
    """Gaps are packed away, and no page notices."""
    store = MemorySuppressionStore(clock=FakeClock())
    everybody = [f"p{n}@a.example" for n in range(5_000)]
    store.add([Suppression(address=a) for a in everybody])
    first = store.page(limit=4_500)
    store.remove(everybody[:4_400])
    second = store.page(first.next)

    assert everybody == [e.address for e in (*first.entries, *second.entries)]


def test_size_does_not_matter() -> None:
    """Among 100,000 entries a look-up, or a page, costs what it always did."""

    def spent_s(store: MemorySuppressionStore) -> float:
        asked = [f"p{n}@a.example" for n in range(0, 100, 2)]
        tries = []
        for _ in range(20):
            began = time.thread_time()
            store.find(asked)
            store.page("50", 50)
            tries.append(time.thread_time() - began)
        return min(tries)

    stores = []
    for size in (100, 100_000):
        store = MemorySuppressionStore(clock=FakeClock())
        store.add(
            [Suppression(address=f"p{n}@a.example") for n in range(size)]
        )
        stores.append(store)
    small_s, large_s = map(spent_s, stores)

    assert large_s < 5 * small_s


@pytest.mark.parametrize("kind", ["interrupts", "handlers"])
def test_anything_at_any_step(kind: str) -> None:
    """Neither an interrupt nor a signal handler leaves it in disorder."""
    ran = subprocess.run(  # noqa: S603  # our own script
        [sys.executable, "-W", "error", str(INTERRUPTER), kind],
        capture_output=True,
        text=True,
        check=True,
        timeout=100,
    )

    assert ("[]", "") == (ran.stdout, ran.stderr)


class Untold(MemorySuppressionStore):
    """Hears of no fork."""

    def after_fork(self) -> None:
        """Do nothing."""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="has no fork")
# Python 3.12 warns of what this test is about.
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork")
def test_fork_that_nobody_tells() -> None:
    """A child need not call `after_fork`: the lock is by process."""
    store = Untold()

    SuppressionStoreContract().test_fork(store)

    assert 501 == store.count()


class Crowded(FakeClock):
    """Counts who asks for the time at once; the first one waits."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.two = threading.Event(), threading.Event()
        self.go_on = threading.Event()

    def time(self) -> float:
        """Return the time, the first time not before it is told to."""
        if self.one.is_set():
            self.two.set()
        else:
            self.one.set()
            self.go_on.wait(10)
        return super().time()


def test_after_fork_amid_use() -> None:
    """A second client that tells of the fork lets no thread in."""
    clock = Crowded()
    store = MemorySuppressionStore(clock=clock)
    threads = [
        threading.Thread(target=store.add, args=([Suppression(address=a)],))
        for a in (ANN, BOB)
    ]
    threads[0].start()
    clock.one.wait(10)
    store.after_fork()
    threads[1].start()
    were_two = clock.two.wait(0.1)
    clock.go_on.set()
    for thread in threads:
        thread.join()

    assert (False, 2) == (were_two, store.count())


def test_shows_nobody() -> None:
    """No repr of a store, an entry or a page holds an address."""
    store = MemorySuppressionStore(AddressKeys(secret=SECRET))
    listing = MemorySuppressionStore()
    entry = Suppression(address=ANN, note="Ann called")
    for each in (store, listing):
        each.add([entry])
    layers = SuppressionLayers(listing, store)
    shown = f"{store} {listing} {layers} {listing.page()} {entry}"

    assert (False, False, False) == (
        "ann@" in shown,
        "called" in shown,
        SECRET.decode() in shown,
    )


def test_values_pickle() -> None:
    """An entry and a page are the same in another process."""
    page = Page(entries=(Suppression(address=ANN, note="x"),), next="1")

    copy = pickle.loads(pickle.dumps(page))  # noqa: S301  # our own bytes

    assert page == copy


# --- Layers -----------------------------------------------------------------


class Listening(MemorySuppressionStore):
    """Notes what it is asked, and can be broken."""

    def __init__(self, error: Exception | None = None) -> None:
        super().__init__(clock=FakeClock())
        self.asked: list[object] = []
        self.error = error

    def find(
        self,
        addresses: Sequence[str],
        *,
        stream: str = "",
        configuration_set: str = "",
        tenant: str = "",
    ) -> dict[str, Suppression]:
        """Note who was asked about, for which mail."""
        self.asked.append((*addresses, stream, configuration_set, tenant))
        return super().find(addresses, stream=stream)

    def remove(
        self, addresses: Sequence[str], *, stream: str | None = None
    ) -> int:
        """Remove, or fail."""
        if self.error is not None:
            raise self.error
        return super().remove(addresses, stream=stream)

    def after_fork(self) -> None:
        """Note it."""
        self.asked.append("after_fork")

    def close(self) -> None:
        """Note it, then fail."""
        self.asked.append("close")
        if self.error is not None:
            raise self.error


def test_layers_ask_about_the_rest() -> None:
    """Each layer is asked only about those whom nobody stopped before."""
    first, second, third = Listening(), Listening(), Listening()
    layers = SuppressionLayers(first, second, third)
    first.add([Suppression(address=ANN)])
    second.add([Suppression(address=BOB), Suppression(address=EVA)])
    found = layers.find(
        [ANN, BOB, EVA], stream="news", configuration_set="set", tenant="t"
    )
    mail = ("news", "set", "t")

    assert (
        {ANN, BOB, EVA},
        [(ANN, BOB, EVA, *mail)],
        [(BOB, EVA, *mail)],
        [],
    ) == (set(found), first.asked, second.asked, third.asked)


def test_layers_add_to_the_first() -> None:
    """What is added, listed, counted and purged is the first one's."""
    clock = FakeClock()
    first, second = (MemorySuppressionStore(clock=clock) for _ in range(2))
    layers = SuppressionLayers(first, second)
    second.add([Suppression(address=EVA, expires_at=in_s(clock, 1))])
    layers.add([Suppression(address=ANN)])
    clock.sleep(2)

    assert (1, 1, 0, 1) == (
        layers.count(),
        len(layers.page().entries),
        layers.purge(),
        second.count(),
    )


def test_layers_remove_everywhere() -> None:
    """Who is let in again is let in by every layer that is ours."""
    first, second = Listening(), Listening()
    cannot = Listening(ConfigurationError("a list of others", "ask them"))
    layers = SuppressionLayers(first, second, only_asked=[cannot])
    for layer in (first, second):
        layer.add([Suppression(address=ANN)])

    removed = layers.remove([ANN])

    assert (2, {}) == (removed, layers.find([ANN]))


def test_layers_that_are_only_asked() -> None:
    """A list of others stops mail like any other layer."""
    others = Listening()
    others.add([Suppression(address=EVA)])
    layers = SuppressionLayers(Listening(), only_asked=[others])

    assert {EVA} == set(layers.find([ANN, EVA]))


@pytest.mark.parametrize(
    "error",
    [
        StoreError("suppression", "memory", "no answer"),
        ConfigurationError("the client is closed", "make another"),
    ],
)
def test_layers_remove_in_an_outage(error: NotSentError) -> None:
    """If a layer does not answer, the first still stops the mail."""
    first = Listening()
    down = Listening(error)
    layers = SuppressionLayers(first, down)
    layers.add([Suppression(address=ANN)])
    with pytest.raises(type(error)):
        layers.remove([ANN])

    assert {ANN} == set(layers.find([ANN]))


def test_layers_fork_and_close() -> None:
    """All layers hear of a fork and are closed, even if one fails."""
    first = Listening(OSError("stuck"))
    second = Listening(OSError("stuck too"))
    layers = SuppressionLayers(first, second)
    layers.after_fork()
    with pytest.raises(OSError, match="stuck"):
        layers.close()

    assert 2 * [["after_fork", "close"]] == [first.asked, second.asked]


def test_layers_of_stores() -> None:
    """What is not a store is refused when the layers are made."""

    class Nothing:
        engine = "none"

        def find(self) -> NoReturn:
            raise NotImplementedError

    with pytest.raises(ConfigurationError, match="Nothing"):
        SuppressionLayers(MemorySuppressionStore(), Nothing())  # type: ignore[arg-type]  # the mistake

    assert (
        "memory+memory"
        == SuppressionLayers(
            MemorySuppressionStore(), MemorySuppressionStore()
        ).engine
    )
