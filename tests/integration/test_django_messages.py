from __future__ import annotations

import pytest

from safeses import Client, RawEmail
from safeses.testing import assert_sendable, stubbed

django_mail = pytest.importorskip("django.core.mail")
conf = pytest.importorskip("django.conf")


@pytest.fixture(scope="module", autouse=True)
def _settings() -> None:
    """Django makes messages only when it is configured."""
    if not conf.settings.configured:
        conf.settings.configure()


def message(**fields: object) -> object:
    """Return a message of Django with an 8-bit body."""
    return django_mail.EmailMultiAlternatives(
        **{
            # Else Django asks for the name of this machine.
            "headers": {"Message-ID": "<1@a.example>"},
            "subject": "Grüße",
            "body": "Schöne Grüße",
            "from_email": "shop@a.example",
            "alternatives": [("<p>Schöne Grüße</p>", "text/html")],
            **fields,
        }
    )


def test_blind_copies_count() -> None:
    """A mail of Django that has blind copies only can be sent."""
    assert_sendable(message(bcc=["eva@b.example"]))
    with pytest.raises(AssertionError) as caught:
        assert_sendable(message())

    assert "recipients.none" in str(caught.value)


def test_bodies_survive() -> None:
    """The 8-bit bodies of Django's messages are sent as they are."""
    ses = Client()
    mime = message(to=["Jörg <joerg@b.example>"]).message()  # type: ignore[attr-defined]  # Django has no types
    with stubbed(ses) as outbox:
        ses.send(RawEmail(message=mime))

    assert ("Grüße", "Schöne Grüße", "<p>Schöne Grüße</p>") == (
        outbox[0].subject,
        (outbox[0].text or "").strip(),
        (outbox[0].html or "").strip(),
    )
