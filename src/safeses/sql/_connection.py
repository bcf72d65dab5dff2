"""
The one place that talks to the database.

A statement that stands for itself is one round trip: every connection
commits by itself, and a transaction is begun and ended by hand. Each act
ends within its time, whatever the server does.
"""

from __future__ import annotations

import contextlib
import random
import time
from typing import TYPE_CHECKING, Any, Final, NoReturn, TypeVar

from safeses._circuit import Circuit
from safeses._clock import SystemClock
from safeses._process_lock import ProcessLock
from safeses.errors import StoreError
from safeses.sql._connecting import Connecting, NoConnectionError
from safeses.sql._dialects import BEGIN, EPOCH_S
from safeses.sql._place import TIMEOUT_S, check_settings, engine_of, place_of
from safeses.sql._problems import OPTIONS
from safeses.sql._schema import SQL, Schema
from safeses.sql._session import idle_limit_s
from safeses.sql._transaction import (
    NOTHING,
    LostError,
    Texts,
    Transaction,
    UndoneError,
)
from safeses.sql._url import options_of
from safeses.sql._watchdog import Act, has_news

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import sqlalchemy

    from safeses.sql._connecting import Process
    from safeses.sql._statements import Statement
    from safeses.sql._transaction import Values
    from safeses.typing import Clock

T = TypeVar("T")

POOL_SIZE: Final = 8
# So often what others undid is tried, after pauses that grow up to the
# longest. Those that collided would else do so again.
TRIES: Final = 8
FIRST_PAUSE_S: Final = 0.005
LONGEST_PAUSE_S: Final = 0.08


class Database:
    """
    One database, through any driver that SQLAlchemy knows.

    Many threads may use it, and so may the children of a fork: they
    connect for themselves.

    Attributes:
        engine: SQLAlchemy's name of it: ``"postgresql"``, ``"mysql"``
            (MariaDB too) or ``"sqlite"``.
        clock: Where the time comes from: the database, unless it is
            another clock than the machine's.
        prefix: How the names of its tables begin.
        timeout_s: The bound on each act, in seconds.
        on_contact: Called once, when the tables are known to be there.
    """

    def __init__(
        self,
        given: str | sqlalchemy.Engine,
        *,
        clock: Clock | None = None,
        timeout_s: float = TIMEOUT_S,
        prefix: str = "safeses",
        pool_size: int = POOL_SIZE,
    ) -> None:
        """
        Take note of the database; nothing is opened before the first use.

        Args:
            given: Its URL, or an engine of SQLAlchemy. The query of the
                URL may give the last three of the options below.
            clock: Where the time comes from; the database by default.
            timeout_s: How long an act may take, connecting included.
            prefix: How the names of its tables begin.
            pool_size: How many connections a process opens at most.

        Raises:
            ConfigurationError: One of them cannot be used.
        """
        url, source = place_of(given)
        if source is None:
            url, said = options_of(url)
            timeout_s = said.get("timeout_s", timeout_s)
            prefix = said.get("prefix", prefix)
            pool_size = said.get("pool_size", pool_size)
        check_settings(timeout_s, prefix, pool_size)
        self.engine = engine_of(url)
        self.clock: Clock = SystemClock() if clock is None else clock
        self.prefix = prefix
        self.timeout_s = timeout_s
        self._connecting = Connecting(url, source, timeout_s, pool_size)
        self._circuit = Circuit(self.engine, SystemClock())
        self._lock = ProcessLock()
        self._has_own_time = isinstance(self.clock, SystemClock)
        self._texts = Texts(
            self.engine, prefix, None if self._has_own_time else self._times
        )
        self._schema = Schema()
        self.on_contact: Callable[[], None] | None = None

    @classmethod
    def of(cls, given: Database | str | sqlalchemy.Engine) -> Database:
        """Return what is given, or the database that it names."""
        return given if isinstance(given, Database) else cls(given)

    def rows(
        self,
        part: str,
        statement: Statement,
        values: Values = NOTHING,
        *,
        again: bool = False,
    ) -> list[tuple[Any, ...]]:
        """
        Return the rows of one statement, committed when it returns.

        Args:
            part: Who asks, such as ``"budget"``; errors name it.
            statement: What is asked.
            values: What it is about.
            again: Whether it may be done twice, so that it is tried on
                another connection if one is lost.

        Raises:
            StoreError: There is no answer.
        """
        return self._once(
            part, lambda act: act.rows(statement, values), again=again
        )

    def execute(
        self,
        part: str,
        statement: Statement,
        values: Values = NOTHING,
        *,
        again: bool = False,
        is_durable: bool = True,
    ) -> int:
        """
        Perform one statement that writes; return how many rows it matched.

        Args:
            part: Who asks.
            statement: What is done; without ``returning``.
            values: What it is about.
            again: Whether it may be done twice.
            is_durable: Whether to wait for the disk. PostgreSQL can do
                without: a crash of its host may then undo the last moments.

        Raises:
            StoreError: There is no answer; whether it was done is unknown.
        """
        return self._once(
            part,
            lambda act: act.execute(statement, values, is_durable=is_durable),
            again=again,
        )

    def answered(
        self,
        part: str,
        statement: Statement,
        values: Values = NOTHING,
        *,
        again: bool = False,
    ) -> int | None:
        """
        Return what a statement gave to ``last_insert_id`` of MySQL.

        Args:
            part: Who asks.
            statement: What is done.
            values: What it is about.
            again: Whether it may be done twice.

        Returns:
            None if it matched no row.

        Raises:
            StoreError: There is no answer.
        """
        return self._once(
            part, lambda act: act.answered(statement, values), again=again
        )

    @contextlib.contextmanager
    def transaction(
        self, part: str, *, is_durable: bool = True
    ) -> Iterator[Transaction]:
        """
        Begin a transaction; it ends with the ``with`` block.

        An error within undoes it all. Keep it short: others wait for the
        rows that it has locked.

        Args:
            part: Who asks.
            is_durable: Whether its end waits for the disk.

        Raises:
            StoreError: The database failed within. Use `in_transaction`
                where others may undo it.
        """
        try:
            with self._begun(part, is_durable=is_durable) as transaction:
                yield transaction
        except (LostError, UndoneError) as error:
            raise StoreError(part, self.engine, str(error)) from None

    def in_transaction(
        self,
        part: str,
        act: Callable[[Transaction], T],
        *,
        again: bool = False,
        is_durable: bool = True,
    ) -> T:
        """
        Let *act* work in a transaction, anew if others undid it.

        Args:
            part: Who asks.
            act: What to do; it may be called several times.
            again: Whether it may be done twice.
            is_durable: Whether its end waits for the disk.

        Raises:
            StoreError: There is no answer. Nothing was done, unless the
                connection was lost at the very end.
        """

        def run() -> T:
            with self._begun(part, is_durable=is_durable) as transaction:
                return act(transaction)

        return self._tried(part, run, again=again)

    def now(self) -> float:
        """
        Return the time of the database, in seconds since 2025.

        Prefer ``{now}`` within a statement: this is a round trip.

        Raises:
            StoreError: There is no answer.
        """
        if not self._has_own_time:
            return self._times()["now"]
        return float(self.rows("state", SQL.read_time, again=True)[0][0])

    def wall(self) -> float:
        """
        Return the time of the database in seconds since 1970, UTC.

        Raises:
            StoreError: There is no answer.
        """
        return self.now() + EPOCH_S

    def prepare(self, part: str = "state") -> None:
        """
        Make what is missing of the tables, and check their formats.

        Raises:
            StoreError: It may not, or a newer safeses made them.
        """
        with self._lock.mine:
            if not self._schema.is_ready:
                self._schema.prepare(self, part)
                if self.on_contact is not None:
                    self.on_contact()

    @contextlib.contextmanager
    def session(
        self, part: str, timeout_s: float | None = None
    ) -> Iterator[Transaction]:
        """
        Lend a connection, with no look at the tables.

        Args:
            part: Who asks.
            timeout_s: How long all of it may take, if not as usual.

        Raises:
            StoreError: There is none.
        """
        self._circuit.check(part)
        process = self._connecting.mine
        timeout_s = timeout_s or self.timeout_s
        act = Act(time.monotonic() + timeout_s)
        with process.watchdog.watch(act):
            try:
                lent = self._lend(process, act)
            except NoConnectionError as error:
                if not error.is_busy:
                    self._circuit.failed(str(error))
                raise StoreError(part, self.engine, str(error)) from None
            transaction = Transaction(
                part,
                lent=lent,
                dialect=process.pool.dialect,
                texts=self._texts,
                act=act,
                timeout_s=timeout_s,
            )
            try:
                yield transaction
            except LostError as lost:
                self._circuit.failed(str(lost))
                if not act.is_late:
                    process.lost_at = time.monotonic()
                raise
            except (StoreError, UndoneError):
                # It answers, so it is worth asking again.
                self._circuit.worked()
                raise
            finally:
                if act.is_late or not transaction.is_usable:
                    lent.invalidate()
                else:
                    lent.info["used_at"] = time.monotonic()
                lent.close()
        self._circuit.worked()

    def after_fork(self) -> None:
        """Begin anew in a child; it is also noticed without this call."""
        self._circuit.after_fork()
        self._lock.after_fork()

    def close(self) -> None:
        """Close what is open; a later use connects again. Idempotent."""
        self._connecting.close()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.engine!r})"

    def __reduce__(self) -> NoReturn:
        # Neither pickle nor copy may have it, as it holds connections.
        msg = "a Database cannot be pickled or copied: make one from its URL"
        raise TypeError(msg)

    def _times(self) -> dict[str, float]:
        wall = self.clock.time()
        return {"now": wall - EPOCH_S, "wall": wall}

    def _lend(
        self, process: Process, act: Act
    ) -> sqlalchemy.PoolProxiedConnection:
        """
        Lend a connection that the server has not closed meanwhile.

        Many servers and firewalls close what was idle, some of them after
        seconds. Most acts may not be tried again once they were lost.
        """
        try:
            lent = self._connecting.lend(process, act)
            while "used_at" in lent.info and has_news(act.wire):
                lent.invalidate()
                lent = self._connecting.lend(process, act)
        except (AttributeError, KeyError, TypeError, ValueError):
            # Of drivers that do not look at them. Its text may hold them.
            raise NoConnectionError(OPTIONS) from None
        return lent

    def _once(
        self, part: str, act: Callable[[Transaction], T], *, again: bool
    ) -> T:
        """Let *act* perform a statement that stands for itself."""
        if not self._schema.is_ready:
            self.prepare(part)

        def run() -> T:
            with self.session(part) as transaction:
                return act(transaction)

        return self._tried(part, run, again=again)

    def _tried(self, part: str, run: Callable[[], T], *, again: bool) -> T:
        """Run it, anew if others undid it, or, if told, after a loss."""
        problem, pause_s = "", FIRST_PAUSE_S
        for left in reversed(range(TRIES)):
            try:
                return run()
            except UndoneError as error:
                problem = str(error)
                if not left:
                    break
                time.sleep(pause_s * random.random())  # noqa: S311  # no secret
                pause_s = min(2 * pause_s, LONGEST_PAUSE_S)
            except LostError as error:
                problem = str(error)
                if not again:
                    break
                again = False
        raise StoreError(part, self.engine, problem)

    @contextlib.contextmanager
    def _begun(self, part: str, *, is_durable: bool) -> Iterator[Transaction]:
        if not self._schema.is_ready:
            self.prepare(part)
        begin = BEGIN[self.engine].format(idle_s=idle_limit_s(self.timeout_s))
        if not is_durable and self.engine == "postgresql":
            begin += "; set local synchronous_commit = off"
        with self.session(part) as transaction:
            transaction.say(begin)
            try:
                yield transaction
                transaction.say("commit")
            except LostError:
                raise
            except BaseException:
                transaction.roll_back()
                raise
