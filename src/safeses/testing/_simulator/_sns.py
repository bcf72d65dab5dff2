"""A topic of Amazon SNS that signs, and posts to HTTP endpoints."""

from __future__ import annotations

import base64
import copy
import http.client
import json
import threading
import uuid
from typing import TYPE_CHECKING, Final, Literal
from urllib.parse import SplitResult, unquote, urlsplit

import attrs

from ._authority import Signer, issue
from ._envelopes import (
    MessageType,
    endpoint,
    region_of,
    subscription_arn,
    to_sign,
    unsigned,
)
from ._rate import Clock, RealClock

if TYPE_CHECKING:
    from collections.abc import Mapping

TOPIC_ARN: Final = "arn:aws:sns:eu-west-1:111122223333:ses-events"
_OK: Final = range(200, 300)
_TOO_MANY: Final = 429
_SERVER_ERRORS: Final = range(500, 600)
_NO_ANSWER: Final = 0
# Names of the certificate elsewhere: AWS SDK for Java, sns-message-manager.
_COMMON_NAME: Final = "sns.amazonaws.com"
_NAMES: Final[Mapping[str, str]] = {
    "cn-north-1": "sns-cn-north-1.amazonaws.com.cn",
    "cn-northwest-1": "sns-cn-northwest-1.amazonaws.com.cn",
    "us-gov-east-1": "sns-us-gov-west-1.amazonaws.com",
    "us-gov-west-1": "sns-us-gov-west-1.amazonaws.com",
    "eusc-de-east-1": "sns-signing.eusc-de-east-1.amazonaws.eu",
}
_OPT_IN: Final = frozenset(
    {
        "af-south-1",
        "ap-east-1",
        "ap-east-2",
        "ap-south-2",
        "ap-southeast-3",
        "ap-southeast-4",
        "ap-southeast-5",
        "ap-southeast-6",
        "ap-southeast-7",
        "ca-west-1",
        "eu-central-2",
        "eu-south-1",
        "eu-south-2",
        "il-central-1",
        "me-central-1",
        "me-south-1",
        "mx-central-1",
    }
)


@attrs.frozen(kw_only=True)
class Attempt:
    """
    One post to an endpoint.

    Attributes:
        message_id: Id of the SNS message.
        status: What the endpoint answered, 0 for no answer.
    """

    message_id: str
    status: int

    @property
    def is_final(self) -> bool:
        """Whether SNS does not try it again."""
        return self.status not in {
            _NO_ANSWER,
            _TOO_MANY,
            *_SERVER_ERRORS,
        }


@attrs.frozen
class _Subscription:
    arn: str
    url: SplitResult = attrs.field(repr=False)
    raw: bool

    def post(self, envelope: Mapping[str, str], timeout_s: float) -> Attempt:
        """Post once, as SNS does; redirects are not followed."""
        url = self.url
        raw = self.raw and envelope["Type"] == "Notification"
        body = envelope["Message"] if raw else json.dumps(envelope, indent=2)
        headers = {
            "x-amz-sns-message-type": envelope["Type"],
            "x-amz-sns-message-id": envelope["MessageId"],
            "x-amz-sns-topic-arn": envelope["TopicArn"],
            "Content-Type": "text/plain; charset=UTF-8",
            "User-Agent": "Amazon Simple Notification Service Agent",
        }
        if envelope["Type"] != "SubscriptionConfirmation":
            headers["x-amz-sns-subscription-arn"] = self.arn
        if raw:
            headers["x-amz-sns-rawdelivery"] = "true"
        if url.username is not None:
            user = f"{unquote(url.username)}:{unquote(url.password or '')}"
            word = base64.b64encode(user.encode()).decode()
            headers["Authorization"] = f"Basic {word}"
        make = (
            http.client.HTTPSConnection
            if url.scheme == "https"
            else http.client.HTTPConnection
        )
        connection = make(url.hostname or "", url.port, timeout=timeout_s)
        target = (url.path or "/") + (f"?{url.query}" if url.query else "")
        try:
            connection.request("POST", target, body.encode(), headers)
            answer = connection.getresponse()
            answer.read()
            status = answer.status
        except (OSError, UnicodeError, http.client.HTTPException):
            status = _NO_ANSWER
        finally:
            connection.close()
        return Attempt(message_id=envelope["MessageId"], status=status)


class SimulatedTopic:
    """
    A standard topic of Amazon SNS: ``ses.publish_to(topic)``.

    It signs as SNS does, with a key and a certificate that are made for it
    and trusted by nobody: hand `load` to what verifies. Needs the extra
    ``sns``. Posts happen in the thread of whoever calls `publish`.

    Attributes:
        arn: The topic's ARN.
        version: ``"1"`` signs with SHA-1, ``"2"`` with SHA-256.
        signing_cert_url: Where SNS would have its certificate.
        certificate: The certificate itself, PEM.
    """

    def __init__(
        self,
        arn: str = TOPIC_ARN,
        *,
        version: Literal["1", "2"] = "1",
        clock: Clock | None = None,
        certificate_name: str | None = None,
        retries: int = 3,
        retry_delay_s: float = 0.1,
        timeout_s: float = 5.0,
    ) -> None:
        """
        Open a topic, and make its key, which takes about 0.1 s.

        Args:
            arn: Its ARN.
            version: Version of the signature; SNS's own default is 1.
            clock: Where the time of messages comes from; the host's if None.
            certificate_name: Whom the certificate names; the name that SNS
                has in the region if None.
            retries: How often a message is posted again that got no answer,
                status 429, or one from 500.
            retry_delay_s: Seconds in between; SNS's default is 20.
            timeout_s: How long an endpoint may take to answer.

        Raises:
            ModuleNotFoundError: The extra ``sns`` is not installed.
        """
        self._clock = clock or RealClock()
        name = certificate_name or _certificate_name(region_of(arn))
        self._open(arn, version, issue(name, self._clock.time()))
        self.signing_cert_url = (
            f"https://{endpoint(arn)}/"
            f"SimpleNotificationService-{uuid.uuid4().hex}.pem"
        )
        self._retries = retries
        self._retry_delay_s = retry_delay_s
        self._timeout_s = timeout_s

    def __repr__(self) -> str:
        return f"SimulatedTopic({self.arn!r}, version={self.version!r})"

    @property
    def certificate(self) -> bytes:
        """The certificate, PEM."""
        return self._signer.pem

    @property
    def loads(self) -> int:
        """How often the certificate was loaded."""
        with self._lock:
            return self._loads

    @property
    def attempts(self) -> tuple[Attempt, ...]:
        """Every post to an endpoint, in order."""
        with self._lock:
            return tuple(self._attempts)

    def load(self, url: str) -> bytes:
        """
        Return the certificate, as its URL would.

        Raises:
            FileNotFoundError: It is not at *url*.
        """
        if url != self.signing_cert_url:
            raise FileNotFoundError("no certificate of this topic")
        with self._lock:
            self._loads += 1
        return self.certificate

    def sibling(
        self, arn: str, *, version: Literal["1", "2"] | None = None
    ) -> SimulatedTopic:
        """
        Return another topic that SNS signs for with the same key.

        Args:
            arn: Its ARN, such as one of another account.
            version: Version of its signature, None for the same.
        """
        other = copy.copy(self)
        other._open(  # noqa: SLF001  # another one of us
            arn, version or self.version, self._signer
        )
        return other

    def envelope(
        self,
        message: str,
        subject: str | None = None,
        type: MessageType = "Notification",  # noqa: A002  # SNS's own name
        *,
        message_id: str | None = None,
        at: float | None = None,
    ) -> dict[str, str]:
        """
        Return a signed message, as SNS posts it.

        Args:
            message: What it carries, such as the JSON text of an event.
            subject: Its subject, None for none.
            type: Its type; both confirmations carry a token.
            message_id: Its id, to publish one again; a new one if None.
            at: When it was published, in seconds since 1970; now if None.
        """
        return self.signed(
            unsigned(
                self.arn,
                message,
                subject=subject,
                kind=type,
                message_id=message_id,
                at=self._clock.time() if at is None else at,
            )
        )

    def confirmation(
        self,
        type: MessageType = "SubscriptionConfirmation",  # noqa: A002  # SNS's
    ) -> dict[str, str]:
        """Return the signed question whether to deliver."""
        asked = "confirm the subscription"
        if type == "UnsubscribeConfirmation":
            asked = "undo the end of the subscription"
        return self.envelope(
            f"You have chosen to {asked} of the topic {self.arn}. To do so,"
            " visit the SubscribeURL included in this message.",
            type=type,
        )

    def signed(self, envelope: Mapping[str, str]) -> dict[str, str]:
        """Return *envelope* with a signature of what it says now."""
        return dict(envelope) | {
            "SignatureVersion": self.version,
            "Signature": self._signer.sign(to_sign(envelope), self.version),
            "SigningCertURL": self.signing_cert_url,
        }

    def subscribe(
        self,
        endpoint_url: str,
        raw: bool = False,  # noqa: FBT001, FBT002  # reads as SNS's option
        *,
        confirm: bool = False,
    ) -> None:
        """
        Post what is published to an HTTP endpoint from now on.

        Args:
            endpoint_url: ``http://`` or ``https://``; a user and a password
                in it are sent as SNS sends them.
            raw: Post the message alone, without envelope and signature.
            confirm: Post a `confirmation` first. Whatever becomes of it, the
                endpoint gets its messages.

        Raises:
            ValueError: *endpoint_url* is no such URL.
        """
        url = urlsplit(endpoint_url)
        good = url.scheme in {"http", "https"} and url.hostname
        if not good or url.port == 0:  # to ask for a bad port raises
            raise ValueError("an endpoint is an http:// or https:// URL")
        with self._lock:
            arn = subscription_arn(self.arn, len(self._subscriptions) + 1)
            new = _Subscription(arn, url, raw)
            self._subscriptions.append(new)
        if confirm:
            self._deliver(new, self.confirmation())

    def publish(self, message: str, subject: str | None = None) -> None:
        """Post a message to every endpoint, again where SNS would."""
        envelope = self.envelope(message, subject)
        with self._lock:
            subscribed = tuple(self._subscriptions)
        for subscription in subscribed:
            self._deliver(subscription, envelope)

    def _open(self, arn: str, version: str, signer: Signer) -> None:
        self.arn = arn
        self.version = version
        self._signer = signer
        self._lock = threading.Lock()
        self._loads = 0
        self._attempts: list[Attempt] = []
        self._subscriptions: list[_Subscription] = []

    def _deliver(
        self, subscription: _Subscription, envelope: Mapping[str, str]
    ) -> None:
        for number in range(1 + self._retries):
            if number:
                threading.Event().wait(self._retry_delay_s)
            attempt = subscription.post(envelope, self._timeout_s)
            with self._lock:
                self._attempts.append(attempt)
            if attempt.is_final:
                return


def _certificate_name(region: str) -> str:
    if region in _OPT_IN:
        return f"sns-signing.{region}.amazonaws.com"
    return _NAMES.get(region, _COMMON_NAME)
