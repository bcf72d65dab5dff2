"""What the simulated SES reports of its mails, unasked and on request."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import attrs

from . import _outcomes
from ._account import Suppression
from ._addresses import is_simulator
from ._events import Happening, stamp
from ._outcomes import Bouncing, Complaining
from ._outlets import Outlets

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from ._account import Account
    from ._fields import Params
    from ._mail import SentMail, SuppressedRecipient

_USER_AGENT: Final = "ExampleMail/2.1"
_READER_IP: Final = "192.0.2.44"


@attrs.define
class _Fated:
    bouncing: Bouncing
    left: int | None


class Reports(Outlets):
    """
    The feedback of an account: what becomes of its mails.

    Every accepted mail makes a `Send`; then each recipient gets it, unless
    the mailbox simulator, the suppression list or `make_bounce` says
    otherwise. What happens later is said with `bounce`, `complain` and the
    like. Nothing waits for a destination; `flush` does.
    """

    def __init__(self, account: Account) -> None:
        super().__init__(account)
        self._fated: dict[str, _Fated] = {}
        account.accepted = self._accepted

    def make_bounce(
        self,
        address: str,
        *,
        type: str = "Permanent",  # noqa: A002  # SES's own name
        sub_type: str = "General",
        status: str = "5.1.1",
        first: int | None = None,
    ) -> None:
        """
        Let mail to *address* bounce from now on, instead of arriving.

        Args:
            address: The recipient, in whatever case.
            type: ``"Permanent"``, ``"Transient"`` or ``"Undetermined"``.
            sub_type: Such as ``"General"`` or ``"MailboxFull"``.
            status: Status of RFC 3463, ``""`` for none.
            first: Only this many mails; 0 undoes it, None is all.
        """
        bouncing = Bouncing(type=type, sub_type=sub_type, status=status)
        with self._account.lock:
            self._fated[address.lower()] = _Fated(bouncing, first)

    def bounce(
        self,
        which: str,
        *,
        type: str = "Permanent",  # noqa: A002  # SES's own name
        sub_type: str = "General",
        status: str = "5.1.1",
        recipients: Sequence[str] = (),
    ) -> None:
        """
        Let a mail bounce after all; a hard bounce is put on the list.

        Args:
            which: A message id: all of its recipients, or those named; or
                an address: the last mail to it, for this recipient alone.
            type: ``"Permanent"``, ``"Transient"`` or ``"Undetermined"``.
            sub_type: Such as ``"General"`` or ``"MailboxFull"``.
            status: Status of RFC 3463, ``""`` for none.
            recipients: As SES reports them, perhaps not as they were sent
                to; none are those that *which* says.

        Raises:
            LookupError: There is no such mail.
        """
        mail, people = self._find(which, recipients)
        bouncing = Bouncing(type=type, sub_type=sub_type, status=status)
        account = self._account
        detail = _outcomes.bounce(
            mail, people, bouncing, account.now(), account.region
        )
        if bouncing.is_hard:
            self._list(people, "BOUNCE")
        self._publish("Bounce", mail, detail)

    def complain(
        self,
        which: str,
        *,
        feedback_type: str | None = "abuse",
        recipients: Sequence[str] = (),
    ) -> None:
        """
        Let a recipient complain, who is put on the list.

        Args:
            which: A message id or an address, as for `bounce`.
            feedback_type: What the report is about; None is no report.
            recipients: As SES reports them; none are those that *which*
                says.

        Raises:
            LookupError: There is no such mail.
        """
        mail, people = self._find(which, recipients)
        complaining = Complaining(feedback_type=feedback_type)
        now = self._account.now()
        detail = _outcomes.complaint(mail, people, complaining, now)
        if feedback_type != "not-spam":
            self._list(people, "COMPLAINT")
        self._publish("Complaint", mail, detail)

    def deliver(self, which: str, *, recipients: Sequence[str] = ()) -> None:
        """
        Let a mail arrive once more, or at last.

        Args:
            which: A message id or an address, as for `bounce`.
            recipients: As SES reports them.

        Raises:
            LookupError: There is no such mail.
        """
        mail, people = self._find(which, recipients)
        account = self._account
        detail = _outcomes.delivery(
            people, mail.at, account.now(), account.region
        )
        self._publish("Delivery", mail, detail)

    def delay(
        self,
        which: str,
        *,
        type: str = "MailboxFull",  # noqa: A002  # SES's own name
        status: str = "4.2.2",
        recipients: Sequence[str] = (),
    ) -> None:
        """
        Report that a mail waits.

        Args:
            which: A message id or an address, as for `bounce`.
            type: Such as ``"MailboxFull"`` or ``"SpamDetected"``.
            status: Status of RFC 3463.
            recipients: As SES reports them.

        Raises:
            LookupError: There is no such mail.
        """
        mail, people = self._find(which, recipients)
        detail = _outcomes.delay(people, type, status, self._account.now())
        self._publish("DeliveryDelay", mail, detail)

    def open(
        self,
        which: str,
        *,
        user_agent: str = _USER_AGENT,
        ip_address: str = _READER_IP,
    ) -> None:
        """
        Let somebody open a mail.

        Args:
            which: A message id, or an address: the last mail to it.
            user_agent: With what.
            ip_address: From where.

        Raises:
            LookupError: There is no such mail.
        """
        mail, _ = self._find(which)
        self._publish("Open", mail, self._seen(user_agent, ip_address))

    def click(
        self,
        which: str,
        link: str,
        *,
        link_tags: Mapping[str, Sequence[str]] | None = None,
        user_agent: str = _USER_AGENT,
        ip_address: str = _READER_IP,
    ) -> None:
        """
        Let somebody follow a link of a mail.

        Args:
            which: A message id, or an address: the last mail to it.
            link: Where to.
            link_tags: Tags of the link, each name with its values.
            user_agent: With what.
            ip_address: From where.

        Raises:
            LookupError: There is no such mail.
        """
        mail, _ = self._find(which)
        tags = {name: list(given) for name, given in (link_tags or {}).items()}
        detail = self._seen(user_agent, ip_address) | {
            "link": link,
            "linkTags": tags or None,
        }
        self._publish("Click", mail, detail)

    def unsubscribe(
        self,
        which: str,
        *,
        contact_list: str = "customers",
        topics: Sequence[str] = (),
    ) -> None:
        """
        Let a contact opt out, through the header that SES added.

        Args:
            which: A message id, or an address: the last mail to it.
            contact_list: Of which list.
            topics: Of which topics; none is everything.

        Raises:
            LookupError: There is no such mail.
        """
        mail, _ = self._find(which)
        before, after = (
            {
                "unsubscribeAll": is_over and not topics,
                "topicSubscriptionStatus": [
                    {
                        "topicName": name,
                        "subscriptionStatus": "OptOut" if is_over else "OptIn",
                    }
                    for name in topics
                ],
            }
            for is_over in (False, True)
        )
        detail = {
            "contactList": contact_list,
            "timestamp": stamp(self._account.now()),
            "source": "UnsubscribeHeader",
            "newTopicPreferences": after,
            "oldTopicPreferences": before,
        }
        self._publish("Subscription", mail, detail)

    def _accepted(
        self,
        mail: SentMail,
        suppressed: Sequence[SuppressedRecipient],
        fault: str | None,
    ) -> None:
        if not (self._is_published or self._fated):
            return
        happenings = _outcomes.after_acceptance(
            mail,
            fault=fault,
            suppressed={gone.address: gone.reason for gone in suppressed},
            fated=self._fate_of,
            region=self._account.region,
        )
        self._offer(tuple(happenings))

    def _fate_of(self, address: str) -> Bouncing | None:
        with self._account.lock:
            fated = self._fated.get(address.lower())
            if fated is None or fated.left == 0:
                return None
            if fated.left is not None:
                fated.left -= 1
        if fated.bouncing.is_hard:
            self._list([address], "BOUNCE")
        return fated.bouncing

    def _find(
        self, which: str, recipients: Sequence[str] = ()
    ) -> tuple[SentMail, Sequence[str]]:
        with self._account.lock:
            for mail in reversed(self._account.sent):
                if mail.message_id == which:
                    return mail, recipients or mail.recipients
                for one in mail.recipients:
                    if one.lower() == which.lower():
                        return mail, recipients or [one]
        raise LookupError("SES has accepted no such mail")

    def _seen(self, user_agent: str, ip_address: str) -> Params:
        return {
            "timestamp": stamp(self._account.now()),
            "userAgent": user_agent,
            "ipAddress": ip_address,
        }

    def _list(self, people: Iterable[str], reason: str) -> None:
        """Put *people* on the account's list, if it wants that reason."""
        account = self._account
        with account.lock:
            if reason not in account.suppressed_reasons:
                return
            for address in people:
                if not is_simulator(address):
                    account.suppression[address] = Suppression(
                        address=address, reason=reason, at=account.now()
                    )

    def _publish(self, kind: str, mail: SentMail, detail: Params) -> None:
        self._offer([Happening(kind=kind, mail=mail, detail=detail)])
