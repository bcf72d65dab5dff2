"""
A record as the columns of a table.

What is in every record has a column of its own. What is rare is JSON.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from safeses._job import Record
from safeses.ledger._json import (
    json_of,
    json_of_each,
    json_of_others,
    left_out_of,
    others_of,
    refused_of,
    sent_of,
    state_of,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

# In the order of the statements of every engine.
COLUMNS: Final = (
    "id",
    "state",
    "owner",
    "attempt",
    "keyed",
    "payload",
    "unsure",
    "reason",
    "began_wall",
    "submitted_wall",
    "lease_s",
    "lease_ends",
    "expires",
    "recipients",
    "tagged",
    "left_out",
    "sent",
    "others",
    "refused",
)


def row_of(record: Record) -> tuple[Any, ...]:
    """Return what stands in the columns, in the order of `COLUMNS`."""
    return (
        record.id,
        record.state,
        record.owner,
        record.attempt,
        int(record.keyed),
        record.payload,
        record.unsure,
        record.reason,
        record.began_wall,
        record.submitted_wall,
        record.lease_s,
        record.lease_ends,
        record.expires,
        record.recipients,
        int(record.tagged),
        json_of_each(record.left_out) if record.left_out else None,
        json_of(record.sent) if record.sent else None,
        json_of_others(record.others) if record.others else None,
        json_of(record.refused) if record.refused else None,
    )


def record_of(columns: Iterable[Any]) -> Record:
    """
    Return the record that the columns hold.

    Args:
        columns: All of them, in the order of `COLUMNS`.

    Raises:
        AttributeError: They hold none; likewise the others.
        TypeError: The JSON is of something else.
        ValueError: There are more or fewer of them, or a state is none.
    """
    (
        name,
        state,
        owner,
        attempt,
        keyed,
        payload,
        unsure,
        reason,
        began_wall,
        submitted_wall,
        lease_s,
        lease_ends,
        expires,
        recipients,
        tagged,
        left_out,
        sent,
        others,
        refused,
    ) = columns
    return Record(
        id=name,
        state=state_of(state),
        owner=owner,
        attempt=attempt,
        keyed=bool(keyed),
        payload=payload,
        unsure=unsure,
        reason=reason,
        began_wall=began_wall,
        submitted_wall=submitted_wall,
        lease_s=lease_s,
        lease_ends=lease_ends,
        expires=expires,
        recipients=recipients,
        tagged=bool(tagged),
        left_out=left_out_of(left_out),
        sent=sent_of(sent),
        others=others_of(others),
        refused=refused_of(refused),
    )
