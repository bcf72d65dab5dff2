"""A throw-away authority, and the certificate that it made out for SNS."""

from __future__ import annotations

import base64
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Final

import attrs

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

_MISSING: Final = (
    "a SimulatedTopic signs with cryptography, which is not installed:"
    ' pip install "safeses[sns]"'
)
_KEY_BITS: Final = 2048  # as SNS's own key has
_VALID: Final = timedelta(days=300)
_ISSUED_BEFORE: Final = timedelta(days=30)


@attrs.frozen(kw_only=True)
class Signer:
    """
    A key, and the certificate that names its owner.

    Attributes:
        pem: The certificate, as SNS serves it.
    """

    pem: bytes
    _key: RSAPrivateKey = attrs.field(repr=False)

    def sign(self, content: bytes, version: str) -> str:
        """Return the signature of *content*, as a message carries it."""
        from cryptography.hazmat.primitives import hashes
        from cryptography.hazmat.primitives.asymmetric import padding

        algorithm = (
            hashes.SHA1()  # noqa: S303  # what SNS signs version 1 with
            if version == "1"
            else hashes.SHA256()
        )
        signature = self._key.sign(content, padding.PKCS1v15(), algorithm)
        return base64.b64encode(signature).decode()


def issue(name: str, at: float) -> Signer:
    """
    Return a new key with a certificate of a new authority.

    Args:
        name: The host that the certificate is for.
        at: An instant at which it is valid, in seconds since 1970.

    Raises:
        ModuleNotFoundError: The extra ``sns`` is not installed.
    """
    try:
        from cryptography import x509
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(_MISSING, name="cryptography") from error
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec, rsa
    from cryptography.hazmat.primitives.serialization import Encoding
    from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

    authority = ec.generate_private_key(ec.SECP256R1())
    key = rsa.generate_private_key(public_exponent=65537, key_size=_KEY_BITS)
    began = datetime.fromtimestamp(at, timezone.utc) - _ISSUED_BEFORE
    made = (
        x509.CertificateBuilder()
        .subject_name(
            x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        )
        .issuer_name(
            x509.Name(
                [x509.NameAttribute(NameOID.COMMON_NAME, "Simulated Root CA")]
            )
        )
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(began)
        .not_valid_after(began + _VALID)
        .add_extension(
            x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False
        )
        .add_extension(
            x509.BasicConstraints(ca=False, path_length=None), critical=True
        )
        .add_extension(
            x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]),
            critical=False,
        )
        .sign(authority, hashes.SHA256())
    )
    return Signer(pem=made.public_bytes(Encoding.PEM), key=key)
