"""The face of the simulator: an account, its clients, its levers."""

from __future__ import annotations

import contextlib
from collections import Counter
from typing import TYPE_CHECKING, Literal

from ._account import QuotaCode, Suppression, open_account
from ._addresses import identity
from ._client import SimulatedClient
from ._connection import Settings
from ._rate import Clock, RealClock
from ._reports import Reports
from ._server import Server
from ._service import Service

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Iterable, Iterator

    from ._faults import Faults
    from ._fields import Params
    from ._mail import SentMail, SuppressedRecipient


class SimulatedSES(Reports):
    """
    Amazon SES v2 for tests: one account, in process or over HTTP.

    It throttles by recipient with a debt, counts a rolling 24-hour quota,
    knows the sandbox, identities, the suppression list and the mailbox
    simulator, loses answers on demand, and publishes events of its mails
    (`publish_to`). Nothing is ever delivered. What is unverified about the
    real SES is said so where it is decided.

    Attributes:
        faults: What is to go wrong; see `Faults.add`.
    """

    def __init__(
        self,
        *,
        max_send_rate: float | None = None,
        max_24_hour_send: float | None = None,
        sandbox: bool = False,
        region: str = "eu-west-1",
        verified: Iterable[str] | None = None,
        configuration_sets: Iterable[str] | None = None,
        burst: float | None = None,
        mode: Literal["bucket", "rolling"] = "bucket",
        latency_s: float = 0.0,
        api_rate: float | None = None,
        quota_code: QuotaCode = "LimitExceededException",
        quota_overshoot: bool = True,
        quota_lag_s: float = 0.0,
        clock: Clock | None = None,
        account_id: str = "111122223333",
    ) -> None:
        """
        Open an account.

        Args:
            max_send_rate: Recipients per second; 50, in the sandbox 1.
            max_24_hour_send: Recipients per rolling 24 hours; 50,000, in the
                sandbox 200; -1 means unlimited.
            sandbox: Only verified addresses can be mailed, and
                PutSuppressedDestination is refused.
            region: AWS region.
            verified: Verified domains and addresses; None: all of them.
            configuration_sets: Those that exist; None: any name is taken.
            burst: Recipients that an idle account may send at once; None is
                one second's worth. SES publishes no figure.
            mode: ``"rolling"`` counts a rolling second instead of a bucket.
            latency_s: Seconds that an answer over HTTP takes.
            api_rate: Calls per second of all operations but sending. The
                documented figure is 1; None does not limit.
            quota_code: Code of "Daily message quota exceeded." Which one v2
                uses is unverified; over v1 it is always ``Throttling``.
            quota_overshoot: Accept a message while one unit of the quota is
                left. AWS wrote so in 2013; unverified today.
            quota_lag_s: How late `SentLast24Hours` is. SES's own delay is
                not published.
            clock: Source of time, for tests; the host's if None.
            account_id: Twelve digits.
        """
        account = open_account(
            max_send_rate=max_send_rate,
            max_24_hour_send=max_24_hour_send,
            sandbox=sandbox,
            verified=verified,
            configuration_sets=configuration_sets,
            burst=burst,
            mode=mode,
            clock=clock or RealClock(),
            region=region,
            account_id=account_id,
            quota_code=quota_code,
            quota_overshoot=quota_overshoot,
            quota_lag_s=quota_lag_s,
        )
        super().__init__(account)
        self._latency_s = latency_s
        self._service = Service(account, api_rate)
        self._servers: list[Server] = []
        self._refusing = False
        self.faults: Faults = self._service.faults

    # What happened.

    @property
    def sent(self) -> tuple[SentMail, ...]:
        """Every message that SES accepted, in order."""
        with self._account.lock:
            return tuple(self._account.sent)

    @property
    def suppressed(self) -> tuple[SuppressedRecipient, ...]:
        """Recipients of accepted messages to whom nothing is sent."""
        with self._account.lock:
            return tuple(self._account.suppressed)

    @property
    def rendering_failures(self) -> tuple[str, ...]:
        """Ids of accepted messages whose template lacked a value."""
        with self._account.lock:
            return tuple(self._account.rendering_failures)

    @property
    def requests(self) -> Counter[str]:
        """Requests that were fully received, by operation."""
        return self._service.counts()[0]

    @property
    def refusals(self) -> Counter[str]:
        """Error codes answered, injected ones too."""
        return self._service.counts()[1]

    @property
    def throttled(self) -> int:
        """How often the answer was 429, or `Throttling` over v1."""
        return self._service.counts()[2]

    def copies(self, match: str | Callable[[SentMail], bool]) -> int:
        """
        Count accepted messages.

        Args:
            match: Value of the message tag ``safeses-id``, or a function
                that says which messages count.
        """
        if isinstance(match, str):
            return self.tag_counts()[match]
        return sum(map(match, self.sent))

    def tag_counts(self, name: str = "safeses-id") -> Counter[str]:
        """Count accepted messages by the value of one message tag."""
        return Counter(
            mail.tags[name] for mail in self.sent if name in mail.tags
        )

    # How to reach it.

    def client(self) -> SimulatedClient:
        """Return a boto3-shaped client that needs no network."""
        return SimulatedClient(self._service, lambda: self._refusing)

    def serve(
        self,
        *,
        port: int = 0,
        host: str = "127.0.0.1",
        tls: bool = False,
        ssl_context: ssl.SSLContext | None = None,
        idle_close_s: float | None = None,
    ) -> Server:
        """
        Return an HTTP endpoint: ``with ses.serve() as url:``.

        Args:
            port: Port on the loopback interface; 0 picks a free one.
            host: How the URL names it: ``127.0.0.1`` or ``localhost``.
            tls: Speak TLS; needs *ssl_context*, which implies it.
            ssl_context: Server side, with a certificate for *host*.
            idle_close_s: Close connections idle for this long.
        """
        if tls and ssl_context is None:
            raise ValueError("tls=True needs ssl_context= with a certificate")
        settings = Settings(
            latency_s=self._latency_s,
            idle_close_s=idle_close_s,
            ssl_context=ssl_context,
        )
        server = Server(self._service, settings, host, port)
        self._servers.append(server)
        return server

    @contextlib.contextmanager
    def refusing(self) -> Iterator[None]:
        """Refuse connections, everywhere, while the context lasts."""
        stopped = [server for server in self._servers if server.running]
        for server in stopped:
            server.stop()
        self._refusing = True
        try:
            yield
        finally:
            self._refusing = False
            for server in stopped:
                server.start()

    # What the account's owner or AWS does meanwhile.

    def set_limits(
        self, rate: float | None = None, quota: float | None = None
    ) -> None:
        """Change the limits; what is used or owed stays."""
        self._account.set_limits(rate, quota)

    def spend(self, recipients: float) -> None:
        """Let a foreign sender use up quota, not rate."""
        with self._account.lock:
            self._account.quota.add(recipients, self._account.clock.time())

    def pause(self, code: str = "SendingPausedException") -> None:
        """Pause sending; logs of v1 show the code ``MessageRejected``."""
        self._account.paused_code = code
        self._account.sending_enabled = False

    def resume(self) -> None:
        """Let the account send again, after a pause or a shutdown."""
        self._account.sending_enabled = True
        self._account.enforcement_status = "HEALTHY"

    def review(self) -> None:
        """Put the account under review; it may still send."""
        self._account.enforcement_status = "PROBATION"

    def shutdown_account(self) -> None:
        """Suspend the account for good."""
        self._account.enforcement_status = "SHUTDOWN"

    def suppress(
        self, address: str, reason: Literal["BOUNCE", "COMPLAINT"] = "BOUNCE"
    ) -> None:
        """Put an address on the suppression list, its case kept."""
        self._account.suppression[address] = Suppression(
            address=address, reason=reason, at=self._account.now()
        )

    def verify(self, name: str) -> None:
        """Verify a domain or an address."""
        self._account.identities[identity(name)] = True

    def add_template(self, name: str, **content: str) -> None:
        """Store a template of ``Subject=``, ``Text=`` and ``Html=``."""
        members: Params = {"TemplateName": name, "TemplateContent": content}
        self._service.call("CreateEmailTemplate", members)

    def deny(self, *actions: str) -> None:
        """Take away IAM actions, such as ``"ses:GetAccount"``."""
        self._service.denied.update(actions)

    def allow(self, *actions: str) -> None:
        """Give IAM actions back."""
        self._service.denied.difference_update(actions)
