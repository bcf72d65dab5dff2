"""Asks the nursery of `_crash_worker.py` for processes, and hears them."""

from __future__ import annotations

import json
import os
import queue
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs

if TYPE_CHECKING:
    from collections.abc import Callable

    from typing_extensions import Self

HANGS_S = 120.0
ROOT = Path(__file__).resolve().parents[2]
PROGRAM = "tests.integration._crash_worker"


@attrs.define(eq=False)
class Worker:
    """
    A process that does one job.

    Attributes:
        pid: Its id.
        status: How it ended: 0, or the number of the signal.
    """

    pid: int = attrs.field(default=0, init=False)
    status: int | None = attrs.field(default=None, init=False)
    _told: queue.SimpleQueue[dict[str, Any]] = attrs.field(
        factory=queue.SimpleQueue, init=False
    )

    def hear(self, line: dict[str, Any]) -> None:
        """Take what the nursery tells of it."""
        self._told.put(line)

    def begin(self) -> Self:
        """Wait until it is there."""
        self.pid = self._told.get(timeout=HANGS_S)["pid"]
        return self

    def signal(self, number: int) -> None:
        """Kill it, stop it, let it go on."""
        os.kill(self.pid, number)

    def stopped(self) -> None:
        """Wait until it is stopped; it has said nothing before."""
        line = self._told.get(timeout=HANGS_S)
        assert "stopped" in line, line

    def said(self) -> list[dict[str, Any]]:
        """Return all that it said, and wait for its end."""
        said: list[dict[str, Any]] = []
        while True:
            line = self._told.get(timeout=HANGS_S)
            if "ended" in line:
                self.status = line["ended"]
                return said
            if "said" in line:
                said.append(line["said"])


class Workers:
    """
    Processes that send to one SES, with one state; a context manager.

    What is given are the modules that all of them need.
    """

    def __init__(self, *modules: str) -> None:
        self._process = subprocess.Popen(  # noqa: S603  # our own script
            [sys.executable, "-m", PROGRAM, *modules],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._workers: list[Worker] = []
        self._lock = threading.Lock()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._process.stdin:
            self._process.stdin.close()
        self._process.wait(HANGS_S)
        self._reader.join(HANGS_S)
        if self._process.stdout:
            self._process.stdout.close()

    def start(self, **job: Any) -> Worker:
        """Start a process with a job; see `_crash_worker.perform`."""
        worker = Worker()
        assert self._process.stdin is not None
        with self._lock:
            self._workers.append(worker)
            self._process.stdin.write(json.dumps(job) + "\n")
            self._process.stdin.flush()
        return worker.begin()

    def run(self, **job: Any) -> list[dict[str, Any]]:
        """Start a process, wait for its end, return what it said."""
        return self.start(**job).said()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for text in self._process.stdout:
            line = json.loads(text)
            self._workers[line["job"]].hear(line)


def wait_for(what: Callable[[], object]) -> None:
    """Wait until *what* is true; fail if it hangs."""
    patience = time.monotonic() + HANGS_S
    while not what():
        assert time.monotonic() < patience, "it never came"
        time.sleep(0.005)
