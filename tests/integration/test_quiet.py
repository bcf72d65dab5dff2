"""Logs are read by many: they hold nothing of a mail."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import pytest

from safeses import Client, Email, SafeSESError

if TYPE_CHECKING:
    from collections.abc import Callable

    from safeses.testing import SimulatedSES

    Serving = Callable[..., tuple[SimulatedSES, Client]]

pytestmark = pytest.mark.server

SECRETS = ("eva.secret", "Subject-secret", "body-secret", "shop.secret")
FAULTS = (
    "status:429:TooManyRequestsException",
    "status:400:MessageRejected",
    "status:400:BadRequestException",
    "status:403:AccessDeniedException",
    "status:503",
    "stall",
    "html",
    "reset_after",
)


def test_logs_hold_nothing_of_a_mail(
    serving: Serving,
    mail: Callable[..., Email],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Whatever goes wrong, no address, subject or body is logged."""
    caplog.set_level(logging.DEBUG, logger="safeses")
    ses, client = serving(attempt_timeout_s=0.5)
    said = []
    secret = mail(
        "Subject-secret",
        from_email="Shop <shop.secret@a.example>",
        to="eva.secret@b.example",
        text="body-secret",
    )
    for fault in FAULTS:
        ses.faults.add(
            fault,
            first=1,
            message="Address eva.secret@b.example of shop.secret@a.example",
        )
        try:
            client.send(secret)
        except SafeSESError as error:
            said.append(str(error))
        ses.faults.clear()
    with ses.refusing(), pytest.raises(SafeSESError) as refused:
        client.send(secret, max_wait_s=0.5)
    said.append(str(refused.value))
    said += [
        record.getMessage() + str(record.exc_text or record.exc_info or "")
        for record in caplog.records
        if record.name.startswith("safeses")
    ]

    assert (True, []) == (
        len(said) > len(FAULTS),
        [text for text in said if any(word in text for word in SECRETS)],
    )
