"""
Certificates and signatures; the only importer of ``cryptography``.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import attrs
from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from safeses.feedback._sns._signed import refused

if TYPE_CHECKING:
    from collections.abc import Collection

# AWS signs with 2,048 bits.
KEY_MIN_BITS: Final = 2048
# One certificate and nothing beside it.
_PEM: Final = re.compile(
    rb"\s*-----BEGIN CERTIFICATE-----\r?\n"
    rb"(?:[A-Za-z0-9+/=]{1,76}\r?\n)+"
    rb"-----END CERTIFICATE-----\s*"
)
_HASHES: Final = {"1": hashes.SHA1, "2": hashes.SHA256}  # SNS's own choice


class UnreadableError(Exception):
    """There is no certificate in what was fetched; the text says why."""


@attrs.frozen(kw_only=True)
class Certificate:
    """
    A certificate that was read; whether it is SNS's is still to be seen.

    Attributes:
        key: Its public key.
        names: The names of its subject.
        begins_at: Since when it is valid, in seconds since 1970, UTC.
        ends_at: Until when it is valid.
    """

    key: rsa.RSAPublicKey = attrs.field(repr=False)
    names: frozenset[str]
    begins_at: float
    ends_at: float

    @classmethod
    def read(cls, data: bytes) -> Certificate:
        """
        Read the one certificate in *data*.

        Raises:
            UnreadableError: There is none, or its key is none of SNS's.
        """
        if not _PEM.fullmatch(data):
            raise UnreadableError("what came is no certificate in PEM")
        try:
            found = x509.load_pem_x509_certificate(data)
            key = found.public_key()
            names = _names(found)
            begins_at = found.not_valid_before_utc.timestamp()
            ends_at = found.not_valid_after_utc.timestamp()
        # It has an error for everything that may be wrong with a
        # certificate, and not all of them are ValueErrors.
        except Exception as error:
            raise UnreadableError("the certificate is malformed") from error
        if not isinstance(key, rsa.RSAPublicKey):
            raise UnreadableError("its key is not of RSA")
        if key.key_size < KEY_MIN_BITS:
            raise UnreadableError(f"its key has {key.key_size} bits")
        return cls(key=key, names=names, begins_at=begins_at, ends_at=ends_at)

    def is_valid(self, now: float) -> bool:
        """Whether it is valid at *now*."""
        return self.begins_at <= now <= self.ends_at

    def check(self, names: Collection[str], now: float) -> None:
        """
        Check that it is one of SNS's, valid at *now*.

        Raises:
            UnverifiedEventError: It bears none of *names*, or is not valid.
        """
        if self.names.isdisjoint(names):
            raise refused(
                "the certificate is SNS's for the topic's region",
                "another name",
                "if AWS calls it so, add the name to certificate_names",
            )
        if not self.is_valid(now):
            raise refused(
                "the certificate is valid now",
                "one that has expired"
                if now > self.ends_at
                else "one that is not valid yet",
                "set the clock of this machine, if it is wrong",
            )

    def verify(self, version: str, data: bytes, signature: bytes) -> None:
        """
        Check that *signature* is that of *data*.

        Raises:
            UnverifiedEventError: It is not.
        """
        try:
            self.key.verify(
                signature, data, padding.PKCS1v15(), _HASHES[version]()
            )
        except InvalidSignature:
            raise refused(
                "the signature fits the fields that it signs", "one of others"
            ) from None
        except UnsupportedAlgorithm as error:
            raise refused(
                "this machine can check the signature",
                f"no hash for version {version}",
                'set the topic\'s attribute SignatureVersion to "2"',
            ) from error


def _names(certificate: x509.Certificate) -> frozenset[str]:
    names = {
        str(part.value)
        for part in certificate.subject.get_attributes_for_oid(
            x509.NameOID.COMMON_NAME
        )
    }
    try:
        others = certificate.extensions.get_extension_for_class(
            x509.SubjectAlternativeName
        )
    except x509.ExtensionNotFound:
        return frozenset(names)
    return frozenset({*names, *others.value.get_values_for_type(x509.DNSName)})
