"""
What SNS does with its key, done with one of our own.

The lines that are signed are put together here once more, from the guide
and not from the library, so that both would have to be wrong alike.
"""

from __future__ import annotations

import base64
import datetime as dt
from functools import lru_cache
from typing import Any

import attrs
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import (
    ec,
    ed25519,
    padding,
    rsa,
)

REGION = "eu-west-1"
TOPIC = f"arn:aws:sns:{REGION}:111122223333:ses-events"
HOST = f"sns.{REGION}.amazonaws.com"
NAME = "sns.amazonaws.com"
# The wall clock of `FakeClock` at its start.
NOW = dt.datetime(2026, 1, 1, tzinfo=dt.timezone.utc)
BEGINS = dt.datetime(2025, 11, 10, tzinfo=dt.timezone.utc)
ENDS = dt.datetime(2026, 10, 14, 23, 59, 59, tzinfo=dt.timezone.utc)
TOKEN = "2336412f37" * 16

_HASHES = {"1": hashes.SHA1, "2": hashes.SHA256}


def path(number: int = 1) -> str:
    """Return the path of a certificate, each with another number."""
    return f"/SimpleNotificationService-{number:032x}.pem"


def url(number: int = 1, host: str = HOST) -> str:
    """Return the URL of a certificate, each with another number."""
    return f"https://{host}{path(number)}"


@lru_cache
def rsa_key(bits: int = 2048, number: int = 0) -> rsa.RSAPrivateKey:
    """Return a throw-away key; the same for the same *number*."""
    del number
    return rsa.generate_private_key(65537, bits)


@lru_cache
def ec_key() -> ec.EllipticCurvePrivateKey:
    """Return a throw-away key that is not of RSA."""
    return ec.generate_private_key(ec.SECP256R1())


@lru_cache
def edwards_key() -> ed25519.Ed25519PrivateKey:
    """Return a throw-away key that does not even have a size."""
    return ed25519.Ed25519PrivateKey.generate()


@lru_cache
def certificate(  # what may be wrong with one
    name: str | None = NAME,
    *,
    others: tuple[str, ...] = (),
    begins: dt.datetime = BEGINS,
    ends: dt.datetime = ENDS,
    key: Any = None,
) -> bytes:
    """Return a certificate that signs itself, in PEM."""
    key = key or rsa_key()
    subject = x509.Name(
        [x509.NameAttribute(x509.NameOID.COMMON_NAME, name)] if name else []
    )
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(begins)
        .not_valid_after(ends)
    )
    if others:
        names = x509.SubjectAlternativeName([x509.DNSName(o) for o in others])
        builder = builder.add_extension(names, critical=False)
    has_own = isinstance(key, ed25519.Ed25519PrivateKey)
    signed = builder.sign(key, None if has_own else hashes.SHA256())
    return signed.public_bytes(serialization.Encoding.PEM)


def lines(envelope: dict[str, Any]) -> bytes:
    """Return what SNS signs of *envelope*."""
    if envelope["Type"] == "Notification":
        text = f"Message\n{envelope['Message']}\n"
        text += f"MessageId\n{envelope['MessageId']}\n"
        if envelope.get("Subject") is not None:
            text += f"Subject\n{envelope['Subject']}\n"
        text += f"Timestamp\n{envelope['Timestamp']}\n"
    else:
        text = f"Message\n{envelope['Message']}\n"
        text += f"MessageId\n{envelope['MessageId']}\n"
        text += f"SubscribeURL\n{envelope['SubscribeURL']}\n"
        text += f"Timestamp\n{envelope['Timestamp']}\n"
        text += f"Token\n{envelope['Token']}\n"
    text += f"TopicArn\n{envelope['TopicArn']}\nType\n{envelope['Type']}\n"
    return text.encode()


def sign(
    envelope: dict[str, Any], version: str = "2", *, key: Any = None
) -> dict[str, Any]:
    """Return *envelope* with a signature of its own, as of *version*."""
    key = key or rsa_key()
    made = key.sign(lines(envelope), padding.PKCS1v15(), _HASHES[version]())
    return {
        **envelope,
        "SignatureVersion": version,
        "Signature": base64.b64encode(made).decode(),
    }


def notification(version: str = "2", **fields: Any) -> dict[str, Any]:
    """Return a genuine notification; what is given replaces a field."""
    return sign(
        {
            "Type": "Notification",
            "MessageId": "0b71e34e-42c3-486a-9e32-b1928ec994b5",
            "TopicArn": TOPIC,
            "Subject": "Amazon SES Email Event Notification",
            "Message": '{"eventType":"Delivery","mail":{"messageId":"m"}}\n',
            "Timestamp": "2026-01-01T00:00:00.000Z",
            "SigningCertURL": url(),
            "UnsubscribeURL": f"https://{HOST}/?Action=Unsubscribe",
            **fields,
        },
        version,
    )


def confirmation(
    kind: str = "SubscriptionConfirmation", version: str = "2", **fields: Any
) -> dict[str, Any]:
    """Return a genuine confirmation; what is given replaces a field."""
    return sign(
        {
            "Type": kind,
            "MessageId": "f3f2fc87-c426-4c2f-9044-b55890c0939c",
            "TopicArn": TOPIC,
            "Token": TOKEN,
            "Message": "You have chosen to subscribe.\nVisit the URL.",
            "SubscribeURL": f"https://{HOST}/?Action=ConfirmSubscription",
            "Timestamp": "2026-01-01T00:00:00.000Z",
            "SigningCertURL": url(),
            **fields,
        },
        version,
    )


@attrs.define
class Loader:
    """
    Serves certificates, and notes what it was asked for.

    Attributes:
        answers: What is at each URL; what is an error is raised.
        other: What is anywhere else.
        asked: The URLs, in order.
    """

    answers: dict[str, Any] = attrs.field(
        factory=lambda: {url(): certificate()}
    )
    other: Any = None
    asked: list[str] = attrs.field(factory=list)

    def __call__(self, url: str) -> bytes:
        """Return what is at *url*, or raise it."""
        self.asked.append(url)
        answer = self.answers.get(url, self.other)
        if isinstance(answer, Exception):
            raise answer
        return answer  # type: ignore[no-any-return]  # also what is no bytes
