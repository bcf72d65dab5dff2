"""
How a supervisor sees that a poller is alive.

Three ways: a question (`Pulse.is_alive`), a file that is touched, and the
protocol of systemd (sd_notify(3), sd_watchdog_enabled(3)).
"""

from __future__ import annotations

import contextlib
import os
import socket
import threading
from typing import TYPE_CHECKING, Final

import attrs

from safeses._log import log
from safeses.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from safeses.typing import Clock

_TOUCH_EVERY_S: Final = 1.0


@attrs.define(eq=False)
class Pulse:
    """
    When each thread was last seen to get on.

    Attributes:
        seen_at: When any was, in seconds since 1970; 0 for never.
    """

    _clock: Clock
    _file: Path | None = None
    seen_at: float = attrs.field(default=0.0, init=False)
    _threads: dict[str, float] = attrs.field(factory=dict, init=False)
    _touched: float = attrs.field(default=float("-inf"), init=False)
    _said: bool = attrs.field(default=False, init=False)
    _lock: threading.Lock = attrs.field(factory=threading.Lock, init=False)

    def begin(self, thread: str) -> None:
        """Expect *thread* to get on from now on."""
        with self._lock:
            self._threads[thread] = self._clock.monotonic()

    def end(self, thread: str) -> None:
        """Expect nothing of *thread* any more."""
        with self._lock:
            self._threads.pop(thread, None)

    def beat(self, threads: Iterable[str]) -> None:
        """Take note that *threads* got on."""
        now = self._clock.monotonic()
        with self._lock:
            self._threads.update(
                (thread, now) for thread in threads if thread in self._threads
            )
            self.seen_at = self._clock.time()
            if self._file is None or now - self._touched < _TOUCH_EVERY_S:
                return
            self._touched = now
        try:
            self._file.touch()
        except OSError as error:
            if not self._said:
                self._said = True
                log.warning(
                    "the heartbeat file cannot be touched (%s)",
                    type(error).__name__,
                )

    def is_alive(self, max_age_s: float) -> bool:
        """Whether every thread got on within so many seconds."""
        now = self._clock.monotonic()
        with self._lock:
            return bool(self._threads) and all(
                now - at <= max_age_s for at in self._threads.values()
            )

    def check_file(self) -> None:
        """
        Touch the file for the first time.

        Raises:
            ConfigurationError: That is not possible.
        """
        if self._file is None:
            return
        try:
            self._file.touch()
        except OSError as error:
            raise ConfigurationError(
                f"the heartbeat file {self._file} cannot be touched"
                f" ({type(error).__name__})",
                "name a file in a directory that this process may write to",
            ) from error


@attrs.define(eq=False)
class Systemd:
    """
    Tells systemd how the service is; without systemd, nobody.

    Attributes:
        every_s: Seconds between two signs of life, None if nobody waits.
    """

    _address: str
    every_s: float | None

    @classmethod
    def of(cls, environ: Mapping[str, str]) -> Systemd:
        """Read what systemd has left in the environment."""
        address = environ.get("NOTIFY_SOCKET", "")
        if address.startswith("@"):  # in the abstract namespace
            address = f"\0{address[1:]}"
        usec = environ.get("WATCHDOG_USEC", "")
        of = environ.get("WATCHDOG_PID") or str(os.getpid())
        is_watched = usec.isdecimal() and int(usec) and of == str(os.getpid())
        # Half of it, as sd_watchdog_enabled(3) advises.
        return cls(address, int(usec) / 2e6 if is_watched else None)

    def tell(self, state: str) -> None:
        """Say one thing, such as ``"READY=1"``, if anybody listens."""
        if not self._address or not hasattr(socket, "AF_UNIX"):
            return
        with (
            contextlib.suppress(OSError),  # nobody listens any more
            socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as out,
        ):
            out.settimeout(0.0)
            out.connect(self._address)
            out.send(state.encode())
