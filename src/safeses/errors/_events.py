"""
What receiving an event raises. No text holds anything of the event.
"""

from __future__ import annotations

import attrs

from safeses.errors._root import SafeSESError


@attrs.define(slots=False)
class InvalidEventError(SafeSESError):
    """
    What was received is no event: malformed, or beyond a limit.

    Delivering it again changes nothing.

    Attributes:
        rule: What it breaks, in words.
        seen: What was found, in figures or kinds; never the content.
        remedy: What to do about it.
    """

    rule: str
    seen: str = ""
    remedy: str = ""

    def __str__(self) -> str:
        text = f"{self.rule}, seen {self.seen}" if self.seen else self.rule
        return f"{text}; {self.remedy}" if self.remedy else text


@attrs.define(slots=False)
class UnverifiedEventError(InvalidEventError):
    """Nothing shows that a message is from a topic that you allow."""


@attrs.define(slots=False)
class CertificateError(SafeSESError):
    """
    The certificate that SNS signs with could not be had for now.

    Whether the message is genuine is not known: let it come again.

    Attributes:
        host: Where it should come from.
        problem: What went wrong.
        retry_after_s: Seconds until it is asked for again.
    """

    host: str
    problem: str
    retry_after_s: float = 60.0

    retryable = True

    def __str__(self) -> str:
        return (
            f"no certificate from {self.host}: {self.problem}; the message"
            f" should be delivered again in {self.retry_after_s:.3g} s"
        )


@attrs.define(slots=False)
class NotHandledError(SafeSESError):
    """
    Some of what was received is not done; the carrier must try again.

    Attributes:
        failed: The names of the reactions and hooks that failed; empty if
            somebody else handles it at this moment.
    """

    failed: tuple[str, ...] = ()

    retryable = True

    def __str__(self) -> str:
        if not self.failed:
            return "somebody handles the event at this moment; try again"
        names = ", ".join(map(repr, self.failed))
        return f"not all is done about an event: {names} failed; try again"
