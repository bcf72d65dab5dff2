"""
The one place where Redis is asked: scripts and commands, and their errors.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Any, Final, NoReturn, TypeVar
from uuid import uuid4

from safeses._circuit import Circuit
from safeses._clock import SystemClock
from safeses.errors import StoreError
from safeses.redis import _problems
from safeses.redis._pool import Pool
from safeses.redis._scripts import script as script_of
from safeses.redis._url import read

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from safeses.redis._scripts import Script
    from safeses.typing import Clock

    Plain = str | int | float | bytes

T = TypeVar("T")

TIMEOUT_S: Final = 0.25
SCANNED_AT_ONCE: Final = 1_000
# What a pattern of Redis reads as more than itself.
_SPECIAL: Final = re.compile(r"[][*?^\\-]")
# The scripts' time begins in 2026, so that its numbers are small.
EPOCH_S: Final = 1_767_225_600.0
_LOST: Final = (
    "the Redis has restarted empty, or another one answers: what was sent"
    " before is not known here; `safeses state init URL` acknowledges"
)


class Server:
    """
    A Redis or Valkey, or a cluster; for the threads of one process.

    All keys are in one slot of a cluster. A forked child opens connections
    of its own and leaves its parent's alone.

    Attributes:
        engine: ``"redis"``.
        clock: Decides only where it is none of the machine: in tests.
        on_contact: Called once for each part that asks, with its name,
            after its first answer in a process.

    Raises:
        StoreError: No answer, or an error. Nothing is known of what was
            asked then.
        ConfigurationError: The URL cannot be used.
    """

    engine: Final = "redis"

    def __init__(
        self,
        url: str,
        *,
        clock: Clock | None = None,
        prefix: str = "safeses",
        timeout_s: float = TIMEOUT_S,
        is_cluster: bool = False,
    ) -> None:
        """
        Take the URL; nothing is opened before the first use.

        Args:
            url: ``redis://``, ``rediss://`` or ``unix://``; its query may
                give the options below, and ``cluster=true``.
            clock: Where the time comes from; the server's own by default.
            prefix: What every key begins with.
            timeout_s: The bound on every connect and on every answer.
            is_cluster: Whether to learn of all nodes of a cluster, and to
                ask the others when one is down.
        """
        self.clock: Clock = SystemClock() if clock is None else clock
        self.on_contact: Callable[[str], None] | None = None
        self._has_own_time = isinstance(self.clock, SystemClock)
        place = read(
            url, prefix=prefix, timeout_s=timeout_s, is_cluster=is_cluster
        )
        self._place = place
        self._pool = Pool(place)
        self._errors = self._pool.errors
        self._circuit = Circuit(self.engine, self.clock)
        self._pid = os.getpid()
        self._met: set[str] = set()
        self._epoch = ""
        self._epoch_seen_at = 0.0

    def __repr__(self) -> str:
        place = self._place
        return f"Server({place.shown!r}, prefix={place.prefix!r})"

    def key(self, *names: str) -> str:
        """Return a key; no two lists of names give the same one."""
        return ":".join(
            (
                f"{{{self._place.prefix}}}",
                *(
                    name.replace("%", "%25").replace(":", "%3A")
                    for name in names
                ),
            )
        )

    def run(
        self,
        part: str,
        script: str,
        keys: Sequence[str] = (),
        args: Sequence[Plain] = (),
        *,
        again: bool = False,
    ) -> Any:
        """
        Run a script; one round trip.

        Args:
            part: Who asks, for errors.
            script: The name of its file, without ``.lua``.
            keys: Its keys.
            args: Its arguments from the second on. The first one is the
                time, for the library ``time``. A script that needs
                ``epoch`` gets its key after all others.
            again: Whether to try once more if the connection had died.

        Raises:
            StoreError: No answer, an error, or, where the script needs
                ``epoch``, a Redis that has lost its data.
        """
        code = script_of(script)
        if not code.has_epoch:
            values = (self._time(), *args)
            return self._eval(part, code, keys, values, again=again)
        while True:
            epoch = self._epoch or self._begin(part)
            keys = (*keys, self.key("epoch"))
            values = (f"{self._time()} {epoch}", *args)
            try:
                answer = self._eval(part, code, keys, values, again=again)
            except _problems.OtherEpochError as error:
                keys = keys[:-1]
                self._adopt(part, error)
            else:
                self._epoch_seen_at = self.clock.monotonic()
                return answer

    def ask(self, part: str, *command: Plain, again: bool = False) -> Any:
        """Return the answer to one plain command, as Redis gives it."""

        def talk(connection: Any) -> Any:
            connection.send_command(*command)
            return connection.read_response()

        return self._use(part, talk, again=again)

    def ask_all(
        self, part: str, commands: Sequence[Sequence[Plain]]
    ) -> list[Any]:
        """Return the answers to several commands; one round trip."""

        def talk(connection: Any) -> list[Any]:
            connection.send_packed_command(connection.pack_commands(commands))
            answers, error = [], None
            for _ in commands:
                try:
                    answers.append(connection.read_response())
                except self._errors.ResponseError as problem:
                    error = error or problem
            if error is not None:
                raise error
            return answers

        return self._use(part, talk) if commands else []

    def scan(self, part: str, *names: str) -> Iterator[dict[str, str]]:
        """
        Yield all keys that begin as *names* do, some at a time.

        Args:
            part: Who asks, for errors.
            names: What `key` is given, the last of them only in part.

        Yields:
            The keys, and what follows *names* in each. A key may come
            twice.
        """
        begin = self.key(*names)
        args = (_SPECIAL.sub(r"\\\g<0>", begin) + "*", SCANNED_AT_ONCE)
        cursor = b"0"
        while True:
            # In a script with a key, as only that finds a cluster's node.
            cursor, keys = self.run(
                part, "scan", (self.key("epoch"),), (cursor, *args), again=True
            )
            found = (key.decode("utf-8", "surrogatepass") for key in keys)
            yield {
                key: key[len(begin) :].replace("%3A", ":").replace("%25", "%")
                for key in found
            }
            if cursor == b"0":
                return

    def acknowledge(self, part: str) -> None:
        """Let all processes go on with the data as it is."""
        key = self.key("epoch")
        values = (self._time(), uuid4().hex, "1")
        code = script_of("epoch_begin")
        # A person does this, and looks at the settings. The log is for
        # those who send.
        is_first = part not in self._met
        self._met.add(part)
        try:
            self._epoch = self._eval(part, code, (key,), values).decode()
        finally:
            if is_first:
                self._met.discard(part)
        self._epoch_seen_at = self.clock.monotonic()

    def after_fork(self) -> None:
        """Leave the connections to the parent."""
        if os.getpid() != self._pid:
            self._pool.after_fork()
            self._circuit.after_fork()
            self._pid = os.getpid()

    def close(self) -> None:
        """Close what is open and not in use; idempotent."""
        self.after_fork()
        self._pool.close()

    def __reduce__(self) -> NoReturn:
        # Neither pickle nor copy may have it, as it holds connections.
        msg = "a Server cannot be pickled or copied: make one from its URL"
        raise TypeError(msg)

    def _time(self) -> str:
        """Return the time of a test; the server has its own."""
        if self._has_own_time:
            return ""
        # Since 1970 a float has steps of a quarter of a microsecond.
        now = self.clock.monotonic()
        ahead_s = round(self.clock.time() - now - EPOCH_S, 3)
        return repr(ahead_s + now)

    def _begin(self, part: str) -> str:
        """Return what names the data; unless it has a name, it gets one."""
        values = (self._time(), uuid4().hex, "0")
        code = script_of("epoch_begin")
        found = self._eval(part, code, (self.key("epoch"),), values)
        self._epoch_seen_at = self.clock.monotonic()
        self._epoch = found.decode()
        return self._epoch

    def _adopt(self, part: str, error: _problems.OtherEpochError) -> None:
        """Go on with other data, if a person has said so since."""
        unseen_s = self.clock.monotonic() - self._epoch_seen_at
        if not error.id or error.age_s > unseen_s:
            raise StoreError(part, self.engine, _LOST) from None
        self._epoch = error.id

    def _eval(
        self,
        part: str,
        code: Script,
        keys: Sequence[str],
        values: Sequence[Plain],
        *,
        again: bool = False,
    ) -> Any:
        rest = (len(keys), *keys, *values)

        def talk(connection: Any) -> Any:
            connection.send_command("EVALSHA", code.sha, *rest)
            try:
                return connection.read_response()
            except self._errors.NoScriptError:
                connection.send_command("EVAL", code.text, *rest)
                return connection.read_response()

        return self._use(part, talk, again=again)

    def _use(
        self, part: str, talk: Callable[[Any], T], *, again: bool = False
    ) -> T:
        """Talk on a connection; what goes wrong becomes a StoreError."""
        if os.getpid() != self._pid:
            self.after_fork()
        self._circuit.check(part)
        try:
            answer = self._pool.talk(talk, again=again)
        except self._errors.ResponseError as error:
            # It answers, so it is worth asking again.
            self._circuit.worked()
            raise _problems.store_error(part, error) from error
        except (self._errors.RedisError, OSError) as error:
            problem = _problems.of(error, self._place.timeout_s)
            self._circuit.failed(problem)
            raise StoreError(part, self.engine, problem) from error
        self._circuit.worked()
        if part not in self._met:
            self._met.add(part)
            if self.on_contact is not None:
                self.on_contact(part)
        return answer
