"""
What the ledger alone costs, beside bare SQLite doing the same statements.

All sides take turns, block by block. The bare ones have every value ready
and decide nothing; ours make the claim, ask the time and tell what failed.
"""

from __future__ import annotations

import contextlib
import itertools
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import attrs
from tests.benchmarks import _kit
from tests.benchmarks._table import Table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from safeses._outcome import Claim

BLOCK: Final = 500
ROUNDS: Final = 40
KEYLESS_SENDS: Final = 1_000_000
LEASE_S: Final = 15.0
SUBMITTED: Final = 1.7e9
PAYLOAD: Final = "1 simple " + "0123456789abcdef" * 12
MESSAGE_ID: Final = "0102018f0a1b2c3d-00000000-0000-4000-8000-000000000000-0"
REQUEST_ID: Final = "00000000-0000-4000-8000-000000000000"


@attrs.define(kw_only=True)
class Side:
    """
    One ledger, with keys or without.

    Attributes:
        send: Performs what one send asks of it, given a number.
        rows: Counts what it holds.
        beside: The bare side that does the same.
        goes_on: Whether it makes all of `KEYLESS_SENDS`.
        sends: How many it made.
        wall_us: Microseconds of a send, block by block.
        cpu_us: The same of process time.
    """

    send: Callable[[int], object]
    rows: Callable[[], int]
    beside: str = ""
    goes_on: bool = False
    sends: int = 0
    wall_us: list[float] = attrs.field(factory=list)
    cpu_us: list[float] = attrs.field(factory=list)

    def work(self) -> None:
        """Make a block of sends."""
        wall, cpu = time.perf_counter_ns(), time.process_time_ns()
        for number in range(self.sends, self.sends + BLOCK):
            self.send(number)
        cpu = time.process_time_ns() - cpu
        wall = time.perf_counter_ns() - wall
        self.sends += BLOCK
        self.wall_us.append(wall / BLOCK / 1_000)
        self.cpu_us.append(cpu / BLOCK / 1_000)


def measure(*, quick: bool) -> Table:
    """Let every ledger take sends, and count what stays."""
    rounds = 2 if quick else ROUNDS
    sends = KEYLESS_SENDS // 100 if quick else KEYLESS_SENDS
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        sides = dict(_sides(folder, stack))
        for _ in range(rounds):
            for side in sides.values():
                side.work()
        wall = {n: _kit.median(side.wall_us) for n, side in sides.items()}
        cpu = {n: _kit.median(side.cpu_us) for n, side in sides.items()}
        for side in sides.values():
            while side.goes_on and side.sends < sends:
                side.work()
        rows = [
            (
                name,
                f"{1e6 / wall[name]:,.0f}",
                f"{cpu[name]:.1f}",
                _ratio(wall, name, side.beside),
                _ratio(cpu, name, side.beside),
                f"{side.sends:,}",
                f"{side.rows():,}",
            )
            for name, side in sides.items()
        ]
    return Table(
        title=f"ledger: medians of {rounds} blocks of {BLOCK} sends",
        columns=(
            "side",
            "sends/s",
            "CPU us",
            "wall of bare",
            "CPU of bare",
            "sends in all",
            "rows left",
        ),
        rows=rows,
        notes=(
            "Without a key: submit, settle. With one: claim, submit, settle.",
            "Bare: the same statements by sqlite3, with all values at hand.",
            "One thread; the medians are of the first blocks, which all",
            "sides made in turn.",
        ),
    )


def _ratio(of: dict[str, float], name: str, beside: str) -> str:
    return f"{of[name] / of[beside]:.2f}" if beside else ""


def _sides(
    folder: Path, stack: contextlib.ExitStack
) -> Iterator[tuple[str, Side]]:
    from safeses.ledger import MemoryLedger
    from safeses.sqlite._database import Database
    from safeses.sqlite._ledger import SqliteLedger

    def count(database: Database) -> Callable[[], int]:
        sql = "select count(*) from safeses_ledger"
        return lambda: int(database.rows("test", sql)[0][0])

    for with_keys in (False, True):
        kind = "with keys" if with_keys else "no keys"
        memory = MemoryLedger()
        yield (
            f"memory, {kind}",
            Side(
                send=_sender(memory, with_keys=with_keys),
                rows=_counter(memory),
                goes_on=not with_keys,
            ),
        )
        for synchronous in ("normal", "full"):
            # Each in a directory of its own, in which nothing else happens.
            name = f"SQLite {synchronous.upper()}, {kind}"
            place = folder / name
            place.mkdir()
            database = Database(place / "mail.db", synchronous=synchronous)
            stack.callback(database.close)
            bare = Database(place / "bare.db", synchronous=synchronous)
            stack.callback(bare.close)
            yield (
                f"bare {name}",
                Side(
                    send=_bare_sender(bare, with_keys=with_keys),
                    rows=count(bare),
                ),
            )
            yield (
                name,
                Side(
                    send=_sender(SqliteLedger(database), with_keys=with_keys),
                    rows=count(database),
                    beside=f"bare {name}",
                    goes_on=not with_keys and synchronous == "normal",
                ),
            )


def _counter(memory: Any) -> Callable[[], int]:
    return lambda: len(memory._records.records)  # noqa: SLF001  # nobody else tells


def _sender(ledger: Any, *, with_keys: bool) -> Callable[[int], object]:
    from safeses._job import Job, Sent
    from safeses._outcome import Accepted

    def claim(number: int) -> Claim:
        if not with_keys:
            return _claim(_name(number))
        name = _name(number)
        job = Job(id=name, payload=PAYLOAD)
        ledger.claim(job, "owner", LEASE_S)
        return _claim(name, job)

    def send(number: int) -> None:
        claimed = claim(number)
        ledger.submit(claimed, LEASE_S)
        sent = None
        if with_keys:
            sent = Sent(
                message_id=MESSAGE_ID, request_id=REQUEST_ID, sent_at=SUBMITTED
            )
        ledger.settle(
            claimed,
            Accepted(message_id=MESSAGE_ID, request_id=REQUEST_ID, sent=sent),
        )

    return send


def _claim(name: str, job: Any = None) -> Claim:
    from safeses._outcome import Claim

    return Claim(
        tag=name,
        scope="s",
        cost=1,
        quota_cost=1,
        owner="owner",
        job=job,
        recipients=1,
    )


def _name(number: int) -> str:
    # As the names of jobs, in no order: each goes to a page of its own.
    return f"{number * 0x9E3779B97F4A7C15 % 2**64:016x}" * 4


def _bare_sender(database: Any, *, with_keys: bool) -> Callable[[int], object]:
    from safeses._job import Record, Sent
    from safeses.ledger._json import json_of
    from safeses.ledger._machine import KEEP_S
    from safeses.sqlite._ledger_rows import SQL, row_of

    database.rows("test", "select 1")  # opens it, and makes its tables
    execute = database._handle.connection.execute  # noqa: SLF001  # bare
    record = Record(
        id="",
        state="reserved" if with_keys else "submitting",
        owner="owner",
        keyed=with_keys,
        payload=PAYLOAD if with_keys else "",
        began_wall=SUBMITTED,
        submitted_wall=SUBMITTED,
        lease_s=LEASE_S,
        lease_ends=LEASE_S,
        expires=LEASE_S if with_keys else None,
        recipients=1,
    )
    columns = row_of(record)[1:]
    sent = json_of(
        Sent(message_id=MESSAGE_ID, request_id=REQUEST_ID, sent_at=SUBMITTED)
    )
    clock = itertools.count(KEEP_S)

    def send(number: int) -> None:
        name = _name(number)
        held = (name, "owner", 1)
        execute(SQL.add, (name, *columns))
        if with_keys:
            execute(SQL.submit, (SUBMITTED, LEASE_S, LEASE_S, 1, None, *held))
            execute(SQL.accept, (sent, next(clock), *held))
        else:
            execute(SQL.settle_unkeyed, held)

    return send
