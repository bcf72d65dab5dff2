"""
What kind of mail it is: bulk or not, to many or to one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from safeses import _ses
from safeses._rules import content as rules
from safeses._rules import people

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from safeses._findings import Finding
    from safeses._values import Priority

_ONE_CLICK: Final = "List-Unsubscribe=One-Click"


def check_kind(
    headers: Mapping[str, Sequence[str]],
    priority: Priority,
    recipients: int,
    *,
    managed: bool,
) -> Iterator[Finding]:
    """
    Check that bulk mail can be unsubscribed from, and only that.

    Args:
        headers: The custom headers, by lower-case name.
        priority: How the mail is sent.
        recipients: How many there are.
        managed: Whether SES handles unsubscribing.
    """
    link = "".join(headers.get("list-unsubscribe", ()))
    if priority == "bulk":
        post = "".join(headers.get("list-unsubscribe-post", ())).strip()
        if not (managed or ("<https:" in link.lower() and post == _ONE_CLICK)):
            seen = "not both of them" if link or post else "neither"
            yield rules.UNSUBSCRIBE_MISSING.found("Headers", seen)
    elif link:
        yield rules.UNSUBSCRIBE_TRANSACTIONAL.found("Headers", "one")
    if managed and recipients > 1:
        yield rules.LIST_MANAGEMENT_MANY.found(
            "ListManagementOptions", f"{recipients} recipients"
        )


def check_speed(recipients: int, per_second: float | None) -> Finding | None:
    """Check that a message to many does not hold up all others."""
    if recipients < 2 or not per_second:  # noqa: PLR2004  # several
        return None
    seconds = recipients / per_second
    if seconds <= _ses.SLOW_MESSAGE_S:
        return None
    return people.RECIPIENTS_SLOW.found(
        "Destination", f"{recipients} recipients, {seconds:.0f} s"
    )
