"""
One request of HTTP: who sent it, what is in it, what to answer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Protocol

import attrs

from safeses._log import log
from safeses.errors import (
    CertificateError,
    ConfigurationError,
    InvalidEventError,
    UnverifiedEventError,
)
from safeses.events import TopicConfirmation
from safeses.events._json import load_json
from safeses.events._parse import parse
from safeses.feedback._http import (
    AUTHORIZATION,
    RAW_DELIVERY,
    body_bytes,
    header,
    knows,
    reply,
)
from safeses.feedback._sns import is_envelope

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from safeses.events import FeedbackEvent
    from safeses.feedback._reply import HTTPReply, Received

# SNS delivers again after so long by itself; others may read the header.
RETRY_AFTER_S: Final = 20.0
# What the signature speaks for, beside the URLs.
_SIGNED: Final = frozenset(
    {
        "Message",
        "MessageId",
        "Subject",
        "Timestamp",
        "Token",
        "TopicArn",
        "Type",
    }
)


class Verifier(Protocol):
    """What shows that a message of SNS is genuine."""

    def verify(
        self, envelope: Mapping[str, Any], *, check_age: bool = True
    ) -> None:
        """
        Return only if *envelope* is genuine.

        Raises:
            UnverifiedEventError: It is not.
            CertificateError: That cannot be known for now.
        """

    def confirm(self, envelope: Mapping[str, Any]) -> bool:
        """Confirm a subscription, if that is wanted; say whether it was."""


@attrs.frozen
class NotInstalled:
    """
    A verifier that cannot verify.

    Attributes:
        error: What is missing.
    """

    error: ModuleNotFoundError

    def verify(
        self,
        envelope: Mapping[str, Any],  # noqa: ARG002  # nothing looks at it
        *,
        check_age: bool = True,  # noqa: ARG002
    ) -> None:
        """
        Say what is missing.

        Raises:
            ModuleNotFoundError: Always.
        """
        raise self.error

    def confirm(self, envelope: Mapping[str, Any]) -> bool:
        """
        Say what is missing.

        Raises:
            ModuleNotFoundError: Always.
        """
        self.verify(envelope)
        return False


@attrs.frozen(kw_only=True, eq=False)
class Webhook:
    """
    Answers the requests of SNS.

    Attributes:
        verifier: What checks signatures; None takes none of SNS.
        secret: The password that a request must have; None for none.
        allow_unsigned: Whether the secret is enough.
        max_body_bytes: How large a request may be.
        handle: Handles events.
        tell_of: Says that a topic asks for something.
        warn: Writes a line for the log now and then.
    """

    verifier: Verifier | None
    secret: str | None = attrs.field(repr=False)
    allow_unsigned: bool
    max_body_bytes: int
    handle: Callable[[Collection[FeedbackEvent]], Received]
    tell_of: Callable[[TopicConfirmation], None]
    warn: Callable[..., None]

    def answer(self, headers: object, body: object) -> HTTPReply:
        """Handle a request; whatever happens, there is an answer."""
        try:
            return self._answer(headers, body)
        except UnverifiedEventError as error:
            self.warn("a message of SNS is refused: %s", error)
            return reply(403, "the message is not verified")
        except InvalidEventError as error:
            self.warn("a request that is no event is refused: %s", error)
            return reply(400, "this is no event")
        except CertificateError as error:
            self.warn("a message of SNS is put off: %s", error)
            return reply(503, "try again", retry_after_s=error.retry_after_s)
        except (ConfigurationError, ModuleNotFoundError) as error:
            self.warn("no request can be taken for now: %s", error)
            return _again()
        except Exception as error:  # noqa: BLE001  # others see no traceback
            self.warn("a request failed (%s)", type(error).__name__)
            return _again(500)

    def _answer(self, headers: object, body: object) -> HTTPReply:
        if self.secret is not None and not knows(
            self.secret, header(headers, AUTHORIZATION)
        ):
            return reply(401, "the password is missing or wrong")
        data = body_bytes(body, self.max_body_bytes)
        if data is None:
            return reply(413, "the message is too large")
        if header(headers, RAW_DELIVERY).lower() == "true":
            return self._unsigned(data, "raw message delivery")
        message = load_json(data, max_bytes=self.max_body_bytes)
        if not is_envelope(message):
            return self._unsigned(message, "no signature")
        return self._signed(message)

    def _unsigned(self, payload: object, seen: str) -> HTTPReply:
        if not self.allow_unsigned:
            raise UnverifiedEventError(
                "a message over HTTP must be signed by SNS",
                seen,
                "turn raw message delivery off for the subscription",
            )
        return _reply_to(self.handle(parse(payload)))

    def _signed(self, message: Mapping[str, Any]) -> HTTPReply:
        if self.verifier is not None:
            self.verifier.verify(message)
        elif not self.allow_unsigned:
            self.warn("no message of SNS is taken: give topic_arns")
            return _again()
        # Whoever repeats a genuine message may have added to it.
        events = parse({k: v for k, v in message.items() if k in _SIGNED})
        received = self.handle(events)
        confirmed = [
            self._confirm(event, message)
            for event in events
            if isinstance(event, TopicConfirmation)
        ]
        return _reply_to(received) if all(confirmed) else _again()

    def _confirm(
        self, event: TopicConfirmation, envelope: Mapping[str, Any]
    ) -> bool:
        """Confirm a subscription; False if that must be tried again."""
        if event.kind != "SubscriptionConfirmation" or self.verifier is None:
            self.tell_of(event)
            return True
        if self.verifier.confirm(envelope):
            log.info("the subscription to %s is confirmed", event.topic_arn)
            return True
        if getattr(self.verifier, "confirms", False):
            return False
        self.tell_of(event)
        return True


def _again(status: int = 503) -> HTTPReply:
    return reply(status, "try again", retry_after_s=RETRY_AFTER_S)


def _reply_to(received: Received) -> HTTPReply:
    return reply(200, "ok") if received.is_done else _again()
