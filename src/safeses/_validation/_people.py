"""
Who sends it, and who gets it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from safeses import _address, _ses
from safeses._findings import Finding

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


def check_count(recipients: int) -> Finding | None:
    """Check that somebody gets it, and that SES takes so many."""
    if not recipients:
        return Finding(
            rule="recipients.none",
            field="Destination",
            limit="at least one recipient",
            seen="none",
            remedy="name one in to, cc or bcc",
            source="SESv2 API, Destination",
        )
    if recipients > _ses.MAX_RECIPIENTS:
        return Finding(
            rule="recipients.count",
            field="Destination",
            limit=f"at most {_ses.MAX_RECIPIENTS} recipients",
            seen=str(recipients),
            remedy="send several messages, best one for each recipient",
            source="SES Developer Guide, Service quotas",
        )
    return None


def check_addresses(
    field: str, addresses: Iterable[object]
) -> Iterator[Finding]:
    """Check the addresses of one list; a finding says which one it is."""
    for number, address in enumerate(addresses):
        if isinstance(address, str) and not _address.problem(address):
            continue
        wrong = check_address(f"{field}[{number}]", address)
        if wrong is not None:
            yield wrong


def check_address(field: str, address: object) -> Finding | None:
    """Check one address, already in 7-bit form."""
    if not isinstance(address, str):
        return Finding.wrong_type(field, "a string", address)
    wrong = _address.problem(address)
    if wrong is None:
        return None
    if wrong is _address.CONTROLS:
        return Finding.control(field)
    return Finding(
        rule="address.syntax",
        field=field,
        limit="one ASCII address, as in RFC 5321",
        seen=wrong.seen,
        remedy=wrong.remedy,
        source="RFC 5321, 4.1.2; SESv2 API, Destination",
    )


def check_sender(sender: object) -> Finding | None:
    """Check that somebody sends it, and the address, in 7-bit form."""
    if sender is None or sender == "":
        return Finding.no_sender("FromEmailAddress")
    return check_address("FromEmailAddress", sender)
