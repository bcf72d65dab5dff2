"""
What SES knows of the identities, sets and templates that mail names.

A thread of its own asks, at the pace that SES allows, and a send never
waits for it: what is not known yet passes, and SES decides. What is known
to be missing is refused here, with a clear error.
"""

from __future__ import annotations

import threading
from collections import deque
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import attrs
from cachetools import TLRUCache

from safeses._log import log
from safeses._lookups._account import in_thread
from safeses._mail import _address
from safeses._rules import content, fields, people
from safeses.errors import AccessDeniedError, RejectedError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from safeses._findings import Finding
    from safeses._request import Request
    from safeses._values import Account
    from safeses.typing import Clock, SESApi

# Somebody who has just verified an identity should not wait for long.
FOUND_FRESH_S: Final = 900.0
MISSING_FRESH_S: Final = 60.0
FAILED_FRESH_S: Final = 60.0
DENIED_FRESH_S: Final = 3600.0
MAX_KNOWN: Final = 10_000
MAX_QUESTIONS: Final = 1_000
# At one call a second, a question may have many before it.
ASK_WAIT_S: Final = 30.0
# No domain that is verified has more; each costs a call.
MAX_LABELS: Final = 8
_NOT_FOUND: Final = 404


class Kind(NamedTuple):
    """How one kind of resource is asked for."""

    operation: str
    parameter: str


IDENTITY: Final = Kind("get_email_identity", "EmailIdentity")
SET: Final = Kind("get_configuration_set", "ConfigurationSetName")
TEMPLATE: Final = Kind("get_email_template", "TemplateName")
Question = tuple[Kind, str]


class _Answer(NamedTuple):
    """What is known: there, not there, or not to be found out (None)."""

    there: bool | None
    fresh_s: float


def _stale_at(_: Question, answer: _Answer, now: float) -> float:
    return now + answer.fresh_s


@attrs.define(eq=False)
class Resources:
    """
    Checks what mail names against what SES has.

    Attributes:
        api: Asks SES.
        account: Returns what is known of the account; asks nobody.
        clock: Where the time comes from.
        spawn: Runs a function in the background.
    """

    api: SESApi
    account: Callable[[], Account | None]
    clock: Clock
    spawn: Callable[[Callable[[], None]], None] = in_thread
    _known: TLRUCache[Question, _Answer] = attrs.field(init=False)
    _asked: deque[Question] = attrs.field(factory=deque, init=False)
    _is_asking: bool = attrs.field(default=False, init=False)
    # Held for moments, never while SES is asked.
    _lock: threading.RLock = attrs.field(factory=threading.RLock, init=False)

    @_known.default
    def _nothing_known(self) -> TLRUCache[Question, _Answer]:
        return TLRUCache(MAX_KNOWN, _stale_at, self.clock.monotonic)

    def check(self, request: Request) -> Iterator[Finding]:
        """Return what SES is known to refuse; ask for what is not known."""
        params = request.params
        # With sending authorization the identity is another account's.
        if (
            request.sender
            and not params.get("FromEmailAddressIdentityArn")
            and self._is_unverified(request.sender)
        ):
            yield people.SENDER_UNVERIFIED.found(
                "FromEmailAddress", "none of them"
            )
        name = request.configuration_set
        if name and self._lacks(SET, name):
            yield fields.CONFIGURATION_SET_MISSING.found(
                "ConfigurationSetName", "no such set"
            )
        template = params["Content"].get("Template") or {}
        name = template.get("TemplateName", "")
        if name and self._lacks(TEMPLATE, name):
            yield content.TEMPLATE_MISSING.found(
                "TemplateName", "no such template"
            )
        account = self.account()
        if account is not None and not account.production_access:
            for number, recipient in enumerate(request.recipients):
                if not _address.is_simulated(recipient) and (
                    self._is_unverified(recipient)
                ):
                    yield people.RECIPIENTS_SANDBOX.found(
                        f"recipient {number + 1}", "an unverified one"
                    )

    def after_fork(self) -> None:
        """Begin anew: who asks, or holds the lock, is not in this process."""
        self._lock = threading.RLock()
        self._asked.clear()
        self._is_asking = False

    def _is_unverified(self, address: str) -> bool:
        """Whether neither the address nor a domain of it is verified."""
        answers = [
            self._there(IDENTITY, name) for name in _identities(address)
        ]
        return all(there is False for there in answers)

    def _lacks(self, kind: Kind, name: str) -> bool:
        return self._there(kind, name) is False

    def _there(self, kind: Kind, name: str) -> bool | None:
        """Return what is known; have it asked for if that is nothing."""
        question = (kind, name)
        with self._lock:
            answer = self._known.get(question) or self._known.get((kind, ""))
            if answer is not None:
                return answer.there
            if question in self._asked or len(self._asked) >= MAX_QUESTIONS:
                return None
            self._asked.append(question)
            if self._is_asking:
                return None
            self._is_asking = True
        try:
            self.spawn(self._ask)
        except RuntimeError:  # no more threads, as at the exit
            self._is_asking = False
        return None

    def _ask(self) -> None:
        """Put one question after the other until there are none."""
        try:
            while True:
                with self._lock:
                    while self._asked and (self._asked[0][0], "") in (
                        self._known
                    ):  # denied, whatever the name
                        self._asked.popleft()
                    if not self._asked:
                        self._is_asking = False
                        return
                    question = self._asked[0]
                answer = self._answer(question)
                with self._lock:
                    is_denied = answer.fresh_s == DENIED_FRESH_S
                    kind, name = question
                    self._known[kind, "" if is_denied else name] = answer
                    if self._asked and self._asked[0] == question:
                        self._asked.popleft()
        except BaseException:
            self._is_asking = False
            raise

    def _answer(self, question: Question) -> _Answer:
        kind, name = question
        params: dict[str, Any] = {kind.parameter: name}
        try:
            found = self.api.call(
                kind.operation, max_wait_s=ASK_WAIT_S, **params
            )
        except RejectedError as error:
            if error.status == _NOT_FOUND:
                return _Answer(there=False, fresh_s=MISSING_FRESH_S)
            return _Answer(there=None, fresh_s=FAILED_FRESH_S)
        except AccessDeniedError as error:
            log.warning("%s; it is not checked until then", error)
            return _Answer(there=None, fresh_s=DENIED_FRESH_S)
        except Exception as error:  # noqa: BLE001  # SES decides then
            log.info("%s failed: %s", kind.operation, type(error).__name__)
            return _Answer(there=None, fresh_s=FAILED_FRESH_S)
        there = kind is not IDENTITY or bool(
            found.get("VerifiedForSendingStatus")
        )
        fresh_s = FOUND_FRESH_S if there else MISSING_FRESH_S
        return _Answer(there=there, fresh_s=fresh_s)


def _identities(address: str) -> list[str]:
    """Return what may be verified: domain, parent domains, the address."""
    bare = _address.split(address)[1]
    domain = bare.rpartition("@")[2].lower()
    labels = domain.split(".")
    first = max(0, len(labels) - MAX_LABELS)
    domains = [".".join(labels[n:]) for n in range(first, len(labels) - 1)]
    return [*domains, bare]
