"""
Slots that a process took ahead, to be handed out without asking.

One item of DynamoDB takes some hundred writes a second, so above a rate
of `ABOVE_PER_S` a busy process takes a few slots at once. Each keeps its
time: one that nobody wanted by then is lost, and never sent late.
"""

from __future__ import annotations

from typing import Final

import attrs

# Below it, every message may ask for itself.
ABOVE_PER_S: Final = 100.0
# So many seconds' worth of slots are taken at once, at most.
AHEAD_S: Final = 0.05
# And this part of what the quota has left.
PART_OF_ROOM: Final = 0.01


@attrs.define
class Lease:
    """
    Slots from one time to another, and the quota they may use.

    Attributes:
        next: When the next slot begins, in ns of the timeline.
        end: When the last one ends.
        slot: How long one lasts.
        minute: Which minute its quota was charged to.
        spare: The quota that is left.
        used: The recipients that were let go by it.
    """

    next: int
    end: int
    slot: float
    minute: int
    spare: int = 0
    used: int = 0

    def begin(self, now: int) -> int:
        """Return when its next slot begins, now at the earliest."""
        return max(self.next, now)

    def fits(self, now: int, cost: int, quota_cost: int) -> bool:
        """Whether a message can go by what is left."""
        end = self.begin(now) + int(cost * self.slot)
        return end <= self.end and quota_cost <= self.spare

    def take(self, now: int, cost: int, quota_cost: int) -> int:
        """Use slots for a message that fits; return when they begin."""
        begin = self.begin(now)
        self.next = begin + int(cost * self.slot)
        self.spare -= quota_cost
        self.used += cost
        return begin

    def left(self, now: int) -> int:
        """Return how many slots are left."""
        return max(0, int((self.end - self.begin(now)) / self.slot + 1e-6))


def ahead(
    lease: Lease | None, now: int, rate: float, cost: int, room: float
) -> int:
    """
    Return how many slots to take beyond those of one message.

    Nobody takes ahead who was not busy before: what a quiet process
    takes, it would waste.

    Args:
        lease: What was taken last.
        now: The time.
        rate: Recipients per second.
        cost: The recipients of the message.
        room: What the quota has left for all.
    """
    if rate <= ABOVE_PER_S or lease is None:
        return 0
    if now <= lease.end:  # busy: it was used up before its time
        wanted = 2 * lease.used - lease.left(now)
    else:
        wanted = lease.used - cost
    most = min(int(rate * AHEAD_S), int(min(room, 1e9) * PART_OF_ROOM))
    return max(0, min(wanted, most))
