"""
A message that was checked and may be sent.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import attrs

from safeses._mail import _address
from safeses._request._checks import Checks

if TYPE_CHECKING:
    from collections.abc import Iterable

    from safeses._findings import Dropped, Finding
    from safeses._policy import Policy
    from safeses.events import Kind

LISTS: Final = ("ToAddresses", "CcAddresses", "BccAddresses")


# As in `_outcome`: made for every send, hence not frozen.
@attrs.define(kw_only=True, eq=False)
class Request:
    """
    One message, checked and ready.

    Attributes:
        params: The parameters of ``SendEmail``; ours alone.
        kind: ``"simple"``, ``"raw"`` or ``"template"``.
        recipients: Everybody it goes to.
        cost: Recipients that count against the send rate.
        quota_cost: Recipients that count against the 24 h quota.
        fields: Its headers, by lower-case name; of a message that SES
            builds, the custom ones.
        tag: The correlation id of the call.
        marked: Whether the mail carries the tag.
        scope: Whose budget it draws on.
        sender: Who sends it, ``""`` if nobody can tell.
        configuration_set: The name of its configuration set, or ``""``.
        tenant: The name of the tenant that sends it, or ``""``.
        findings: What is worth saying about it, but refuses nothing.
        outsiders: Recipients that this client may not mail at all.
    """

    params: dict[str, Any] = attrs.field(repr=False)
    kind: Kind
    recipients: tuple[str, ...] = attrs.field(repr=False)
    cost: int
    quota_cost: int
    fields: dict[str, list[str]] = attrs.field(factory=dict, repr=False)
    tag: str = ""
    scope: str = ""
    marked: bool = True
    sender: str = attrs.field(default="", repr=False)
    configuration_set: str = ""
    tenant: str = ""
    findings: tuple[Finding, ...] = ()
    outsiders: tuple[Dropped, ...] = attrs.field(default=(), repr=False)

    @property
    def one_of(self) -> tuple[str, ...]:
        """
        Of whom one at least must be left, if it is not all the same.

        A message that SES builds, and that lost everybody in To, would
        show its other recipients a mail to nobody.
        """
        if self.kind == "raw":
            return ()
        return tuple(self.params["Destination"].get("ToAddresses", ()))

    @property
    def carried_tag(self) -> str:
        """The tag that can be found again, ``""`` if the mail has none."""
        return self.tag if self.marked else ""

    def judged(self, policy: Policy, found: Iterable[Finding]) -> Request:
        """
        Return the request with more findings.

        Raises:
            InvalidMessageError: They refuse it.
        """
        checks = Checks(policy)
        checks.note(found)
        checks.refuse()
        notes = (*self.findings, *checks.notes)
        return attrs.evolve(self, findings=notes) if checks.notes else self

    def without(self, dropped: Iterable[Dropped]) -> Request | None:
        """
        Return the request with some recipients left out.

        A raw message's headers keep their names: only the envelope
        decides who gets it.

        Returns:
            None if nobody is left, or nobody of `one_of`.
        """
        out = {gone.address for gone in dropped}
        kept = tuple(a for a in self.recipients if a not in out)
        given = self.params["Destination"]
        people = {
            name: [a for a in given[name] if a not in out]
            for name in LISTS
            if name in given
        }
        if all(address in out for address in self.one_of or self.recipients):
            return None
        others = {k: v for k, v in given.items() if k not in LISTS}
        left = {name: names for name, names in people.items() if names}
        return attrs.evolve(
            self,
            params={**self.params, "Destination": {**others, **left}},
            recipients=kept,
            cost=len(kept),
            quota_cost=quota_cost(kept),
        )


def quota_cost(recipients: tuple[str, ...]) -> int:
    """Return how many count against the 24 h quota."""
    return sum(not _address.is_simulated(address) for address in recipients)
