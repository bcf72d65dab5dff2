"""
What SES reported, beside what became known of it here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

if TYPE_CHECKING:
    from collections import Counter

    from safeses._commands.demo._count import Pair


@attrs.frozen(kw_only=True)
class Heard:
    """
    Bounces and complaints as both sides tell them, and forged ones.

    Attributes:
        happened: What SES reported, each a kind and a bare address.
        told: How often the hooks were told of each.
        listed: Who is suppressed afterwards.
        doubtful: How many mails had an unknown outcome that SES has.
        settled: How many of them their events have settled.
        forged: How many forged posts there were.
        believed: How many of them were not refused, or suppressed somebody.
    """

    happened: frozenset[Pair]
    told: Counter[Pair]
    listed: frozenset[str]
    doubtful: int
    settled: int
    forged: int
    believed: int

    @property
    def missed(self) -> frozenset[Pair]:
        """What happened and nobody was told of."""
        return self.happened - self.told.keys()

    @property
    def wrong(self) -> frozenset[Pair]:
        """What was told twice, or did not happen."""
        twice = {pair for pair, times in self.told.items() if times > 1}
        return frozenset(twice | (self.told.keys() - self.happened))

    @property
    def unlisted(self) -> frozenset[str]:
        """Who bounced or complained, and is not suppressed."""
        return frozenset(who for _, who in self.happened) - self.listed

    @property
    def is_broken(self) -> bool:
        """Whether anything is wrong."""
        return bool(
            self.missed
            or self.wrong
            or self.unlisted
            or self.settled < self.doubtful
            or self.believed
        )
