"""django-ses and django-anymail send through the simulated SES."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

import pytest

from safeses.testing._simulator import SimulatedSES

pytestmark = pytest.mark.server

# In a process of its own: Django's settings cannot be taken back.
_PROGRAM = """
import json, sys
from django.conf import settings
settings.configure(**json.loads(sys.argv[1]))
import django
django.setup()
from django.core.mail import EmailMultiAlternatives
mail = EmailMultiAlternatives(
    "Grüße", "Hi", "Shop <shop@example.com>", ["Ann <ann@example.net>"],
    bcc=["eve@example.net"],
)
mail.attach_alternative("<p>Hi</p>", "text/html")
print(mail.send())
"""


def send(settings: dict[str, Any]) -> str:
    """Send one mail in a new process and return what it printed."""
    run = subprocess.run(  # noqa: S603  (our own program)
        [sys.executable, "-c", _PROGRAM, json.dumps(settings)],
        capture_output=True,
        check=False,
        env=os.environ | {"AWS_DEFAULT_REGION": "eu-west-1"},
        text=True,
        timeout=300,
    )
    return run.stdout.strip() or run.stderr


@pytest.mark.parametrize(
    "version_2, operation", [(False, "SendRawEmail"), (True, "SendEmail")]
)
def test_django_ses(*, version_2: bool, operation: str) -> None:
    """django-ses sends one mail, through the old API and the new one."""
    pytest.importorskip("django_ses")
    ses = SimulatedSES(verified=["example.com"])
    with ses.serve() as url:
        printed = send(
            {
                "AWS_SES_REGION_ENDPOINT_URL": url,
                "AWS_SES_REGION_NAME": "eu-west-1",
                "EMAIL_BACKEND": "django_ses.SESBackend",
                "USE_SES_V2": version_2,
            }
        )
    found = [
        (
            sent.operation,
            sent.recipients,
            sent.subject,
            (sent.html or "").strip(),
        )
        for sent in ses.sent
    ]
    to = ("ann@example.net", "eve@example.net")

    assert ("1", [(operation, to, "Grüße", "<p>Hi</p>")]) == (printed, found)


def test_anymail() -> None:
    """django-anymail sends one mail with its recipients in their places."""
    pytest.importorskip("anymail")
    ses = SimulatedSES(verified=["example.com"])
    with ses.serve() as url:
        printed = send(
            {
                "ANYMAIL": {
                    "AMAZON_SES_CLIENT_PARAMS": {
                        "endpoint_url": url,
                        "region_name": "eu-west-1",
                    }
                },
                "EMAIL_BACKEND": "anymail.backends.amazon_ses.EmailBackend",
            }
        )
    found = [
        (
            sent.operation,
            sent.to,
            sent.bcc,
            sent.subject,
            (sent.text or "").strip(),
        )
        for sent in ses.sent
    ]
    to, bcc = ("ann@example.net",), ("eve@example.net",)

    assert ("1", [("SendEmail", to, bcc, "Grüße", "Hi")]) == (printed, found)
