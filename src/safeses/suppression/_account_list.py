"""
SES's own list of an account, or of a tenant, as a store.
"""

from __future__ import annotations

from copy import copy
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import attrs

from safeses._clock import SystemClock
from safeses._suppressed import Page, Suppression
from safeses.errors import (
    AccessDeniedError,
    ConfigurationError,
    RateLimitedError,
    RejectedError,
    StoreError,
    UnreachableError,
)
from safeses.suppression._account_entries import (
    REASONS,
    AccountEntries,
    as_sent,
    check,
    no_content,
    read_entry,
    spellings,
)
from safeses.suppression._account_settings import (
    ENGINE,
    NOT_FOUND,
    AccountSettings,
)
from safeses.suppression._keys import AddressKeys

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from safeses.typing import Clock, SESApi

# Guide, "Service quotas" and API, ListSuppressedDestinations.
PAGE_MAX: Final = 1_000
# Who changes or reads the whole list waits; a send does not.
PATIENT_S: Final = 60.0
STALE: Final = "InvalidNextTokenException"
BAD_REQUEST: Final = 400
# SES was not there: what that means is the caller's choice.
_NO_ANSWER: Final = (RateLimitedError, UnreachableError, StoreError)


def _check_seconds(
    _: object, field: attrs.Attribute[Any], value: object
) -> None:
    if not isinstance(value, (int, float)) or not 0 <= value < float("inf"):
        raise ConfigurationError(
            f"{field.name}={value!r} is not a number of seconds",
            "use such as 300",
        )


def _check_count(
    _: object, field: attrs.Attribute[Any], value: object
) -> None:
    if not isinstance(value, int) or value < 1:
        raise ConfigurationError(
            f"{field.name}={value!r} is not a whole number above 0",
            "use such as 100_000",
        )


@attrs.define(eq=False)
class AccountSuppressionList:
    """
    The suppression list that SES keeps for the account or a tenant.

    It implements `safeses.typing.SuppressionStore`, as far as SES can:
    entries stop all mail and last for ever, for a bounce or a complaint.
    An entry whose case is neither that of the question nor lower is not
    found; then SES accepts the mail and bounces it by itself. SES allows
    one call a second, so what it says is remembered, and who mails many
    should rather `safeses.suppression.sync` it into a store.

    What is remembered is known to this object, and to what `made_strict`
    makes of it. What is added through another one, by another process or
    by SES itself is seen when the memory of it ends.

    Attributes:
        api: Makes the calls.
        tenant: Whose list to keep, and for whose mail to look if nobody
            says; ``""`` is the account. Needs botocore 1.44 or so.
        clock: Where the time comes from.
        found_ttl_s: How long to believe that an address is on the list.
        absent_ttl_s: How long to believe that it is not.
        max_cached: How many addresses to remember.
        max_wait_s: How long one `find` may take, the answers of SES
            included; with 0 it asks nobody.
        strict: Whether `find` fails where SES gives no answer in time.
            If not, whom it could not ask about passes: SES looks at its
            list all the same, and bounces the mail.
    """

    engine: str = attrs.field(default=ENGINE, init=False)
    api: SESApi = attrs.field(repr=False)
    tenant: str = attrs.field(default="", kw_only=True)
    clock: Clock = attrs.field(factory=SystemClock, kw_only=True)
    found_ttl_s: float = attrs.field(
        default=3600.0, kw_only=True, validator=_check_seconds
    )
    absent_ttl_s: float = attrs.field(
        default=300.0, kw_only=True, validator=_check_seconds
    )
    max_cached: int = attrs.field(
        default=100_000, kw_only=True, validator=_check_count
    )
    max_wait_s: float = attrs.field(
        default=2.0, kw_only=True, validator=_check_seconds
    )
    strict: bool = attrs.field(default=True, kw_only=True)
    _keys: AddressKeys = attrs.field(factory=AddressKeys, init=False)
    _settings: AccountSettings = attrs.field(init=False, repr=False)
    _entries: AccountEntries = attrs.field(init=False, repr=False)

    @_settings.default
    def _new_settings(self) -> AccountSettings:
        return AccountSettings(self.api, self.clock)

    @_entries.default
    def _new_entries(self) -> AccountEntries:
        return AccountEntries(
            api=self.api,
            clock=self.clock,
            found_ttl_s=self.found_ttl_s,
            absent_ttl_s=self.absent_ttl_s,
            max_cached=self.max_cached,
        )

    def made_strict(self, *, strict: bool) -> AccountSuppressionList:
        """Return this list, strict or not, with the same memory."""
        view = copy(self)
        view.strict = strict
        return view

    def find(
        self,
        addresses: Sequence[str],
        *,
        stream: str = "",  # noqa: ARG002  # entries of SES stop all of them
        configuration_set: str = "",
        tenant: str = "",
        max_wait_s: float | None = None,
    ) -> dict[str, Suppression]:
        """
        Return whom of *addresses* SES would not mail, and why.

        That is who is on the list which SES would look at, the account's
        or the tenant's, for a reason that is enabled for this mail. The
        default configuration set of an identity is not known here: name
        the set if it matters.

        Args:
            addresses: One call each, two if not in lower case, unless
                remembered.
            stream: Entries of SES stop every stream.
            configuration_set: What the mail is sent with.
            tenant: Who sends it, if not the tenant of this list.
            max_wait_s: How long it may take, if not as long as this list
                says.

        Raises:
            StoreError: No answer in time, and `strict`.
            AccessDeniedError: IAM does not allow a call that it takes.
            NotSentError: SES refuses to say.
        """
        if max_wait_s is None:
            max_wait_s = self.max_wait_s
        ends_at = self.clock.monotonic() + max_wait_s
        keys = self._keys.keys_of(addresses)
        if not keys:
            return {}
        pass_or_fail = partial(self._pass_or_fail, max_wait_s)
        try:
            whose = self._settings.whose(
                configuration_set, tenant or self.tenant, ends_at
            )
        except _NO_ANSWER as error:
            pass_or_fail(error, len(keys))
            return {}
        found: dict[str, Suppression] = {}
        for done, address in enumerate(self._known_first(keys, whose)):
            key = keys[address]
            try:
                entry = self._entries.ask(address, key, whose, ends_at)
                # Hardly anybody is on the list: only then this is asked.
                if entry and REASONS.get(entry.reason) in (
                    self._settings.reasons(configuration_set, whose, ends_at)
                ):
                    found[address] = entry
            except _NO_ANSWER as error:
                pass_or_fail(error, len(keys) - done)
                break
        return found

    def add(self, entries: Sequence[Suppression]) -> list[bool]:
        """
        Put entries on the list; say for each whether it was not there.

        Up to three calls each. Of adds that race through other processes
        more than one may say so: SES does not tell.

        Raises:
            ConfigurationError: SES cannot express an entry, or does not
                let a sandbox add any; nothing was added then.
            NotSentError: SES could not be asked; call it again.
        """
        entries = list(entries)
        for entry in entries:
            check(entry)
        return [self._add(entry) for entry in entries]

    def put(self, entry: Suppression) -> None:
        """
        Put one entry on the list, in the place of what may be there.

        Raises:
            ConfigurationError: SES cannot express it, or the account is
                in the sandbox.
            NotSentError: SES could not be asked, or refused.
        """
        check(entry)
        address = as_sent(entry.address)
        try:
            self._call(
                "put_suppressed_destination",
                EmailAddress=address,
                Reason=REASONS[entry.reason],
            )
        except RejectedError as error:
            if error.status == BAD_REQUEST:
                self.refuse_sandbox()
            raise
        finally:
            # Whatever the answer was, or if there is none: SES may have
            # taken it.
            self._forget(address)

    def refuse_sandbox(self) -> None:
        """
        Ask SES whether the account may add entries at all.

        Raises:
            ConfigurationError: It may not, as it is in the sandbox.
            NotSentError: SES could not be asked.
        """
        try:
            body = self.api.call("get_account", max_wait_s=PATIENT_S)
        except AccessDeniedError:
            return  # nobody knows; adding will tell
        if body.get("ProductionAccessEnabled") is False:
            raise ConfigurationError(
                "SES does not let an account in the sandbox add to its"
                " suppression list",
                "request production access, or use a store of your own",
            )

    def remove(
        self, addresses: Sequence[str], *, stream: str | None = None
    ) -> int:
        """
        Remove entries and return how many there were.

        SES removes only the exact case that it stored. Tried are the
        case of what was found, the one written, and lower case: a call
        each. `page` shows the case of every entry.
        """
        if stream:
            return 0
        return sum(
            self._delete(spelled)
            for address, key in self._keys.keys_of(addresses).items()
            for spelled in spellings(address, key, self._stored(key))
        )

    def page(self, after: str = "", limit: int = PAGE_MAX) -> Page:
        """
        Return some of the entries, whatever reasons are enabled.

        Args:
            after: ``""``, then the `next` of the page before.
            limit: How many at most; SES gives 1,000 at most.

        Raises:
            RejectedError: Of the code ``"InvalidNextTokenException"``: SES
                has forgotten the place; begin again with the first page.
            NotSentError: SES could not be asked.
        """
        params: dict[str, Any] = {"PageSize": min(max(limit, 1), PAGE_MAX)}
        if after:
            params["NextToken"] = after
        try:
            body = self._call("list_suppressed_destinations", **params)
        except RejectedError as error:
            if error.code != STALE:
                raise
            raise attrs.evolve(
                error,
                detail="this place in the list is not known any more;"
                " begin again with the first page",
            ) from error
        found = body.get("SuppressedDestinationSummaries")
        if found is None:
            raise no_content()
        following = body.get("NextToken") or ""
        if following and following == after:
            raise StoreError("suppression", ENGINE, "a page without an end")
        return Page(
            entries=tuple(read_entry(one, self.tenant) for one in found),
            next=following,
        )

    def count(self) -> int:
        """Return how many entries there are; a call for every thousand."""
        page = self.page()
        total = len(page.entries)
        while page.next:
            page = self.page(page.next)
            total += len(page.entries)
        return total

    def purge(self) -> int:
        """Return 0: no entry of SES expires."""
        return 0

    def after_fork(self) -> None:
        """Nothing to do: each process remembers for itself."""

    def close(self) -> None:
        """Nothing to let go of: the calls are another's."""

    @property
    def scope(self) -> str:
        """Whose list it is: the account and region."""
        return self.api.scope

    def _known_first(self, keys: Mapping[str, str], whose: str) -> list[str]:
        knows = self._entries.knows
        return sorted(keys, key=lambda a: not knows(a, keys[a], whose))

    def _add(self, entry: Suppression) -> bool:
        key = self._keys.key(entry.address)
        ends_at = self.clock.monotonic() + PATIENT_S
        self._forget(entry.address)  # not what SES said an hour ago
        known = self._entries.ask(entry.address, key, self.tenant, ends_at)
        if known is None:
            self.put(entry)
        return known is None

    def _delete(self, address: str) -> bool:
        self._forget(address)
        try:
            self._call("delete_suppressed_destination", EmailAddress=address)
        except RejectedError as error:
            if error.status == NOT_FOUND:
                return False
            raise
        finally:
            # Once more, as another thread may have asked meanwhile.
            self._forget(address)
        return True

    def _stored(self, key: str) -> str:
        known = self._entries.peek(self.tenant, key)
        return known.entry.address if known and known.entry else ""

    def _forget(self, address: str) -> None:
        self._entries.forget(self.tenant, self._keys.key(address))

    def _call(self, operation: str, **params: Any) -> Mapping[str, Any]:
        if self.tenant:
            params["TenantName"] = self.tenant
        wait_s = max(self.max_wait_s, PATIENT_S)
        return self.api.call(operation, max_wait_s=wait_s, **params)

    def _pass_or_fail(
        self, max_wait_s: float, error: Exception, unasked: int
    ) -> None:
        if self.strict:
            raise StoreError(
                "suppression",
                ENGINE,
                f"{unasked} addresses could not be looked up in"
                f" {max_wait_s:.3g} s ({type(error).__name__}); SES answers"
                " one call a second, so sync its list into a store of your"
                " own, or set strict=False",
            ) from error
