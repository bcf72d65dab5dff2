"""
What a rule is.
"""

from __future__ import annotations

from typing import Final

import attrs

from safeses._findings import Finding, Severity

API: Final = "SESv2 API"
GUIDE: Final = "SES Developer Guide"


@attrs.frozen(kw_only=True)
class Rule:
    """
    One thing that a message must, or should, be.

    Attributes:
        id: Its stable name.
        limit: What it allows, in words.
        remedy: What to do about a message that breaks it.
        source: Who says so.
        severity: ``"error"`` refuses the message, ``"warning"`` does not.
        fixed: Whether no caller may choose that it is less: promises
            rest on it.
        observable: Whether a client that only observes sends what breaks
            it; not where nothing could be sent, or only an attack.
    """

    id: str
    limit: str
    remedy: str
    source: str
    severity: Severity = "error"
    fixed: bool = False
    observable: bool = True

    def found(
        self,
        field: str,
        seen: object,
        *,
        limit: str | None = None,
        remedy: str | None = None,
    ) -> Finding:
        """
        Say that *field* breaks this rule.

        Args:
            field: Where, such as ``"Destination.ToAddresses[3]"``.
            seen: What was found, in figures or kinds; never the content.
            limit: What is allowed just there, if the rule's words are
                too general.
            remedy: What to do just there.
        """
        return Finding(
            rule=self.id,
            field=field,
            limit=limit or self.limit,
            seen=str(seen),
            remedy=remedy or self.remedy,
            severity=self.severity,
            source=self.source,
        )
