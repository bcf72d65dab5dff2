"""
What feedback acts on: the facts that senders share, and the hooks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from safeses._hooks import Hooks

if TYPE_CHECKING:
    from safeses.ledger import Outcomes
    from safeses.typing import (
        Clock,
        Counters,
        SeenEvents,
        SoftBounces,
        SuppressionStore,
    )


@attrs.frozen(kw_only=True)
class Parts:
    """
    What events are matched with, and what they change.

    `safeses.Client.feedback_parts` gives those of a client.

    Attributes:
        suppressions: Who must not be mailed.
        ledger: What became of messages.
        seen: Which events were handled, and by what.
        counters: How many of what happened when.
        soft_bounces: Who bounced lately, and not for good.
        clock: Where the time comes from.
        hooks: Callers' reactions, by the type of the event.
        namespace: Whose events they are.
        account: What the counters call the account: what the client was
            given as such, else the namespace.
        tag_key: What signs the correlation tag; None if nothing does.
    """

    suppressions: SuppressionStore
    ledger: Outcomes
    seen: SeenEvents
    counters: Counters
    soft_bounces: SoftBounces
    clock: Clock
    hooks: Hooks = attrs.field(factory=Hooks)
    namespace: str = "safeses"
    account: str = "safeses"
    tag_key: bytes | None = attrs.field(default=None, repr=False)
