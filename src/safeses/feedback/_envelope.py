"""
Whom a mail was sent to, and which of them an event is about.

An event may name another spelling than was mailed, or the address that
the mail was forwarded to (Guide, "Contents of event data": the final
recipient of the report). What would be mailed again is what was mailed.

That report is written by whoever took the mail, and may name anybody: it
must not stop mail to somebody whom this mail was never sent to.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import attrs

from safeses.events import Recipient
from safeses.suppression import AddressKeys
from safeses.suppression._keys import bare

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from safeses.events import Mail

# Folds as little as any store does: what is the same here is everywhere.
_KEYS: Final = AddressKeys()


class Person(NamedTuple):
    """
    Somebody whom an event is about.

    Attributes:
        address: What would be mailed, bare; ``""`` if nobody can tell.
        key: The same, folded.
        is_sent_to: Whether it is known that the mail was sent to it.
    """

    address: str
    key: str
    is_sent_to: bool


NOBODY: Final = Person("", "", is_sent_to=False)


@attrs.frozen
class Envelope:
    """
    The recipients of a mail.

    Attributes:
        people: Each by the key of the address.
        only: The one whom it was sent to, None if it was none or several.
    """

    people: Mapping[str, Person]
    only: Person | None

    @classmethod
    def of(cls, mail: Mail) -> Envelope:
        """Return that of *mail*."""
        keys = _KEYS.keys_of(mail.destination)
        people = {
            key: Person(bare(address), key, is_sent_to=True)
            for address, key in keys.items()
        }
        only = None
        if len(people) == 1 and keys.keys() == {*mail.destination}:
            (only,) = people.values()
        return cls(people, only)

    def whom(self, recipient: Recipient) -> Person:
        """
        Return who *recipient* is.

        One whom the mail was not sent to is the one whom it was sent to,
        if there is but one; of several it is nobody. Only where the event
        does not say whom it was sent to, it is taken as it stands.
        """
        key = _KEYS.keys_of([recipient.bare]).get(recipient.bare, "")
        if key in self.people:
            return self.people[key]
        if self.only is not None:
            return self.only
        if key and not self.people:
            return Person(bare(recipient.bare), key, is_sent_to=False)
        return NOBODY

    def named(self, recipients: Sequence[Recipient]) -> Sequence[Recipient]:
        """Return *recipients*; if there are none, the one it can be."""
        if recipients or self.only is None:
            return recipients
        address = self.only.address
        return (Recipient(address=address, bare=address),)

    def each(self, recipients: Sequence[Recipient]) -> Iterable[Person]:
        """Return everybody whom *recipients* are, once."""
        found = map(self.whom, self.named(recipients))
        return {person.key: person for person in found if person.key}.values()
