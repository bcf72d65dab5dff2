"""The simulated topic signs as SNS does, and can be told from SNS."""

from __future__ import annotations

import base64
import datetime as dt
import sys
from typing import TYPE_CHECKING, Any

import pytest
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from safeses.errors import UnverifiedEventError
from safeses.feedback._sns import SNSVerifier
from safeses.testing import FakeClock, SimulatedTopic

if TYPE_CHECKING:
    from collections.abc import Mapping

ARN = "arn:aws:sns:eu-west-1:111122223333:ses-events"
FOREIGN = "arn:aws:sns:eu-west-1:999999999999:ses-events"
CONFIRMATION = "SubscriptionConfirmation"
CONFIRMED = "Message MessageId SubscribeURL Timestamp Token TopicArn Type"


@pytest.fixture(scope="module")
def topic() -> SimulatedTopic:
    """A topic at the beginning of the fake clock; its key takes 0.1 s."""
    return SimulatedTopic(ARN, clock=FakeClock())


def is_signed(envelope: Mapping[str, str], content: str, pem: bytes) -> bool:
    """Tell whether the signature is one of *content*."""
    key = x509.load_pem_x509_certificate(pem).public_key()
    assert isinstance(key, rsa.RSAPublicKey)

    try:
        key.verify(
            base64.b64decode(envelope["Signature"], validate=True),
            content.encode(),
            padding.PKCS1v15(),
            {"1": hashes.SHA1(), "2": hashes.SHA256()}[  # noqa: S303  # SNS's
                envelope["SignatureVersion"]
            ],
        )
    except InvalidSignature:
        return False
    return True


def lines(envelope: Mapping[str, str], *names: str) -> str:
    """Return what is signed, its last newline included."""
    return "".join(f"{name}\n{envelope[name]}\n" for name in names)


class TestSignature:
    """What is signed, and with what."""

    @pytest.mark.parametrize("version", ["1", "2"])
    @pytest.mark.parametrize(
        "type_,subject,names",
        [
            (
                "Notification",
                None,
                "Message MessageId Timestamp TopicArn Type",
            ),
            (
                "Notification",
                "Grüße\n",
                "Message MessageId Subject Timestamp TopicArn Type",
            ),
            (CONFIRMATION, None, CONFIRMED),
            ("UnsubscribeConfirmation", None, CONFIRMED),
        ],
    )
    def test_fields(
        self,
        topic: SimulatedTopic,
        version: Any,
        type_: Any,
        subject: str | None,
        names: str,
    ) -> None:
        """Each type and version signs its own fields, newline and all."""
        signer = topic.sibling(ARN, version=version)
        envelope = signer.envelope("Grüße\r\n\0 ", subject, type_)
        content = lines(envelope, *names.split())
        pem = topic.certificate

        assert (True, False, False, version) == (
            is_signed(envelope, content, pem),
            is_signed(envelope, content[:-1], pem),
            is_signed(envelope, content + " ", pem),
            envelope["SignatureVersion"],
        )

    def test_notification(self, topic: SimulatedTopic) -> None:
        """A notification has the members that SNS writes, and no others."""
        envelope = topic.envelope("hi", message_id="m-1", at=0.5)
        signature = base64.b64decode(envelope.pop("Signature"))

        assert (
            256,
            {
                "Type": "Notification",
                "MessageId": "m-1",
                "TopicArn": ARN,
                "Message": "hi",
                "Timestamp": "1970-01-01T00:00:00.500Z",
                "SignatureVersion": "1",
                "SigningCertURL": topic.signing_cert_url,
                "UnsubscribeURL": "https://sns.eu-west-1.amazonaws.com/"
                f"?Action=Unsubscribe&SubscriptionArn={ARN}"
                ":00000000-0000-0000-0000-000000000000",
            },
        ) == (len(signature), envelope)

    def test_confirmation(self, topic: SimulatedTopic) -> None:
        """A confirmation carries a token, and a URL that has it too."""
        asked = topic.confirmation()
        again = topic.confirmation("UnsubscribeConfirmation")

        assert (
            (CONFIRMATION, "UnsubscribeConfirmation"),
            True,
            True,
            False,
        ) == (
            (asked["Type"], again["Type"]),
            asked["SubscribeURL"].endswith(f"&Token={asked['Token']}"),
            asked["Token"] != again["Token"],
            "UnsubscribeURL" in asked,
        )

    def test_signed_again(self, topic: SimulatedTopic) -> None:
        """What a test has changed can be signed anew."""
        envelope = topic.envelope("hi") | {
            "Message": "bye",
            "SubscribeURL": "https://unsigned.example",
            "Token": "unsigned",
        }
        names = ("Message", "MessageId", "Timestamp", "TopicArn", "Type")
        before = is_signed(
            envelope, lines(envelope, *names), topic.certificate
        )
        after = topic.signed(envelope)

        assert (False, True) == (
            before,
            is_signed(after, lines(after, *names), topic.certificate),
        )


class TestCertificate:
    """The throw-away certificate."""

    @pytest.mark.parametrize(
        "arn,host,name",
        [
            (ARN, "sns.eu-west-1.amazonaws.com", "sns.amazonaws.com"),
            (
                "arn:aws:sns:me-central-1:1:t",
                "sns.me-central-1.amazonaws.com",
                "sns-signing.me-central-1.amazonaws.com",
            ),
            (
                "arn:aws-cn:sns:cn-north-1:1:t",
                "sns.cn-north-1.amazonaws.com.cn",
                "sns-cn-north-1.amazonaws.com.cn",
            ),
            (
                "arn:aws-us-gov:sns:us-gov-east-1:1:t",
                "sns.us-gov-east-1.amazonaws.com",
                "sns-us-gov-west-1.amazonaws.com",
            ),
            (
                "arn:aws-eusc:sns:eusc-de-east-1:1:t",
                "sns.eusc-de-east-1.amazonaws.eu",
                "sns-signing.eusc-de-east-1.amazonaws.eu",
            ),
        ],
    )
    def test_names(self, arn: str, host: str, name: str) -> None:
        """Host and name are those that SNS has in the region."""
        topic = SimulatedTopic(arn, clock=FakeClock())
        made = x509.load_pem_x509_certificate(topic.certificate)
        names = made.extensions.get_extension_for_class(
            x509.SubjectAlternativeName
        ).value.get_values_for_type(x509.DNSName)

        assert (host, [name], f"CN={name}", False) == (
            topic.signing_cert_url.split("/")[2],
            names,
            made.subject.rfc4514_string(),
            made.issuer == made.subject,
        )

    def test_valid(self, topic: SimulatedTopic) -> None:
        """It is valid when the clock says that the topic was opened."""
        made = x509.load_pem_x509_certificate(topic.certificate)
        opened = dt.datetime.fromtimestamp(
            FakeClock().time(), dt.timezone.utc
        ).replace(tzinfo=None)

        assert (True, True, 300) == (
            made.not_valid_before_utc.replace(tzinfo=None) < opened,
            opened < made.not_valid_after_utc.replace(tzinfo=None),
            (made.not_valid_after_utc - made.not_valid_before_utc).days,
        )

    def test_load(self, topic: SimulatedTopic) -> None:
        """It is had at its own URL only, and each time is counted."""
        before = topic.loads
        loaded = topic.load(topic.signing_cert_url)
        with pytest.raises(OSError, match="no certificate"):
            topic.load(topic.signing_cert_url + "?")

        assert (topic.certificate, 1) == (loaded, topic.loads - before)

    def test_without_the_extra(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Without cryptography the error says what to install."""
        monkeypatch.setitem(sys.modules, "cryptography", None)
        with pytest.raises(ModuleNotFoundError) as caught:
            SimulatedTopic()

        assert 'pip install "safeses[sns]"' in str(caught.value)

    @pytest.mark.parametrize("arn", ["ses-events", "arn:aws:sns:eu:1", ""])
    def test_no_arn(self, arn: str) -> None:
        """What is no ARN of a topic is refused, as SNS could not sign it."""
        with pytest.raises(ValueError, match="ARN") as caught:
            SimulatedTopic(arn)

        assert "arn:aws:sns:REGION:ACCOUNT:NAME" in str(caught.value)

    def test_repr(self, topic: SimulatedTopic) -> None:
        """A topic shows no key."""
        assert f"SimulatedTopic('{ARN}', version='1')" == repr(topic)


class TestVerified:
    """The library's own verifier, which shares nothing with the topic."""

    @pytest.mark.parametrize("version", ["1", "2"])
    @pytest.mark.parametrize(
        "type_", ["Notification", CONFIRMATION, "UnsubscribeConfirmation"]
    )
    def test_genuine(
        self, topic: SimulatedTopic, version: Any, type_: Any
    ) -> None:
        """It takes what the topic signs, of every type and version."""
        signer = topic.sibling(ARN, version=version)
        verifier = SNSVerifier([ARN], loader=signer.load, clock=FakeClock())
        for _ in range(3):
            verifier.verify(signer.envelope("Grüße", type=type_))

        assert 1 == signer.loads

    @pytest.mark.parametrize(
        "forge",
        [
            lambda topic: topic.envelope("x") | {"Message": "y"},
            lambda topic: topic.sibling(FOREIGN).envelope("x"),
            lambda topic: topic.envelope("x", at=0),
            lambda topic: (
                SimulatedTopic(ARN, clock=FakeClock()).envelope("x")
                | {"SigningCertURL": topic.signing_cert_url}
            ),
        ],
    )
    def test_forged(self, topic: SimulatedTopic, forge: Any) -> None:
        """It refuses what was changed, is foreign, too old or forged."""
        verifier = SNSVerifier([ARN], loader=topic.load, clock=FakeClock())
        with pytest.raises(UnverifiedEventError) as caught:
            verifier.verify(forge(topic))

        assert caught.value.rule


class TestSubscribe:
    """Endpoints."""

    @pytest.mark.parametrize(
        "url",
        [
            "ftp://example.com",
            "example.com",
            "",
            "http://",
            "http://a.example:port",
            "http://a.example:99999",
            "http://a.example:0",
        ],
    )
    def test_no_url(self, topic: SimulatedTopic, url: str) -> None:
        """SNS posts to http and https only."""
        other = topic.sibling(ARN)
        with pytest.raises(ValueError, match=r"endpoint|[Pp]ort"):
            other.subscribe(url)
        other.publish("x")

        assert () == other.attempts

    def test_nobody(self, topic: SimulatedTopic) -> None:
        """A topic without subscriptions takes messages, and loses them."""
        other = topic.sibling(ARN)
        other.publish("x")

        assert () == other.attempts
