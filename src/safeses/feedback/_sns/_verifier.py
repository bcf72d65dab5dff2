"""
Whether a message of SNS is genuine, recent, and from a topic you allow.
"""

from __future__ import annotations

import contextlib
import math
from typing import TYPE_CHECKING, Any, Final

from safeses._clock import SystemClock
from safeses._facts import check_seconds
from safeses.errors import ConfigurationError
from safeses.feedback._sns._confirm import Confirmation, sns_client
from safeses.feedback._sns._signed import (
    SUBSCRIPTION,
    Signed,
    refused,
    signed,
)
from safeses.feedback._sns._urls import Topic, topics

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from safeses.feedback._sns._certificates import Certificates
    from safeses.typing import Clock

# SNS tries to deliver over HTTP for an hour at most (Developer Guide,
# "Amazon SNS message delivery retries").
MAX_AGE_S: Final = 3600.0
SKEW_S: Final = 300.0
_VERSIONS: Final = ("1", "2")


class SNSVerifier:
    """
    Shows that messages of SNS are genuine; many threads may use it.

    A signature alone proves little: every topic of every AWS customer has
    good ones. So the topic has to be one of yours, and the certificate
    has to come from SNS's host in the topic's region. Whatever a message
    can be refused for is looked at before anything is fetched.

    Certificates are kept while they are used. From one host at most four
    are asked for in a minute, so that made-up messages cannot make your
    machine ask without end. While somebody who knows the topic floods you
    with them, a certificate that is new has to wait: keep the address of
    your endpoint to yourself, or let a queue receive.

    It needs ``cryptography``: ``pip install "safeses[sns]"``.

    Attributes:
        topic_arns: The topics that are allowed.
        versions: The versions of signatures that are allowed.
        confirms: Whether subscriptions are confirmed.
    """

    topic_arns: frozenset[str]
    versions: frozenset[str]
    confirms: bool

    def __init__(
        self,
        topic_arns: Collection[str],
        *,
        versions: Collection[str] = _VERSIONS,
        max_age_s: float | None = MAX_AGE_S,
        skew_s: float = SKEW_S,
        loader: Callable[[str], bytes] | None = None,
        clock: Clock | None = None,
        confirm: bool = False,
        sns_client: Callable[[str], Any] = sns_client,
        certificate_names: Collection[str] = (),
    ) -> None:
        """
        Allow messages of some topics.

        Args:
            topic_arns: Whole ARNs of standard topics.
            versions: ``("2",)`` refuses signatures over SHA-1, which a
                topic makes until its attribute ``SignatureVersion`` is 2.
            max_age_s: Seconds since a message was published, after which
                it is refused; None for none. SNS publishes once and
                delivers again for up to an hour.
            skew_s: By how many seconds the clocks may differ.
            loader: Returns the bytes at a URL, which was checked; it may
                raise `CertificateError`. None fetches over HTTPS within
                5 s, at most 16 KiB.
            clock: Where the time comes from.
            confirm: Whether `confirm` does anything.
            sns_client: Makes a boto3 client of SNS for a region.
            certificate_names: What a certificate may be called besides
                the names that are known of the topic's region.

        Raises:
            ConfigurationError: It could verify nothing, or too much.
            ModuleNotFoundError: The extra ``sns`` is not installed.
        """
        self._names = _texts("certificate_names", certificate_names)
        self._topics = topics(topic_arns, self._names)
        self.topic_arns = frozenset(self._topics)
        self.versions = _versions(versions)
        if max_age_s is not None:
            check_seconds("max_age_s", max_age_s)
        if not 0 <= skew_s < math.inf:
            raise ConfigurationError(
                f"skew_s={skew_s!r} is not a number of seconds",
                "use a finite one, 0 or above",
            )
        self._max_age_s = max_age_s
        self._skew_s = skew_s
        self._clock: Clock = clock or SystemClock()
        self._certificates = _certificates(
            loader, self._clock, len({t.host for t in self._topics.values()})
        )
        self.confirms = confirm
        self._confirmation = Confirmation(sns_client)

    def __repr__(self) -> str:
        return (
            f"SNSVerifier(<{len(self.topic_arns)} topics>,"
            f" versions={sorted(self.versions)}, confirm={self.confirms})"
        )

    def verify(
        self, envelope: Mapping[str, Any], *, check_age: bool = True
    ) -> None:
        """
        Return only if *envelope* is genuine.

        Args:
            envelope: A message of SNS, as its JSON was read: neither a
                text nor a value may have been changed.
            check_age: False for what SNS did not bring by itself, such
                as the messages of a queue.

        Raises:
            UnverifiedEventError: It is not; it will never be.
            CertificateError: The certificate could not be fetched, so
                that nothing is known: let the message come again.
        """
        self._verified(envelope, check_age=check_age)

    def confirm(self, envelope: Mapping[str, Any]) -> bool:
        """
        Confirm a subscription to a topic that is allowed.

        It asks the API of SNS in the topic's region, with credentials as
        boto3 finds them, which need ``sns:ConfirmSubscription``. No URL
        of a message is ever fetched.

        Args:
            envelope: A message of SNS. Unless it is a
                ``SubscriptionConfirmation``, nothing is done.

        Returns:
            Whether it was confirmed. False where ``confirm=True`` was not
            given, and where the API refused or did not answer, which a
            warning says: let the message come again.

        Raises:
            UnverifiedEventError: It is not genuine.
            CertificateError: The certificate could not be fetched.
        """
        if not self.confirms:
            return False
        found, topic = self._verified(envelope, check_age=True)
        if found.kind != SUBSCRIPTION:
            return False
        token = dict(found.fields)["Token"]
        return self._confirmation.confirm(topic, token)

    def _verified(
        self, envelope: Mapping[str, Any], *, check_age: bool
    ) -> tuple[Signed, Topic]:
        found = signed(envelope)
        topic = self._topics.get(found.topic_arn)
        if topic is None:
            raise refused(
                "TopicArn is one of topic_arns",
                "another topic",
                "add the topic to topic_arns, if it is yours",
            )
        if found.version not in self.versions:
            raise refused(
                f"SignatureVersion is {' or '.join(sorted(self.versions))}",
                found.version
                if found.version in _VERSIONS
                else f"{len(found.version)} characters",
                'set the topic\'s attribute SignatureVersion to "2"',
            )
        published_at = found.published_at()
        if check_age:
            self._check_age(published_at)
        if not topic.allows(found.url):
            raise refused(
                "SigningCertURL is that of a certificate of SNS in the"
                " topic's region",
                "another URL",
            )
        signature, data = found.signature(), found.data()
        certificate = self._certificates.find(found.url, topic)
        certificate.verify(found.version, data, signature)
        return found, topic

    def _check_age(self, published_at: float) -> None:
        age_s = self._clock.time() - published_at
        if age_s < -self._skew_s:
            raise refused(
                f"a message is at most {self._skew_s:g} s ahead",
                f"{-age_s:.0f} s",
                "set the clock of this machine, if it is wrong",
            )
        if self._max_age_s is None:
            return
        limit_s = self._max_age_s + self._skew_s
        if age_s > limit_s:
            raise refused(
                f"a message is at most {limit_s:g} s old",
                f"{age_s:.0f} s",
                "set the clock of this machine, if it is wrong; for what"
                " was kept on purpose, pass check_age=False",
            )


def _certificates(
    loader: Callable[[str], bytes] | None, clock: Clock, hosts: int
) -> Certificates:
    try:
        # These load cryptography and botocore.
        from safeses.feedback._sns._certificates import Certificates
        from safeses.feedback._sns._fetch import Fetcher
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "cryptography":
            raise
        raise ModuleNotFoundError(
            "cryptography is not installed, which checks the signatures of"
            ' SNS: pip install "safeses[sns]"',
            name="cryptography",
        ) from error
    return Certificates(loader or Fetcher(), clock, hosts)


def _versions(versions: Collection[str]) -> frozenset[str]:
    found = _texts("versions", versions)
    if not found or not found <= {*_VERSIONS}:
        raise ConfigurationError(
            "versions holds something else than SNS's",
            'give ("1", "2") or ("2",), as texts',
        )
    return found


def _texts(name: str, texts: Collection[str]) -> frozenset[str]:
    if not isinstance(texts, (str, bytes)):
        with contextlib.suppress(TypeError):
            found = [*texts]
            if all(isinstance(text, str) for text in found):
                return frozenset(found)
    raise ConfigurationError(
        f"{name} is not a list of texts",
        "give a list of texts, even for a single one",
    )
