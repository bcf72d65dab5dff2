"""
Performs, on threads, what the plan of a send asks for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

from safeses._log import log
from safeses._outcome import (
    Admission,
    Admitted,
    Answer,
    Deferred,
    Later,
    NoAnswer,
    Rejected,
    Unknown,
)
from safeses._plan import (
    Admit,
    Effect,
    Leave,
    LookUp,
    Notify,
    Prepare,
    Screen,
    Settle,
    Sleep,
    Submit,
)
from safeses.errors import (
    ConfigurationError,
    NotSentError,
    SafeSESError,
    SendingPausedError,
    StoreError,
)
from safeses.events import MessageFlagged, RecipientsDropped

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable

    from safeses._findings import Dropped
    from safeses._hooks import Hooks
    from safeses._job import Found
    from safeses._lookups import Lookups
    from safeses._lookups._account import AccountWatch
    from safeses._plan import Plan
    from safeses._request import Request
    from safeses._turns import Turns
    from safeses._values import Receipt
    from safeses.typing import Clock, State, Transport

LONG_WAIT_S = 1.0


@attrs.define
class ThreadDriver:
    """
    Runs plans in the caller's thread; many threads may run at once.

    Attributes:
        transport: Makes the attempts.
        state: Holds the shared facts.
        turns: The queue of this process.
        hooks: Who wants to know.
        account: Is told when SES says something new of the account.
        clock: Where the time comes from.
        closing: Set when waits must end.
        on_throttled: Is called when SES says that we are too fast.
        lookups: Asks SES what is no mail.
    """

    transport: Transport
    state: State
    turns: Turns
    hooks: Hooks
    account: AccountWatch
    clock: Clock
    closing: threading.Event
    lookups: Lookups
    on_throttled: Callable[[], None]
    _acts: dict[type[Effect], Callable[[Any], Any]] = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self._acts = {
            Admit: self._admit,
            Leave: self._leave,
            LookUp: self._look_up,
            Notify: self._notify,
            Prepare: self._prepare,
            Screen: self._screen,
            Settle: self._settle,
            Sleep: self._sleep,
            Submit: self._submit,
        }

    def run(self, plan: Plan) -> Receipt:
        """Perform *plan* to its end."""
        try:
            effect = next(plan)
            while True:
                try:
                    answer = self._perform(effect)
                    now = self.clock.monotonic()
                except BaseException as error:  # noqa: BLE001  # the plan decides
                    effect = plan.throw(error)
                else:
                    effect = plan.send((now, answer))
        except StopIteration as end:
            receipt: Receipt = end.value
            if receipt.waited_s > LONG_WAIT_S and not receipt.replayed:
                log.info(
                    "sent after a wait of %.1f s: %s",
                    receipt.waited_s,
                    receipt.tag,
                )
            return receipt

    def _perform(self, effect: Effect) -> Any:
        return self._acts[type(effect)](effect)

    def _look_up(self, effect: LookUp) -> Found | None:
        try:
            return self.state.look_up(effect.name)
        except SafeSESError:
            raise
        except Exception as error:
            raise self._no_state(error) from error

    def _prepare(self, effect: Prepare) -> Request:
        return effect.make()

    def _admit(self, effect: Admit) -> Admitted | Later | Found:
        return self.turns.admit(effect.admission, self._ask)

    def _screen(self, effect: Screen) -> tuple[Dropped, ...]:
        request = effect.request
        try:
            stopped = self.lookups.screen(
                request.recipients,
                stream=effect.stream,
                configuration_set=request.configuration_set,
                tenant=request.tenant,
                max_wait_s=effect.max_wait_s,
            )
        except NotSentError as error:
            log.warning(
                "not screened (%s): %s", type(error).__name__, request.tag
            )
            raise
        return tuple(
            stopped[address].dropped(address)
            for address in request.recipients
            if address in stopped
        )

    def _ask(self, admission: Admission) -> Admitted | Later | Found:
        try:
            return self.state.admit(admission)
        except SafeSESError:
            raise
        except Exception as error:
            raise self._no_state(error) from error

    def _leave(self, effect: Leave) -> None:
        self.turns.leave(effect.admission)

    def _submit(self, effect: Submit) -> Answer | NoAnswer:
        def before_send() -> None:
            try:
                self.state.submit(effect.claim, effect.timeout_s)
            except SafeSESError:
                raise
            except Exception as error:
                raise self._no_state(error) from error

        return self.transport.send(
            effect.params, effect.timeout_s, before_send
        )

    def _no_state(self, error: Exception) -> StoreError:
        """Name the state, not SES, when it is the state that fails."""
        return StoreError("state", self.state.engine, type(error).__name__)

    def _notify(self, effect: Notify) -> None:
        event = effect.event
        if isinstance(event, RecipientsDropped):
            log.warning(
                "%s %d recipients (%s): %s",
                "would drop" if event.observed else "dropped",
                len(event.dropped),
                ", ".join(sorted({gone.reason for gone in event.dropped})),
                event.tag,
            )
        elif isinstance(event, MessageFlagged) and event.would_refuse:
            log.warning(
                "would refuse a message (%s): %s",
                ", ".join(sorted({found.rule for found in event.findings})),
                event.tag,
            )
        self.hooks.tell(event)

    def _sleep(self, sleep: Sleep) -> None:
        self.clock.sleep(sleep.seconds, sleep.wake or self.closing)
        if self.closing.is_set():
            raise ConfigurationError(
                "the client was closed while a send waited",
                "close it after the last send",
            )

    def _settle(self, settle: Settle) -> bool:
        outcome = settle.outcome
        tag = settle.claim.tag
        if isinstance(outcome, Unknown):
            log.warning("outcome unknown: %s", outcome.error)
        elif isinstance(outcome, Deferred) and outcome.by != "released":
            log.warning("deferred (%s): %s", outcome.by, tag)
            if outcome.by == "rate":
                self.on_throttled()
        if (isinstance(outcome, Deferred) and outcome.by == "daily") or (
            isinstance(outcome, Rejected)
            and isinstance(outcome.error, SendingPausedError)
        ):
            self.account.forget()
        try:
            self.state.settle(settle.claim, outcome)
        except Exception as error:  # noqa: BLE001  # never after acceptance
            log.warning(
                "the outcome of %s could not be recorded (%s)",
                tag,
                type(error).__name__,
            )
            return False
        return True
