"""
Entries of SES's list, one address at a time, and remembered.

SES stores an address as it was written, looks at send time without regard
to case, but answers questions only for the exact case (Guide, "Using the
account-level suppression list"). Asked is for an address as written, in
lower case, and as it is folded. An entry in another spelling is missed;
that costs no more than a mail which SES accepts and then bounces by
itself, outside of the reputation, and whose event brings the address
into a list of one's own.

So who is there is there in every spelling. Who is not there is only not
there in the spellings that were asked for.
"""

from __future__ import annotations

import datetime as dt
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import attrs

from safeses._mail import _address
from safeses._suppressed import Suppression
from safeses.errors import ConfigurationError, RejectedError, StoreError
from safeses.suppression._account_settings import ENGINE, NOT_FOUND
from safeses.suppression._keys import bare
from safeses.suppression._remembered import Remembered

if TYPE_CHECKING:
    from collections.abc import Mapping

    from safeses.typing import Clock, SESApi

# API, SuppressionListReason.
REASONS: Final = {"bounce": "BOUNCE", "complaint": "COMPLAINT"}


@attrs.frozen
class Known:
    """
    What SES said of an address.

    Attributes:
        entry: Its entry, in whatever spelling.
        absent: Which spellings are not there, each until when to believe
            that.
    """

    entry: Suppression | None = None
    absent: Mapping[str, float] = attrs.field(factory=dict)

    def says(self, spelled: str, now: float) -> bool:
        """Whether SES need not be asked for a spelling."""
        return self.entry is not None or self.absent.get(spelled, now) > now


@attrs.define(eq=False, kw_only=True)
class AccountEntries:
    """
    What SES says of single addresses; many threads may ask at once.

    Attributes:
        api: Makes the calls.
        clock: Where the time comes from.
        found_ttl_s: How long to believe that an address is on a list.
        absent_ttl_s: How long to believe that it is not.
        max_cached: How many addresses to remember.
    """

    api: SESApi
    clock: Clock
    found_ttl_s: float
    absent_ttl_s: float
    max_cached: int
    _known: Remembered[Known] = attrs.field(init=False)

    @_known.default
    def _none_known(self) -> Remembered[Known]:
        return Remembered(self.clock, self._fresh_s, self.max_cached)

    def peek(self, tenant: str, key: str) -> Known | None:
        """Return what is remembered, None if nothing is."""
        return self._known.peek((tenant, key))

    def knows(self, address: str, key: str, tenant: str) -> bool:
        """Whether SES need not be asked about *address*."""
        known, now = self.peek(tenant, key), self.clock.monotonic()
        return known is not None and all(
            known.says(spelled, now) for spelled in spellings(address, key)
        )

    def ask(
        self, address: str, key: str, tenant: str, ends_at: float
    ) -> Suppression | None:
        """
        Return the entry of *address*, whether it counts or not.

        Each spelling is asked for and remembered by itself, so that who
        had no time for all of them need not begin anew.
        """
        for spelled in spellings(address, key):
            known = self._known.get(
                (tenant, key),
                partial(self._ask, spelled, tenant, ends_at),
                ends_at,
                partial(self._says, spelled),
            )
            if known.entry is not None:
                return known.entry
        return None

    def forget(self, tenant: str, key: str) -> None:
        """Have the next one ask SES."""
        self._known.forget((tenant, key))

    def _fresh_s(self, known: Known) -> float:
        return self.found_ttl_s if known.entry else self.absent_ttl_s

    def _says(self, spelled: str, known: Known) -> bool:
        return known.says(spelled, self.clock.monotonic())

    def _ask(
        self, spelled: str, tenant: str, ends_at: float, known: Known | None
    ) -> Known:
        entry = self._get(spelled, tenant, ends_at - self.clock.monotonic())
        if entry is not None:
            return Known(entry)
        now = self.clock.monotonic()
        before = known.absent if known else {}
        absent = {s: until for s, until in before.items() if until > now}
        return Known(absent={**absent, spelled: now + self.absent_ttl_s})

    def _get(
        self, address: str, tenant: str, within_s: float
    ) -> Suppression | None:
        whose: dict[str, Any] = {"TenantName": tenant} if tenant else {}
        try:
            body = self.api.call(
                "get_suppressed_destination",
                EmailAddress=address,
                within_s=within_s,
                **whose,
            )
        except RejectedError as error:
            if error.status == NOT_FOUND:
                return None
            raise
        found = body.get("SuppressedDestination")
        if not found:
            raise no_content()
        return read_entry(found, tenant)


def read_entry(found: Mapping[str, Any], tenant: str) -> Suppression:
    """Return an entry of the list of *tenant* as ours."""
    since = found.get("LastUpdateTime")
    return Suppression(
        address=found["EmailAddress"],
        reason=str(found["Reason"]).lower(),
        source="ses-tenant" if tenant else "ses-account",
        since=since and since.astimezone(dt.timezone.utc),
    )


def as_sent(address: str) -> str:
    """Return the bare address as SES gets it in a mail: in 7-bit form."""
    return _address.encode(bare(address))


def spellings(address: str, key: str, stored: str = "") -> list[str]:
    """Return in which forms to look for *address*, the likeliest first."""
    written = as_sent(address)
    likely = (stored, written, written.lower(), key)
    return [spelled for spelled in dict.fromkeys(likely) if spelled]


def no_content() -> StoreError:
    """Say that an answer is not one of SES, whatever its status."""
    return StoreError("suppression", ENGINE, "an answer without content")


def why_not(entry: Suppression) -> str:
    """Return what about *entry* SES cannot keep, ``""`` for nothing."""
    if entry.stream:
        return "a stream"
    if entry.expires_at is not None:
        return "an end"
    if entry.reason not in REASONS:
        return f"the reason {entry.reason}"
    return ""


def check(entry: Suppression) -> None:
    """
    Make sure that SES can keep *entry*.

    Raises:
        ConfigurationError: It cannot.
    """
    wrong = why_not(entry)
    if wrong:
        raise ConfigurationError(
            f"SES cannot keep an entry with {wrong}",
            "keep it in a store of your own",
        )
