"""What careless users do to the SQLite state, and to its command."""

from __future__ import annotations

import logging
import os
import sqlite3
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pytest
from tests.fake_ses import FakeSES

from safeses import Client, ConfigurationError, Email, Limits, StoreError
from safeses.sqlite import (
    Database,
    SqliteLedger,
    SqliteState,
    SqliteSuppressionStore,
    _forks,
)
from safeses.suppression import MemorySuppressionStore
from safeses.testing import FakeClock

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.race  # threads

KEY = "order-77/receipt"
MAIL = Email(
    from_email="shop@a.example",
    to="ann@b.example",
    subject="Your order",
    text="t",
)


class Falsy(MemorySuppressionStore):
    """A store of somebody else that counts as false while it is empty."""

    def __len__(self) -> int:
        """Say that there is nothing."""
        return 0


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory of our own, in which the process is."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def ses() -> FakeSES:
    """An SES that accepts."""
    return FakeSES()


@pytest.fixture
def state(here: Path) -> Iterator[SqliteState]:
    """The state that a service has open."""
    with closing(SqliteState.open(here / "mail.db", timeout_s=0.2)) as found:
        yield found


def client(ses: FakeSES, state: Any, **settings: Any) -> Client:
    """Return one more client of the same SES."""
    return Client(
        cast("Any", ses),
        state=state,
        limits=Limits(per_second=1_000),
        **settings,
    )


def names(directory: Path) -> list[str]:
    """Return what is in a directory."""
    return sorted(path.name for path in directory.iterdir())


def said_of(url: str) -> str:
    """Return what a URL that cannot be used is answered."""
    with pytest.raises(ConfigurationError) as caught:
        SqliteState.from_url(url)
    return str(caught.value)


class TestUrl:
    """A slip of the pen must not name another file in silence."""

    @pytest.mark.parametrize(
        "path", ["mail.db ", "mail.db\n", " mail.db", "a\tb.db", "mail.db\r"]
    )
    def test_outer_blank(self, here: Path, path: str) -> None:
        """What came along with a variable is refused, and makes no file."""
        said = said_of(f"sqlite:///{path}")

        assert ([], True) == (
            names(here),
            said.startswith(repr(path)),
        )

    def test_quoted_blank(self, here: Path) -> None:
        """A blank that is meant is written as %20."""
        state = SqliteState.from_url("sqlite:///my%20mail.db%20")

        assert str(here / "my mail.db ") == state.database.path

    def test_not_utf_8(self) -> None:
        """A byte that is no text is not replaced, which names another file."""
        assert "is not UTF-8" in said_of("sqlite:///mail%FF.db")

    def test_five_slashes(self, here: Path) -> None:
        """Four slashes and an absolute path are one too many, and told so."""
        assert "its URL with sqlite:////)" in said_of(
            f"sqlite:////{here}/mail.db"
        )

    @pytest.mark.parametrize(
        "name", ["#", "%25", "ü", "it's", 'a"b', "a;b", "a%3Fb", "[x]*"]
    )
    def test_odd_names(self, here: Path, ses: FakeSES, name: str) -> None:
        """What SQLite, URLs or shells may take for syntax is a plain name."""
        with client(ses, f"sqlite:///{name}.db") as odd:
            odd.send(MAIL, idempotency_key=KEY)
            replayed = odd.send(MAIL, idempotency_key=KEY).replayed
        plain = name.replace("%25", "%").replace("%3F", "?")

        assert (True, [f"{plain}.db"]) == (replayed, names(here))


class TestArguments:
    """Wrong types are told of when the state is made."""

    @pytest.mark.parametrize(
        "wrong",
        [
            {"synchronous": []},
            {"synchronous": None},
            {"timeout_s": "5"},
            {"timeout_s": None},
            {"timeout_s": True},
            {"timeout_s": float("nan")},
            {"suppressions": 5},
            {"suppressions": MemorySuppressionStore},
            {"namespace": 5},
            {"rate_factor": "1"},
        ],
    )
    def test_wrong_type(self, here: Path, wrong: dict[str, Any]) -> None:
        """Each is a ConfigurationError, and no error of Python's."""
        with pytest.raises(ConfigurationError):
            SqliteState.open(here / "mail.db", **wrong)

        assert [] == names(here)

    @pytest.mark.parametrize(
        "path", ["sqlite:///mail.db", "sqlite:/mail.db", "memory:"]
    )
    @pytest.mark.parametrize(
        "part", [Database, SqliteLedger, SqliteSuppressionStore]
    )
    def test_url_as_path(self, part: Any, path: str) -> None:
        """A URL where a path is wanted is not a directory to be made."""
        with pytest.raises(ConfigurationError, match="is the URL of a state"):
            part(path)

        assert not Path("sqlite:").exists()

    def test_half_a_character(self) -> None:
        """A name that no file can have is told of at once."""
        with pytest.raises(ConfigurationError) as caught:
            Database("mail\ud800.db")

        assert "holds what no name of a file can" in str(caught.value)

    def test_directory_gone(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A relative path in a directory that was removed is refused."""
        gone = tmp_path / "gone"
        gone.mkdir()
        monkeypatch.chdir(gone)
        gone.rmdir()
        with pytest.raises(ConfigurationError) as caught:
            Database("mail.db")

        assert "directory that is gone" in str(caught.value)

    def test_falsy_store(self, here: Path, ses: FakeSES) -> None:
        """A list that is given is used, even if it counts as false."""
        given = Falsy(clock=FakeClock())
        state = SqliteState.open(here / "mail.db", suppressions=given)
        with closing(state):
            found = client(ses, state).suppressions.store

        assert found is given


SENDS = """
import atexit, sys
from tests.test_hostile_sqlite import KEY, MAIL, FakeSES, client

ses = FakeSES()
# This runs after the state was closed, and opens it again.
atexit.register(lambda: print(len(ses.sent), again()))
service = client(ses, "sqlite:///mail.db")
service.send(MAIL, idempotency_key=KEY)

def again():
    return service.send(MAIL, idempotency_key=KEY).replayed
"""


class TestExit:
    """A process that ends without a word to its client."""

    @pytest.mark.parametrize("flags", [(), ("-O",)])
    def test_open(self, here: Path, flags: tuple[str, ...]) -> None:
        """It leaves no warning, and a file that needs no repair."""
        root = Path(__file__).parents[1]
        done = subprocess.run(  # noqa: S603  # our own code
            [sys.executable, "-X", "dev", "-W", "error", *flags, "-c", SENDS],
            env={**os.environ, "PYTHONPATH": f"{root}"},
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )

        assert (0, "1 True\n", "", ["mail.db"]) == (
            done.returncode,
            done.stdout,
            done.stderr,
            names(here),
        )

    def test_in_use(self, here: Path) -> None:
        """What a thread that goes on is writing with is left to it."""
        database = Database(here / "mail.db", clock=FakeClock())
        with database.transaction("test"):
            _forks.at_exit()
            with ThreadPoolExecutor(1) as pool:
                pool.submit(_forks.at_exit).result(timeout=60)
            amid = names(here)
        _forks.at_exit()

        assert (["mail.db", "mail.db-shm", "mail.db-wal"], ["mail.db"]) == (
            amid,
            names(here),
        )


class TestBesideOthers:
    """Tools of others at work on the file while a service uses it."""

    @pytest.mark.parametrize(
        "sql",
        [
            "vacuum",
            "analyze",
            "reindex",
            "pragma wal_checkpoint(truncate)",
            "pragma optimize",
        ],
    )
    def test_tools(self, ses: FakeSES, state: SqliteState, sql: str) -> None:
        """None of them makes a send fail, or a key forgotten."""
        service = client(ses, state)
        service.send(MAIL, idempotency_key=KEY)
        with closing(sqlite3.connect(state.database.path)) as tool:
            tool.execute(sql)
            replayed = service.send(MAIL, idempotency_key=KEY).replayed
            service.send(MAIL, idempotency_key="another")

        assert (True, 2) == (replayed, len(ses.sent))

    def test_locked(self, ses: FakeSES, state: SqliteState) -> None:
        """While a shell holds a lock, repetitions are answered."""
        service = client(ses, state)
        service.send(MAIL, idempotency_key=KEY)
        with closing(sqlite3.connect(state.database.path)) as shell:
            shell.execute("begin exclusive")
            replayed = service.send(MAIL, idempotency_key=KEY).replayed
            with pytest.raises(StoreError, match="held the lock"):
                service.send(MAIL, idempotency_key="another")

        assert (True, 1) == (replayed, len(ses.sent))

    def test_two_names(self, ses: FakeSES, here: Path) -> None:
        """A file by its name and by a symbolic link is one state."""
        (here / "link.db").symlink_to("mail.db")
        with client(ses, "sqlite:///mail.db") as first:
            first.send(MAIL, idempotency_key=KEY)
            with client(ses, "sqlite:///link.db") as second:
                replayed = second.send(MAIL, idempotency_key=KEY).replayed

        assert (True, 1) == (replayed, len(ses.sent))

    def test_link_that_moves(self, ses: FakeSES, here: Path) -> None:
        """A service keeps its file when a link to its directory is moved."""
        (here / "one").mkdir()
        (here / "two").mkdir()
        current = here / "current"
        current.symlink_to("one")
        with client(ses, f"sqlite:///{current}/mail.db") as service:
            service.send(MAIL, idempotency_key=KEY)
            current.unlink()
            current.symlink_to("two")
            replayed = service.send(MAIL, idempotency_key=KEY).replayed

        assert (True, []) == (replayed, names(here / "two"))

    def test_another_durability(self, ses: FakeSES, here: Path) -> None:
        """Clients that write each in their manner share what is written."""
        replayed = []
        for order in (("normal", "full"), ("full", "normal")):
            for synchronous in order:
                url = f"sqlite:///mail.db?synchronous={synchronous}"
                with client(ses, url) as one:
                    sent = one.send(MAIL, idempotency_key=str(order))
                    replayed.append(sent.replayed)

        assert [False, True, False, True] == replayed
        assert (here / "mail.db").exists()

    def test_relative_once(
        self,
        ses: FakeSES,
        here: Path,
        monkeypatch: pytest.MonkeyPatch,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        """A daemon that changes its directory keeps its file."""
        caplog.set_level(logging.INFO, "safeses")
        with client(ses, "sqlite:///mail.db") as service:
            (here / "elsewhere").mkdir()
            monkeypatch.chdir(here / "elsewhere")
            service.send(MAIL, idempotency_key=KEY)

        assert (True, True, []) == (
            (here / "mail.db").exists(),
            str(here / "mail.db") in caplog.text,
            names(here / "elsewhere"),
        )

    def test_damaged_schema(self, ses: FakeSES, here: Path) -> None:
        """Damage to the list of tables is told as damage."""
        with client(ses, "sqlite:///mail.db") as service:
            service.send(MAIL, idempotency_key=KEY)
        path = here / "mail.db"
        content = path.read_bytes()
        broken = content.replace(
            b"CREATE TABLE safeses_ledger", b"CREATE T\0BLE safeses_ledger"
        )
        path.write_bytes(broken)
        with (
            client(ses, "sqlite:///mail.db") as after,
            pytest.raises(StoreError) as caught,
        ):
            after.send(MAIL, idempotency_key=KEY)

        assert (1, True, True) == (
            len(ses.sent),
            content != broken,
            caught.value.problem.startswith(f"{path} is damaged"),
        )
