"""
What a caller may choose for one send, with defaults that fit servers.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final, Literal

import attrs

from safeses._suppressed import check_stream
from safeses.errors import ConfigurationError

if TYPE_CHECKING:
    from safeses._job import OnUnknown
    from safeses._plan import Terms
    from safeses._values import Priority

OnKeyConflict = Literal["raise", "replay"]
# gunicorn kills a worker after 30 s, so a call ends before that.
DEADLINE_S: Final = 25.0
ATTEMPT_TIMEOUT_S: Final = 10.0
KEY_MAX_CHARS: Final = 255
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


def check_key(key: object) -> None:
    """
    Check an idempotency key.

    Raises:
        ConfigurationError: It cannot name a job.
    """
    if not isinstance(key, str) or not 0 < len(key) <= KEY_MAX_CHARS:
        seen = (
            f"{len(key)} characters"
            if isinstance(key, str)
            else type(key).__name__
        )
        raise ConfigurationError(
            f"an idempotency key is a string of 1 to {KEY_MAX_CHARS}"
            f" characters, seen {seen}",
            'name the job by what it is about, such as "order-77/receipt"',
        )
    try:
        key.encode()
    except UnicodeEncodeError:
        raise ConfigurationError(
            "the idempotency key holds half a character (a lone surrogate)",
            "make it of whole ones",
        ) from None


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
        on_suppressed: ``"drop"`` suppressed recipients, or ``"refuse"``
            the message for any of them.
        on_unknown: ``"hold"`` a mail whose outcome is unknown, let a
            later call ``"reconcile"`` it with events, or ``"resend"``.
        on_key_conflict: ``"raise"`` if the key names another message, or
            ``"replay"`` what became of that.
    """

    # Not shown: it may be made of an address.
    idempotency_key: str | None = attrs.field(default=None, repr=False)
    priority: Priority | None = None
    stream: str | None = None
    max_wait_s: float | None = None
    deadline_s: float | None = None
    on_suppressed: Literal["drop", "refuse"] | None = None
    on_unknown: OnUnknown | None = None
    on_key_conflict: OnKeyConflict | None = None

    def __attrs_post_init__(self) -> None:
        if self.priority not in (None, *MAX_WAIT_S):
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
        if self.stream is not None:
            check_stream(self.stream)
        if self.idempotency_key is not None:
            check_key(self.idempotency_key)
        for name, known in (
            # Tuples: what is asked for may be unhashable.
            ("on_suppressed", ("drop", "refuse")),
            ("on_unknown", ("hold", "reconcile", "resend")),
            ("on_key_conflict", ("raise", "replay")),
        ):
            value = getattr(self, name)
            if value is not None and value not in known:
                choices = " or ".join(map(repr, known))
                raise ConfigurationError(
                    f"{name}={value!r} does not exist", f"use {choices}"
                )

    def merged(self, **chosen: Any) -> Options:
        """Return these options with those in *chosen* that are not None."""
        mine = {k: v for k, v in chosen.items() if v is not None}
        return attrs.evolve(self, **mine) if mine else self

    def terms(
        self,
        attempt_timeout_s: float,
        *,
        observes: bool = False,
        screens: bool = False,
    ) -> Terms:
        """
        Return what the plan has to keep to.

        Args:
            attempt_timeout_s: The bound on one call to SES.
            observes: Whether suppressed recipients are only reported.
            screens: Whether to ask more than the state who is suppressed.
        """
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
            on_suppressed=(
                "report" if observes else self.on_suppressed or "drop"
            ),
            on_unknown=self.on_unknown or "hold",
            screens=screens,
            max_wait_s=max_wait_s,
            deadline_s=deadline_s,
            attempt_timeout_s=min(attempt_timeout_s, deadline_s),
        )
