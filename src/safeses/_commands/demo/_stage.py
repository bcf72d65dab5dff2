"""
Where a scene plays: a simulated account, real boto3, a client, its mails.

Nothing of the user's AWS settings gets in: neither credentials nor a
profile, a proxy, a retry mode or another endpoint.
"""

from __future__ import annotations

import contextlib
import os
import time
from concurrent.futures import ThreadPoolExecutor
from random import Random
from typing import TYPE_CHECKING, Any, Final

import attrs
import boto3
from botocore.config import Config

from safeses import Client, Email, NotSentError, OutcomeUnknownError
from safeses._commands.demo._count import Record, Result
from safeses.testing import SimulatedSES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from safeses._commands.demo._count import Said
    from safeses._commands.demo._show import Show

REGION: Final = "eu-west-1"
SENDER: Final = "Shop <shop@example.com>"
TAG: Final = "demo-mail"
_FOREIGN: Final = ("AWS_", "BOTO_")
_NAMES: Final = ("ann", "bo", "chen", "dee", "eli", "fay", "gus", "hana")


@attrs.define
class Scene:
    """
    One scene on its way; many threads may send in it.

    Attributes:
        title: What it is about.
        ses: The simulated account.
        client: What sends, unless it is boto3 alone.
        boto3_client: boto3 alone.
        random: Where names and sizes come from.
        tick: To call after each mail.
        results: What came of each mail so far.
    """

    title: str
    ses: SimulatedSES
    client: Client
    boto3_client: Any
    random: Random
    tick: Callable[[], None]
    results: list[Result] = attrs.field(factory=list)
    _mails: int = 0

    def mail(self, recipients: int = 1, **changes: Any) -> Email:
        """Return a new mail, whose tag is its name."""
        self._mails += 1
        to = [
            f"{self.random.choice(_NAMES)}{number}@example.net"
            for number in range(recipients)
        ]
        fields: dict[str, Any] = {
            "from_email": SENDER,
            "to": to,
            "subject": f"Order {self.random.randrange(10_000)}",
            "text": "Thank you. It ships tomorrow.\n"
            * self.random.randint(1, 40),
            "tags": {TAG: str(self._mails)},
        }
        return Email(**(fields | changes))

    def send(self, mail: Email, **options: Any) -> Result:
        """Send through safeses and note what its caller is told."""
        return self._noted(
            mail.tags[TAG], lambda: self.client.send(mail, **options)
        )

    def send_plainly(self, mail: Email) -> Result:
        """Send the same through boto3 alone."""
        params = {
            "FromEmailAddress": mail.from_email,
            "Destination": {"ToAddresses": list(mail.to)},
            "Content": {
                "Simple": {
                    "Subject": {"Data": mail.subject},
                    "Body": {"Text": {"Data": mail.text}},
                }
            },
            "EmailTags": [
                {"Name": name, "Value": value}
                for name, value in mail.tags.items()
            ],
        }
        return self._noted(
            mail.tags[TAG], lambda: self.boto3_client.send_email(**params)
        )

    def send_all(
        self, mails: Iterable[Email], *, threads: int, **options: Any
    ) -> list[Result]:
        """Send from several threads at once."""
        with ThreadPoolExecutor(threads) as pool:
            return list(pool.map(lambda m: self.send(m, **options), mails))

    def record(self, **more: Any) -> Record:
        """Put what was said beside what the simulator has counted."""
        copies = self.ses.tag_counts(TAG)
        copies[""] = len(self.ses.sent) - copies.total()
        return Record(
            title=self.title,
            results=tuple(self.results),
            copies=+copies,
            requests=self.ses.requests["SendEmail"],
            refusals=self.ses.refusals,
            recipients=sum(len(mail.recipients) for mail in self.ses.sent),
            **({"quota": float("inf")} | more),
        )

    def _noted(self, name: str, send: Callable[[], object]) -> Result:
        began = time.monotonic()
        error: Exception | None = None
        try:
            send()
        except Exception as caught:  # noqa: BLE001  # each one is an outcome
            error = caught
        said: Said = "accepted" if error is None else "nothing"
        if isinstance(error, OutcomeUnknownError):
            said = "unknown"
        elif isinstance(error, NotSentError):
            said = "not sent"
        result = Result(
            mail=name,
            said=said,
            why="" if error is None else type(error).__name__,
            elapsed_s=time.monotonic() - began,
            error=error,
        )
        self.results.append(result)
        self.tick()
        return result


def _session() -> boto3.session.Session:
    return boto3.session.Session(
        aws_access_key_id="demo",
        aws_secret_access_key="demo",  # noqa: S106  # for the simulator
        region_name=REGION,
    )


@attrs.frozen
class Stage:
    """
    What the scenes have in common.

    Attributes:
        show: Tells what happens.
        seed: What names and sizes follow from.
        make_client: Makes the client of a scene, as `Client` does.
    """

    show: Show
    seed: int
    make_client: Callable[..., Client] = Client
    _session: boto3.session.Session = attrs.field(init=False, factory=_session)

    @contextlib.contextmanager
    def scene(
        self,
        title: str,
        mails: int,
        *,
        account: Mapping[str, Any],
        client: Mapping[str, Any] | None = None,
        read_timeout_s: float = 5.0,
    ) -> Iterator[Scene]:
        """
        Open an account, and connect to it.

        Args:
            title: What the scene is about.
            mails: How many mails it sends.
            account: What `SimulatedSES` takes.
            client: What `Client` takes.
            read_timeout_s: How long boto3 alone waits for an answer.
        """
        ses = SimulatedSES(region=REGION, **account)
        with ses.serve() as url, contextlib.ExitStack() as stack:
            ours, plain = (
                self._session.client(
                    "sesv2",
                    endpoint_url=url,
                    config=Config(
                        proxies={},
                        max_pool_connections=32,
                        read_timeout=read_timeout_s,
                    ),
                )
                for _ in range(2)
            )
            stack.callback(plain.close)
            sender = self.make_client(ours, **(client or {}))
            stack.enter_context(sender)
            yield Scene(
                title=title,
                ses=ses,
                client=sender,
                boto3_client=plain,
                random=Random(f"{self.seed} {title}"),  # noqa: S311  # names
                tick=self.show.scene(title, mails),
            )


@contextlib.contextmanager
def own_settings() -> Iterator[None]:
    """Hide the user's AWS settings from boto3 while the context lasts."""
    hidden = {
        name: os.environ.pop(name)
        for name in list(os.environ)
        if name.startswith(_FOREIGN)
    }
    own = dict.fromkeys(
        ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"), os.devnull
    )
    os.environ.update(own)
    try:
        yield
    finally:
        for name in own:
            del os.environ[name]
        os.environ.update(hidden)
