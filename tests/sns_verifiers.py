"""
Verifiers of SNS's messages, offline, and what comes of messages.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from tests.sns_authority import (
    TOPIC,
    Loader,
    confirmation,
    notification,
    url,
)

from safeses.errors import (
    CertificateError,
    UnverifiedEventError,
)
from safeses.feedback._sns import SNSVerifier
from safeses.testing import FakeClock

if TYPE_CHECKING:
    from collections.abc import Callable

OTHER_TOPIC = TOPIC.replace("111122223333", "999988887777")
KINDS: dict[str, Callable[..., dict[str, Any]]] = {
    "notification": notification,
    "subscription": confirmation,
    "unsubscription": partial(confirmation, "UnsubscribeConfirmation"),
}


def verifier(
    clock: FakeClock | None = None, loader: Any = None, **settings: Any
) -> SNSVerifier:
    """Return one that allows our topic, offline."""
    return SNSVerifier(
        [TOPIC],
        loader=loader or Loader(),
        clock=clock or FakeClock(),
        **settings,
    )


SHARED = verifier()


def is_genuine(envelope: Any, by: SNSVerifier = SHARED) -> bool:
    """Whether *envelope* passes."""
    try:
        by.verify(envelope)
    except UnverifiedEventError:
        return False
    return True


GENUINE = notification()
FORGED = {**GENUINE, "Signature": "AAAA"}


class Case:
    """A verifier, its clock, and what it asks for."""

    def __init__(
        self, *, topics: tuple[str, ...] = (TOPIC,), **answers: Any
    ) -> None:
        self.clock = FakeClock()
        self.loader = Loader(**answers)
        self.verifier = SNSVerifier(
            topics, loader=self.loader, clock=self.clock
        )

    def come_of(self, envelope: dict[str, Any]) -> str:
        """Verify *envelope*, whatever its age; return what came of it."""
        try:
            self.verifier.verify(envelope, check_age=False)
        except (CertificateError, UnverifiedEventError) as error:
            return type(error).__name__
        return "genuine"

    def error_of(self, envelope: dict[str, Any] = GENUINE) -> Any:
        """Return the error that *envelope* raises."""
        with pytest.raises((CertificateError, UnverifiedEventError)) as caught:
            self.verifier.verify(envelope, check_age=False)
        return caught.value


def at(number: int, **fields: Any) -> dict[str, Any]:
    """Return a forged message whose certificate has another URL."""
    return {**FORGED, "SigningCertURL": url(number), **fields}
