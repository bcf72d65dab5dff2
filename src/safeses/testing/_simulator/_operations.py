"""
The operations on mail, the account and its suppression list.

Each takes the account and the request's members and returns the answer's;
instants are `datetime`, blobs are bytes. Shapes: SESv2 API reference.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Sequence
from datetime import datetime, timezone
from typing import TypeVar

from ._account import Account, Suppression
from ._addresses import only
from ._bulk import draft_bulk, status_of
from ._fields import Params, needed, text, texts
from ._limits import MAX_MESSAGE_BYTES
from ._refused import RefusedError, bad, missing
from ._requests import draft_send

_T = TypeVar("_T")
_REASONS = ("BOUNCE", "COMPLAINT")
_PAGE_SIZE = 1000

EntryFault = Callable[[], "tuple[str, bool] | None"]


def send_email(
    account: Account,
    params: Params,
    operation: str = "SendEmail",
    max_bytes: int = MAX_MESSAGE_BYTES,
) -> Params:
    """Accept one message."""
    account.check_sending()
    draft = draft_send(params, account.templates, max_bytes)
    return {"MessageId": account.accept(draft, operation)}


def send_bulk_email(
    account: Account, params: Params, fault: EntryFault
) -> Params:
    """
    Answer every entry for itself.

    Args:
        account: Who sends.
        params: The request.
        fault: Asked once per entry: None, or a status to answer and whether
            the entry is accepted nevertheless.
    """
    account.check_sending()
    drafts = draft_bulk(params, account.templates)
    account.check_identities([only(needed(params, "FromEmailAddress"))])
    results: list[Params] = []
    for draft in drafts:
        forced = fault()
        try:
            if isinstance(draft, RefusedError):
                raise draft
            if forced is None:
                found = account.accept(draft, "SendBulkEmail")
                results.append({"Status": "SUCCESS", "MessageId": found})
                continue
            if forced[1]:
                account.accept(draft, "SendBulkEmail")
            results.append({"Status": forced[0], "Error": "Injected."})
        except RefusedError as refused:
            status = status_of(refused)
            results.append({"Status": status, "Error": refused.message})
    return {"BulkEmailEntryResults": results}


def get_account(account: Account, params: Params) -> Params:
    """Describe the account."""
    del params
    return {
        "DedicatedIpAutoWarmupEnabled": False,
        "EnforcementStatus": account.enforcement_status,
        "ProductionAccessEnabled": not account.sandbox,
        "SendQuota": {
            "Max24HourSend": float(account.max_24_hour_send),
            "MaxSendRate": float(account.max_send_rate),
            "SentLast24Hours": account.sent_last_24_hours(),
        },
        "SendingEnabled": (
            account.sending_enabled
            and account.enforcement_status != "SHUTDOWN"
        ),
        "SuppressionAttributes": {
            "SuppressedReasons": sorted(account.suppressed_reasons)
        },
        "Details": {
            "MailType": "TRANSACTIONAL",
            "WebsiteURL": "https://example.com",
            "ContactLanguage": "EN",
            "UseCaseDescription": "Simulated.",
            "ReviewDetails": {
                "Status": "PENDING" if account.sandbox else "GRANTED",
                "CaseId": "000000000000001",
            },
        },
        "VdmAttributes": {"VdmEnabled": "DISABLED"},
    }


def put_account_suppression_attributes(
    account: Account, params: Params
) -> Params:
    """Set which reasons suppress; an empty list turns suppression off."""
    account.suppressed_reasons = read_reasons(params)
    return {}


def put_account_sending_attributes(account: Account, params: Params) -> Params:
    """Pause or resume sending."""
    account.sending_enabled = bool(params.get("SendingEnabled", False))
    return {}


def put_suppressed_destination(account: Account, params: Params) -> Params:
    """List an address exactly as written."""
    if account.sandbox:
        # That it is refused: Developer Guide, "Request production access".
        # With which answer is unverified.
        raise bad("This operation is not available in the sandbox.")
    _refuse_tenant(params)
    address = only(needed(params, "EmailAddress"))
    reason = needed(params, "Reason")
    if reason not in _REASONS:
        raise bad(f"Invalid suppression list reason: {reason[:40]}")
    account.suppression[address] = Suppression(
        address=address, reason=reason, at=account.now()
    )
    return {}


def get_suppressed_destination(account: Account, params: Params) -> Params:
    """Return an entry; the case must be that of the entry."""
    _refuse_tenant(params)
    address = needed(params, "EmailAddress")
    entry = account.suppression.get(address)
    if entry is None:
        raise _not_listed(address)
    return {
        "SuppressedDestination": {
            "EmailAddress": entry.address,
            "Reason": entry.reason,
            "LastUpdateTime": entry.at,
        }
    }


def delete_suppressed_destination(account: Account, params: Params) -> Params:
    """Remove an entry; the case must be that of the entry."""
    _refuse_tenant(params)
    address = needed(params, "EmailAddress")
    if account.suppression.pop(address, None) is None:
        raise _not_listed(address)
    return {}


def list_suppressed_destinations(account: Account, params: Params) -> Params:
    """List entries by reason and time."""
    _refuse_tenant(params)
    reasons = texts(params, "Reasons") or list(_REASONS)
    start, end = _instant(params, "StartDate"), _instant(params, "EndDate")
    found = [
        entry
        for entry in account.suppression.values()
        if entry.reason in reasons
        and (start is None or entry.at >= start)
        and (end is None or entry.at <= end)
    ]
    page, following = page_of(found, params, "InvalidNextTokenException")
    return {
        "SuppressedDestinationSummaries": [
            {
                "EmailAddress": entry.address,
                "Reason": entry.reason,
                "LastUpdateTime": entry.at,
            }
            for entry in page
        ]
    } | following


def get_tenant(account: Account, params: Params) -> Params:
    """Say that there is none: tenants are not simulated."""
    del account
    raise _no_tenant(needed(params, "TenantName"))


def read_reasons(params: Params) -> frozenset[str]:
    """Return the enabled reasons of a request."""
    reasons = texts(params, "SuppressedReasons")
    if not set(reasons) <= set(_REASONS):
        raise bad("Invalid suppression list reason.")
    return frozenset(reasons)


def page_of(
    found: Sequence[_T], params: Params, code: str = "BadRequestException"
) -> tuple[Sequence[_T], Params]:
    """Return one page and the member that leads to the next, if any."""
    token = text(params, "NextToken")
    try:
        start = int(base64.b64decode(token, validate=True)) if token else 0
        size = int(params.get("PageSize") or _PAGE_SIZE)
    except (binascii.Error, TypeError, ValueError):
        raise RefusedError(code, "The next token is not valid.") from None
    end = start + max(1, size)
    if end >= len(found):
        return found[start:], {}
    return found[start:end], {
        "NextToken": base64.b64encode(str(end).encode()).decode()
    }


def _instant(params: Params, name: str) -> datetime | None:
    value = params.get(name)
    if value is None:
        return None
    try:
        found = (
            value
            if isinstance(value, datetime)
            else datetime.fromisoformat(str(value).replace("Z", "+00:00"))
        )
    except ValueError:
        raise bad(f"{name} is not a timestamp.") from None
    return found if found.tzinfo else found.replace(tzinfo=timezone.utc)


def _refuse_tenant(params: Params) -> None:
    name = text(params, "TenantName")
    if name:
        raise _no_tenant(name)


def _no_tenant(name: str) -> RefusedError:
    return missing(f"Tenant {name} does not exist.")


def _not_listed(address: str) -> RefusedError:
    text = f"Email address {address} does not exist on your suppression list."
    return missing(text)
