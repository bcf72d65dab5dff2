"""
A queue of SQS in memory, which has a boto3 client's methods.

It keeps visibility, receive counts, receipt handles and a redrive policy,
in the time of a clock. Faults are said beforehand, by the action.
"""

from __future__ import annotations

import itertools
import threading
from collections import defaultdict
from typing import TYPE_CHECKING, Any

import attrs

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from safeses.typing import Clock

URL = "https://sqs.eu-west-1.amazonaws.com/123456789012/ses-events"
STEP_S = 0.5


class SQSAnswerError(Exception):
    """What botocore raises for an answer that is an error."""

    def __init__(self, code: str) -> None:
        """Remember what SQS said."""
        super().__init__(f"An error occurred ({code}) with eva@b.example")
        self.response = {"Error": {"Code": code}}


@attrs.define(eq=False)
class Stored:
    """One message in the queue."""

    id: str
    body: str
    visible_at: float = 0.0
    receives: int = 0
    handle: str = ""


@attrs.define(eq=False)
class FakeSQS:
    """The queue and the client."""

    clock: Clock
    max_receives: int = 1_000
    stored: list[Stored] = attrs.field(factory=list)
    dead: list[str] = attrs.field(factory=list)
    calls: list[tuple[str, dict[str, Any]]] = attrs.field(factory=list)
    # By the action: what is raised next, None for no fault.
    faults: dict[str, list[Exception | None]] = attrs.field(
        factory=lambda: defaultdict(list)
    )
    # By the action: how many entries of the next batches fail.
    partial: dict[str, list[dict[int, bool]]] = attrs.field(
        factory=lambda: defaultdict(list)
    )
    _ids: Iterator[int] = attrs.field(factory=lambda: itertools.count(1))
    _lock: threading.RLock = attrs.field(factory=threading.RLock)

    def put(self, *bodies: str) -> None:
        """Put messages into the queue."""
        for body in bodies:
            self.stored.append(Stored(f"m-{next(self._ids)}", body))

    def visible(self) -> list[str]:
        """Return what a receive would see now."""
        now = self.clock.monotonic()
        return [one.body for one in self.stored if one.visible_at <= now]

    def hidden_s(self) -> list[float]:
        """Return for how long each message is hidden from now on."""
        now = self.clock.monotonic()
        return [max(0.0, one.visible_at - now) for one in self.stored]

    def named(self, action: str) -> list[dict[str, Any]]:
        """Return the calls of one action."""
        return [asked for name, asked in self.calls if name == action]

    def receive_message(self, **asked: Any) -> dict[str, Any]:
        """Hand over what is visible, after some waiting if need be."""
        self._ask("receive", asked)
        until = self.clock.monotonic() + asked["WaitTimeSeconds"]
        while not (taken := self._take(asked)):
            if self.clock.monotonic() >= until:
                return {}  # as SQS does: no empty list
            self.clock.sleep(STEP_S)
        return {"Messages": taken}

    def delete_message_batch(self, **asked: Any) -> dict[str, Any]:
        """Delete by handles; an old one is no longer good."""
        self._ask("delete", asked)
        return self._each("delete", asked["Entries"])

    def change_message_visibility_batch(self, **asked: Any) -> dict[str, Any]:
        """Hide messages from now on."""
        self._ask("hide", asked)
        return self._each("hide", asked["Entries"])

    def _take(self, asked: dict[str, Any]) -> list[dict[str, Any]]:
        taken: list[dict[str, Any]] = []
        now = self.clock.monotonic()
        with self._lock:
            for one in [*self.stored]:
                if len(taken) == asked["MaxNumberOfMessages"]:
                    break
                if one.visible_at > now:
                    continue
                if one.receives >= self.max_receives:
                    self.stored.remove(one)
                    self.dead.append(one.body)
                    continue
                one.receives += 1
                one.handle = f"{one.id}#{one.receives}"
                one.visible_at = now + asked["VisibilityTimeout"]
                taken.append(
                    {
                        "MessageId": one.id,
                        "ReceiptHandle": one.handle,
                        "Body": one.body,
                        "Attributes": {
                            "ApproximateReceiveCount": str(one.receives)
                        },
                    }
                )
        return taken

    def _ask(self, action: str, asked: dict[str, Any]) -> None:
        self.calls.append((action, asked))
        faults = self.faults[action]
        fault = faults.pop(0) if faults else None
        if fault is not None:
            raise fault

    def _each(
        self, action: str, entries: Sequence[dict[str, Any]]
    ) -> dict[str, Any]:
        planned = self.partial[action]
        failing = planned.pop(0) if planned else {}
        done, failed = [], []
        with self._lock:
            for place, entry in enumerate(entries):
                faulty = failing.get(place)
                one = self._by_handle(entry["ReceiptHandle"])
                if faulty is None and one is None:
                    faulty = True
                if faulty is not None:
                    failed.append({"Id": entry["Id"], "SenderFault": faulty})
                    continue
                done.append({"Id": entry["Id"]})
                if one is not None and action == "delete":
                    self.stored.remove(one)
                elif one is not None:
                    one.visible_at = (
                        self.clock.monotonic() + entry["VisibilityTimeout"]
                    )
        return {"Successful": done, "Failed": failed}

    def _by_handle(self, handle: str) -> Stored | None:
        return next((m for m in self.stored if m.handle == handle), None)
