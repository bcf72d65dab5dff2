"""
The scenes of jobs that are run again: by a queue, and after a kill.

They play on a SQLite file of their own. Beside each one boto3 alone does
the same, to which every run is the first.
"""

from __future__ import annotations

import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Final

from safeses import OutcomeUnknownError
from safeses._commands.demo import _worker
from safeses._commands.demo._count import Result
from safeses._commands.demo._stage import TAG, state_file
from safeses._state import LEASE_MARGIN_S
from safeses.feedback import Receiver

if TYPE_CHECKING:
    from collections.abc import Callable

    from safeses import Email
    from safeses._commands.demo._count import Record
    from safeses._commands.demo._stage import Scene, Stage

# So long after its last sign of life nobody waits for a worker.
_LEASE_S: Final = _worker.ATTEMPT_TIMEOUT_S + LEASE_MARGIN_S
_PATIENCE_S: Final = 3 * _LEASE_S
# To start a Python with boto3 in it takes a second, or many.
_STARTED_S: Final = 60.0
_LOOK_AGAIN_S: Final = 0.01


def repeated(stage: Stage) -> list[Record]:
    """Hand each job to two threads, as a queue sometimes does."""
    return [_repeated(stage, plain=plain) for plain in (False, True)]


def _repeated(stage: Stage, *, plain: bool) -> Record:
    jobs, threads = 12, 8
    with (
        state_file() as state,
        stage.scene(
            "jobs run twice" + ", boto3 alone" * plain,
            2 * jobs,
            account={"max_send_rate": 200},
            client={"state": state},
        ) as scene,
        ThreadPoolExecutor(threads) as pool,
    ):
        mails = [scene.mail() for _ in range(jobs)]
        again = [mail for mail in mails for _ in range(2)]
        list(pool.map(scene.send_plainly if plain else _run(scene), again))
        told = [r for r in scene.results if r.said == "accepted before"]
        note = f"of {jobs} jobs SES has {len(scene.ses.sent)} mails"
        if not plain:
            note += (
                f"; {len(told)} calls got the receipt of the other one with"
                " their idempotency key"
            )
        return scene.record(
            plain=plain, proved=plain or len(told) == jobs, note=note
        )


def killed(stage: Stage) -> list[Record]:
    """Kill a worker that has two mails on the way, and run both again."""
    with ThreadPoolExecutor(2) as pool:
        plays = [pool.submit(play, stage) for play in (_killed, _plainly)]
        return [play.result() for play in plays]


def _killed(stage: Stage) -> Record:
    with (
        state_file() as state,
        stage.scene(
            "a killed worker",
            4,
            account={"max_send_rate": 50},
            client={"state": state},
        ) as scene,
    ):
        receiver = Receiver(scene.client)
        events: list[dict[str, Any]] = []
        scene.ses.publish_to(events.append, types={"Send"})
        early, late = scene.mail(), scene.mail()
        is_killed = _kill_amid(scene, early, late, state=state)
        killed_at = time.monotonic()
        at_kill = _copies(scene, late, early)
        run = _run(scene)
        told = run(late)
        if not is_killed or at_kill != "1 and 0":
            note = "the worker ended, or did nothing, before it was killed"
            return scene.record(proved=False, note=note)
        still = _copies(scene, late)
        scene.ses.flush()
        for event in events:
            receiver.receive(event)
        settled = run(late)
        time.sleep(max(0.0, killed_at + _LEASE_S - time.monotonic()))
        found = _settle_by_hand(scene, early)
        last = run(early)
        return scene.record(
            proved=told.said == "unknown",
            note="a worker was killed with one mail in flight and one about"
            f" to be, of which SES had {at_kill}. The first one run again:"
            f" {_why(told)}, and SES had {still}; settled by its event and"
            f" run again: {settled.said}. The other one: {found}; run again:"
            f" {last.said}. SES has {_copies(scene, late, early)}",
        )


def _why(told: Result) -> str:
    if isinstance(told.error, OutcomeUnknownError):
        return f"{told.said} ({told.error.reason})"
    return told.said


def _settle_by_hand(scene: Scene, mail: Email) -> str:
    """Look at what is listed as unknown, and at SES, and say what is so."""
    name = mail.tags[TAG]
    listed = list(scene.client.unknown())
    if not listed:
        scene.note(Result(mail=name, said="nothing", why="not listed"))
        return "not listed"
    scene.note(Result(mail=name, said="unknown"))
    outcomes = []
    for send in listed:
        is_there = scene.ses.copies(send.tag) > 0
        outcomes.append("sent" if is_there else "not sent")
        scene.client.resolve(send, "sent" if is_there else "not_sent")
    return f"listed as unknown, settled by hand as {', '.join(outcomes)}"


def _plainly(stage: Stage) -> Record:
    with stage.scene(
        "a killed worker, boto3 alone",
        2,
        account={"max_send_rate": 50},
    ) as scene:
        early, late = scene.mail(), scene.mail()
        _kill_amid(scene, early, late)
        at_kill = _copies(scene, late, early)
        for mail in (late, early):
            scene.send_plainly(mail)
        return scene.record(
            plain=True,
            note=f"the same: SES had {at_kill}, and has"
            f" {_copies(scene, late, early)} after both were run again;"
            " nothing tells boto3 which one was sent",
        )


def _run(scene: Scene) -> Callable[[Email], Result]:
    """Return what runs the job of a mail, under a name of its own."""
    return lambda mail: scene.send(
        mail, idempotency_key=_key(mail), max_wait_s=_PATIENCE_S
    )


def _key(mail: Email) -> str:
    return f"order-{mail.tags[TAG]}/receipt"


def _copies(scene: Scene, *mails: Email) -> str:
    counts = scene.ses.tag_counts(TAG)
    return " and ".join(str(counts[mail.tags[TAG]]) for mail in mails)


def _kill_amid(
    scene: Scene, early: Email, late: Email, *, state: str = ""
) -> bool:
    """
    Kill a worker once SES has *late*, before a byte of *early* has left.

    Args:
        scene: Where it sends to.
        early: What it is about to write.
        late: What SES takes and gives no answer to.
        state: The URL of its state; without one it is boto3 alone.

    Returns:
        Whether it was killed, and had not ended by itself.
    """
    scene.ses.faults.add("stall", first=1)
    jobs = [(_key(mail), mail) for mail in (early, late)]
    orders = _worker.orders(scene.url, state, jobs)
    with subprocess.Popen(  # noqa: S603  # our own module, no shell
        [sys.executable, "-m", _worker.__name__, orders]
    ) as worker:
        try:
            give_up_at = time.monotonic() + _STARTED_S
            while worker.poll() is None and not scene.ses.sent:
                if time.monotonic() > give_up_at:
                    break
                time.sleep(_LOOK_AGAIN_S)
        finally:
            worker.kill()
    return worker.returncode != 0
