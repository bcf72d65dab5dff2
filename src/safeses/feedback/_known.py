"""
Whether an event is about mail of ours.

Who can publish to a topic that we listen to, or send from an account that
publishes there, could else have addresses suppressed by events about mail
that we never sent.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import attrs

from safeses._mail import _tag
from safeses.errors import ConfigurationError
from safeses.events import (
    Advice,
    Mail,
    SendingStatus,
    SetUp,
    TopicConfirmation,
    UnknownEvent,
)

if TYPE_CHECKING:
    from collections.abc import Collection

    from safeses._parts import Parts
    from safeses.events import FeedbackEvent

# They are about an account or a topic, and nobody is suppressed by them.
_WITHOUT_MAIL: Final = (Advice, SendingStatus, SetUp, TopicConfirmation)
_NO_MAIL: Final = Mail()
_ACCOUNT: Final = re.compile(r"[0-9]{12}")


def _lower(names: Collection[str]) -> frozenset[str]:
    return frozenset(name.lower() for name in names)


@attrs.frozen(kw_only=True)
class KnownMail:
    """
    What mail must have to be ours; all that is given must hold.

    Attributes:
        tag: Whether its correlation tag must be signed with our key. Mail
            of other senders, and notifications without tags and headers,
            are not known then.
        accounts: The AWS accounts that send; empty for any.
        identities: The identities that send: addresses, and domains,
            which stand for their addresses and subdomains; empty for any.
    """

    tag: bool = False
    accounts: frozenset[str] = frozenset()
    identities: frozenset[str] = attrs.field(
        default=frozenset(), converter=_lower
    )

    def check(self, parts: Parts) -> None:
        """
        Make sure that it can be told at all.

        Raises:
            ConfigurationError: There is no key, or no mail can match.
        """
        for account in self.accounts:
            if not _ACCOUNT.fullmatch(account):
                raise ConfigurationError(
                    f"the account {account!r} is not twelve digits",
                    "give the ids of the AWS accounts that send",
                )
        if self.tag and not parts.tag_key:
            raise ConfigurationError(
                "require_known_message=True needs signed tags",
                "give the sender a key: Client(tag_key=...), the same"
                " wherever events are received",
            )

    def why_not(self, event: FeedbackEvent, parts: Parts) -> str:
        """Return why *event* is not about mail of ours, ``""`` if it is."""
        if isinstance(event, _WITHOUT_MAIL):
            return ""
        mail = event.mail
        if isinstance(event, UnknownEvent) and mail == _NO_MAIL:
            return ""
        if self.tag and not _is_signed(mail.tag, parts.tag_key):
            return "its tag is not signed with our key"
        if self.accounts and mail.account_id not in self.accounts:
            return "another account sent it"
        if self.identities and not self._is_from_us(mail):
            return "another identity sent it"
        return ""

    def _is_from_us(self, mail: Mail) -> bool:
        _, slash, identity = mail.source_arn.partition(":identity/")
        # The envelope's sender may come with a name, in angle brackets.
        source = mail.source.rpartition("<")[2].partition(">")[0]
        name = (identity if slash else source).strip().lower()
        if not name:
            return False
        if name in self.identities:
            return True
        labels = name.rpartition("@")[2].split(".")
        domains = (".".join(labels[at:]) for at in range(len(labels)))
        return not self.identities.isdisjoint(domains)


def _is_signed(tag: str, key: bytes | None) -> bool:
    # What is not ASCII cannot even be compared.
    return bool(key and tag.isascii() and _tag.is_ours(tag, key))
