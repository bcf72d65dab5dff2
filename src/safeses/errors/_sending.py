"""
What a send raises: certainly not sent, or perhaps sent.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal

import attrs

from safeses.errors._root import SafeSESError

if TYPE_CHECKING:
    import datetime as dt

    from safeses._findings import Dropped, Finding


# A text is for a log; all of them stand in `InvalidMessageError.findings`.
SHOWN_FINDINGS: Final = 20


class NotSentError(SafeSESError):
    """Certainly not sent: fix it, wait for it, or drop it."""


# No slots, so that the drop-in may mix these with boto3's classes.


@attrs.define(slots=False)
class InvalidMessageError(NotSentError):
    """
    SES would refuse or mangle this message.

    Attributes:
        findings: What is wrong with it, all at once: the first hundred.
        warnings: What would not have refused it.
    """

    findings: tuple[Finding, ...]
    warnings: tuple[Finding, ...] = ()

    def __str__(self) -> str:
        errors = self.findings
        lines = [str(finding) for finding in errors[:SHOWN_FINDINGS]]
        if len(errors) > len(lines):
            lines.append(f"and {len(errors) - len(lines)} more")
        return "\n".join(lines) or "the message is malformed"


@attrs.define(slots=False)
class SuppressedError(NotSentError):
    """
    Nobody was mailed, as recipients must not be.

    They all are suppressed, or those in To, or some of them and
    ``on_suppressed="refuse"`` was chosen.

    Attributes:
        dropped: Each suppressed recipient with the reason.
        recipients: How many recipients the message had.
    """

    dropped: tuple[Dropped, ...]
    recipients: int | None = None

    def __str__(self) -> str:
        reasons = ", ".join(sorted({d.reason for d in self.dropped}))
        count = len(self.dropped)
        total = count if self.recipients is None else self.recipients
        if total == 1:
            who = "the only recipient"
        elif count == total:
            who = f"all {count} recipients"
        else:
            who = f"{count} of {total} recipients"
        return (
            f"{who} must not be mailed ({reasons}), so nobody was; do not"
            " send there again"
        )


@attrs.define(slots=False)
class RateLimitedError(NotSentError):
    """
    No permit came free within the caller's wait; nothing was sent.

    Attributes:
        limit_per_s: The limit in force, in recipients per second.
        retry_after_s: Seconds until a permit is likely; always positive.
        by: ``"budget"`` when we held back, ``"ses"`` when SES throttled.
        counted: What is limited: recipients, or calls that send nothing.
    """

    limit_per_s: float
    retry_after_s: float
    by: Literal["budget", "ses"] = "budget"
    counted: Literal["recipients", "calls"] = "recipients"
    retryable = True

    def __str__(self) -> str:
        who = "SES throttles" if self.by == "ses" else "the rate is used up"
        return (
            f"{who} at {self.limit_per_s:g} {self.counted}/s;"
            f" try again in {self.retry_after_s:.3g} s,"
            " or allow a larger max_wait_s"
        )


@attrs.define(slots=False)
class QuotaExceededError(NotSentError):
    """
    The 24 h quota leaves no room for this message.

    Attributes:
        resume_at: When room is expected, aware UTC.
        kept_for_transactional: True when room is left, but only for
            transactional mail.
        retry_after_s: Seconds until `resume_at`.
        limit_per_day: The quota in recipients, None when unknown.
    """

    resume_at: dt.datetime
    kept_for_transactional: bool
    retry_after_s: float
    limit_per_day: float | None = None
    retryable = True

    def __str__(self) -> str:
        limit = (
            "the 24 h quota"
            if self.limit_per_day is None
            else f"the quota of {self.limit_per_day:g} recipients in 24 h"
        )
        used = (
            "is kept for transactional mail"
            if self.kept_for_transactional
            else "is used up"
        )
        when = self.resume_at.isoformat(timespec="seconds")
        return f"{limit} {used}; try again at {when}"


@attrs.define(slots=False)
class SendingPausedError(NotSentError):
    """
    The account, or the configuration set, may not send at all.

    Attributes:
        reason: What SES says, such as ``"SendingEnabled is false"``.
    """

    reason: str

    def __str__(self) -> str:
        return (
            f"SES does not let this account send: {self.reason};"
            " see the SES console, Account dashboard"
        )


@attrs.define(slots=False)
class VetoedError(NotSentError):
    """
    A before-send hook refused; its exception is the cause.

    Attributes:
        hook: The hook's name.
    """

    hook: str

    def __str__(self) -> str:
        return f"the hook {self.hook!r} refused to send"


@attrs.define(slots=False)
class RejectedError(NotSentError):
    """
    SES answered that it does not take this message.

    Attributes:
        code: SES's error code, such as ``"MessageRejected"``.
        status: The HTTP status.
        detail: SES's text with local parts of addresses hidden.
        request_id: The id of the call, for AWS support.
    """

    code: str
    status: int
    detail: str = ""
    request_id: str = ""

    def __str__(self) -> str:
        return f"SES refused the message ({self.code}): {self.detail}"


@attrs.define(slots=False)
class AccessDeniedError(NotSentError):
    """
    IAM does not allow the call.

    Attributes:
        action: The action that is missing, such as ``"ses:SendEmail"``.
        resource: The resource it is needed for.
    """

    action: str
    resource: str = "*"

    def __str__(self) -> str:
        import json

        statement = {
            "Effect": "Allow",
            "Action": self.action,
            "Resource": self.resource,
        }
        return (
            f"IAM does not allow {self.action}; add to the policy of this"
            f" role: {json.dumps(statement)}"
        )


@attrs.define(slots=False)
class CredentialsError(NotSentError):
    """
    AWS credentials are missing, expired or not accepted.

    Attributes:
        problem: What is wrong with them; never a secret.
    """

    problem: str

    def __str__(self) -> str:
        return (
            f"no usable AWS credentials: {self.problem}; check the role,"
            " the profile or the environment of this process"
        )


@attrs.define(slots=False)
class UnreachableError(NotSentError):
    """
    No connection to SES came about; not a byte of the mail left.

    Attributes:
        reason: What failed, such as ``"connection refused"``.
        retry_after_s: Seconds after which to try again.
    """

    reason: str
    retry_after_s: float = 1.0
    retryable = True

    def __str__(self) -> str:
        return (
            f"SES cannot be reached: {self.reason}; nothing was sent,"
            f" try again in {self.retry_after_s:g} s"
        )


@attrs.define(slots=False)
class DeadlineExceededError(NotSentError):
    """
    The call's deadline passed before an attempt could be made.

    Attributes:
        deadline_s: The seconds that the whole call was given.
    """

    deadline_s: float
    retryable = True

    def __str__(self) -> str:
        return (
            f"nothing was sent within {self.deadline_s:g} s;"
            " allow a larger deadline_s"
        )


@attrs.define(slots=False)
class StoreError(NotSentError):
    """
    The state could not answer; a send that raises it has sent nothing.

    Attributes:
        part: Which part, such as ``"budget"`` or ``"ledger"``.
        engine: Which engine, such as ``"memory"``.
        problem: What happened.
        of_send: Whether a send raised it. Events, lists and ledgers are
            asked beside sending, too, and the text speaks of the act.
    """

    part: str
    engine: str
    problem: str
    of_send: bool = False
    retryable = True

    def __str__(self) -> str:
        text = (
            f"the {self.part} in {self.engine} could not answer:"
            f" {self.problem}"
        )
        return f"{text}; nothing was sent" if self.of_send else text

    def note_send(self) -> None:
        """Note that a send raises it: its text says what that means."""
        self.of_send = True
        # It pickles by these.
        self.args = (self.part, self.engine, self.problem, True)


@attrs.define(slots=False)
class ConfigurationError(NotSentError):
    """
    safeses, or what it was given, is set up in a way that cannot work.

    Attributes:
        problem: What is wrong.
        remedy: What to do.
    """

    problem: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.problem}; {self.remedy}"


@attrs.define(slots=False)
class OutcomeUnknownError(SafeSESError):
    """
    SES may have accepted the mail: sending again may duplicate it.

    SES has no idempotency token, so a lost answer cannot be asked for
    again. Never retry on this; the events of SES that carry `tag` tell.

    Attributes:
        tag: The correlation tag that the mail carries, ``""`` if none.
        reason: How the answer was lost, such as ``"no answer within 10 s"``.
        request_id: The id of the call, if an answer arrived at all.
    """

    tag: str
    reason: str
    request_id: str = ""

    def __str__(self) -> str:
        look = (
            f"look for the tag safeses-id={self.tag} in the events of SES"
            if self.tag
            else "it carries no correlation tag to look for"
        )
        return f"perhaps sent ({self.reason}); do not resend: {look}"


class ConfigurationWarning(UserWarning):
    """Something works, but not as safely as it could; says what to do."""
