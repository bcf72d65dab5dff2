"""
From what a caller calls a state, or a part of one, to the state.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Final, Literal, get_args

import attrs

from safeses._assembled import AssembledState
from safeses._degraded import DegradingAccounts, DegradingBudget
from safeses._engines import from_url
from safeses._protocols import keeps
from safeses._state import ComposedState, memory_state
from safeses.errors import ConfigurationError
from safeses.typing import Budget, Ledger, State, SuppressionStore

if TYPE_CHECKING:
    from safeses.typing import Clock, Survives

OnStoreError = Literal["refuse", "degrade"]
_PROTOCOLS: Final[dict[str, type]] = {
    "budget": Budget,
    "ledger": Ledger,
    "suppressions": SuppressionStore,
}


def open_state(
    given: State | str | None,
    clock: Clock,
    *,
    processes: int | None = None,
    rate_factor: float = 1.0,
    namespace: str = "safeses",
    suppressions: SuppressionStore | str | None = None,
    budget: Budget | str | None = None,
    ledger: Ledger | str | None = None,
    on_store_error: OnStoreError = "refuse",
) -> tuple[State, bool]:
    """
    Return the state that is meant, and whether nobody named it.

    Args:
        given: A state, its URL, or None for ``SAFESES_STATE`` and, if
            that is not set, the memory of this process.
        clock: Where the time comes from.
        processes: How many processes divide the limits, where they share
            no budget, or for as long as it cannot be asked.
        rate_factor: The share of the account's rate to use.
        namespace: Keeps apart what shares a state.
        suppressions: Who must not be mailed; a URL takes that part of
            the state which it names, None leaves it to the state.
        budget: Rate and quota, likewise.
        ledger: What became of messages, likewise.
        on_store_error: What to do when the budget gives no answer.

    Raises:
        ConfigurationError: There is no such state, or these do not go
            together.
    """
    if given is None:
        given = os.environ.get("SAFESES_STATE") or None
    implicit = given is None
    parts = {
        name: part
        for name, part in (
            ("budget", budget),
            ("ledger", ledger),
            ("suppressions", suppressions),
        )
        if part is not None
    }
    for name, part in parts.items():
        _check_part(name, part)
    if on_store_error not in get_args(OnStoreError):
        raise ConfigurationError(
            f"on_store_error={on_store_error!r} does not exist",
            'use "refuse" or "degrade"',
        )
    if not (given is None or isinstance(given, str)):
        if processes not in (None, 1):
            raise _not_memory()
        return _own(given, parts, rate_factor, on_store_error), False
    opening = _Opening(clock, rate_factor, namespace)
    has_own_budget = given in (None, "memory:") and budget is None
    _check_budget(
        budget,
        processes,
        rate_factor,
        on_store_error,
        has_own_budget=has_own_budget,
    )
    divided = processes if has_own_budget else None
    state = opening.state(given or "memory:", parts, divided or 1)
    if on_store_error == "degrade":
        assert processes is not None  # noqa: S101  # see _check_budget
        return opening.degrading(state, processes), implicit
    return state, implicit


@attrs.define
class _Opening:
    """
    Opens each URL once.

    Attributes:
        clock: Where the time comes from.
        rate_factor: The share of the account's rate to use.
        namespace: Keeps apart what shares a state.
        opened: The states by their URLs.
    """

    clock: Clock
    rate_factor: float
    namespace: str
    opened: dict[str, ComposedState] = attrs.field(factory=dict, init=False)

    def state(
        self, url: str, parts: dict[str, Any], processes: int
    ) -> ComposedState:
        """Return the state of *url*, with other *parts*."""
        if url == "memory:":
            base = memory_state(
                self.clock, processes=processes, rate_factor=self.rate_factor
            )
            self.opened[url] = base
        elif parts.keys() == {"suppressions"} and not isinstance(
            parts["suppressions"], str
        ):
            # The engine still decides all else at once.
            return self._open(url, parts["suppressions"])
        else:
            base = self._open(url)
        if not parts:
            return base
        found = {name: self._part(name, p) for name, p in parts.items()}
        survives, engine = base.survives, base.engine
        if "ledger" in found:
            survives = self._survives(parts["ledger"])
            engine = found["ledger"].engine
        return AssembledState(
            **{**_parts_of(base), **found},
            engine=engine,
            survives=survives,
            clock=self.clock,
            opened=(*self.opened.values(),),
        )

    def degrading(self, state: ComposedState, processes: int) -> ComposedState:
        """
        Return *state* with a local budget for when its own is out.

        Raises:
            ConfigurationError: The ledger would be out with it.
        """
        for one in self.opened.values():
            for name in ("ledger", "suppressions"):
                if state.budget is one.budget and getattr(
                    state, name
                ) is getattr(one, name):
                    raise ConfigurationError(
                        f'on_store_error="degrade", and the {name} in the'
                        " same state as the budget: without it nothing is"
                        " sent either",
                        "keep the budget apart, such as"
                        ' Client(state="sqlite:///mail.db",'
                        ' budget="redis://localhost:6379/0")',
                    )
        parts = _parts_of(state)
        parts["budget"] = DegradingBudget(
            state.budget,
            clock=self.clock,
            processes=processes,
            rate_factor=self.rate_factor,
        )
        parts["accounts"] = DegradingAccounts(state.accounts, clock=self.clock)
        return AssembledState(
            **parts,
            engine=state.engine,
            survives=state.survives,
            clock=self.clock,
            opened=(*self.opened.values(),),
        )

    def _open(
        self, url: str, suppressions: SuppressionStore | None = None
    ) -> ComposedState:
        if url not in self.opened:
            self.opened[url] = from_url(
                url,
                clock=self.clock,
                rate_factor=self.rate_factor,
                namespace=self.namespace,
                suppressions=suppressions,
            )
        return self.opened[url]

    def _part(self, name: str, given: object) -> Any:
        if not isinstance(given, str):
            return given
        if given == "memory:":
            raise ConfigurationError(
                f'{name}="memory:" is what a memory state has anyway',
                "leave it out, or name a part that is elsewhere",
            )
        return getattr(self._open(given), name)

    def _survives(self, ledger: Ledger | str) -> Survives:
        """Return what a ledger outlives; one that does not say, itself."""
        if isinstance(ledger, str):
            return self._open(ledger).survives
        least: Survives = "nothing" if ledger.engine == "memory" else "process"
        survives: Survives = getattr(ledger, "survives", least)
        return survives


def _own(
    given: Any,
    parts: dict[str, Any],
    rate_factor: float,
    on_store_error: OnStoreError,
) -> State:
    """Return a state of the caller's, to which nothing else is said."""
    if not keeps(given, State):
        raise ConfigurationError(
            f"{type(given).__name__} is not a state",
            "give a URL, or an object that keeps safeses.typing.State",
        )
    if rate_factor != 1:
        parts = {"rate_factor": rate_factor, **parts}
    if on_store_error != "refuse":
        parts = {"on_store_error": on_store_error, **parts}
    for name in parts:
        raise ConfigurationError(
            f"{name}= and a state that has its own",
            "give it to the state, or use a state with a URL",
        )
    state: State = given
    return state


def _check_budget(
    budget: Budget | str | None,
    processes: int | None,
    rate_factor: float,
    on_store_error: OnStoreError,
    *,
    has_own_budget: bool,
) -> None:
    """Refuse what is said of a budget and cannot be true of it."""
    if not (budget is None or isinstance(budget, str)) and rate_factor != 1:
        raise ConfigurationError(
            "rate_factor= and a budget that has its own",
            "give it to the budget, or name the budget by a URL",
        )
    if on_store_error == "degrade":
        if has_own_budget:
            raise ConfigurationError(
                'on_store_error="degrade" and a budget in memory, which'
                " always answers",
                "leave it out, or name a budget that processes share",
            )
        if processes is None:
            raise ConfigurationError(
                'on_store_error="degrade" without processes=: while the'
                " budget gives no answer, each process takes its share of"
                " the rate, and nobody knows how many there are",
                "say how many processes send at most, over all machines:"
                " processes=8",
            )
    elif processes not in (None, 1) and not has_own_budget:
        raise _not_memory()


def _check_part(name: str, given: object) -> None:
    protocol = _PROTOCOLS[name]
    if isinstance(given, str):
        return
    if not keeps(given, protocol):
        raise ConfigurationError(
            f"{name}={type(given).__name__} is no {protocol.__name__}",
            "give a URL, or an object that keeps"
            f" safeses.typing.{protocol.__name__}",
        )


def _not_memory() -> ConfigurationError:
    return ConfigurationError(
        "processes= divides the limits of a memory state",
        "leave it out where processes share a state",
    )


def _parts_of(state: ComposedState) -> dict[str, Any]:
    return {
        "budget": state.budget,
        "suppressions": state.suppressions,
        "ledger": state.ledger,
        "accounts": state.accounts,
        "seen": state.seen,
        "counters": state.counters,
        "soft_bounces": state.soft_bounces,
    }
