"""
The scenes: what has to go well, and what goes wrong on the way.

Each one opens an account of its own, so that nothing is left over from the
scene before, and returns what both sides have to say about it.
"""

from __future__ import annotations

import itertools
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Final, TypeAlias

from safeses import Limits, QuotaExceededError
from safeses._commands.demo._feedback import feedback
from safeses._commands.demo._jobs import killed, repeated
from safeses._commands.demo._stage import TAG
from safeses._commands.demo._stopped import malformed, suppressed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from safeses._commands.demo._count import Record
    from safeses._commands.demo._stage import Scene, Stage

Play: TypeAlias = "Callable[[Stage], Iterable[Record]]"

# So short that a lost answer is quickly told; a real one is 10 s.
_PATIENCE_S: Final = 0.6
_LOST: Final = ("stall", "reset_after")


def good(stage: Stage) -> list[Record]:
    """Send good mail from many threads, as fast as the account may."""
    rate, mails, threads = 100, 200, 8
    with stage.scene(
        f"good mail at {rate}/s, {threads} threads",
        mails,
        account={"max_send_rate": rate},
    ) as scene:
        scene.send_all([scene.mail() for _ in range(mails)], threads=threads)
        share = _used(scene, rate)
        return [
            scene.record(
                note=f"{share:.0%} of the permitted rate was used; SES"
                " had no reason to throttle"
                if not scene.ses.throttled
                else ""
            )
        ]


def large(stage: Stage) -> list[Record]:
    """Send to more recipients at once than the account may per second."""
    rate, sizes = 40, (50, 50, 1, 1, 1, 1, 1, 1)
    with stage.scene(
        f"50 recipients at once at {rate}/s",
        len(sizes),
        account={"max_send_rate": rate},
    ) as scene:
        results = [scene.send(scene.mail(recipients=size)) for size in sizes]
        waits = [result.elapsed_s for result in results[1:3]]
        return [
            scene.record(
                note="each large mail goes at once and is paid for"
                f" afterwards: the next ones waited {waits[0]:.2f} s and"
                f" {waits[1]:.2f} s (50 recipients are {50 / rate:.2f} s)"
            )
        ]


def throttled(stage: Stage) -> list[Record]:
    """Run into throttling: others use the rate that we believe is ours."""
    believed, real, mails = 80, 20, 40
    with stage.scene(
        f"throttled: {real}/s, not {believed}/s",
        mails,
        account={"max_send_rate": real, "burst": 5},
        client={"limits": Limits(per_second=believed)},
    ) as scene:
        results = scene.send_all(
            [scene.mail() for _ in range(mails)], threads=8, max_wait_s=15
        )
        longest_s = max(result.elapsed_s for result in results)
        return [
            scene.record(
                knows_limits=False,
                proved=scene.ses.throttled > 0,
                note=f"SES answered 429 to {scene.ses.throttled} requests;"
                " each time everybody slowed down, and each mail went on"
                f" within {longest_s:.1f} s",
            )
        ]


def lost(stage: Stage) -> list[Record]:
    """Lose answers after SES took the mail; beside it boto3 alone."""
    ways = list(itertools.product((False, True), _LOST))
    with ThreadPoolExecutor(len(ways)) as pool:
        plays = [pool.submit(_lost, stage, *way) for way in ways]
        return [play.result() for play in plays]


def _lost(stage: Stage, plain: bool, kind: str) -> Record:  # noqa: FBT001  # a way
    mails, faults = 6, 2
    what = "stall" if kind == "stall" else "reset"
    who = ", boto3 alone" if plain else ""
    with stage.scene(
        f"answers lost to a {what}{who}",
        mails,
        account={"max_send_rate": 50},
        client={"attempt_timeout_s": _PATIENCE_S},
        read_timeout_s=_PATIENCE_S,
    ) as scene:
        send = scene.send_plainly if plain else scene.send
        send(scene.mail())
        scene.ses.faults.add(kind, first=faults)
        results = [send(scene.mail()) for _ in range(mails - 1)]
        told = [result for result in results if result.said == "unknown"]
        most = max(scene.ses.tag_counts(TAG).values(), default=0)
        note = f"copies of one mail at SES: {most}"
        if told:
            note += f"; safeses says: {told[0].error}"
        elif plain and most > 1:
            note += "; boto3 sent again what SES already had"
        return scene.record(plain=plain, proved=bool(told), note=note)


def quota(stage: Stage) -> list[Record]:
    """Use up the 24 h quota; the last tenth is kept from bulk mail."""
    per_day, elsewhere, bulk, transactional = 100, 60, 34, 14
    with stage.scene(
        f"24 h quota of {per_day}, {elsewhere} used",
        bulk + transactional,
        account={"max_send_rate": 200, "max_24_hour_send": per_day},
    ) as scene:
        scene.ses.spend(elsewhere)
        results = [
            scene.send(scene.mail(), priority=priority)
            for priority, count in (
                ("bulk", bulk),
                ("transactional", transactional),
            )
            for _ in range(count)
        ]
        kept, over = (
            [
                result.error
                for result in results
                if isinstance(result.error, QuotaExceededError)
                and result.error.kept_for_transactional is is_kept
            ]
            for is_kept in (True, False)
        )
        still = sum(not result.error for result in results[bulk:])
        note = (
            f"{len(kept)} of {bulk} bulk mails refused; after that {still} of"
            f" {transactional} transactional mails went, {len(over)} refused"
        )
        if over:
            note += f"; try again at {over[0].resume_at:%Y-%m-%d %H:%M} UTC"
        return [
            scene.record(
                quota=per_day - elsewhere,
                proved=bool(kept and over),
                note=note,
            )
        ]


def reset(stage: Stage) -> list[Record]:
    """Ask for password resets while bulk mail fills the whole rate."""
    rate, bulk, resets, threads = 50, 130, 5, 16
    with (
        stage.scene(
            f"password resets amid bulk at {rate}/s",
            bulk + resets,
            account={"max_send_rate": rate},
        ) as scene,
        ThreadPoolExecutor(1) as aside,
    ):
        mails = [scene.mail() for _ in range(bulk)]
        urgent = [scene.mail(subject="Your password") for _ in range(resets)]
        pauses = [scene.random.uniform(0.15, 0.35) for _ in urgent]
        newsletter = aside.submit(
            scene.send_all, mails, threads=threads, priority="bulk"
        )
        waits = []
        for mail, pause_s in zip(urgent, pauses, strict=True):
            time.sleep(pause_s)
            waits.append(scene.send(mail).elapsed_s)
        slow = [result.elapsed_s for result in newsletter.result()]
        return [
            scene.record(
                note=f"the slowest of {resets} resets took"
                f" {max(waits) * 1000:.0f} ms, a bulk mail"
                f" {sum(slow) / len(slow) * 1000:.0f} ms on average;"
                f" {_used(scene, rate):.0%} of the rate was used",
            )
        ]


def amid_a_kill(stage: Stage) -> Iterator[Record]:
    """Play others while the lease of a killed worker runs out."""
    with ThreadPoolExecutor(1) as aside:
        dead = aside.submit(killed, stage)
        for play in (large, throttled, lost, quota, reset):
            yield from play(stage)
        yield from dead.result()


def _used(scene: Scene, rate: float) -> float:
    """Return the share of the rate that SES saw used, once under way."""
    sent = sorted(scene.ses.sent, key=lambda mail: mail.at)
    sent = sent[len(sent) // 10 :]  # connecting takes time
    lasted_s = (sent[-1].at - sent[0].at).total_seconds()
    recipients = sum(len(mail.recipients) for mail in sent[1:])
    return recipients / lasted_s / rate if lasted_s else 0.0


SCENES: Final[tuple[Play, ...]] = (
    good,
    amid_a_kill,
    repeated,
    malformed,
    suppressed,
    feedback,
)
