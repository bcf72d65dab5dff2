"""
What a caller may choose for one send, with defaults that fit servers.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

import attrs

from safeses.errors import ConfigurationError

if TYPE_CHECKING:
    from safeses._plan import Terms
    from safeses._values import Priority

# gunicorn kills a worker after 30 s, so a call ends before that.
DEADLINE_S: Final = 25.0
ATTEMPT_TIMEOUT_S: Final = 10.0
MAX_WAIT_S: Final[dict[str, float]] = {"transactional": 5.0, "bulk": 60.0}


def check_number(name: str, value: object, least: float = 0.001) -> None:
    """
    Check a number that a caller chose.

    Raises:
        ConfigurationError: It is not one, not finite, or too small.
    """
    if (
        isinstance(value, bool)
        or not isinstance(value, (int, float))
        or not least <= value < math.inf
    ):
        raise ConfigurationError(
            f"{name}={value!r} is not a finite number of at least {least:g}",
            "use such a number",
        )


@attrs.frozen(kw_only=True)
class Options:
    """
    Choices for one send; None leaves the default.

    Attributes:
        idempotency_key: Names the job, so that its repetition is harmless.
        priority: ``"transactional"`` goes first, ``"bulk"`` yields.
        stream: The kind of mail, for counting and suppressing apart.
        max_wait_s: Seconds to wait for permits, in all.
        deadline_s: Seconds for the whole call.
        on_suppressed: ``"drop"`` suppressed recipients.
        on_unknown: ``"hold"`` a mail whose outcome is unknown.
    """

    idempotency_key: str | None = None
    priority: Priority | None = None
    stream: str | None = None
    max_wait_s: float | None = None
    deadline_s: float | None = None
    on_suppressed: str | None = None
    on_unknown: str | None = None

    def __attrs_post_init__(self) -> None:
        if self.priority not in {None, "transactional", "bulk"}:
            raise ConfigurationError(
                f"the priority {self.priority!r} does not exist",
                'use "transactional" or "bulk"',
            )
        for name in ("max_wait_s", "deadline_s"):
            value = getattr(self, name)
            if value is None:
                continue
            least = 0 if name == "max_wait_s" else 0.001
            check_number(name, value, least)
        if self.idempotency_key is not None:
            raise ConfigurationError(
                "idempotency keys need a ledger, which this version does"
                " not have yet",
                "leave idempotency_key out; one call is one attempt anyway",
            )
        for name, known in (
            ("on_suppressed", {None, "drop"}),
            ("on_unknown", {None, "hold"}),
        ):
            value = getattr(self, name)
            if value not in known:
                choices = " or ".join(sorted(map(repr, known - {None})))
                raise ConfigurationError(
                    f"{name}={value!r} is not known in this version",
                    f"use {choices}",
                )

    def merged(self, **chosen: Any) -> Options:
        """Return these options with those in *chosen* that are not None."""
        mine = {k: v for k, v in chosen.items() if v is not None}
        return attrs.evolve(self, **mine) if mine else self

    def terms(self, attempt_timeout_s: float) -> Terms:
        """Return what the plan has to keep to."""
        from safeses._plan import Terms

        priority = self.priority or "transactional"
        max_wait_s = self.max_wait_s
        if max_wait_s is None:
            max_wait_s = MAX_WAIT_S[priority]
        deadline_s = self.deadline_s
        if deadline_s is None:
            # A larger wait raises the deadline.
            deadline_s = max(DEADLINE_S, max_wait_s + attempt_timeout_s)
        return Terms(
            priority=priority,
            stream=self.stream or "",
            max_wait_s=max_wait_s,
            deadline_s=deadline_s,
            attempt_timeout_s=min(attempt_timeout_s, deadline_s),
        )
