"""Answers that are remembered: who asks, who waits, what is kept."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from safeses import RateLimitedError
from safeses.suppression._remembered import Remembered
from safeses.testing import FakeClock

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.race  # threads


def remembered(clock: FakeClock | None = None) -> Remembered[str]:
    """Return a memory of a minute."""
    return Remembered(clock or FakeClock(), lambda _: 60, 10)


def says(answer: str) -> Callable[[object], str]:
    """Return what answers so."""
    return lambda _: answer


def as_in_a_child(memory: Remembered[str]) -> None:
    """Have this process be another than the one that asked."""
    memories = memory._memories  # noqa: SLF001  # as after a fork
    memory._memories = {-pid: one for pid, one in memories.items()}  # noqa: SLF001


def test_nothing_is_begun_too_late() -> None:
    """When the time is over nobody is asked, but what is known is told."""
    clock = FakeClock()
    memory = remembered(clock)
    memory.get("known", says("yes"), 1)
    clock.advance(5)
    with pytest.raises(RateLimitedError):
        memory.get("new", says("never asked"), 5)

    assert "yes" == memory.get("known", says("no"), 5)


def test_forgotten_while_asked() -> None:
    """An answer to a question that was forgotten meanwhile is not kept."""
    memory = remembered()

    def stale(_: object) -> str:
        memory.forget("k")
        return "stale"

    first = memory.get("k", stale, 5)

    assert ("stale", "new") == (first, memory.get("k", says("new"), 5))


def test_forgotten_while_others_wait() -> None:
    """Who waits for a question that is forgotten asks anew, at once."""
    clock = FakeClock()
    memory = remembered(clock)

    def slow(_: object) -> str:
        clock.sleep(4)
        return "stale"

    def forget() -> str:
        clock.sleep(1)
        memory.forget("k")
        return ""

    answers = clock.run(
        lambda: memory.get("k", slow, 10),
        lambda: f"{memory.get('k', says('new'), 10)} at {clock.monotonic()}",
        forget,
    )

    assert ["stale", "new at 1.0", ""] == answers


def test_the_old_asker_keeps_nothing() -> None:
    """Of two askers only the one who still owns the question is kept."""
    clock = FakeClock()
    memory = remembered(clock)

    def hang(_: object) -> str:
        clock.sleep(9)
        return "overdue"

    def later() -> str:
        clock.sleep(1)
        return memory.get("k", says("new"), 8)

    answers = clock.run(lambda: memory.get("k", hang, 2), later)

    assert (["overdue", "new"], "new", 9) == (
        answers,
        memory.peek("k"),
        clock.monotonic(),
    )


def test_overdue_question() -> None:
    """A question that nobody ended is taken over when it is overdue."""
    clock = FakeClock()
    memory = remembered(clock)
    ends: list[float] = []

    def hang(_: object) -> str:
        clock.sleep(1000)
        return ""

    def later() -> str:
        clock.sleep(1)
        answer = memory.get("k", says("new"), 8)
        ends.append(clock.monotonic())
        return answer

    clock.run(lambda: memory.get("k", hang, 2), later)

    assert [2] == ends


class _Hit:
    """An event of which setting it ends with Ctrl-C."""

    def set(self) -> None:
        """Be hit."""
        raise KeyboardInterrupt


def test_interrupted_at_its_end() -> None:
    """Ctrl-C while a question is ended does not leave it open."""
    memory = remembered()

    def ask(_: object) -> str:
        (question,) = memory._memory().asked.values()  # noqa: SLF001  # its end
        question.done = _Hit()  # type: ignore[assignment]  # does what it needs
        return "lost"

    with pytest.raises(KeyboardInterrupt):
        memory.get("k", ask, 5)
    memory._memory().answers.clear()  # noqa: SLF001  # as if not reached

    assert "new" == memory.get("k", says("new"), 5)


def test_child() -> None:
    """A child waits for no lock and no question of its parent."""
    clock = FakeClock()
    memory = remembered(clock)
    memory.get("known", says("by the parent"), 5)
    held, done = threading.Event(), threading.Event()

    def ask(_: object) -> str:
        with memory._memory().lock:  # noqa: SLF001  # as another thread would
            held.set()
            done.wait(60)
        return ""

    thread = threading.Thread(target=memory.get, args=("k", ask, 5))
    thread.start()
    held.wait(60)
    as_in_a_child(memory)
    answers = [memory.get(k, says("own"), 5) for k in ("k", "known")]
    done.set()
    thread.join()

    assert (["own", "own"], 0) == (answers, clock.monotonic())


def test_not_enough() -> None:
    """What is remembered but will not do is asked for, given what is."""
    memory = remembered()
    memory.get("k", says("a"), 5)
    more = memory.get("k", lambda known: f"{known}b", 5, lambda _: False)

    assert ("ab", "ab") == (more, memory.peek("k"))
