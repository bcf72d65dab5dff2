"""
Who sends a message and who gets it, in the form that SES takes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from safeses import _ses, _validation
from safeses._mail import _address, _raw
from safeses._request._ready import LISTS
from safeses._rules import people as rules
from safeses._rules import shape

if TYPE_CHECKING:
    from collections.abc import Mapping

    from safeses._request._checks import Checks

# Where a finding says that a recipient stands.
IN_FIELDS: Final = {name: f"Destination.{name}" for name in LISTS}
IN_HEADERS: Final = {
    name: f"header {kind.capitalize()}"
    for name, kind in zip(LISTS, _raw.RECIPIENT_HEADERS, strict=True)
}
# One more than SES takes; what comes behind is counted, but not read.
_READ_OF_MANY: Final = _ses.MAX_RECIPIENTS + 1


def address_people(
    mine: dict[str, Any],
    checks: Checks,
    where: Mapping[str, str] = IN_FIELDS,
    *,
    has_from: bool = False,
) -> tuple[str, ...]:
    """
    Put every address into 7-bit form and check it.

    Args:
        mine: The parameters, which are changed.
        checks: Gets what is wrong with them.
        where: What a finding calls each list of recipients.
        has_from: Whether the message names its sender itself.

    Returns:
        The recipients, each once.
    """
    recipients = _address_recipients(mine, checks, where)
    sender = mine.get("FromEmailAddress")
    if has_from and (sender is None or sender == ""):
        mine.pop("FromEmailAddress", None)
    else:
        mine["FromEmailAddress"] = sender = _encode(sender)
        checks.note_one(_validation.check_sender(sender))
    _address_feedback(mine, checks)
    name = "ReplyToAddresses"
    answers = mine.get(name)
    if answers is not None and _is_list(name, answers, checks):
        mine[name] = [_encode(address) for address in answers]
        checks.note(_validation.check_addresses(name, mine[name]))
    return recipients


def _address_feedback(mine: dict[str, Any], checks: Checks) -> None:
    name = "FeedbackForwardingEmailAddress"
    address = mine.get(name)
    if address is not None:
        mine[name] = _encode(address)
        checks.note_one(_validation.check_address(name, mine[name]))


def _address_recipients(
    mine: dict[str, Any], checks: Checks, where: Mapping[str, str]
) -> tuple[str, ...]:
    given = mine.get("Destination") or {}
    if not isinstance(given, dict):
        checks.note_one(shape.wrong_type("Destination", "a dict", given))
        return ()
    mine["Destination"] = destination = given
    lists: dict[str, Any] = {}
    readable = True
    for name in LISTS:
        addresses = destination.pop(name, None)
        if addresses is not None:
            if not _is_list(where[name], addresses, checks):
                readable = False
            elif addresses:
                lists[name] = addresses
    if not readable:
        return ()
    count = sum(map(len, lists.values()))
    checks.note_one(_validation.check_count(count))
    left = _READ_OF_MANY if checks.errors else count
    for name, addresses in lists.items():
        read = [_encode(address) for address in addresses[:left]]
        left -= len(read)
        destination[name] = read
        checks.note(_validation.check_addresses(where[name], read))
    if count > 1:
        _leave_out_doubles(destination, lists, checks, where)
    return tuple(a for name in lists for a in destination.get(name, ()))


def _leave_out_doubles(
    destination: dict[str, Any],
    names: Mapping[str, object],
    checks: Checks,
    where: Mapping[str, str],
) -> None:
    """Keep the first of equal recipients; To goes before Cc and Bcc."""
    rule = rules.RECIPIENTS_DUPLICATE
    seen: set[str] = set()
    doubles: list[tuple[str, int]] = []
    for name in names:
        for number, address in enumerate(destination[name]):
            if not isinstance(address, str):
                continue  # refused already
            bare = _address.split(address)[1].lower()
            if bare in seen:
                doubles.append((name, number))
            seen.add(bare)
    if not doubles:
        return
    checks.note(
        rule.found(f"{where[name]}[{number}]", "one before")
        for name, number in doubles
    )
    if checks.policy.observes or checks.policy.level(rule.id) == "off":
        return
    for name, number in reversed(doubles):
        del destination[name][number]
        if not destination[name]:
            del destination[name]


def _is_list(field: str, items: object, checks: Checks) -> bool:
    if isinstance(items, (list, tuple)):  # as boto3 has it
        return True
    checks.note_one(shape.wrong_type(field, "a list of strings", items))
    return False


def _encode(address: Any) -> Any:
    if isinstance(address, str) and not address.isascii():
        return _address.encode(address)
    return address
