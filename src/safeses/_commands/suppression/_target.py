"""
The list that a command works on.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import attrs

from safeses._commands import CANNOT_BEGIN, CommandError
from safeses._commands.suppression._watched import (
    PATIENT_S,
    Progress,
    Watched,
    WatchedApi,
)
from safeses.suppression import AccountSuppressionList, Suppressions

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from safeses.typing import SuppressionStore


@attrs.frozen
class Target:
    """
    What a command works on.

    Attributes:
        store: The list of one's own, or that of SES.
        account: The list of SES, if it was asked for.
        progress: Is told how far it is.
        lasts: Whether the store outlives the command.
    """

    store: SuppressionStore
    account: AccountSuppressionList | None
    progress: Progress
    lasts: bool

    @property
    def suppressions(self) -> Suppressions:
        """The store as users have it, watched."""
        watched = Watched(self.store, self.progress)
        return Suppressions(watched, self.progress.clock)


@contextlib.contextmanager
def opened(
    arguments: argparse.Namespace, progress: Progress
) -> Iterator[Target]:
    """Open what *arguments* name, and close it."""
    from safeses import Client
    from safeses._open import open_state

    state, _ = open_state(arguments.state, progress.clock)
    lasts = state.survives != "nothing"
    _check(arguments, lasts=lasts)
    # The state also paces the calls of SES, for all who share it.
    with Client(region=arguments.region, state=state) as client:
        store: SuppressionStore = state.suppressions
        account = None
        if arguments.account:
            own = client.account_suppressions
            account = attrs.evolve(
                own,
                api=WatchedApi(own.api, progress),
                tenant=arguments.tenant,
                max_wait_s=PATIENT_S,
            )
            if arguments.act != "sync":
                store, lasts = account, True
        yield Target(store, account, progress, lasts)


def _check(arguments: argparse.Namespace, *, lasts: bool) -> None:
    """Refuse a list that would be empty before and gone after."""
    of_state = not arguments.account or arguments.act == "sync"
    only_looks = arguments.act == "import" and not arguments.apply
    if of_state and not lasts and not only_looks:
        raise CommandError(
            "the list is in the memory of this command and ends with it;"
            " name a state that lasts with --state or SAFESES_STATE, or see"
            " which actions take --account for the list of SES",
            CANNOT_BEGIN,
        )
    if not arguments.account and (arguments.region or arguments.tenant):
        raise CommandError(
            "--region and --tenant are about the list of SES: add --account",
            CANNOT_BEGIN,
        )
