"""Processes that change one list of suppressions at once."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest

from safeses.sqlite._suppressions import SqliteSuppressionStore
from safeses.suppression import Suppression

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

pytestmark = pytest.mark.server

STAYS = "stays@a.example"
PROCESSES = 4
EACH = 100
HANGS_S = 120
# Says that it is ready, waits for a line, acts, and says what came of it.
PROGRAM = """
import json, sys
from safeses.sqlite._database import Database
from safeses.sqlite._suppressions import SqliteSuppressionStore
from safeses.suppression import Suppression

path, act, each = sys.argv[1], sys.argv[2], int(sys.argv[3])
# Longer than usual: where many wait, one may wait for long.
database = Database(path, timeout_s=60)
store = SqliteSuppressionStore(database)
people = [f"p{n}@a.example" for n in range(each)]
said = {"added": 0, "removed": 0, "missed": 0}

def add(who):
    said["added"] += sum(store.add([Suppression(address=a) for a in who]))

def remove(who):
    said["removed"] += store.remove(who)

def look():
    said["missed"] += "stays@a.example" not in store.find(
        ["stays@a.example", "p0@a.example"]
    )

def until_killed():
    for n in range(10**9):
        store.add([Suppression(address=f"k{n}@a.example")])
        print(n, flush=True)

def all_at_once():
    add(people)

def one_by_one():
    for who in people:
        add([who])
        look()

def leave():
    for who in people:
        remove([who])
        look()

def come_and_go():
    for n in range(each):
        few = [people[(n + k) % each] for k in range(3)]
        add(few)
        look()
        remove(few[:2])

print("ready", flush=True)
sys.stdin.readline()
globals()[act]()
database.close()
print(json.dumps(said), flush=True)
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return where the file is."""
    return tmp_path / "mail.db"


@pytest.fixture
def store(path: Path) -> Iterator[SqliteSuppressionStore]:
    """Return a store with somebody who stays."""
    store = SqliteSuppressionStore(path)
    store.add([Suppression(address=STAYS)])
    yield store
    store.close()


@pytest.fixture
def start(path: Path) -> Iterator[Callable[[str], subprocess.Popen[str]]]:
    """Start a process that acts when it gets a line."""
    with ExitStack() as stack:

        def begin(act: str) -> subprocess.Popen[str]:
            process = stack.enter_context(
                subprocess.Popen(  # noqa: S603  # a program of this test
                    [sys.executable, "-c", PROGRAM, path, act, str(EACH)],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    text=True,
                )
            )
            stack.callback(process.kill)
            assert process.stdout is not None
            assert "ready\n" == process.stdout.readline()
            return process

        yield begin


def total(processes: list[subprocess.Popen[str]]) -> dict[str, int]:
    """Let all act at once; return what they did together."""
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    said: list[dict[str, Any]] = [
        json.loads(process.communicate(timeout=HANGS_S)[0])
        for process in processes
    ]
    return {name: sum(one[name] for one in said) for name in said[0]}


@pytest.mark.parametrize("act", ["one_by_one", "all_at_once"])
def test_racing_adds(
    store: SqliteSuppressionStore,
    start: Callable[[str], subprocess.Popen[str]],
    act: str,
) -> None:
    """Of equal adds of four processes exactly one changes something."""
    did = total([start(act) for _ in range(PROCESSES)])

    assert ({"added": EACH, "removed": 0, "missed": 0}, EACH + 1) == (
        did,
        store.count(),
    )


def test_racing_removes(
    store: SqliteSuppressionStore,
    start: Callable[[str], subprocess.Popen[str]],
) -> None:
    """What four processes remove at once is removed once."""
    store.add([Suppression(address=f"p{n}@a.example") for n in range(EACH)])
    did = total([start("leave") for _ in range(PROCESSES)])

    assert ({"added": 0, "removed": EACH, "missed": 0}, 1) == (
        did,
        store.count(),
    )


def test_all_at_once(
    store: SqliteSuppressionStore,
    start: Callable[[str], subprocess.Popen[str]],
) -> None:
    """However they add, find and remove, the sum is what is there."""
    acts = ["come_and_go", "come_and_go", "one_by_one", "leave"]
    did = total([start(act) for act in acts])

    assert (True, 0, did["added"] - did["removed"] + 1) == (
        did["added"] >= EACH,
        did["missed"],
        store.count(),
    )


def test_new_file(
    path: Path, start: Callable[[str], subprocess.Popen[str]]
) -> None:
    """Four processes may make the file and the list at once."""
    did = total([start("one_by_one") for _ in range(PROCESSES)])
    store = SqliteSuppressionStore(path)
    count = store.count()
    store.close()

    assert (EACH, EACH) == (did["added"], count)


def test_killed(
    store: SqliteSuppressionStore,
    start: Callable[[str], subprocess.Popen[str]],
) -> None:
    """Whom a process has added stays when it is killed."""
    process = start("until_killed")
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write("\n")
    process.stdin.flush()
    said = [process.stdout.readline() for _ in range(EACH)]
    process.send_signal(signal.SIGKILL)
    said += process.stdout.readlines()
    people = [f"k{int(line)}@a.example" for line in said if line[-1:] == "\n"]

    assert people == list(store.find(people))
