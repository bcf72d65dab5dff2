"""
What a send with an idempotency key raises, as the key is in use.
"""

from __future__ import annotations

import attrs

from safeses.errors._sending import NotSentError


class IdempotencyError(NotSentError):
    """This call sent nothing; what others sent by its key is their affair."""


@attrs.define(slots=False)
class InFlightError(IdempotencyError):
    """
    Another call with the same key is sending at this moment.

    Whoever calls again gets its answer.

    Attributes:
        retry_after_s: Seconds until it has ended at the latest.
    """

    retry_after_s: float
    retryable = True

    def __str__(self) -> str:
        return (
            "another call is sending the job of this idempotency key; call"
            f" again in {self.retry_after_s:.3g} s to hear what came of it,"
            " or allow a larger max_wait_s"
        )


def _name(key: str) -> str:
    """Show a key, unless it may be made of an address."""
    return "<key>" if "@" in key else repr(key)


@attrs.define(slots=False)
class IdempotencyConflictError(IdempotencyError):
    """
    The key already names another message; this one was not sent.

    Attributes:
        key: The idempotency key.
        differs: What is not the same, such as ``("html",)``; empty if
            that cannot be told.
    """

    key: str = attrs.field(repr=_name)
    differs: tuple[str, ...] = ()

    def __str__(self) -> str:
        name = "" if "@" in self.key else f" {self.key!r}"
        what = f" ({', '.join(self.differs)})" if self.differs else ""
        return (
            f"the idempotency key{name} already names another message{what};"
            " use a key of its own for each message, or"
            ' on_key_conflict="replay" if they are the same mail written anew'
        )
