"""The SQLite file of a state: what is in it, whose time it has."""

from __future__ import annotations

import copy
import logging
import os
import pickle
import sqlite3
import subprocess
import sys
import threading
import time
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from safeses import ConfigurationError, StoreError
from safeses._clock import SystemClock
from safeses.sqlite import _schema, _timeline
from safeses.sqlite._database import Database
from safeses.sqlite._place import network_type_of
from safeses.sqlite._statements import script, statements
from safeses.sqlite._timeline import EPOCH_S
from safeses.testing import FakeClock

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.race  # threads

ROOT = Path(__file__).parents[1]
TABLE = "create table if not exists notes (id integer primary key, note text)"
ADD = "insert into notes (note) values (?)"
ALL = "select note from notes order by id"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where a file may be made."""
    return tmp_path / "mail.db"


@pytest.fixture
def database(path: Path) -> Iterator[Database]:
    """Return a database with a table of ours."""
    found = Database(path, clock=FakeClock(), timeout_s=0.2)
    found.execute("notes", TABLE)
    yield found
    found.close()


def notes(path: Path) -> list[str]:
    """Return what somebody else reads in the file."""
    with closing(sqlite3.connect(path)) as other:
        return [row[0] for row in other.execute(ALL)]


# --- Uses -------------------------------------------------------------------


def test_nothing_at_construction(path: Path) -> None:
    """The file is made at first use, not before."""
    database = Database(path)
    was_there = path.exists()
    database.now()
    database.close()

    assert (False, True) == (was_there, path.exists())


def test_statement_by_itself(database: Database, path: Path) -> None:
    """What one statement wrote is there for all when it returns."""
    changed = database.execute("notes", ADD, ("a",))

    assert (1, [("a",)], ["a"]) == (
        changed,
        database.rows("notes", ALL),
        notes(path),
    )


def test_transaction(database: Database, path: Path) -> None:
    """What belongs together is written together, at the end."""
    with database.transaction("notes") as connection:
        connection.execute(ADD, ("a",))
        connection.execute(ADD, ("b",))
        amid = notes(path)

    assert ([], ["a", "b"]) == (amid, notes(path))


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, StoreError])
def test_error_within(
    database: Database, path: Path, error: type[BaseException]
) -> None:
    """Any error undoes the whole transaction, and passes as it is."""
    raised = error("notes", "sqlite", "none")

    def fail() -> None:
        with database.transaction("notes") as connection:
            connection.execute(ADD, ("a",))
            raise raised

    with pytest.raises(error) as caught:
        fail()
    database.execute("notes", ADD, ("b",))

    assert (raised, ["b"]) == (caught.value, notes(path))


@pytest.mark.parametrize("way", ["execute", "rows", "transaction", "joined"])
def test_sqlite_fails(database: Database, way: str) -> None:
    """No error of sqlite3 gets out; what does names the part."""
    bad, values = "insert into nowhere values (?)", ("eva@a.example",)

    def fail() -> None:
        if way == "transaction":
            with database.transaction("notes") as connection:
                connection.execute(bad, values)
        elif way == "joined":
            with database.transaction("all"):
                database.joined().execute("notes", bad, values)
        else:
            getattr(database, way)("notes", bad, values)

    with pytest.raises(StoreError) as caught:
        fail()

    assert ("notes", "sqlite", True, False) == (
        caught.value.part,
        caught.value.engine,
        "no such table: nowhere" in caught.value.problem,
        "eva@" in str(caught.value),
    )


def test_joined(database: Database, path: Path) -> None:
    """Parts that join a transaction are written with it or not at all."""
    part = Database.of(database.joined())
    read = []

    def both(*, fails: bool) -> None:
        with database.transaction("all"):
            part.execute("notes", ADD, ("a",))
            with part.transaction("notes") as connection:
                connection.execute(ADD, ("b",))
            part.joined().close()
            read.append(part.rows("notes", ALL))
            if fails:
                raise ValueError

    with pytest.raises(ValueError, match=r"^$"):
        both(fails=True)
    after_failure = notes(path)
    both(fails=False)

    assert (2 * [[("a",), ("b",)]], [], ["a", "b"]) == (
        read,
        after_failure,
        notes(path),
    )


def test_joined_to_nothing(database: Database) -> None:
    """A part cannot join the transaction of another thread, nor none."""
    part = database.joined()
    told: list[str] = []

    def join() -> None:
        try:
            part.execute("notes", ADD, ("a",))
        except StoreError as error:
            told.append(error.problem)

    join()
    with database.transaction("all"):
        thread = threading.Thread(target=join)
        thread.start()
        thread.join()

    assert 2 * ["no transaction is open in this thread to join"] == told


def test_nested(database: Database, path: Path) -> None:
    """A signal handler amid a transaction is refused at once."""
    with database.transaction("notes") as connection:
        connection.execute(ADD, ("a",))
        with pytest.raises(StoreError, match="signal handler") as caught:
            database.execute("other", ADD, ("b",))

    assert ("other", ["a"]) == (caught.value.part, notes(path))


def test_other_threads_wait(path: Path) -> None:
    """One thread at a time; the next goes on when it ends."""
    database = Database(path, clock=FakeClock(), timeout_s=60)
    database.execute("notes", TABLE)
    with database.transaction("notes") as connection:
        thread = threading.Thread(
            target=database.execute, args=("notes", ADD, ("b",))
        )
        thread.start()
        connection.execute(ADD, ("a",))
    thread.join()
    database.close()

    assert ["a", "b"] == notes(path)


def test_other_thread_waits_in_vain(database: Database) -> None:
    """Nobody waits for another thread for longer than was chosen."""
    told: list[str] = []

    def use() -> None:
        with pytest.raises(StoreError) as caught:
            database.rows("notes", ALL)
        told.append(caught.value.problem)

    with database.transaction("notes"):
        thread = threading.Thread(target=use)
        thread.start()
        thread.join()

    assert [True] == ["other threads" in problem for problem in told]


class Watched(FakeClock):
    """Notes who asks how late it is."""

    def __init__(self) -> None:
        super().__init__()
        self.was_asked = threading.Event()

    def monotonic(self) -> float:
        """Return the time, then note that somebody asked."""
        now = super().monotonic()
        self.was_asked.set()
        return now


def test_waited_for_threads(path: Path) -> None:
    """What a thread waited for others it does not wait for the file."""
    clock = Watched()
    database = Database(path, clock=clock, timeout_s=10)
    database.now()
    clock.was_asked.clear()
    inside, go_on = threading.Event(), threading.Event()
    waits_ms = []

    def use() -> None:
        with database.transaction("notes"):
            inside.set()
            clock.was_asked.wait(60)  # by the other one, who waits
            clock.advance(8)
            go_on.wait(0.1)

    thread = threading.Thread(target=use)
    thread.start()
    inside.wait(60)
    for _ in range(2):
        waits_ms += database.rows("notes", "pragma busy_timeout")
    thread.join()
    database.close()

    assert [(2_000,), (10_000,)] == waits_ms


def test_close(database: Database, path: Path) -> None:
    """Closing is no end: a later use opens it again."""
    database.execute("notes", ADD, ("a",))
    database.close()
    database.close()
    left = sorted(p.name for p in path.parent.iterdir())
    database.execute("notes", ADD, ("b",))

    assert (["mail.db"], ["a", "b"]) == (left, notes(path))


def test_anything_at_any_step() -> None:
    """No interrupt leaves a lock, a transaction or half of one."""
    ran = subprocess.run(  # our own script
        [sys.executable, "-W", "error", "-m", "tests.sqlite_interrupter"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        timeout=900,
    )

    assert ("[]", "") == (ran.stdout, ran.stderr)


# --- Where ------------------------------------------------------------------


@pytest.mark.parametrize(
    "given",
    ["", ":memory:", "file:x?mode=memory", "a\0b", "//host/x", r"\\host\x", 7],
)
def test_no_path(given: Any) -> None:
    """What is no file on a disk of this machine is refused at once."""
    with pytest.raises(ConfigurationError) as caught:
        Database(given)

    assert "name a file on a disk of this machine" == caught.value.remedy


@pytest.mark.parametrize(
    "settings",
    [
        {"timeout_s": 0},
        {"timeout_s": float("nan")},
        {"timeout_s": 4_000},
        {"synchronous": "off"},
    ],
)
def test_no_settings(path: Path, settings: Any) -> None:
    """A wait without end, or writing without care, cannot be chosen."""
    with pytest.raises(ConfigurationError) as caught:
        Database(path, **settings)

    assert next(iter(settings)) in caught.value.problem


def test_relative(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A relative path is resolved once, and where that is is logged."""
    monkeypatch.chdir(tmp_path)
    with caplog.at_level(logging.INFO, "safeses"):
        database = Database("mail.db")
        Database(tmp_path / "mail.db")
    monkeypatch.chdir("/")

    assert (str(tmp_path / "mail.db"), [True]) == (
        database.path,
        [database.path in record.getMessage() for record in caplog.records],
    )


def test_symbolic_link(tmp_path: Path) -> None:
    """A link is followed once, so that the log lies by the file."""
    link, file = tmp_path / "link.db", tmp_path / "mail.db"
    link.symlink_to(file)

    assert str(file) == Database(link).path


@pytest.mark.parametrize(
    "path, kind",
    [
        ("/srv/mail.db", ""),
        ("/mnt/efs/mail.db", "nfs4"),
        ("/mnt/efs2/mail.db", ""),
        ("/mnt/efs/local/mail.db", ""),
        ("/mnt/a share/x/mail.db", "cifs"),
        ("/mnt/over/mail.db", "fuse.sshfs"),
        ("/mnt/under/mail.db", ""),
    ],
)
def test_network(tmp_path: Path, path: str, kind: str) -> None:
    """The mount that holds the file decides, the latest of several."""
    mounts = tmp_path / "mountinfo"
    mounts.write_text(
        "1 0 8:1 / / rw - ext4 /dev/sda1 rw\n"
        "\n"
        "2 1 0:3 / /mnt/efs rw shared:5 - nfs4 10.0.0.1:/ rw\n"
        "3 2 8:2 / /mnt/efs/local rw - xfs /dev/sdb rw\n"
        "4 1 0:4 / /mnt/a\\040share rw - cifs //host/x rw\n"
        "5 1 8:3 / /mnt/over rw - ext4 /dev/sdc rw\n"
        "6 1 0:5 / /mnt/over rw - fuse.sshfs host: rw\n"
        "7 1 0:6 / /mnt/under rw - 9p host rw\n"
        "8 1 8:4 / /mnt/under rw - ext4 /dev/sdd rw\n"
    )

    assert kind == network_type_of(path, str(mounts))


def test_network_unknown(tmp_path: Path) -> None:
    """A system that does not tell refuses nothing."""
    assert "" == network_type_of("/x", str(tmp_path / "none"))


# --- Its time ---------------------------------------------------------------


def test_time_is_shared(path: Path) -> None:
    """All who share a file and a clock have one time, whatever steps."""
    clock = FakeClock()
    first, second = Database(path, clock=clock), Database(path, clock=clock)
    began = first.now()
    clock.step_wall(3_600)
    clock.advance(1)
    times = [first.now() - began, second.now() - began]
    first.close()
    again = first.now() - began
    first.close()
    second.close()

    assert ([1, 1], 1, 3_601) == (
        times,
        again,
        clock.time() - EPOCH_S - began,
    )


def test_time_of_processes(path: Path) -> None:
    """Two processes have the same time, near the wall clock."""
    script = (
        "import sys; from safeses.sqlite._database import Database;"
        "d = Database(sys.argv[1]); print(d.now()); d.close()"
    )
    mine = Database(path)
    times = [mine.now(), mine.wall() - EPOCH_S]
    ran = subprocess.run(  # noqa: S603  # our own script
        [sys.executable, "-c", script, str(path)],
        capture_output=True,
        check=True,
        timeout=900,
    )
    times += [float(ran.stdout), mine.now(), mine.wall() - EPOCH_S]
    mine.close()

    # Both clocks are of the machine, and read one after the other.
    assert [] == [t for t in times if abs(t - times[0]) > 60]


class Stepped(SystemClock):
    """The clock of a machine whose wall clock was set."""

    def __init__(self, step_s: float) -> None:
        self.step_s = step_s

    def time(self) -> float:
        """Return the wall clock."""
        return time.time() + self.step_s


def test_time_after_a_start(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A machine that started anew begins at its wall clock."""
    boot = path.with_name("boot_id")
    monkeypatch.setattr(_timeline, "BOOT_ID", str(boot))
    differences = []
    for name, stepped_s in (("a", 0.0), ("a", 500.0), ("b", 500.0)):
        boot.write_text(name)
        database = Database(path, clock=Stepped(stepped_s))
        differences.append(round(database.now() + EPOCH_S - time.time()))
        database.close()

    assert [0, 0, 500] == differences


def test_time_without_boot_id(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where no system names its start, it is the wall clock."""
    monkeypatch.setattr(_timeline, "BOOT_ID", "/none")
    clock = Stepped(0)
    database = Database(path, clock=clock)
    database.now()
    clock.step_s = 500.0
    difference = round(database.now() + EPOCH_S - time.time())
    database.close()

    assert 500 == difference


def test_starts_are_forgotten(path: Path) -> None:
    """A file does not grow by a row with every start for ever."""
    database = Database(path)
    with database.transaction("notes") as connection:
        for n in range(_timeline.KEPT + 5):
            _timeline.agreed(connection, str(n), 0.0)
    rows = database.rows("notes", "select count(*) from safeses_timeline")
    database.close()

    assert [(_timeline.KEPT,)] == rows


# --- Its format -------------------------------------------------------------


def set_format(path: Path, number: int) -> None:
    """Let the file be of another release."""
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("update safeses_format set number = ?", (number,))


def test_one_newer(database: Database, path: Path) -> None:
    """A file of the next format is used, and stays as it is."""
    database.close()
    set_format(path, _schema.FORMAT + 1)
    database.execute("notes", ADD, ("a",))
    read = database.rows("notes", "select number from safeses_format")

    assert ([(_schema.FORMAT + 1,)], ["a"]) == (read, notes(path))


def test_too_new(database: Database, path: Path) -> None:
    """A newer one is refused, with what to install."""
    database.close()
    set_format(path, _schema.FORMAT + 2)

    with pytest.raises(StoreError, match=r"install a release .* format 2"):
        database.rows("notes", ALL)


def test_older(path: Path) -> None:
    """An older one is brought to the known format, step by step."""
    database = Database(path)
    database.execute("notes", TABLE)
    upgrades = {
        1: ["alter table notes add column two text default '2'"],
        2: ["alter table notes add column three text default '3'"],
    }
    with database.transaction("notes") as connection:
        connection.execute(ADD, ("a",))
        _schema.prepare(connection, known=3, upgrades=upgrades)
        _schema.prepare(connection, known=3, upgrades=upgrades)
        rows = connection.execute("select * from notes").fetchall()
        number = _schema.format_of(connection)
    database.close()

    assert ([(1, "a", "2", "3")], 3) == (rows, number)


def test_upgrade_that_fails(path: Path) -> None:
    """Half an upgrade is none."""
    database = Database(path)
    database.execute("notes", TABLE)
    upgrades = {1: ["alter table notes add column two text", "nonsense"]}
    with (
        pytest.raises(StoreError),
        database.transaction("notes") as connection,
    ):
        _schema.prepare(connection, known=2, upgrades=upgrades)
    rows = database.rows(
        "notes", "select name from pragma_table_info('notes')"
    )
    database.close()

    assert [("id",), ("note",)] == rows


def test_file_of_others(path: Path) -> None:
    """A database of another program is left as it is."""
    with closing(sqlite3.connect(path)) as other:
        other.execute(TABLE)
    before = path.read_bytes()
    database = Database(path)
    with pytest.raises(StoreError, match="tables of others"):
        database.now()

    assert before == path.read_bytes()


@pytest.mark.parametrize("synchronous, level", [("normal", 1), ("full", 2)])
def test_pragmas(path: Path, synchronous: Any, level: int) -> None:
    """The log is on, and a commit goes as far as was chosen."""
    database = Database(path, synchronous=synchronous)
    found = [
        database.rows("notes", f"pragma {name}")[0][0]
        for name in ("journal_mode", "synchronous", "busy_timeout")
    ]
    database.close()

    assert ["wal", level, 5_000] == found


# --- Small things -----------------------------------------------------------


def test_statements_have_names() -> None:
    """A statement is found by its name; what is above the first is none."""
    found = statements("budget.sql")

    assert (True, False) == (
        found.read_scope.startswith("select"),
        "--" in found.read_scope,
    )


def test_schema_is_whole() -> None:
    """Every table is made by a statement of its own."""
    kinds = {" ".join(sql.split()[:2]).lower() for sql in script("schema.sql")}

    assert kinds <= {"create table", "create index", "create unique"}


@pytest.mark.parametrize("act", [pickle.dumps, copy.copy, copy.deepcopy])
def test_no_copies(database: Database, act: Any) -> None:
    """A database is a connection, of which there are no copies."""
    with pytest.raises(TypeError, match="make one from its path"):
        act(database)


def test_of(path: Path) -> None:
    """A part takes a database or a path."""
    database = Database(path)

    assert (True, str(path), os.fspath(path)) == (
        Database.of(database) is database,
        Database.of(path).path,
        Database.of(str(path)).path,
    )
