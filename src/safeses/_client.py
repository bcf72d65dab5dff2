"""
The client: composes the parts and sends.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

from safeses._clock import SystemClock
from safeses._options import ATTEMPT_TIMEOUT_S, Options
from safeses.errors import ConfigurationError, NotSentError
from safeses.events import SendEvent

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from typing_extensions import Self, Unpack

    from safeses._core import Core
    from safeses._drop_in import Exceptions, SendEmailAnswer
    from safeses._message import Message
    from safeses._values import Account, Limits, Priority, Receipt
    from safeses.typing import Clock, SendEmailRequest, SESClient, State

E = TypeVar("E", bound=SendEvent)


class Client:
    """
    A client for Amazon SES that does not send twice, nor too fast.

    Threads may share it; a forked child may go on using it. Nothing is
    built before the first use, so that importing an application needs
    neither a region nor a network.

    Args:
        boto3_client: A client made by ``boto3.client("sesv2")``, or a
            function that makes one; None makes one from *region*. It
            keeps its own settings for its own calls.
        region: The AWS region; None leaves it to boto3.
        state: Where the shared facts live; None reads ``SAFESES_STATE``
            and else is ``"memory:"``, the memory of this process.
        limits: What the account may send; None asks ``GetAccount``.
        namespace: Keeps apart what shares a state.
        account: The AWS account id; None takes the credentials' own,
            if they name it, else the namespace.
        processes: How many processes share the account evenly while the
            state is the memory of each.
        rate_factor: The share of the account's send rate to use.
        attempt_timeout_s: The bound on one call to SES.
        tag_key: Signs the correlation tag, so that events about mail
            of others can be told apart.
        correlation_tag: False sends no tag, which makes unknown
            outcomes impossible to settle later.
        clock: Where the time comes from.

    Raises:
        ConfigurationError: An argument cannot work; the boto3 client is
            looked at with the first use.
    """

    def __init__(
        self,
        boto3_client: SESClient | Callable[[], SESClient] | None = None,
        *,
        region: str | None = None,
        state: State | str | None = None,
        limits: Limits | None = None,
        namespace: str = "safeses",
        account: str | None = None,
        processes: int = 1,
        rate_factor: float = 1.0,
        attempt_timeout_s: float = ATTEMPT_TIMEOUT_S,
        tag_key: bytes | None = None,
        correlation_tag: bool = True,
        clock: Clock | None = None,
    ) -> None:
        # What sends is loaded with the first client, not with safeses.
        from safeses._core import Core, Settings

        settings = Settings(
            boto3_client=boto3_client,
            region=region,
            state=state,
            limits=limits,
            namespace=namespace,
            account=account,
            processes=processes,
            rate_factor=rate_factor,
            attempt_timeout_s=attempt_timeout_s,
            tag_key=tag_key,
            correlation_tag=correlation_tag,
            clock=clock or SystemClock(),
        )
        core = Core(settings)
        # The last one acts: a test puts another on top for a while.
        self._cores = [core]
        self._options = Options()

    def send(
        self,
        message: Message,
        *,
        idempotency_key: str | None = None,
        priority: Priority | None = None,
        stream: str | None = None,
        max_wait_s: float | None = None,
        deadline_s: float | None = None,
        on_suppressed: str | None = None,
        on_unknown: str | None = None,
    ) -> Receipt:
        """
        Send one message, at most once.

        Args:
            message: `Email`, `RawEmail` or `TemplateEmail`.
            idempotency_key: Names the job; needs a ledger.
            priority: ``"transactional"`` (default) or ``"bulk"``.
            stream: The kind of mail, such as ``"receipts"``.
            max_wait_s: Seconds to wait for permits; 5, for bulk 60.
            deadline_s: Seconds for the whole call; 25, or longer where
                `max_wait_s` needs it (70 for bulk).
            on_suppressed: ``"drop"`` (default); nobody is suppressed yet.
            on_unknown: ``"hold"`` (default).

        Returns:
            A receipt, as SES has accepted the mail.

        Raises:
            NotSentError: Certainly not sent; see its subclasses.
            OutcomeUnknownError: Perhaps sent; do not send again.
        """
        options = self._options.merged(
            idempotency_key=idempotency_key,
            priority=priority,
            stream=stream,
            max_wait_s=max_wait_s,
            deadline_s=deadline_s,
            on_suppressed=on_suppressed,
            on_unknown=on_unknown,
        )
        from safeses._parameters import parameters

        return self._core.send(parameters(message), options)

    def send_email(
        self, **params: Unpack[SendEmailRequest]
    ) -> SendEmailAnswer:
        """
        Send with boto3's own parameters; answers and raises as boto3.

        Args:
            **params: What ``boto3_client.send_email`` takes.

        Returns:
            boto3's answer, which has the `Receipt` as ``.receipt``.

        Raises:
            NotSentError: Certainly not sent; is a ``ClientError`` too.
            OutcomeUnknownError: Perhaps sent; never a ``ClientError``,
                so that nobody's retry decorator duplicates the mail.
        """
        from safeses._drop_in import SendEmailAnswer, as_client_error

        try:
            receipt = self._core.send(params, self._options)
        except NotSentError as error:
            wrapped = self._core.wrapped
            raise as_client_error(error, wrapped) from error.__cause__
        return SendEmailAnswer.of(receipt)

    def send_bulk_email(self, **params: Any) -> Any:  # noqa: ARG002  # boto3's
        """
        Not in this version: refuses, so that nothing is sent unsafely.

        Raises:
            ConfigurationError: Always.
        """
        from safeses._drop_in import as_client_error

        raise as_client_error(
            ConfigurationError(
                "send_bulk_email is not in this version",
                "send one message for each recipient with send() and"
                ' priority="bulk"',
            )
        )

    def with_options(
        self,
        *,
        idempotency_key: str | None = None,
        priority: Priority | None = None,
        stream: str | None = None,
        max_wait_s: float | None = None,
        deadline_s: float | None = None,
        on_suppressed: str | None = None,
        on_unknown: str | None = None,
    ) -> Self:
        """
        Return a view of this client with other defaults; see `send`.

        The view shares everything else, and is cheap to make.
        """
        view = object.__new__(type(self))
        view._cores = self._cores
        view._options = self._options.merged(
            idempotency_key=idempotency_key,
            priority=priority,
            stream=stream,
            max_wait_s=max_wait_s,
            deadline_s=deadline_s,
            on_suppressed=on_suppressed,
            on_unknown=on_unknown,
        )
        return view

    def on(
        self, event: type[E], *, name: str | None = None
    ) -> Callable[[Callable[[E], object]], Callable[[E], object]]:
        """
        Register a hook: ``@ses.on(AfterSend)``.

        Args:
            event: One of the types in `safeses.events`.
            name: A stable name; the function's own by default.
        """

        def register(hook: Callable[[E], object]) -> Callable[[E], object]:
            self._core.hooks.add(event, hook, name)
            return hook

        return register

    def account(self) -> Account:
        """
        Return what SES says of the account, at most ten minutes old.

        Raises:
            AccessDeniedError: IAM does not allow ``ses:GetAccount``.
            NotSentError: SES could not be asked.
        """
        return self._core.driver().account.snapshot()

    @property
    def boto3_client(self) -> Any:
        """The wrapped boto3 client, made now if need be."""
        return self._core.client()

    @property
    def exceptions(self) -> Exceptions:
        """The error classes of SESv2, as boto3's clients have them."""
        from safeses._drop_in import Exceptions

        return Exceptions()

    def close(self) -> None:
        """End waits, close connections and the state; idempotent."""
        self._core.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __reduce__(self) -> NoReturn:
        # Neither pickle nor copy may have it: a copy would hold budgets,
        # locks and connections of its own.
        msg = "a Client cannot be pickled or copied: make one in each process"
        raise TypeError(msg)

    @property
    def _core(self) -> Core:
        return self._cores[-1]
