"""Several stores as one: ours, and behind it lists that others keep."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

from safeses._protocols import keeps
from safeses.errors import ConfigurationError
from safeses.typing import SuppressionStore

if TYPE_CHECKING:
    from collections.abc import Sequence

    from safeses._suppressed import Page, Suppression


class SuppressionLayers:
    """
    A store made of stores: whom any of them stops gets no mail.

    Each is asked only about those whom the ones before it let through,
    so put the fastest first. What is added, listed, counted and purged
    is the first one's; the others are lists that somebody else fills.
    Removed is from all but those that are `only_asked`.

    Attributes:
        layers: The stores, in the order in which they are asked.
        engine: The engines of all, such as ``"memory+ses-account"``.

    Raises:
        StoreError: One of them has no answer.
    """

    def __init__(
        self,
        first: SuppressionStore,
        *others: SuppressionStore,
        only_asked: Sequence[SuppressionStore] = (),
    ) -> None:
        """
        Put stores behind one another.

        Args:
            first: The one that is added to.
            others: Those behind it.
            only_asked: Those behind them from which nothing is removed,
                as they cannot, or as it is not for us to do.

        Raises:
            ConfigurationError: One of them is not a store.
        """
        self._changed = (first, *others)
        self.layers = (*self._changed, *only_asked)
        for layer in self.layers:
            if not keeps(layer, SuppressionStore):
                raise ConfigurationError(
                    f"{type(layer).__name__} is not a suppression store",
                    "give what keeps safeses.typing.SuppressionStore",
                )
        self.engine = "+".join(layer.engine for layer in self.layers)

    def __repr__(self) -> str:
        return f"{type(self).__name__}{self.layers!r}"

    def add(self, entries: Sequence[Suppression]) -> list[bool]:
        """Add entries to the first; say for each whether it changed it."""
        return self.layers[0].add(entries)

    def find(
        self,
        addresses: Sequence[str],
        *,
        stream: str = "",
        configuration_set: str = "",
        tenant: str = "",
    ) -> dict[str, Suppression]:
        """Return who must not get mail of *stream*, as the first one says."""
        found: dict[str, Suppression] = {}
        for layer in self.layers:
            unknown = [a for a in addresses if a not in found]
            if not unknown:
                break
            found |= layer.find(
                unknown,
                stream=stream,
                configuration_set=configuration_set,
                tenant=tenant,
            )
        return found

    def remove(
        self, addresses: Sequence[str], *, stream: str | None = None
    ) -> int:
        """
        Remove entries from all stores but the `only_asked`.

        Whoever lets somebody in again means it: an entry left behind in
        another store would go on stopping the mail, without a sign. The
        last are cleared first: after an outage halfway the address is
        still stopped, and the same call finishes the work.

        Returns:
            How many there were.

        Raises:
            ConfigurationError: One cannot remove them: it should be one
                of the `only_asked`.
        """
        return sum(
            layer.remove(addresses, stream=stream)
            for layer in reversed(self._changed)
        )

    def page(self, after: str = "", limit: int = 1_000) -> Page:
        """Return some of the entries of the first."""
        return self.layers[0].page(after, limit)

    def count(self) -> int:
        """Return how many entries the first has, expired ones too."""
        return self.layers[0].count()

    def purge(self) -> int:
        """Remove what has expired in the first; return how many that were."""
        return self.layers[0].purge()

    def after_fork(self) -> None:
        """Make all of them usable in a forked child."""
        for layer in self.layers:
            layer.after_fork()

    def close(self) -> None:
        """Close all of them, even if one cannot."""
        with ExitStack() as stack:
            for layer in self.layers:
                stack.callback(layer.close)
