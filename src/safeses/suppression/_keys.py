"""
The key of an address: which spellings are one and the same person.

A key stands in every row of a store and in front of every look-up, so it
is made of what cannot change between two releases: no validator's
opinion, only the parts of RFC 5321. What SES would mail has a key; so has
some of what it would not, which does no harm.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import attrs

from safeses import _ses
from safeses._mail import _address
from safeses.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterable

SECRET_MIN_BYTES: Final = 16
_VERSION: Final = "v1"

_ATEXT: Final = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]+"
_DOMAIN: Final = r"[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*"
_PLAIN: Final = re.compile(f"{_ATEXT}@{_DOMAIN}")
_DOT_STRING: Final = re.compile(_ATEXT)
# RFC 5321, 4.1.2 and 4.1.3: a quoted local part, an address literal.
_UNUSUAL: Final = re.compile(
    rf'(?:{_ATEXT}|"(?:[ !#-\[\]-~]|\\[ -~])+")'
    rf"@(?:{_DOMAIN}|\[[!-Z^-~]+\])"
)


class _Provider(NamedTuple):
    """What several spellings of a provider's addresses come down to."""

    domain: str
    ignores_dots: bool = False


# Gmail Help, "Dots don't matter in Gmail addresses": nor do they in
# googlemail.com, which is the same. They do in the domain of a company.
_GMAIL: Final = _Provider("gmail.com", ignores_dots=True)
# Apple Support, "About your @icloud.com, @me.com, and @mac.com email
# addresses": who has one of the older has icloud.com too.
_ICLOUD: Final = _Provider("icloud.com")
_PROVIDERS: Final = {
    "gmail.com": _GMAIL,
    "googlemail.com": _GMAIL,
    "mac.com": _ICLOUD,
    "me.com": _ICLOUD,
}


def _check_secret(
    _: object, field: attrs.Attribute[Any], value: object
) -> None:
    if value is None:
        return
    if not isinstance(value, bytes) or len(value) < SECRET_MIN_BYTES:
        raise ConfigurationError(
            f"{field.name} is not bytes, {SECRET_MIN_BYTES} or more",
            "use secrets.token_bytes(32), once, and keep it",
        )


@attrs.frozen(kw_only=True)
class AddressKeys:
    """
    Folds addresses, so that every spelling of one has the same key.

    The display name goes, a domain becomes its A-label (IDNA 2008), and
    everything lower case: no provider of note tells ``Ann`` from ``ann``,
    and SES does not when it looks at its own list. All that share a store
    fold alike; to change how is a migration, since the keys are stored.

    Attributes:
        plus_tags: Whether ``ann+shop@…`` is ``ann@…``. Not everywhere is
            ``+`` a tag, so that it may suppress somebody else.
        providers: Whether to apply what is known of Gmail, which ignores
            dots, and of iCloud, which has three domains.
        secret: Makes keys HMACs, from which nobody can read an address
            without it; at least 16 bytes. The store cannot list then.

    Raises:
        ConfigurationError: The secret is too short to be one.
    """

    plus_tags: bool = False
    providers: bool = False
    secret: bytes | None = attrs.field(
        default=None, repr=False, validator=_check_secret
    )

    @property
    def is_hashed(self) -> bool:
        """Whether no address can be read from a key."""
        return self.secret is not None

    @property
    def policy(self) -> str:
        """
        How addresses are folded, in a word that stands in every row.

        Such as ``"v1+plus+hmac:5d41402a"``. The last part tells one
        secret from another; it is an HMAC, and gives nothing away.
        """
        parts = [_VERSION]
        if self.plus_tags:
            parts.append("plus")
        if self.providers:
            parts.append("providers")
        if self.is_hashed:
            # No address has blanks, so this is the key of none.
            parts.append(f"hmac:{self._hashed('the id of a secret')[:8]}")
        return "+".join(parts)

    def key(self, address: str) -> str:
        """
        Return the key of *address*.

        Args:
            address: With or without a display name, as people write it.

        Raises:
            ConfigurationError: It is not an address.
        """
        key = self._key(address)
        if key is None:
            raise ConfigurationError(
                "not an address that SES can mail",
                "give one such as ann@example.com, with an ASCII local part",
            )
        return key

    def keys_of(self, addresses: Iterable[str]) -> dict[str, str]:
        """
        Return the keys by the addresses as they were given.

        What is not an address is left out: no store has it.
        """
        return {
            address: key
            for address in addresses
            if (key := self._key(address)) is not None
        }

    def _key(self, address: str) -> str | None:
        folded: str | None
        if len(address) > _address.MAX_CHARS:
            return None
        if _PLAIN.fullmatch(address):
            folded = address.lower()
        else:
            folded = _fold_unusual(address)
        if folded is None or len(folded) > _ses.ADDRESS_MAX_CHARS:
            return None
        if self.plus_tags or self.providers:
            folded = self._fold_more(folded)
        return folded if self.secret is None else self._hashed(folded)

    def _fold_more(self, folded: str) -> str:
        local, _, domain = folded.rpartition("@")
        if local.startswith('"'):
            return folded
        user, plus, tag = local.partition("+")
        rest = "" if user and self.plus_tags else plus + tag
        provider = _PROVIDERS.get(domain) if self.providers else None
        if provider is not None:
            domain = provider.domain
            if provider.ignores_dots:
                user = user.replace(".", "") or user
        return f"{user}{rest}@{domain}"

    def _hashed(self, text: str) -> str:
        import hmac  # loads OpenSSL

        # Only called if there is one.
        secret = self.secret or b""
        return hmac.digest(secret, text.encode("ascii"), "sha256").hex()


def bare(address: str) -> str:
    """Return *address* without its display name, as it is written."""
    return _address.split(address.strip())[1].strip()


def _fold_unusual(address: str) -> str | None:
    """Fold what has a name, quotes, an IDN, or is not an address."""
    name, text = _address.split(address.strip())
    if name and not _can_be_name(name):
        return None
    local, _, domain = _address.encode(text.strip()).rpartition("@")
    domain = domain.removesuffix(".")
    if len(local) + len(domain) > _ses.ADDRESS_MAX_CHARS:
        return None
    if not _UNUSUAL.fullmatch(f"{local}@{domain}"):
        return None
    if local.startswith('"'):
        local = _unquote(local)
    return f"{local}@{domain}".lower()


def _can_be_name(name: str) -> bool:
    """Whether *name* hides no second address, and breaks no header."""
    example = _address.encode(f"{name} <a@a.example>")
    return _address.problem(example) is None


def _unquote(local: str) -> str:
    """Return the shortest form, as RFC 5321, 4.1.2, advises."""
    text = re.sub(r"\\(.)", r"\1", local[1:-1])
    if _DOT_STRING.fullmatch(text):
        return text
    return '"{}"'.format(re.sub(r'(["\\])', r"\\\1", text))
