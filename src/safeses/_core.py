"""
What a client and its views share: the parts, put together at first use.

Nothing is connected before. Every use compares the process id, so that a
forked child goes on with connections, locks and a queue of its own.
"""

from __future__ import annotations

import math
import os
import secrets
import threading
import warnings
from typing import TYPE_CHECKING, Any

from safeses import _payload, _request
from safeses._hooks import Hooks
from safeses._job import Job
from safeses._log import log
from safeses._mail import _tag
from safeses._open import open_state
from safeses._plan import Key
from safeses._plan import send as plan
from safeses._process_lock import ProcessLock
from safeses._turns import Turns
from safeses.errors import ConfigurationError, ConfigurationWarning

if TYPE_CHECKING:
    from collections.abc import Mapping

    from safeses._driver import ThreadDriver
    from safeses._options import Options
    from safeses._request import Request
    from safeses._settings import Settings
    from safeses._values import Receipt
    from safeses.suppression import AccountSuppressionList


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
            namespace=settings.namespace,
            suppressions=settings.suppressions,
            budget=settings.budget,
            ledger=settings.ledger,
            on_store_error=settings.on_store_error,
        )
        self._closing = threading.Event()
        self._warned = (
            (settings.processes or 1) > 1
            or settings.budget is not None
            or not self._nobody_named_it
        )
        self._pid = os.getpid()
        self._lock = ProcessLock()
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
        terms = options.terms(
            settings.attempt_timeout_s,
            observes=settings.policy.observes,
            screens=settings.account_suppressions != "ignore",
        )
        key = None
        if options.idempotency_key is not None:
            params = _request.owned(params)
            key = self._key(options.idempotency_key, params, options)
        tag = key.tag if key else _tag.make(settings.tag_key)

        def make() -> Request:
            request = _request.request(
                params,
                tag=tag,
                scope=driver.account.scope,
                tagged=settings.correlation_tag,
                policy=settings.policy,
                priority=terms.priority,
                stream=terms.stream,
                per_second=driver.account.per_second,
            )
            if settings.verify_identities:
                request = self._verified(driver, request)
            driver.account.before_send(terms.deadline_s)
            return request

        heard = self.hooks.heard
        return driver.run(plan(make, terms, began, wall, heard, key))

    def check(self, options: Options) -> None:
        """
        Make sure that this client can do what is chosen.

        Raises:
            ConfigurationError: It cannot.
        """
        settings = self.settings
        if options.on_unknown == "reconcile":
            if settings.events is None:
                raise ConfigurationError(
                    'on_unknown="reconcile" needs the events of SES',
                    "declare what brings them with"
                    " Client(events=EventSource(...))",
                )
            if not settings.correlation_tag:
                raise ConfigurationError(
                    'on_unknown="reconcile" finds mails by their tag',
                    "leave out correlation_tag=False",
                )
        if (
            options.idempotency_key is not None
            and self._nobody_named_it
            and settings.ledger is None
        ):
            raise ConfigurationError(
                "an idempotency key needs a state that outlives the process",
                'name one: Client(state="sqlite:///mail.db"), or "memory:"'
                " if a repetition in the same process is all that matters",
            )

    def job_id(self, key: str) -> str:
        """Return what the ledger knows a job by."""
        return _payload.job_id(self.settings.namespace, key)

    def tag_of(self, name: str) -> str:
        """Return the tag of what the ledger knows by *name*."""
        return _tag.of(name, self.settings.tag_key)

    def _key(
        self, key: str, params: Mapping[str, Any], options: Options
    ) -> Key:
        settings = self.settings
        events = settings.events
        job = Job(
            id=self.job_id(key),
            payload=_payload.payload_of(params),
            on_unknown=options.on_unknown or "hold",
            grace_s=events.grace_s if events else math.inf,
            same_payload=options.on_key_conflict != "replay",
            tagged=settings.correlation_tag,
        )
        return Key(
            key=key,
            job=job,
            owner=secrets.token_hex(16),
            tag=self.tag_of(job.id),
            is_tagged=settings.correlation_tag,
            everybody=lambda: _request.recipients_of(params, settings.policy),
        )

    def _verified(self, driver: ThreadDriver, request: Request) -> Request:
        """Refuse what SES is known to lack an identity or a name for."""
        found = driver.lookups.resources.check(request)
        return request.judged(self.settings.policy, found)

    @property
    def per_second(self) -> float | None:
        """The account's send rate, as far as it is known by now."""
        if self.settings.limits is not None:
            return self.settings.limits.per_second
        driver = self._driver
        return None if driver is None else driver.account.per_second

    def account_suppressions(self) -> AccountSuppressionList:
        """Return the list that SES keeps for the account."""
        return self.driver().lookups.account_suppressions

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
        with self._lock.mine:
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
        from safeses._driver import ThreadDriver
        from safeses._lookups import Lookups
        from safeses._lookups._account import AccountWatch

        settings = self.settings
        given: Any = settings.boto3_client
        if given is None:
            given = _transport.connect(settings.region)
        elif not hasattr(given, "send_email") and callable(given):
            given = given()
        transport = _transport.transport(given)
        self.wrapped = given
        owner = settings.account or transport.account or settings.namespace
        scope = f"{owner}/{transport.region}"
        return ThreadDriver(
            transport=transport,
            state=self.state,
            turns=Turns(settings.clock),
            hooks=self.hooks,
            account=AccountWatch(
                transport.get_account,
                self.state,
                scope,
                settings.clock,
                settings.limits,
            ),
            clock=settings.clock,
            closing=self._closing,
            on_throttled=self._log_memory,
            lookups=Lookups.through(
                transport,
                self.state,
                scope,
                clock=settings.clock,
                closing=self._closing,
                renew=self.driver,
                strict=settings.account_suppressions == "require",
            ),
        )

    def _after_fork(self) -> None:
        self.state.after_fork()
        if self._driver is not None:
            self._driver.turns.after_fork()
            self._driver.account.after_fork()
            self._driver.transport.after_fork()
            if not self._closing.is_set():  # a waiter may hold its lock
                self._driver.closing = self._closing = threading.Event()
            self._driver.lookups.after_fork(self._closing)

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


_REMEDY = (
    'name one that they share, such as Client(state="sqlite:///mail.db") on'
    ' one machine or state="redis://..." on several, or make one Client in'
    " each process and say Client(processes=N)"
)
