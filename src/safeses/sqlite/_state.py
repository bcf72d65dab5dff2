"""
The state of one machine: every part in one SQLite file.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qsl, unquote

import attrs

from safeses._clock import SystemClock
from safeses._job import Found
from safeses._outcome import Admitted, Deferred, Rejected
from safeses._protocols import keeps
from safeses._state import (
    LEASE_MARGIN_S,
    RESERVED_LEASE_S,
    ComposedState,
)
from safeses.errors import (
    ConfigurationError,
    QuotaExceededError,
    SafeSESError,
)
from safeses.sqlite import _care
from safeses.sqlite._accounts import SqliteAccounts
from safeses.sqlite._budget import SqliteBudget
from safeses.sqlite._counters import SqliteCounters
from safeses.sqlite._database import Database
from safeses.sqlite._ledger import SqliteLedger
from safeses.sqlite._seen import SqliteSeenEvents
from safeses.sqlite._soft_bounces import SqliteSoftBounces
from safeses.sqlite._suppressions import SqliteSuppressionStore
from safeses.typing import SuppressionStore

if TYPE_CHECKING:
    import os

    from typing_extensions import Self

    from safeses._outcome import Admission, Claim, Later, Outcome
    from safeses._state_notes import Note
    from safeses.sqlite._joined import Joined
    from safeses.typing import Clock, Survives

_SYNCHRONOUS: Final[dict[str, Survives]] = {
    "normal": "process",
    "full": "host",
}
_EXAMPLE: Final = 'use one such as "sqlite:///mail.db"'


@attrs.define(kw_only=True)
class SqliteState(ComposedState):
    """
    Budget, suppressions and ledger of one machine, in one file.

    All processes that open the same file share the facts. To admit a
    message is one transaction. Make it with `open` or `from_url`.

    Attributes:
        database: The file.

    Raises:
        StoreError: The file could not answer; nothing is sent then.
    """

    database: Database
    # The same parts, at work inside one transaction.
    _parts: ComposedState

    @classmethod
    def open(
        cls,
        path: str | os.PathLike[str],
        *,
        clock: Clock | None = None,
        rate_factor: float = 1.0,
        namespace: str = "safeses",
        suppressions: SuppressionStore | None = None,
        **options: Any,
    ) -> Self:
        """
        Return the state in the file *path*, which need not exist yet.

        Args:
            path: The file; its directory must exist, on a local disk.
            clock: Where the time comes from.
            rate_factor: The share of the account's rate to use.
            namespace: Keeps apart what shares the file.
            suppressions: Who must not be mailed, if that is kept
                elsewhere.
            **options: What `Database` takes: `synchronous`, `timeout_s`.

        Raises:
            ConfigurationError: One of them cannot be used.
        """
        if suppressions is not None and not keeps(
            suppressions, SuppressionStore
        ):
            raise ConfigurationError(
                f"suppressions={type(suppressions).__name__} is not a"
                " suppression store",
                "give one of safeses.suppression, or leave it out",
            )
        given: object = namespace
        if not isinstance(given, str) or not given:
            raise ConfigurationError(
                f"namespace={namespace!r} is not a string, or empty",
                'use one such as "safeses"',
            )
        clock = SystemClock() if clock is None else clock
        database = Database(path, clock=clock, **options)

        accounts = SqliteAccounts(database)

        def parts(where: Database | Joined) -> dict[str, Any]:
            return {
                "budget": SqliteBudget(where, rate_factor=rate_factor),
                "ledger": SqliteLedger(where, namespace=namespace),
                "accounts": accounts.at(where),
                "seen": SqliteSeenEvents(where, namespace=namespace),
                "counters": SqliteCounters(where),
                "soft_bounces": SqliteSoftBounces(where, namespace=namespace),
                "suppressions": SqliteSuppressionStore(
                    where, namespace=namespace
                )
                if suppressions is None
                else suppressions,
                "clock": clock,
                "engine": database.engine,
            }

        return cls(
            **parts(database),
            survives=_SYNCHRONOUS[options.get("synchronous", "normal")],
            database=database,
            parts=ComposedState(**parts(database.joined())),
        )

    @classmethod
    def from_url(cls, url: str, **settings: Any) -> Self:
        """
        Return the state that *url* names; other arguments as of `open`.

        Args:
            url: ``sqlite:///relative.db`` or ``sqlite:////absolute.db``,
                with ``?synchronous=full`` and ``timeout_s=5`` if wanted.
            **settings: What `open` takes.

        Raises:
            ConfigurationError: It names no file, or an unknown option.
        """
        rest, _, query = url.partition("?")
        scheme, slashes, path = rest.partition(":///")
        if scheme != "sqlite" or not slashes or not path:
            raise ConfigurationError(f"{url!r} names no SQLite file", _EXAMPLE)
        return cls.open(_path_of(path), **_options(query), **settings)

    def admit(self, admission: Admission) -> Admitted | Later | Found:
        """Look the job up, screen the recipients, book a slot, claim."""
        if not isinstance(self.suppressions, SqliteSuppressionStore):
            # Asked elsewhere, and not while everybody waits for the file.
            return super().admit(admission)
        try:
            with self.database.transaction("state"):
                try:
                    answer = self._parts.admit(admission)
                except QuotaExceededError as error:
                    # Kept, not undone: what the budget has found out.
                    refusal = error
                else:
                    if isinstance(answer, Found):
                        raise _NotClaimedError(answer)
                    self._submit_at_once(admission, answer)
                    return answer
        except _NotClaimedError as undone:
            return undone.found
        raise refusal

    def submit(self, claim: Claim, timeout_s: float) -> None:
        """Note, acknowledged, that the first byte is about to leave."""
        if not claim.is_submitted:
            super().submit(claim, timeout_s)

    def settle(self, claim: Claim, outcome: Outcome) -> None:
        """Record it; give back what was not sent; note a throttle."""
        if not isinstance(outcome, (Deferred, Rejected)):
            self.ledger.settle(claim, outcome)
            return
        with self.database.transaction("state"):
            self._parts.settle(claim, outcome)

    def _submit_at_once(
        self, admission: Admission, answer: Admitted | Later
    ) -> None:
        """
        Note in the same transaction what is about to leave anyway.

        Nobody else knows the name of a mail without a key, and its slot
        begins now: a second transaction would say nothing new. Whatever
        keeps it from leaving after all takes the note back. Only of a first
        attempt is nothing known yet that has to be noted as well.
        """
        if (
            isinstance(answer, Admitted)
            and not answer.wait_s
            and admission.job is None
            and admission.attempt == 1
            and admission.recipients
        ):
            lease_s = RESERVED_LEASE_S + admission.timeout_s + LEASE_MARGIN_S
            self._parts.ledger.submit(answer.claim, lease_s)
            answer.claim.is_submitted = True

    def after_fork(self) -> None:
        """Leave the parent's connection alone; open one when asked."""
        self.database.after_fork()
        super().after_fork()

    def close(self) -> None:
        """Close the file; idempotent."""
        self.database.close()

    def init(self) -> None:
        """Make the file and its tables; they may be there already."""
        _care.init(self.database)

    def check(self) -> list[Note]:
        """Look whether the file can be relied on; make none."""
        return _care.check(self.database, self.survives)

    def stats(self) -> dict[str, int]:
        """Return how much there is of what, over all namespaces."""
        return _care.stats(self.database)

    def charged(self) -> dict[str, int]:
        """Return the recipients that each scope's quota holds."""
        return _care.charged(self.database)


class _NotClaimedError(SafeSESError):
    """Undoes what was booked for a job that cannot be claimed."""

    def __init__(self, found: Found) -> None:
        super().__init__()
        self.found = found


def _path_of(quoted: str) -> str:
    """
    Return the path that is in a URL.

    A blank or a line end that came along with a variable would silently
    name another file, in which there are no keys.
    """
    if quoted != quoted.strip() or not quoted.isprintable():
        raise ConfigurationError(
            f"{quoted!r} ends with a blank, or holds what is not printable",
            "leave it out, or write %20 for a blank that is part of the name",
        )
    try:
        return unquote(quoted, errors="strict")
    except UnicodeDecodeError:
        raise ConfigurationError(
            f"{quoted!r} is not UTF-8 behind its percent signs",
            "use UTF-8, or SqliteState.open with the path as bytes",
        ) from None


def _options(query: str) -> dict[str, Any]:
    options: dict[str, Any] = dict(parse_qsl(query, keep_blank_values=True))
    unknown = options.keys() - {"synchronous", "timeout_s"}
    if unknown:
        raise ConfigurationError(
            f"SQLite has no option {', '.join(sorted(unknown))}",
            "use synchronous=normal or full, and timeout_s",
        )
    if options.get("synchronous", "normal") not in _SYNCHRONOUS:
        raise ConfigurationError(
            f"synchronous={options['synchronous']!r} does not exist",
            "use normal or full",
        )
    if "timeout_s" in options:
        try:
            options["timeout_s"] = float(options["timeout_s"])
        except ValueError:
            raise ConfigurationError(
                f"timeout_s={options['timeout_s']!r} is not a number",
                "use seconds, such as timeout_s=5",
            ) from None
    return options
