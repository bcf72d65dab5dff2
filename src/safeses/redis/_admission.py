"""
Admitting a mail in one script, where all is plain.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any, Final

import attrs

from safeses._outcome import Admitted, Claim, Later
from safeses._state import LEASE_MARGIN_S, RESERVED_LEASE_S
from safeses.errors import StoreError
from safeses.ledger import _machine
from safeses.redis import _problems
from safeses.redis._budget import asked, read
from safeses.redis._ledger import held_by, new_record, rows_of
from safeses.redis._ledger_rows import id_of, text_of

if TYPE_CHECKING:
    from safeses._outcome import Admission
    from safeses.redis._accounts import RedisAccounts
    from safeses.redis._budget import RedisBudget
    from safeses.redis._connection import Server
    from safeses.redis._ledger_rows import RedisRows
    from safeses.redis._suppressions import RedisSuppressionStore

PART: Final = "state"
_DOUBTS_MAX: Final = 10_000
# A mail that goes now waits for them.
_FORGOTTEN_AT_ONCE: Final = 10


@attrs.define(eq=False)
class Admissions:
    """
    Asks for mails one at a time, and takes back what was lost.

    Where the answer to a mail without a key is lost, nobody knows whether
    it was noted as about to leave, which it never will. It is forgotten as
    soon as the server answers again.

    Attributes:
        server: Where all parts are.
        budget: Rate and quota.
        accounts: Whether sending is paused.
        rows: The records of the ledger.
    """

    server: Server
    budget: RedisBudget
    accounts: RedisAccounts
    rows: RedisRows
    _doubts: deque[Claim] = attrs.field(
        factory=lambda: deque(maxlen=_DOUBTS_MAX), init=False
    )

    def admit(
        self, admission: Admission, store: RedisSuppressionStore
    ) -> Admitted | Later | None:
        """
        Admit a mail, or say when to ask again.

        Returns:
            None if something is not plain; nothing was changed then.

        Raises:
            QuotaExceededError: The quota leaves no room.
            StoreError: No answer.
        """
        claim = _claim_of(admission)
        name = admission.job.id if admission.job else claim.id
        noted, note = _to_note(admission, claim)
        keys: list[str] = []
        screening: list[Any] = ["", ""]
        if admission.recipients:  # else a call that sends no mail
            keys, screening = store.screening(
                admission.recipients, admission.stream
            )
        try:
            answer = self.server.run(
                PART,
                "admit_job" if noted == "job" else "admit",
                (
                    self.accounts.key(admission.scope),
                    *self.budget.keys(admission.scope),
                    *rows_of(self.rows, name),
                    *keys,
                ),
                (
                    *self.budget.own(admission.scope),
                    *asked(admission),
                    *(noted, *note),
                    *screening,
                ),
            )
        except StoreError as error:
            if noted == "mail" and _problems.was_asked(error):
                self._doubts.append(claim)
            raise
        self._forget_doubts()
        if answer[0] == b"parts":
            return None
        policy, is_noted, booking = answer
        if policy:
            # From now on it must be there.
            store.check_policy(policy)
        booked = read(booking)
        if isinstance(booked, Later):
            return booked
        claim.minute = booked.minute
        claim.is_submitted = noted == "mail" and bool(is_noted)
        return Admitted(
            claim=claim,
            wait_s=booked.wait_s,
            limit_per_s=booked.limit_per_s,
        )

    def _forget_doubts(self) -> None:
        for _ in range(_FORGOTTEN_AT_ONCE):
            try:
                claim = self._doubts.popleft()
            except IndexError:
                return
            keys = rows_of(self.rows, claim.id)
            try:
                self.server.run(
                    PART, "ledger_settle_unkeyed", keys, held_by(claim)
                )
            except StoreError:
                self._doubts.append(claim)
                return


def _claim_of(admission: Admission) -> Claim:
    return Claim(
        tag=admission.tag,
        scope=admission.scope,
        cost=admission.cost,
        quota_cost=admission.quota_cost,
        owner=admission.owner,
        attempt=1 if admission.job else admission.attempt,
        job=admission.job,
    )


def _to_note(
    admission: Admission, claim: Claim
) -> tuple[str, tuple[bytes | str | float, ...]]:
    """
    Return what to note in the ledger: the id, the record, its lease.

    Nobody else knows the name of a mail without a key. If its slot begins
    now, that it is about to leave is noted at once; whatever keeps it from
    leaving after all takes the note back.
    """
    if admission.job is not None:
        record = new_record(admission.job, admission.owner)
        lease_s = RESERVED_LEASE_S
        return "job", (id_of(record.id), text_of(record), lease_s)
    if admission.attempt == 1 and admission.recipients:
        mail = _machine.submit(None, claim, 0.0, 0.0, 0.0)
        if mail is not None:
            lease_s = RESERVED_LEASE_S + admission.timeout_s + LEASE_MARGIN_S
            return "mail", (id_of(mail.id), text_of(mail), lease_s)
    return "", ("", "", 0.0)
