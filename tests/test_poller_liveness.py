"""What supervisors see of a poller: a question, a file, systemd."""

from __future__ import annotations

import datetime as dt
import socket
import threading
from typing import TYPE_CHECKING

import pytest
from tests.polling import Bench, Run

from safeses.errors import ConfigurationError
from safeses.feedback._poller._liveness import Pulse, Systemd
from safeses.testing import FakeClock

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.race  # threads

START = dt.datetime(2026, 1, 1, tzinfo=dt.timezone.utc)


class TestLiveness:
    """What supervisors see."""

    def test_never_seen(self) -> None:
        """A poller that has not run was never seen, and is not alive."""
        poller = Run().poller

        assert (None, False) == (poller.last_seen_at, poller.is_alive())

    def test_seen(self) -> None:
        """Each answer of SQS is a sign of life, in UTC."""
        run = Run()
        run.poller.run_once()
        at = run.poller.last_seen_at

        assert (True, dt.timezone.utc) == (
            at is not None and at >= START,
            at and at.tzinfo,
        )

    def test_alive_is_every_thread(self) -> None:
        """One thread that is stuck makes the poller not alive."""
        clock = FakeClock()
        pulse = Pulse(clock)
        pulse.begin("a")
        pulse.begin("b")
        clock.advance(100)
        pulse.beat(["a"])
        stuck = pulse.is_alive(99)
        pulse.end("b")

        assert (False, True) == (stuck, pulse.is_alive(99))

    @pytest.mark.parametrize("outage, is_alive", [(0, True), (900, False)])
    def test_outage(self, outage: int, *, is_alive: bool) -> None:
        """A poller that SQS has not answered for long is not alive."""
        bench = Bench()
        bench.sqs.faults["receive"] = [None] + [TimeoutError()] * outage
        seen: list[bool] = []

        def look() -> None:
            bench.clock.sleep(400)
            seen.append(bench.pulse.is_alive(150))

        bench.work(look, bench.stop_after(401))

        assert [is_alive] == seen

    def test_slow_hook_is_alive(self) -> None:
        """A poller whose hook takes an hour is alive meanwhile."""
        bench = Bench()
        bench.takes("slow", 3_600)
        bench.sqs.put("slow")
        seen: list[bool] = []

        def look() -> None:
            bench.clock.sleep(3_000)
            seen.append(bench.pulse.is_alive(150))

        bench.work(look, bench.stop_after(3_001))

        assert [True] == seen

    def test_heartbeat_file(self, tmp_path: Path) -> None:
        """The file is touched as the poller gets on, once a second."""
        path = tmp_path / "alive"
        clock = FakeClock()
        pulse = Pulse(clock, path)
        ages = []
        for seconds in (0, 0.5, 0.6):
            clock.advance(seconds)
            pulse.beat([])
            ages.append(path.exists())
            path.unlink(missing_ok=True)

        assert [True, False, True] == ages

    def test_heartbeat_file_cannot_be(self, tmp_path: Path) -> None:
        """A file that cannot be written is an error before the first poll."""
        run = Run(heartbeat_file=tmp_path / "no" / "alive")
        with pytest.raises(ConfigurationError, match="cannot be touched"):
            run.poller.run()

        assert [] == run.sqs.calls

    def test_heartbeat_file_goes_away(
        self, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        """A file that can be written no more is told once, and survived."""
        clock = FakeClock()
        pulse = Pulse(clock, tmp_path / "no" / "alive")
        for _ in range(3):
            clock.advance(2)
            pulse.beat([])

        assert [
            "the heartbeat file cannot be touched (FileNotFoundError)"
        ] == [record.getMessage() for record in caplog.records]

    def test_systemd(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Systemd hears of the begin, signs of life, and the end."""
        address = str(tmp_path / "notify")
        monkeypatch.setenv("NOTIFY_SOCKET", address)
        monkeypatch.setenv("WATCHDOG_USEC", "1000000")
        run = Run()
        run.receiver.acts["last"] = run.poller.stop
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as hears:
            hears.bind(address)
            hears.settimeout(60)
            thread = threading.Thread(target=run.poller.run)
            thread.start()
            heard = [{hears.recv(64), hears.recv(64)}]
            run.clock.advance(0.5)
            heard.append({hears.recv(64)})
            run.sqs.put("last")
            heard.append({hears.recv(64)})
            thread.join()

        assert [
            {b"READY=1", b"WATCHDOG=1"},
            {b"WATCHDOG=1"},
            {b"STOPPING=1"},
        ] == heard

    @pytest.mark.parametrize(
        "environ, every_s",
        [
            ({}, None),
            ({"WATCHDOG_USEC": "30000000"}, 15.0),
            ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "1"}, None),
            ({"WATCHDOG_USEC": "soon"}, None),
            ({"WATCHDOG_USEC": "0"}, None),
        ],
    )
    def test_watchdog(
        self, environ: dict[str, str], every_s: float | None
    ) -> None:
        """The watchdog is that of this process, and told at half time."""
        assert every_s == Systemd.of(environ).every_s

    def test_nobody_listens(self, tmp_path: Path) -> None:
        """A supervisor that is gone does no harm."""
        told = [
            Systemd.of({"NOTIFY_SOCKET": address}).tell("READY=1")  # type: ignore[func-returns-value]  # that it returns
            for address in (str(tmp_path / "gone"), "")
        ]

        assert [None] * 2 == told
