"""
Rate and quota in Redis: shared by all who ask the same server.

Each act is one script, so nobody decides on what another has changed
meanwhile. The time is the server's, read in the script: hosts whose clocks
differ agree all the same. The rules stand in ``budget.lua``.
"""

from __future__ import annotations

import datetime as dt
import math
from typing import TYPE_CHECKING, Any, Final, Literal

from safeses._outcome import Booked, Later
from safeses._values import Account
from safeses.errors import ConfigurationError, QuotaExceededError

if TYPE_CHECKING:
    from safeses._outcome import Admission, Claim
    from safeses._values import Limits
    from safeses.redis._connection import Plain, Server

PART: Final = "budget"


class RedisBudget:
    """
    Rate and quota in Redis: shared by all who ask the same server.

    The limits that were learnt last hold for all of them; `burst` and
    `rate_factor` are each process's own. A Redis that restarts empty has
    forgotten the slots that were booked, and the quota that is used; it
    hears rate and quota again from the first process that knows them.

    Attributes:
        burst: Recipients that may go at once after a pause.
        part: The share of the account's rate to use.

    Raises:
        StoreError: No answer. A slot that was booked all the same is lost.
        ConfigurationError: A figure is out of range.
    """

    def __init__(
        self,
        server: Server,
        *,
        burst: float = 1.0,
        rate_factor: float = 1.0,
    ) -> None:
        """
        Take the server; nothing is opened before the first use.

        Args:
            server: Where the facts are.
            burst: Recipients that may go at once after a pause, from 1.
            rate_factor: The share of the account's rate to use, above 0
                to 1.
        """
        if not burst >= 1:
            raise ConfigurationError(
                f"burst={burst!r} is not at least 1", "leave it out"
            )
        given: object = rate_factor
        if not isinstance(given, (int, float)) or not 0 < given <= 1:
            raise ConfigurationError(
                f"rate_factor={rate_factor!r} is not above 0 and at most 1",
                "leave it out to use the whole rate",
            )
        self._server = server
        self.burst, self.part = float(burst), float(rate_factor)
        # The rate and the quota that were told here, by scope.
        self._told: dict[str, tuple[Plain, Plain]] = {}

    def reserve(self, admission: Admission) -> Booked | Later:
        """
        Book a slot and charge the quota, both or neither.

        Raises:
            QuotaExceededError: The quota leaves no room.
            StoreError: No answer.
        """
        answer = self._server.run(
            PART,
            "budget_reserve",
            self.keys(admission.scope),
            (*self.own(admission.scope), *asked(admission)),
        )
        return read(answer)

    def give_back(self, claim: Claim) -> None:
        """Return the quota of a message that was certainly not sent."""
        self._give_back(claim.scope, claim.minute, claim.quota_cost)

    def refused(self, claim: Claim, by: str) -> None:
        """Do both, in one script; *by* may be empty."""
        self._give_back(claim.scope, claim.minute, claim.quota_cost, by)

    def throttled(self, scope: str, by: Literal["rate", "daily"]) -> None:
        """Take note that SES refused: hold everybody back for a while."""
        self._give_back(scope, 0, 0, by)

    def learn(self, scope: str, known: Account | Limits) -> None:
        """Take over what SES, or the caller, says the scope may send."""
        remote: float | str = ""
        if isinstance(known, Account):
            rate, day = known.max_send_rate, known.max_24_hour_send
            remote = float(known.sent_last_24_hours)
        else:
            rate, day = known.per_second, known.per_day
        before, _ = self._told.get(scope, ("", ""))
        self._told[scope] = (
            float(rate) if rate > 0 else before,
            "" if day is None or day < 0 else float(day),
        )
        self._server.run(
            PART,
            "budget_learn",
            self.keys(scope),
            (*self.own(scope), remote),
        )

    def per_second(self, scope: str) -> float:
        """Return the rate in force now, in recipients per second."""
        return float(
            self._server.run(
                PART, "budget_per_second", self.keys(scope), self.own(scope)
            )
        )

    def charged(self) -> dict[str, int]:
        """
        Return the recipients that each scope's quota holds, never fewer.

        It goes through all keys of the server.

        Raises:
            StoreError: No answer.
        """
        charged: dict[str, int] = {}
        for keys in self._server.scan(PART, "budget", ""):
            totals = self._server.run(
                PART, "budget_charged", [*keys], again=True
            )
            for scope, total in zip(keys.values(), totals, strict=True):
                if float(total) > 0:
                    charged[scope] = math.ceil(float(total))
        return dict(sorted(charged.items()))

    def after_fork(self) -> None:
        """Nothing to do: the server notices by itself."""

    def own(self, scope: str) -> tuple[Plain, ...]:
        """Return the arguments that every script begins with."""
        return (self.burst, self.part, *self._told.get(scope, ("", "")))

    def keys(self, scope: str) -> tuple[str, str]:
        """Return the keys of a scope: its facts and its minutes."""
        key = self._server.key
        return key("budget", scope), key("minutes", scope)

    def _give_back(
        self, scope: str, minute: int, count: int, by: str = ""
    ) -> None:
        self._server.run(
            PART,
            "budget_give_back",
            self.keys(scope),
            (*self.own(scope), minute, count, by),
        )


def asked(admission: Admission) -> tuple[float | str, ...]:
    """Return what a script is told of an admission, in its order."""
    return (
        admission.cost,
        admission.quota_cost,
        "1" if admission.priority == "bulk" else "",
        admission.max_wait_s,
    )


def read(answer: list[Any]) -> Booked | Later:
    """
    Return what a script has answered to an admission.

    Raises:
        QuotaExceededError: The quota leaves no room.
    """
    if answer[0] == b"booked":
        return Booked(
            wait_s=float(answer[1]),
            limit_per_s=float(answer[2]),
            minute=int(answer[3]),
        )
    if answer[0] == b"later":
        return Later(
            ask_in_s=float(answer[1]),
            ready_in_s=float(answer[2]),
            limit_per_s=float(answer[3]),
        )
    wall, wait_s = float(answer[1]), float(answer[2])
    raise QuotaExceededError(
        dt.datetime.fromtimestamp(wall + wait_s, dt.timezone.utc),
        bool(answer[3]),
        wait_s,
        float(answer[4]) if answer[4] else None,
    )
