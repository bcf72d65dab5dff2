"""
What a client and its views share: the parts, put together at first use.

Nothing is connected before. Every use compares the process id, so that a
forked child goes on with connections, locks and a queue of its own.
"""

from __future__ import annotations

import os
import threading
import warnings
from typing import TYPE_CHECKING, Any

import attrs

from safeses import _request, _tag
from safeses._hooks import Hooks
from safeses._log import log
from safeses._options import check_number
from safeses._plan import send as plan
from safeses._state import open_state
from safeses._turns import Turns
from safeses._values import Limits
from safeses.errors import ConfigurationError, ConfigurationWarning

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from safeses._driver import ThreadDriver
    from safeses._options import Options
    from safeses._values import Receipt
    from safeses.typing import Clock, SESClient, State


@attrs.frozen(kw_only=True)
class Settings:
    """What `safeses.Client` was given; see there."""

    boto3_client: SESClient | Callable[[], SESClient] | None = None
    region: str | None = None
    state: State | str | None = None
    limits: Limits | None = None
    namespace: str = "safeses"
    account: str | None = None
    processes: int = 1
    rate_factor: float = 1.0
    attempt_timeout_s: float
    tag_key: bytes | None = attrs.field(default=None, repr=False)
    correlation_tag: bool = True
    clock: Clock

    def __attrs_post_init__(self) -> None:
        if self.limits is not None and not isinstance(self.limits, Limits):
            raise ConfigurationError(
                f"limits={type(self.limits).__name__} is not Limits",
                "use Limits(per_second=14, per_day=50_000)",
            )
        if isinstance(self.boto3_client, str):
            raise ConfigurationError(
                "str is not a boto3 client",
                'give it as region=, as in Client(region="eu-west-1")',
            )
        if isinstance(self.boto3_client, type) and hasattr(
            self.boto3_client, "send_email"
        ):
            raise ConfigurationError(
                f"boto3_client is the class {self.boto3_client.__name__}",
                "give an instance of it",
            )
        check_number("processes", self.processes, least=1)
        if not isinstance(self.processes, int):
            raise ConfigurationError(
                f"processes={self.processes!r} is not a whole number",
                "say how many processes there are",
            )
        check_number("rate_factor", self.rate_factor, least=0)
        if not 0 < self.rate_factor <= 1:
            raise ConfigurationError(
                f"rate_factor={self.rate_factor!r} is not above 0 and at"
                " most 1",
                "use the share of the account's rate, such as 0.8",
            )
        check_number("attempt_timeout_s", self.attempt_timeout_s)
        _check_text("namespace", self.namespace)
        _check_text("account", self.account, optional=True)
        _check_text("region", self.region, optional=True)
        key: object = self.tag_key
        if key is not None and not (isinstance(key, bytes) and key):
            raise ConfigurationError(
                "tag_key is not bytes, or empty",
                "use some bytes that are kept secret, or leave it out",
            )


def _check_text(name: str, value: object, *, optional: bool = False) -> None:
    if optional and (value is None or value == ""):
        return
    if not (isinstance(value, str) and value):
        raise ConfigurationError(
            f"{name}={value!r} is not a string, or empty",
            "use a string, or leave it out",
        )


class Core:
    """
    The parts of one client.

    Attributes:
        settings: What it was given.
        hooks: Who wants to know what happens.
        state: Where the shared facts live.
        wrapped: The boto3 client, once it is there.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.hooks = Hooks()
        self.state, self._nobody_named_it = open_state(
            settings.state,
            settings.clock,
            processes=settings.processes,
            rate_factor=settings.rate_factor,
        )
        self._closing = threading.Event()
        self._warned = settings.processes > 1 or not self._nobody_named_it
        self._pid = os.getpid()
        self._locks: dict[int, threading.RLock] = {}
        self._connecting = False
        self.wrapped: Any = None
        self._driver: ThreadDriver | None = None

    def driver(self) -> ThreadDriver:
        """
        Return the driver, made now, or renewed in a forked child.

        Raises:
            ConfigurationError: The client was closed, or cannot work.
        """
        if self._closing.is_set():
            raise ConfigurationError(
                "the client is closed",
                "close it after the last send, or make another",
            )
        pid = os.getpid()
        if self._driver is None or self._pid != pid:
            driver, why = self._bring_up(pid)
            if why:
                # With no lock held: a warning may run a caller's code.
                self._warn_of_memory(why)
            return driver
        return self._driver

    def send(self, params: Mapping[str, Any], options: Options) -> Receipt:
        """Send what boto3 would be given; see `safeses.Client.send`."""
        driver = self.driver()
        settings = self.settings
        clock = settings.clock
        began, wall = clock.monotonic(), clock.time()
        request = _request.request(
            params,
            tag=_tag.make(settings.tag_key),
            scope=driver.account.scope,
            tagged=settings.correlation_tag,
        )
        terms = options.terms(settings.attempt_timeout_s)
        driver.account.before_send(terms.deadline_s)
        return driver.run(plan(request, terms, began, wall, self.hooks.heard))

    def client(self) -> Any:
        """Return the boto3 client, made now if need be."""
        self.driver()
        return self.wrapped

    def close(self) -> None:
        """End waits, close connections and the state; idempotent."""
        self._closing.set()
        if self._driver is not None:
            self._driver.transport.close()
        self.state.close()

    def _bring_up(self, pid: int) -> tuple[ThreadDriver, str]:
        """Connect, or renew after a fork; say what to warn of, if at all."""
        why = ""
        # One lock for each process: a parent's may be held for ever.
        with self._locks.setdefault(pid, threading.RLock()):
            if self._pid != pid:
                self._after_fork()
                self._pid, self._connecting = pid, False
                why = "this process was forked"
            if self._connecting:
                raise ConfigurationError(
                    "the client is being connected by this very thread",
                    "send neither from what makes the boto3 client, nor"
                    " from a signal handler",
                )
            if self._driver is None:
                self._connecting = True
                try:
                    self._driver = self._connect()
                finally:
                    self._connecting = False
                if "AWS_LAMBDA_FUNCTION_NAME" in os.environ:
                    why = "Lambda runs many processes"
                elif self._driver.transport.shared:
                    why = "another Client wraps the same boto3 client"
            return self._driver, why

    def _connect(self) -> ThreadDriver:
        # These load boto3, which importing safeses must not.
        from safeses import _transport
        from safeses._account import AccountWatch
        from safeses._driver import ThreadDriver

        settings = self.settings
        given: Any = settings.boto3_client
        if given is None:
            given = _transport.connect(settings.region)
        elif not hasattr(given, "send_email") and callable(given):
            given = given()
        transport = _transport.transport(given)
        self.wrapped = given
        owner = settings.account or transport.account or settings.namespace
        return ThreadDriver(
            transport=transport,
            state=self.state,
            turns=Turns(settings.clock),
            hooks=self.hooks,
            account=AccountWatch(
                transport.get_account,
                self.state,
                f"{owner}/{transport.region}",
                settings.clock,
                settings.limits,
            ),
            clock=settings.clock,
            closing=self._closing,
            on_throttled=self._log_memory,
        )

    def _after_fork(self) -> None:
        self.state.after_fork()
        if self._driver is not None:
            self._driver.turns.after_fork()
            self._driver.account.after_fork()
            self._driver.transport.after_fork()
            if not self._closing.is_set():  # a waiter may hold its lock
                self._driver.closing = self._closing = threading.Event()

    def _warn_of_memory(self, why: str) -> None:
        if not self._warned:
            self._warned = True
            warnings.warn(
                f"{why}, and the state is memory that nobody asked for:"
                f" each limits itself only; {_REMEDY}",
                ConfigurationWarning,
                stacklevel=5,  # where the caller sends
            )

    def _log_memory(self) -> None:
        # In the midst of a send, where a warning that a filter makes an
        # error would do harm.
        if not self._warned:
            self._warned = True
            log.warning(
                "SES throttles within our own limits, and the state is"
                " memory that nobody asked for; if there are other"
                " processes, %s",
                _REMEDY,
            )


_REMEDY = "make one Client in each process, and say Client(processes=N)"
