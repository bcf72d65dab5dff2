"""
The client: takes what it is made of, and sends.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, NoReturn, TypeVar

from safeses._client._asking import Asking
from safeses._clock import SystemClock
from safeses._options import ATTEMPT_TIMEOUT_S, Options
from safeses.errors import ConfigurationError, NotSentError, StoreError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping
    from types import TracebackType

    from typing_extensions import Self, Unpack

    from safeses._drop_in import Exceptions, SendEmailAnswer
    from safeses._findings import Finding
    from safeses._job import OnUnknown
    from safeses._mail._message import Message
    from safeses._options import OnKeyConflict
    from safeses._policy import AccountList, Level, Mode
    from safeses._values import EventSource, Limits, Priority, Receipt
    from safeses.events import FeedbackEvent, SendEvent
    from safeses.typing import (
        Budget,
        Clock,
        Ledger,
        SendEmailRequest,
        SESClient,
        State,
        SuppressionStore,
    )

E = TypeVar("E", bound="SendEvent | FeedbackEvent")


class Client(Asking):
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
            state is the memory of each, or for as long as a budget that
            they share gives no answer.
        rate_factor: The share of the account's send rate to use.
        attempt_timeout_s: The bound on one call to SES.
        tag_key: Signs the correlation tag, so that events about mail
            of others can be told apart; 16 bytes or more, kept secret.
        correlation_tag: False sends no tag, which makes unknown
            outcomes impossible to settle later.
        suppressions: Who must not be mailed: a store, or the URL of a
            state of which it is a part; None leaves it to the state.
        budget: Rate and quota, likewise.
        ledger: What became of messages, likewise.
        on_store_error: What to do while the budget gives no answer.
            ``"refuse"`` sends nothing. ``"degrade"`` has each process
            keep to its share of the limits, one of `processes`. Who must
            not be mailed, and the ledger, have to answer all the same.
        account_suppressions: ``"ask"`` looks at the list that SES keeps,
            too, before a send to an address that is not known yet: a call
            of SES, of which it allows one a second. Who cannot be asked
            about in 2 s is mailed, which SES looks at once more;
            ``"require"`` sends to nobody then.
        rules: What a rule is for this client: ``"error"``, ``"warning"``
            or ``"off"``, by its id.
        mode: ``"observe"`` sends what rules and suppression would stop,
            and says so: for the first week of a migration.
        only_to: Domains and addresses; nobody else gets mail. So that a
            test system never writes to customers.
        verify_identities: Whether to refuse what SES is known to refuse
            for want of a verified identity, a configuration set or a
            template. It asks in the background.
        on_unknown: What to do about a mail that was perhaps sent. To
            ``"hold"`` it is never to send it again by itself; `resolve`
            settles it. ``"resend"`` sends it once more. ``"reconcile"``
            lets a later call with the same key send it, once events show
            that it was not sent.
        events: What brings the events of SES to `ledger`; needed for
            ``"reconcile"``.
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
        processes: int | None = None,
        rate_factor: float = 1.0,
        attempt_timeout_s: float = ATTEMPT_TIMEOUT_S,
        tag_key: bytes | None = None,
        correlation_tag: bool = True,
        suppressions: SuppressionStore | str | None = None,
        budget: Budget | str | None = None,
        ledger: Ledger | str | None = None,
        on_store_error: Literal["refuse", "degrade"] = "refuse",
        account_suppressions: AccountList = "ignore",
        rules: Mapping[str, Level] | None = None,
        mode: Mode = "enforce",
        only_to: Collection[str] | None = None,
        verify_identities: bool = False,
        on_unknown: OnUnknown = "hold",
        events: EventSource | None = None,
        clock: Clock | None = None,
    ) -> None:
        # What sends is loaded with the first client, not with safeses.
        from safeses._core import Core
        from safeses._policy import Policy
        from safeses._settings import Settings

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
            suppressions=suppressions,
            budget=budget,
            ledger=ledger,
            on_store_error=on_store_error,
            account_suppressions=account_suppressions,
            policy=Policy.of(rules, mode, only_to),
            verify_identities=verify_identities,
            events=events,
            clock=clock or SystemClock(),
        )
        core = Core(settings)
        self._cores = [core]
        self._options = Options(
            on_unknown=None if on_unknown == "hold" else on_unknown
        )
        core.check(self._options)

    def send(
        self,
        message: Message,
        *,
        idempotency_key: str | None = None,
        priority: Priority | None = None,
        stream: str | None = None,
        max_wait_s: float | None = None,
        deadline_s: float | None = None,
        on_suppressed: Literal["drop", "refuse"] | None = None,
        on_unknown: OnUnknown | None = None,
        on_key_conflict: OnKeyConflict | None = None,
    ) -> Receipt:
        """
        Send one message, at most once.

        Args:
            message: `Email`, `RawEmail` or `TemplateEmail`.
            idempotency_key: Names the job, such as ``"order-77/receipt"``:
                whoever repeats it gets the first answer.
            priority: ``"transactional"`` (default) or ``"bulk"``.
            stream: The kind of mail, such as ``"receipts"``.
            max_wait_s: Seconds to wait for permits; 5, for bulk 60.
            deadline_s: Seconds for the whole call; 25, or longer where
                `max_wait_s` needs it (70 for bulk).
            on_suppressed: ``"drop"`` (default) leaves out who must not be
                mailed, and the receipt says who; ``"refuse"`` sends to
                nobody if there is one.
            on_unknown: What to do about a mail that was perhaps sent; see
                `Client`.
            on_key_conflict: If the key names another message already,
                ``"raise"`` (default) or ``"replay"`` the answer to that.

        Returns:
            A receipt, as SES has accepted the mail; with a key perhaps
            long ago, and then it is `replayed`.

        Raises:
            NotSentError: Certainly not sent; see its subclasses.
            IdempotencyError: This call sent nothing, as the key is in use
                or names another message.
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
            on_key_conflict=on_key_conflict,
        )
        self._core.check(options)
        from safeses._mail._parameters import parameters

        try:
            return self._core.send(parameters(message), options)
        except StoreError as error:
            error.note_send()
            raise

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
            self._core.check(self._options)
            receipt = self._core.send(params, self._options)
        except NotSentError as error:
            if isinstance(error, StoreError):
                error.note_send()
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

    def lint(
        self, message: object, *, priority: Priority | None = None
    ) -> list[Finding]:
        """
        Return everything that is wrong with a message, without sending.

        Args:
            message: What `safeses.lint` takes.
            priority: How it would be sent.

        Returns:
            Errors, which would refuse it, and warnings, after the rules
            of this client.
        """
        from safeses._lint import examine

        core = self._core
        return examine(
            message,
            core.settings.policy,
            priority=priority or self._options.priority or "transactional",
            per_second=core.per_second,
        )

    def with_options(
        self,
        *,
        idempotency_key: str | None = None,
        priority: Priority | None = None,
        stream: str | None = None,
        max_wait_s: float | None = None,
        deadline_s: float | None = None,
        on_suppressed: Literal["drop", "refuse"] | None = None,
        on_unknown: OnUnknown | None = None,
        on_key_conflict: OnKeyConflict | None = None,
    ) -> Self:
        """
        Return a view of this client with other defaults; see `send`.

        The view shares everything else, and is cheap to make. One with an
        idempotency key serves one message.

        Raises:
            ConfigurationError: This client cannot do what is chosen.
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
            on_key_conflict=on_key_conflict,
        )
        view._core.check(view._options)
        return view

    def on(
        self, event: type[E], *, name: str | None = None
    ) -> Callable[[Callable[[E], object]], Callable[[E], object]]:
        """
        Register a hook: ``@ses.on(AfterSend)``, ``@ses.on(Bounce)``.

        What SES reports is marked as handled by each hook's name. One that
        raises is called again when the event is delivered again; those
        that succeeded are not. A crash between a hook and its mark calls
        it twice, so what it does should bear that.

        Args:
            event: One of the types in `safeses.events`; `FeedbackEvent`
                for all that SES reports.
            name: A stable name; the function's own by default. Who renames
                a hook of feedback makes it another one.
        """

        def register(hook: Callable[[E], object]) -> Callable[[E], object]:
            self._core.hooks.add(event, hook, name)
            return hook

        return register

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
