"""
Interrupts each act of a ledger at its steps, or lets others act there.

Runs as a process of its own, which prints what went wrong: tracing is for
a whole thread, and a measured one is traced already.
"""

from __future__ import annotations

import contextlib
import json
import sys
import threading
from typing import TYPE_CHECKING

from tests.interrupter import interrupted, joined

from safeses._outcome import Accepted, Claim, Deferred, Unknown
from safeses.errors import InFlightError, OutcomeUnknownError
from safeses.ledger import Claimed, Job, MemoryLedger, Sent
from safeses.testing import FakeClock

if TYPE_CHECKING:
    from collections.abc import Callable

    Act = Callable[[MemoryLedger], object]

DAY_S = 86_400.0
FILES = ("_memory.py", "_rows.py", "_machine.py")
STAYING = [f"p{n}" for n in range(3)]
ACCEPTED = Accepted(message_id="m-1", sent=Sent(message_id="m-1"))
UNKNOWN = Unknown(error=OutcomeUnknownError("", "no answer"))
DEFERRED = Deferred(by="rate")


def claim_of(name: str, *, keyed: bool = True) -> Claim:
    """Return the first claim of a job."""
    return Claim(
        tag=name,
        scope="s",
        cost=1,
        quota_cost=1,
        owner="one",
        job=Job(id=name) if keyed else None,
    )


SENT = claim_of("sent")
KEYLESS = claim_of("keyless", keyed=False)
NEW_KEYLESS = claim_of("new keyless", keyed=False)

ACTS: dict[str, Act] = {
    "claim": lambda s: s.claim(Job(id="new"), "one", 30),
    "claim again": lambda s: s.claim(Job(id="free"), "one", 30),
    "submit": lambda s: s.submit(claim_of("held"), 30),
    "submit keyless": lambda s: s.submit(NEW_KEYLESS, 30),
    "accepted": lambda s: s.settle(SENT, ACCEPTED),
    "deferred": lambda s: s.settle(SENT, DEFERRED),
    "unknown": lambda s: s.settle(SENT, UNKNOWN),
    "keyless accepted": lambda s: s.settle(KEYLESS, ACCEPTED),
    "confirm": lambda s: s.confirm("sent", Sent(message_id="m-1")),
    "resolve": lambda s: s.resolve("p0", Sent(message_id="m-1")),
    "purge": lambda s: s.purge(),
}

# What each act is about.
JOBS: dict[str, str] = {
    "claim": "new",
    "claim again": "free",
    "submit": "held",
    "submit keyless": "new keyless",
    "accepted": "sent",
    "deferred": "sent",
    "unknown": "sent",
    "keyless accepted": "keyless",
    "confirm": "sent",
    "resolve": "p0",
    "purge": "over 3",
}


def used_ledger() -> MemoryLedger:
    """Return a full ledger, of which some is over."""
    clock = FakeClock()
    ledger = MemoryLedger(clock=clock, max_records=11)
    for name in ("over 1", "over 2"):
        ledger.settle(claim_of(name), ACCEPTED)
    ledger.claim(Job(id="over 3"), "one", 30)
    ledger.settle(claim_of("over 3"), DEFERRED)
    clock.sleep(14 * DAY_S)
    for name in STAYING:
        ledger.settle(claim_of(name), UNKNOWN)
    ledger.settle(claim_of("known"), ACCEPTED)
    ledger.claim(Job(id="free"), "nobody", 1)
    ledger.settle(claim_of("free"), DEFERRED)
    clock.sleep(2)
    ledger.claim(Job(id="held"), "one", 30)
    ledger.claim(Job(id="sent"), "one", 30)
    ledger.submit(SENT, 30)
    ledger.submit(KEYLESS, 30)
    return ledger


def wrong_with(ledger: MemoryLedger, name: str) -> list[str]:
    """Return in what the answers of a ledger contradict each other."""
    wrong = []
    records = {n: ledger.look_up(n) for n in (*STAYING, "known")}
    states = [found and found.record.state for found in records.values()]
    if states[1:] != ["unknown", "unknown", "accepted"]:
        wrong.append(f"{states} are left")
    if states[0] != "unknown" and not name.startswith("resolve"):
        wrong.append("somebody else is settled")
    listed = [record.id for record in ledger.unsettled().records]
    if not {*listed} >= {*STAYING[1:]} or len(listed) != len({*listed}):
        wrong.append(f"{listed} are listed")
    ledger.purge()
    if ledger.look_up("over 1") or ledger.purge():
        wrong.append("not purged")
    return wrong


def goes_on(ledger: MemoryLedger) -> bool:
    """Tell whether another thread still gets an answer."""
    answers: list[object] = []

    def use() -> None:
        answers.append(ledger.claim(Job(id="later"), "two", 30))

    thread = threading.Thread(target=use, daemon=True)
    thread.start()
    thread.join(20)
    return bool(answers)


def interrupts() -> list[str]:
    """Interrupt every act at every step, then do it again."""
    wrong = []
    for name, act in ACTS.items():
        for file in FILES:
            step, more = 0, True
            while more:
                step += 1
                ledger = used_ledger()
                more = interrupted(lambda: act(ledger), step, file)  # noqa: B023  # called at once
                told = wrong_with(ledger, name)
                try:
                    act(ledger)
                except InFlightError:
                    if name != "submit":
                        told.append("it cannot be repeated")
                told += wrong_with(ledger, name)
                wrong += [f"{name}, {file}, step {step}: {w}" for w in told]
    return wrong


def handlers() -> list[str]:
    """Let a signal handler act on the same job amid every act."""
    wrong = []
    for name, act in ACTS.items():
        step, more = 0, True
        while more:
            step += 1
            ledger = used_ledger()
            told = amid(ledger, act, step, JOBS[name])
            more = told is not None
            told = [*(told or []), *wrong_with(ledger, name)]
            if not goes_on(ledger):
                told.append("others wait for ever")
            wrong += [f"{name}, call {step}: {w}" for w in told]
    return wrong


def amid(
    ledger: MemoryLedger, act: Act, step: int, job: str
) -> list[str] | None:
    """Claim and confirm amid an act; None if it has no such step."""
    claims: list[object] = []
    confirmed: list[bool] = []

    def handle() -> None:
        if "keyless" not in job:
            claims.append(ledger.claim(Job(id=job), "handler", 30))
        confirmed.append(ledger.confirm(job, Sent(message_id="m-9")))

    def whole() -> None:
        with contextlib.suppress(InFlightError):
            claims.append(act(ledger))

    if not joined(whole, step, handle):
        return None
    wrong = []
    if sum(isinstance(answer, Claimed) for answer in claims) > 1:
        wrong.append("two have claimed it")
    found = ledger.look_up(job)
    sent = None if found is None else found.record.sent
    if "keyless" in job:
        if found is not None and any(confirmed):
            wrong.append("a row without a key is left")
    elif confirmed != [True] or found is None or sent is None:
        wrong.append("it is not accepted")
    elif "m-9" not in {sent.message_id, *found.record.others}:
        wrong.append("what SES has accepted is lost")
    return wrong


if __name__ == "__main__":
    kinds = {"interrupts": interrupts, "handlers": handlers}
    sys.stdout.write(json.dumps(kinds[sys.argv[1]]()))
