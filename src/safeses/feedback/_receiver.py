"""
What receives events: over HTTP, from a queue, in Lambda.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any

from safeses.errors import (
    ConfigurationError,
    InvalidEventError,
    NotHandledError,
    UnverifiedEventError,
)
from safeses.events import TopicConfirmation
from safeses.events._mail import shown
from safeses.events._parse import parse
from safeses.feedback._given import (
    check_flag,
    check_names,
    check_size,
    check_verifier,
    parts_of,
    reactions_of,
)
from safeses.feedback._handling import KEEP_S, LEASE_S, Handler
from safeses.feedback._http import MAX_BODY_BYTES, check_secret
from safeses.feedback._known import KnownMail
from safeses.feedback._reply import HTTPReply, Received
from safeses.feedback._seldom import Seldom
from safeses.feedback._sns import SNSVerifier
from safeses.feedback._sns_inside import envelopes
from safeses.feedback._webhook import NotInstalled, Webhook

if TYPE_CHECKING:
    from safeses._client import Client
    from safeses._parts import Parts
    from safeses.events import FeedbackEvent
    from safeses.feedback._http import Headers
    from safeses.feedback._policy import BouncePolicy
    from safeses.feedback._reaction import Act, Reaction
    from safeses.feedback._webhook import Verifier
    from safeses.typing import Clock


class Receiver:
    """
    Receives what SES reports, and sees to it that each event counts once.

    Each way in reads events in every shape that AWS has for them, reacts
    to each event once, and then tells the hooks. What is not done, as a
    hook or the state failed, is left to the carrier to deliver again.
    Threads may share a receiver, and processes a state. Applications that
    share a state but not their hooks need a namespace each.

    Args:
        client_or_parts: The client that sends the mail, or the parts of
            one. What it has is looked up at every event.
        topic_arns: The ARNs of the SNS topics to listen to; needed for
            `receive_http`, where each message must be signed by SNS for
            one of them. From queues and in Lambda messages of other
            topics are refused.
        verifier: What checks signatures in place of an `SNSVerifier`;
            with it messages that SNS hands to Lambda are checked, too.
        reactions: What is done about events before the hooks are told, in
            order; None takes the default ones.
        policy: How bounces are judged by the default reactions.
        require_known_message: Whether to act only on mail whose
            correlation tag is signed with the client's `tag_key`. Who may
            publish to your topic could else have any address suppressed.
        accounts: The AWS accounts whose mail to act on; empty for any.
        identities: The identities whose mail to act on: addresses, and
            domains with all that is in them; empty for any.
        secret: A password that a request must have, by HTTP Basic, as in
            the URL ``https://sns:<secret>@<host>/<path>``; at least 16
            characters.
        allow_unsigned: Whether to take messages without a signature over
            HTTP, such as raw message delivery, by the secret alone.
        confirm: Whether to confirm a subscription that SNS asks for, for
            one of the topics. Nothing is ever fetched from the message's
            URL: it takes the permission ``sns:ConfirmSubscription``.
        max_body_bytes: How large a request may be.
        keep_s: Seconds for which it is known what was handled; longer
            than any carrier keeps a message.
        lease_s: Seconds for which an event is held while it is handled.
            It must be over before a carrier delivers again after a crash;
            a hook that takes longer may run twice at the same time.

    Raises:
        ConfigurationError: Arguments that cannot work, or not together.
    """

    def __init__(
        self,
        client_or_parts: Client | Parts,
        topic_arns: Collection[str] = (),
        *,
        verifier: Verifier | None = None,
        reactions: Collection[Reaction] | None = None,
        policy: BouncePolicy | None = None,
        require_known_message: bool = False,
        accounts: Collection[str] = (),
        identities: Collection[str] = (),
        secret: str | None = None,
        allow_unsigned: bool = False,
        confirm: bool = False,
        max_body_bytes: int = MAX_BODY_BYTES,
        keep_s: float = KEEP_S,
        lease_s: float = LEASE_S,
    ) -> None:
        for name, flag in (
            ("require_known_message", require_known_message),
            ("allow_unsigned", allow_unsigned),
            ("confirm", confirm),
        ):
            check_flag(name, flag)
        if secret is not None:
            check_secret(secret)
        elif allow_unsigned:
            raise ConfigurationError(
                "allow_unsigned=True lets everybody report bounces",
                "give a secret, too",
            )
        for name, names in (
            ("topic_arns", topic_arns),
            ("accounts", accounts),
            ("identities", identities),
        ):
            check_names(name, names)
        if verifier is not None:
            check_verifier(verifier)
        if verifier is not None and confirm:
            raise ConfigurationError(
                "confirm=True is for the verifier that is made here",
                "let the one you give confirm: SNSVerifier(..., confirm=True)",
            )
        check_size("max_body_bytes", max_body_bytes)
        self._parts = parts_of(client_or_parts)
        known = KnownMail(
            tag=require_known_message,
            accounts=frozenset(accounts),
            identities=identities,
        )
        parts = self._parts()
        known.check(parts)
        # For the log alone, which is written also if there are no parts.
        self._clock = parts.clock
        self._handler = Handler(
            self._parts,
            reactions_of(reactions, policy),
            known,
            keep_s=keep_s,
            lease_s=lease_s,
        )
        self._topics = frozenset(topic_arns)
        self._in_lambda = verifier
        self._seldom = Seldom()
        if verifier is None and topic_arns:
            verifier = _verifier(topic_arns, parts.clock, confirm=confirm)
        self._webhook = Webhook(
            verifier=verifier,
            secret=secret,
            allow_unsigned=allow_unsigned,
            max_body_bytes=max_body_bytes,
            handle=self._handle,
            tell_of=self._tell_of,
            warn=self._warn,
        )

    def __repr__(self) -> str:
        # No part is looked up: whoever debugs one may have closed it.
        verifier = type(self._webhook.verifier).__name__
        return (
            f"Receiver(<{len(self._topics)} topics>,"
            f" verifier={verifier if self._webhook.verifier else None},"
            f" secret={'***' if self._webhook.secret else None},"
            f" allow_unsigned={self._webhook.allow_unsigned},"
            f" reactions={[r.name for r in self._handler.reactions]})"
        )

    @property
    def parts(self) -> Parts:
        """What events act on, as of now."""
        return self._parts()

    @property
    def lease_s(self) -> float:
        """Seconds for which an event is held while it is handled."""
        return self._handler.lease_s

    def receive_http(self, headers: Headers, body: bytes | str) -> HTTPReply:
        """
        Receive a request of SNS, and say what to answer; it never raises.

        SNS delivers again after 429 and 5xx, and gives up after any other
        status of 4xx.

        ======  =====================================================
        200     Handled, now or before; or not about our mail.
        400     No event: to deliver it again changes nothing.
        401     The shared secret is missing or wrong.
        403     Not signed, or not by a topic that is allowed.
        413     Larger than any message of SNS.
        500     An error of ours: let it come again.
        503     Not handled for now: let it come again. A hook failed,
                the state has no answer, somebody handles it at this
                moment, or the certificate could not be had.
        ======  =====================================================

        Args:
            headers: The headers of the request: a mapping, or pairs. The
                case of their names does not matter.
            body: The body as it arrived.

        Returns:
            The status and one line of text, which holds nothing of the
            request.
        """
        return self._webhook.answer(headers, body)

    def receive(self, payload: object) -> Received:
        """
        Receive what comes from where nobody else may write to.

        That is a queue whose policy names your topic, or what EventBridge
        or Firehose hand over. No signature is checked here.

        Args:
            payload: What `safeses.events.parse` takes.

        Returns:
            Its events, and what came of each. Unless it `is_done`, let
            the carrier deliver it again.

        Raises:
            InvalidEventError: It is no event, and never will be one.
            UnverifiedEventError: It came by a topic that is not allowed.
        """
        if self._topics:
            for envelope in envelopes(payload):
                topic = envelope.get("TopicArn")
                if not isinstance(topic, str) or topic not in self._topics:
                    raise UnverifiedEventError(
                        "a message comes by a topic of topic_arns",
                        "another topic",
                        "add the topic, or unsubscribe the queue from it",
                    )
        received = self._handle(parse(payload))
        for event in received.events:
            if isinstance(event, TopicConfirmation):
                self._tell_of(event)
        return received

    def receive_lambda(self, event: Mapping[str, Any]) -> dict[str, Any]:
        """
        Receive what Lambda hands over: from SQS, SNS or EventBridge.

        Args:
            event: What the handler was given.

        Returns:
            What the handler is to return: ``{"batchItemFailures": [...]}``
            names the messages of a queue that must come again. The event
            source must say ``ReportBatchItemFailures``, or Lambda takes
            all of them for done.

        Raises:
            NotHandledError: Not from a queue, and not all is done: Lambda
                delivers it again. What was done is not done again.
            InvalidEventError: Not from a queue, and no event; or a request
                of HTTP, which is for `receive_http`.
        """
        given: object = event  # perhaps a test event, which is anything
        records = None
        if isinstance(given, Mapping):
            _refuse_request(given)
            records = given.get("Records")
        if not isinstance(records, list):
            records = [given]
        failures: list[dict[str, str]] = []
        errors: list[Exception] = []
        for record in records:
            try:
                self._receive_record(record)
            except Exception as error:  # noqa: BLE001  # the others go on
                message_id = _queue_id(record)
                if message_id:
                    failures.append({"itemIdentifier": message_id})
                    self._tell_of_failure(error)
                else:
                    errors.append(error)
        if errors:
            raise errors[0]
        return {"batchItemFailures": failures}

    def explain(self, event: FeedbackEvent) -> list[Act]:
        """
        Return what would be done about *event*, and why; nothing is.

        Raises:
            StoreError: The state has no answer.
        """
        return self._handler.explain(event)

    def _handle(self, events: Collection[FeedbackEvent]) -> Received:
        return Received(
            events=tuple(events),
            # Not map, which would end early where StopIteration is raised.
            handled=tuple([self._handler.handle(event) for event in events]),
        )

    def _receive_record(self, record: object) -> None:
        payload = record
        if isinstance(record, Mapping) and _queue_id(record):
            # Text that is no event stays in the queue, as with a poller.
            payload = record.get("body")
        elif self._in_lambda is not None:
            for envelope in envelopes(record):
                # Lambda tries for hours.
                self._in_lambda.verify(envelope, check_age=False)
        received = self.receive(payload)
        if not received.is_done:
            raise NotHandledError(received.failed)

    def _tell_of(self, event: TopicConfirmation) -> None:
        if event.kind == "SubscriptionConfirmation":
            self._seldom.info(
                self._clock,
                "the topic %s asks for a confirmation; to give it, receive"
                " over HTTP with Receiver(..., confirm=True), or call"
                " sns.confirm_subscription",
                shown(event.topic_arn),
            )
        else:
            topic = shown(event.topic_arn)
            self._warn("the topic %s delivers here no more", topic)

    def _tell_of_failure(self, error: Exception) -> None:
        if isinstance(error, InvalidEventError):
            self._warn(
                "a message of the queue is left to its redrive policy: %s",
                error,
            )
        elif not isinstance(error, NotHandledError):
            self._warn(
                "a message of the queue failed (%s)", type(error).__name__
            )

    def _warn(self, text: str, *args: object) -> None:
        self._seldom.warning(self._clock, text, *args)


def _verifier(
    topic_arns: Collection[str], clock: Clock, *, confirm: bool
) -> Verifier:
    """Return what checks signatures, or what says why it cannot."""
    try:
        return SNSVerifier(topic_arns, clock=clock, confirm=confirm)
    except ModuleNotFoundError as error:
        # Queues do without; a request over HTTP is put off, and told why.
        return NotInstalled(error)


def _refuse_request(event: Mapping[str, Any]) -> None:
    # Function URLs, API Gateway and load balancers all have it. Anybody may
    # have sent the request, and what it carries would be lost in silence.
    if "requestContext" in event:
        raise InvalidEventError(
            "an event of SQS, SNS or EventBridge",
            "a request of HTTP",
            "give its headers and its body to receive_http",
        )


def _queue_id(record: object) -> str:
    """Return the id of a message from a queue, ``""`` for all else."""
    if not isinstance(record, Mapping):
        return ""
    message_id = record.get("messageId")
    is_queued = record.get("eventSource") == "aws:sqs"
    return message_id if is_queued and isinstance(message_id, str) else ""
