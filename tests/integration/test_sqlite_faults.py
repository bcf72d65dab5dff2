"""A SQLite file amid forks, killed processes and broken files."""

from __future__ import annotations

import ctypes
import json
import os
import select
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from contextlib import closing, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from safeses import StoreError
from safeses.sqlite import _place
from safeses.sqlite._database import Database

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = [
    pytest.mark.server,
    pytest.mark.skipif(not hasattr(os, "fork"), reason="has no fork"),
    # Python 3.12 warns of what these tests are about.
    pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork"),
]

HANGS_S = 120
NOBODY = 65_534
TABLE = "create table if not exists notes (id integer primary key, note text)"
ADD = "insert into notes (note) values (?)"
COUNT = "select note, count(*) from notes group by note"
OTHER = """
import sqlite3, sys
db = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=60)
for _ in range(int(sys.argv[2])):
    db.execute("insert into notes (note) values ('other')")
print(db.execute("pragma integrity_check").fetchone()[0])
"""
FIRST = """
import sys
from safeses.sqlite._database import Database
db = Database(sys.argv[1])
sys.stdin.read()
db.execute("notes", "create table if not exists notes (note text)")
print(db.now())
db.close()
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where a file may be made."""
    return tmp_path / "mail.db"


@pytest.fixture
def database(path: Path) -> Iterator[Database]:
    """Return a database with a table of ours and one row."""
    # Longer than usual: where many wait, one may wait for long.
    found = Database(path, timeout_s=60)
    found.execute("notes", TABLE)
    found.execute("notes", ADD, ("first",))
    yield found
    found.close()


def child(
    act: Callable[[], Any], fork: Callable[[], int] = os.fork
) -> Callable[[], Any]:
    """Fork and do *act* there; call the result for what it returned."""
    reading, writing = os.pipe()
    pid = fork()
    if not pid:
        try:
            said = json.dumps(act())
        except BaseException:  # noqa: BLE001  # the parent must hear of it
            said = json.dumps(traceback.format_exc())
        os.write(writing, said.encode())
        # Not os._exit, where a measured process has locks of the parent.
        os.kill(os.getpid(), signal.SIGKILL)
    os.close(writing)

    def result() -> Any:
        data = b""
        if select.select([reading], [], [], HANGS_S)[0]:
            data = os.read(reading, 65_536)
        else:
            os.kill(pid, signal.SIGKILL)
        os.close(reading)
        os.waitpid(pid, 0)
        return json.loads(data or b'"the child hangs"')

    return result


def bare_fork() -> int:
    """Fork as a program in C does that Python knows nothing of."""
    pid: int = ctypes.PyDLL(None).fork()
    return pid


def counts(path: Path) -> dict[str, int]:
    """Return what another process reads in the file, if it is sound."""
    with closing(sqlite3.connect(path)) as other:
        sound = other.execute("pragma integrity_check").fetchone()[0]
        return dict(other.execute(COUNT).fetchall()) if sound == "ok" else {}


def add(database: Database, note: str, times: int = 1) -> int:
    """Add some rows, each by itself."""
    return sum(database.execute("notes", ADD, (note,)) for _ in range(times))


# --- Forks ------------------------------------------------------------------


def test_fork_amid_writing(database: Database, path: Path) -> None:
    """Each child can write at once, and nothing told to be there is lost."""
    forks, each = 20, 10
    done, written = threading.Event(), []

    def write() -> None:
        n = 0
        while not done.is_set():
            n += add(database, "thread")
        written.append(n)

    threads = [threading.Thread(target=write) for _ in range(4)]
    for thread in threads:
        thread.start()
    children = [child(lambda: add(database, "child", each))]
    for _ in range(forks - 1):
        time.sleep(0.01)  # the threads go on
        children.append(child(lambda: add(database, "child", each)))
    told = [result() for result in children]
    done.set()
    for thread in threads:
        thread.join()

    assert (
        forks * [each],
        {"first": 1, "thread": sum(written), "child": forks * each},
    ) == (told, counts(path))


@pytest.mark.parametrize("fork", [os.fork, bare_fork])
def test_child_outlives(
    database: Database, path: Path, fork: Callable[[], int]
) -> None:
    """The log is not cleared away under a child whose parent is gone."""
    go_on, begin = os.pipe()

    def act() -> int:
        first = add(database, "child")
        os.read(go_on, 1)
        return first + add(database, "child", 500)

    result = child(act, fork)
    while "child" not in dict(database.rows("notes", COUNT)):
        time.sleep(0.01)
    database.close()
    with subprocess.Popen(  # noqa: S603  # our own script
        [sys.executable, "-c", OTHER, str(path), "500"],
        stdout=subprocess.PIPE,
    ) as other:
        os.write(begin, b"x")
        told = result()
        sound, _ = other.communicate(timeout=HANGS_S)
    os.close(go_on)
    os.close(begin)

    assert (501, b"ok\n", {"first": 1, "child": 501, "other": 500}) == (
        told,
        sound,
        counts(path),
    )


@pytest.mark.parametrize("fork", [os.fork, bare_fork])
def test_fork_within(
    database: Database, path: Path, fork: Callable[[], int]
) -> None:
    """A child of an open transaction neither ends it nor writes again."""

    def act() -> list[str]:
        problems = []
        for way in (lambda: add(database, "child"), database.now):
            try:
                way()
            except StoreError as error:
                problems.append(error.problem)
        return problems

    def within() -> Any:
        with database.transaction("notes") as connection:
            connection.execute(ADD, ("parent",))
            result = child(act, fork)
        return result()

    told = within()
    add(database, "parent")

    assert ([True], {"first": 1, "parent": 2}) == (
        ["forked amid a use" in problem for problem in told],
        counts(path),
    )


def test_child_leaves_a_transaction(database: Database, path: Path) -> None:
    """A child that comes to the end of the parent's block commits nothing."""

    def both() -> str:
        reading, writing = os.pipe()
        me, pid = os.getpid(), 0
        try:
            with database.transaction("notes") as connection:
                connection.execute(ADD, ("parent",))
                pid = os.fork()
                if pid:
                    os.waitpid(pid, 0)
        except StoreError as error:
            if os.getpid() == me:
                raise
            os.write(writing, error.problem.encode())
        if os.getpid() != me:
            os.kill(os.getpid(), signal.SIGKILL)
        told = os.read(reading, 1_000).decode()
        os.close(reading)
        os.close(writing)
        return told

    told = both()

    assert (True, {"first": 1, "parent": 1}) == (
        "forked amid a use" in told,
        counts(path),
    )


def test_children_of_children(database: Database, path: Path) -> None:
    """Each generation opens the file for itself."""

    def grand() -> int:
        return add(database, "grandchild")

    def act() -> list[Any]:
        before = add(database, "child")
        return [before, child(grand)(), add(database, "child")]

    told = child(act)()

    assert ([1, 1, 1], {"first": 1, "child": 2, "grandchild": 1}) == (
        told,
        counts(path),
    )


# --- Processes --------------------------------------------------------------


def test_killed_within(database: Database, path: Path) -> None:
    """A process that dies within a transaction leaves nothing of it."""

    def act() -> None:
        add(database, "child")
        with database.transaction("notes") as connection:
            connection.execute(ADD, ("half",))
            os.kill(os.getpid(), signal.SIGKILL)

    child(act)()
    add(database, "parent")

    assert {"first": 1, "child": 1, "parent": 1} == counts(path)


def test_first_at_once(path: Path) -> None:
    """Processes that make the file at once all can use it, in one time."""
    started = [
        subprocess.Popen(  # noqa: S603  # our own script
            [sys.executable, "-c", FIRST, str(path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        for _ in range(6)
    ]
    for process in started:
        assert process.stdin is not None
        process.stdin.close()
        process.stdin = None
    times = [float(p.communicate(timeout=HANGS_S)[0]) for p in started]

    assert max(times) - min(times) < HANGS_S


@pytest.mark.usefixtures("database")
def test_locked(path: Path) -> None:
    """A lock that another holds is waited for only so long."""
    hasty = Database(path, timeout_s=0.1)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("begin immediate")
        with pytest.raises(StoreError, match=r"held the lock for 0\.1 s"):
            add(hasty, "locked")
        other.execute("commit")
    added = add(hasty, "after")
    hasty.close()

    assert (1, {"first": 1, "after": 1}) == (added, counts(path))


def test_locked_at_the_start(path: Path) -> None:
    """The same when the file is opened."""
    hasty = Database(path, timeout_s=0.1)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("begin exclusive")
        with pytest.raises(StoreError, match=r"held the lock for 0\.1 s"):
            hasty.now()
        other.execute("rollback")
    now = hasty.now()
    hasty.close()

    assert now > 0


class Rung(Exception):  # noqa: N818  # no error
    """What a signal handler raises."""


# What is raised amid a callback of the garbage collector goes no further.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_signals(database: Database, path: Path) -> None:
    """Whatever handlers raise, and whenever, what was told is true."""
    told = tries = rung = 0

    def ring(*_: object) -> None:
        raise Rung

    def work() -> None:
        nonlocal told, tries
        # Not for ever: what is raised amid a callback is lost.
        ends_at = time.monotonic() + 1
        while time.monotonic() < ends_at:
            tries += 1
            with database.transaction("notes") as connection:
                connection.execute(ADD, ("a",))
                connection.execute(ADD, ("a",))
            told += 1

    before = signal.signal(signal.SIGALRM, ring)
    # What measures coverage has a lock, too, and is no better at this.
    tracer = sys.gettrace()
    sys.settrace(None)
    try:
        while rung < 300:
            with suppress(Rung):
                signal.setitimer(signal.ITIMER_REAL, 0.001 + rung * 1e-6)
                work()
            rung += 1
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
        sys.settrace(tracer)
    there = child(lambda: database.rows("notes", COUNT))()

    written = dict(there).get("a", 0)
    assert (True, True, written + 1) == (
        written % 2 == 0,
        told <= written / 2 <= tries,
        sum(counts(path).values()),
    )


# --- Broken files -----------------------------------------------------------


def test_no_directory(tmp_path: Path) -> None:
    """A directory that is missing is named."""
    database = Database(tmp_path / "missing" / "mail.db")
    with pytest.raises(StoreError) as caught:
        database.now()

    assert (
        f"there is no directory {tmp_path / 'missing'}: make it"
        == caught.value.problem
    )


def test_directory(tmp_path: Path) -> None:
    """A directory is no file."""
    database = Database(tmp_path)

    with pytest.raises(StoreError, match="is a directory: name a file"):
        database.now()


def test_hard_link(database: Database, path: Path) -> None:
    """A file with two names is refused: each would have its own log."""
    database.close()
    path.with_name("second.db").hardlink_to(path)

    with pytest.raises(StoreError, match="hard link"):
        add(database, "x")


def test_network(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A network file system is refused before a file is made there."""
    mounts = tmp_path / "mounts"
    mounts.write_text(f"1 0 0:1 / {tmp_path} rw - nfs4 host:/ rw\n")
    monkeypatch.setattr(_place, "MOUNTS", str(mounts))
    database = Database(path)
    with pytest.raises(StoreError, match=r"network file system \(nfs4\)"):
        database.now()

    assert not path.exists()


@pytest.mark.parametrize(
    "file_mode, log_mode, directory_mode, said",
    [
        (0o444, 0o666, 0o755, "not write to the directory"),
        (0o444, 0o666, 0o777, "may not read and write"),
        (0o000, 0o666, 0o777, "may not read and write"),
        (0o666, 0o666, 0o755, "not write to the directory"),
        (0o666, 0o600, 0o777, "mail.db-wal"),
        (0o666, 0o666, 0o000, "Permission denied"),
    ],
)
def test_no_permission(
    file_mode: int, log_mode: int, directory_mode: int, said: str
) -> None:
    """What this user may not do is said, with what to allow."""

    def act() -> str:
        if not os.getuid():
            os.setuid(NOBODY)
        try:
            add(Database(mail), "x")
        except StoreError as error:
            return error.problem
        return "written"

    with tempfile.TemporaryDirectory() as name:
        mail = Path(name) / "mail.db"
        for each, mode in ((mail, file_mode), (Path(f"{mail}-wal"), log_mode)):
            each.touch()
            each.chmod(mode)
        mail.parent.chmod(directory_mode)
        told = child(act)()
        mail.parent.chmod(0o700)

    assert said in told


def test_full(database: Database, path: Path) -> None:
    """On a full disk nothing is half written, and it goes on after it."""
    pages = database.rows("notes", "pragma page_count")[0][0]
    database.rows("notes", f"pragma max_page_count = {pages}")

    def write() -> None:
        with database.transaction("notes") as connection:
            for _ in range(100):
                connection.execute(ADD, ("x" * 1_000,))

    with pytest.raises(StoreError, match="no space is left"):
        write()
    with pytest.raises(StoreError, match="no space is left"):
        add(database, "x" * 10_000)
    database.rows("notes", f"pragma max_page_count = {pages + 100}")
    add(database, "after")

    assert {"first": 1, "after": 1} == counts(path)


@pytest.mark.parametrize("content", [b"x" * 4_096, b"SQLite format 3\0junk"])
def test_not_a_database(path: Path, content: bytes) -> None:
    """A file of something else is left as it is."""
    path.write_bytes(content)
    database = Database(path)
    with pytest.raises(StoreError, match=r"not a SQLite file|damaged"):
        database.now()

    assert content == path.read_bytes()


def test_damaged_page(database: Database, path: Path) -> None:
    """A damaged page is no answer, and says how to save the rest."""
    with database.transaction("notes") as connection:
        for _ in range(1_000):
            connection.execute(ADD, ("x" * 100,))
    database.close()
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.seek(size // 2 // 4_096 * 4_096)
        file.write(b"\xff" * 4_096 * 4)

    with pytest.raises(StoreError, match=r"is damaged: .*\.recover"):
        database.rows("notes", "select sum(length(note)) from notes")


# --- Files that go while they are open --------------------------------------


def refused(database: Database) -> str:
    """Return why a row cannot be added."""
    with pytest.raises(StoreError) as caught:
        add(database, "refused")
    return caught.value.problem


@pytest.mark.parametrize("way", ["deleted", "moved", "replaced"])
def test_file_is_gone(database: Database, path: Path, way: str) -> None:
    """Nobody writes to a file that no other process will ever see."""
    if way == "replaced":
        with closing(sqlite3.connect(path)) as other:
            other.execute(f"vacuum into '{path}.new'")
        shutil.move(f"{path}.new", path)
    elif way == "moved":
        path.rename(path.with_name("old.db"))
    else:
        for file in path.parent.glob("mail.db*"):
            file.unlink()
    told = refused(database)
    with suppress(StoreError):  # where there is no table any more
        database.execute("notes", TABLE)
    added = add(database, "after")
    kept = {"first": 1} if way == "replaced" else {}

    assert (True, 1, {**kept, "after": 1}) == (
        "deleted or replaced" in told,
        added,
        counts(path),
    )


def test_new_file_keeps_its_log(database: Database, path: Path) -> None:
    """Letting go of a file that has moved harms not the one in its place."""
    for file in path.parent.glob("mail.db*"):
        file.unlink()
    fresh = Database(path)
    fresh.execute("notes", TABLE)
    add(fresh, "fresh")
    refused(database)
    add(fresh, "fresh")
    add(database, "after")
    fresh.close()

    assert {"fresh": 2, "after": 1} == counts(path)


@pytest.mark.parametrize("ends", [["-wal"], ["-wal", "-shm"]])
def test_log_is_gone(database: Database, path: Path, ends: list[str]) -> None:
    """A log that somebody deleted is saved by who has it open."""
    for end in ends:
        path.with_name(path.name + end).unlink()
    told = refused(database)
    add(database, "after")

    assert (True, {"first": 1, "after": 1}) == (
        "never do that" in told,
        counts(path),
    )


def test_two_logs(database: Database, path: Path) -> None:
    """A second log ends the use of the first for good."""
    for end in ("-wal", "-shm"):
        path.with_name(path.name + end).unlink()
    path.with_name(path.name + "-wal").touch()
    told = [refused(database) for _ in range(2)]
    database.close()
    in_child = child(lambda: refused(database))()

    assert 3 * [True] == [
        "another process has made it anew" in each
        for each in (*told, in_child)
    ]
