from __future__ import annotations

import random
import threading
from typing import TYPE_CHECKING

import pytest

from safeses.testing._clock import FakeClock

if TYPE_CHECKING:
    from collections.abc import Callable

    from safeses.typing import Clock

pytestmark = pytest.mark.race  # threads


def test_starts_in_2026() -> None:
    """The wall clock starts at an aware instant, the other one at 0."""
    clock: Clock = FakeClock()

    assert (1_767_225_600.0, 0.0) == (clock.time(), clock.monotonic())


def test_sleeping_alone_moves_the_time() -> None:
    """A thread that nobody runs moves both clocks at once."""
    clock = FakeClock(start=100.0)
    clock.sleep(3600)
    clock.sleep(-1)

    assert (3700.0, 3600.0) == (clock.time(), clock.monotonic())


def test_slept() -> None:
    """Every sleep is on record, as it was asked for."""
    clock = FakeClock()
    for seconds in (1, 0.5, 0):
        clock.sleep(seconds)

    assert [1, 0.5, 0] == clock.slept


@pytest.mark.parametrize("is_set, moved", [(True, 0.0), (False, 5.0)])
def test_wake_of_a_lone_sleeper(is_set: bool, moved: float) -> None:  # noqa: FBT001 - a parameter
    """A wake that is set already lets nobody sleep."""
    clock, wake = FakeClock(), threading.Event()
    if is_set:
        wake.set()
    clock.sleep(5, wake)

    assert moved == clock.monotonic()


def test_advance() -> None:
    """Both clocks move on by hand."""
    clock = FakeClock(start=100.0)
    clock.advance(5)

    assert (105.0, 5.0) == (clock.time(), clock.monotonic())


def test_advance_backwards() -> None:
    """Monotonic time has only one direction."""
    with pytest.raises(ValueError, match="step_wall") as caught:
        FakeClock().advance(-1)

    assert "-1 s" in str(caught.value)


def test_step_wall() -> None:
    """A step of the wall clock leaves the monotonic one alone."""
    clock = FakeClock(start=100.0)
    clock.sleep(1)
    clock.step_wall(-30)

    assert (71.0, 1.0) == (clock.time(), clock.monotonic())


def test_eight_threads_share_the_time() -> None:
    """Eight threads that sleep one second move the clock by one."""
    clock = FakeClock()
    clock.run(*8 * [lambda: clock.sleep(1)])

    assert (1.0, 8 * [1]) == (clock.monotonic(), clock.slept)


def test_results() -> None:
    """What the functions return comes in their order, not in time's."""
    clock = FakeClock()

    def last_first(number: int) -> Callable[[], int]:
        def sleep() -> int:
            clock.sleep(10 - number)
            return number

        return sleep

    results = clock.run(*map(last_first, range(3)))

    assert ([0, 1, 2], 10.0) == (results, clock.monotonic())


def test_nobody_to_run() -> None:
    """Without a function there is nothing to wait for."""
    clock = FakeClock()

    assert [] == clock.run()


def test_one_acts_at_a_time() -> None:
    """Turns pass on at a sleep, in the order of falling asleep."""
    clock = FakeClock()
    trace = []

    def act(name: str, seconds: float) -> None:
        for _ in range(3):
            trace.append(f"{name}{clock.monotonic():g}")
            clock.sleep(seconds)

    clock.run(lambda: act("a", 2), lambda: act("b", 1), lambda: act("c", 2))

    assert "a0 b0 c0 b1 a2 c2 b2 a4 c4" == " ".join(trace)


def test_wake() -> None:
    """A sleeper whose wake is set acts before the time moves."""
    clock, wake = FakeClock(), threading.Event()

    def sleeper() -> float:
        clock.sleep(100, wake)
        return clock.monotonic()

    def waker() -> float:
        clock.sleep(3)
        wake.set()
        clock.sleep(1)
        return clock.monotonic()

    assert [3.0, 4.0] == clock.run(sleeper, waker)


def test_a_wake_that_is_set_lets_the_others_act() -> None:
    """Even then a participant gives the turn away, at the same time."""
    clock, wake = FakeClock(), threading.Event()
    wake.set()
    trace = []

    def act(name: str) -> None:
        for _ in range(2):
            trace.append(f"{name}{clock.monotonic():g}")
            clock.sleep(1, wake)

    clock.run(lambda: act("a"), lambda: act("b"))

    assert "a0 b0 a0 b0" == " ".join(trace)


def test_the_same_every_time() -> None:
    """Of 64 threads that sleep at random the order never varies."""

    def trace_of(seed: int) -> list[tuple[int, float]]:
        clock, dice = FakeClock(), random.Random(seed)  # noqa: S311 - a test
        trace = []

        def act(number: int) -> None:
            for _ in range(10):
                clock.sleep(dice.choice([0, 0.1, 0.2, dice.random()]))
                trace.append((number, clock.monotonic()))

        clock.run(*[lambda n=n: act(n) for n in range(64)])
        return trace

    first, second = trace_of(7), trace_of(7)

    assert first == second


def test_the_first_error_is_raised() -> None:
    """An error comes out after the others have ended; the first of two."""
    clock = FakeClock()

    def fail(seconds: float, error: BaseException) -> float:
        clock.sleep(seconds)
        raise error

    def succeed() -> float:
        clock.sleep(9)
        return 0.0

    with pytest.raises(KeyboardInterrupt):
        clock.run(
            lambda: fail(2, ValueError("second")),
            lambda: fail(1, KeyboardInterrupt()),
            succeed,
        )

    assert 9.0 == clock.monotonic()


def test_a_deadlock_is_an_error() -> None:
    """Who waits without this clock is named, and nobody hangs."""
    clock, never = FakeClock(), threading.Event()

    with pytest.raises(TimeoutError, match="function 1 ") as caught:
        clock.run(lambda: clock.sleep(1), never.wait, within_s=0.05)
    never.set()

    assert "1 sleep" in str(caught.value)


def test_an_endless_function_is_ended() -> None:
    """Who sleeps for ever is unwound, and the clock stays usable."""
    clock, ended = FakeClock(), threading.Event()

    def sleep_for_ever() -> None:
        try:
            while True:
                clock.sleep(1)
        finally:
            ended.set()

    with pytest.raises(TimeoutError, match="for ever"):
        clock.run(sleep_for_ever, within_s=0.05)
    was_ended = ended.wait(60)
    before = clock.monotonic()
    clock.run(lambda: clock.sleep(1))

    assert (True, before + 1) == (was_ended, clock.monotonic())


def test_one_run_at_a_time() -> None:
    """A participant cannot start a run of its own."""
    clock = FakeClock()

    with pytest.raises(RuntimeError, match="already") as caught:
        clock.run(clock.run)

    assert "this clock already runs functions" == str(caught.value)


def test_a_stranger_moves_the_time() -> None:
    """A thread of the code under test is no participant: it moves on."""
    clock = FakeClock()

    def start_another() -> float:
        thread = threading.Thread(target=clock.sleep, args=(5,))
        thread.start()
        thread.join()
        clock.sleep(1)
        return clock.monotonic()

    def sleep() -> float:
        clock.sleep(2)
        return clock.monotonic()

    assert [6.0, 7.0] == clock.run(start_another, sleep)
