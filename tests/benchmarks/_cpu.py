"""
CPU time of one send: process time, every side in the same loop.

The calls of all sides are shuffled one by one, as the machine's mood changes
from block to block by more than what is to be seen. The second plain client
shows what noise is left.
"""

from __future__ import annotations

import contextlib
import itertools
import random
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from tests.benchmarks import _kit
from tests.benchmarks._table import Table

if TYPE_CHECKING:
    from collections.abc import Callable

    from safeses import Client

SENDS: Final = 4_000
WARM_UP: Final = 20
PLAIN: Final = "boto3, one attempt"


def measure(*, quick: bool) -> Table:
    """Send through every side; return medians and ratios."""
    sends = 40 if quick else SENDS
    rows = []
    with contextlib.ExitStack() as stack:
        url = stack.enter_context(_kit.server())
        for sides in (_sides(url, stack), _django_sides(url)):
            medians = _medians(sides, sends)
            rows += [
                (name, f"{median:.0f}", f"{median / medians[PLAIN]:.3f}")
                for name, median in medians.items()
            ]
    return Table(
        title=f"cpu: process time of one send, medians of {sends} each",
        columns=("side", "median us", "of plain boto3"),
        rows=rows,
        notes=(
            "Loopback, kept-alive connection, server in another process.",
            "A/A is a second plain client: what differs there is noise.",
            "State in memory unless said; SQLite is synchronous NORMAL.",
            "Django's back ends run after that, beside plain boto3 again:",
            "in one loop all sides were slower, ours by 5 % more.",
        ),
    )


def _medians(
    sides: dict[str, Callable[[], object]], sends: int
) -> dict[str, float]:
    """Return the microseconds of each side, sent through in turn."""
    spent: dict[str, list[float]] = {name: [] for name in sides}
    for send in sides.values():
        for _ in range(WARM_UP):
            send()
    calls = list(sides.items()) * sends
    random.Random(0).shuffle(calls)  # noqa: S311  # an order, no secret
    for name, send in calls:
        began = time.process_time_ns()
        send()
        spent[name].append((time.process_time_ns() - began) / 1000)
    return {name: _kit.median(times) for name, times in spent.items()}


def _sides(
    url: str, stack: contextlib.ExitStack
) -> dict[str, Callable[[], object]]:
    from safeses import Email

    folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))

    def plain() -> Any:
        return _kit.boto3_client(url, _kit.once())

    def safe(state: str) -> Client:
        return stack.enter_context(_kit.unlimited(plain(), state=state))

    first, second, ses, on_disk = (
        plain(),
        plain(),
        safe("memory:"),
        safe(f"sqlite:///{folder / 'mail.db'}"),
    )
    numbers = itertools.count()
    params = _kit.parameters()
    # Made once, as the parameters are: both are the caller's own cost.
    mail = Email(
        from_email=_kit.SENDER,
        to=_kit.RECIPIENT,
        subject="Your order",
        text=_kit.TEXT,
        html=_kit.HTML,
    )

    def keyed(client: Client) -> object:
        return client.send(mail, idempotency_key=f"order-{next(numbers)}")

    return {
        PLAIN: lambda: first.send_email(**params),
        "A/A: boto3 again": lambda: second.send_email(**params),
        "safeses send_email": lambda: ses.send_email(**params),
        "safeses send(Email)": lambda: ses.send(mail),
        "send(Email), a new key": lambda: keyed(ses),
        "send(Email), SQLite": lambda: on_disk.send(mail),
        "send(Email), SQLite, a new key": lambda: keyed(on_disk),
    }


def _django_sides(url: str) -> dict[str, Callable[[], object]]:
    """Return those of Django's back ends for SES that are installed."""
    try:
        from django.conf import settings
    except ModuleNotFoundError:
        return {}

    if not settings.configured:
        settings.configure(**_django_settings(url))
        import django

        django.setup()
    from django.core.mail import EmailMultiAlternatives

    def sender(backend: Any) -> Callable[[], object]:
        backend.open()

        def send() -> object:
            mail = EmailMultiAlternatives(
                "Your order", _kit.TEXT, _kit.SENDER, [_kit.RECIPIENT]
            )
            mail.attach_alternative(_kit.HTML, "text/html")
            return backend.send_messages([mail])

        return send

    client = _kit.boto3_client(url, _kit.once())
    params = _kit.parameters()
    sides: dict[str, Callable[[], object]] = {
        PLAIN: lambda: client.send_email(**params)
    }
    with contextlib.suppress(ModuleNotFoundError):
        from django_ses import SESBackend

        sides["django-ses"] = sender(SESBackend())
    with contextlib.suppress(ModuleNotFoundError):
        from anymail.backends.amazon_ses import EmailBackend

        sides["django-anymail"] = sender(EmailBackend())
    return sides


def _django_settings(url: str) -> dict[str, Any]:
    from botocore.config import Config

    keys = {
        "aws_access_key_id": "testing",
        "aws_secret_access_key": "testing",
        "region_name": _kit.REGION,
    }
    config = Config(retries=_kit.once())
    return {
        "ANYMAIL": {
            "AMAZON_SES_CLIENT_PARAMS": {
                "endpoint_url": url,
                "config": config,
                **keys,
            }
        },
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_SES_AUTO_THROTTLE": None,
        "AWS_SES_CONFIG": config,
        "AWS_SES_REGION_ENDPOINT_URL": url,
        "AWS_SES_REGION_NAME": _kit.REGION,
        "USE_SES_V2": True,
        "USE_TZ": True,
    }
