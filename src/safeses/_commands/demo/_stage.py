"""
Where a scene plays: a simulated account, real boto3, a client, its mails.

Nothing of the user's settings gets in: neither credentials nor a profile,
a proxy, a retry mode, another endpoint, or the state of a real client.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

import attrs

from safeses import (
    Client,
    Email,
    NotSentError,
    OutcomeUnknownError,
    Receipt,
    SuppressedError,
)
from safeses._commands.demo._connect import REGION, connect, session
from safeses._commands.demo._count import Reached, Record, Result
from safeses._mail import _address
from safeses._mail._parameters import parameters
from safeses.testing import SimulatedSES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    import boto3

    from safeses._commands.demo._count import Pair, Said
    from safeses._commands.demo._show import Show

SENDER: Final = "Shop <shop@example.com>"
TAG: Final = "demo-mail"
_FOREIGN: Final = ("AWS_", "BOTO_", "SAFESES_")
_NAMES: Final = ("ann", "bo", "chen", "dee", "eli", "fay", "gus", "hana")


@attrs.define
class Scene:
    """
    One scene on its way; many threads may send in it.

    Attributes:
        title: What it is about.
        ses: The simulated account.
        url: Where it serves.
        client: What sends, unless it is boto3 alone.
        boto3_client: boto3 alone.
        random: Where names and sizes come from.
        tick: To call after each mail.
        results: What came of each mail so far.
    """

    title: str
    ses: SimulatedSES
    url: str
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
        params = parameters(mail)
        boto3_client = self.boto3_client
        return self._noted(
            mail.tags[TAG],
            lambda: boto3_client.send_email(**params),
            not_sent=boto3_client.exceptions.BadRequestException,
        )

    def send_all(
        self, mails: Iterable[Email], *, threads: int, **options: Any
    ) -> list[Result]:
        """Send from several threads at once."""
        with ThreadPoolExecutor(threads) as pool:
            return list(pool.map(lambda m: self.send(m, **options), mails))

    def note(self, result: Result) -> None:
        """Note what came of a mail."""
        self.results.append(result)
        self.tick()

    def pairs(self, mail: Email) -> set[Pair]:
        """Return whom a mail is for."""
        people = (*mail.to, *mail.cc, *mail.bcc)
        return {(mail.tags[TAG], _bare(person)) for person in people}

    def reached(self, *, stopped: set[Pair], allowed: set[Pair]) -> Reached:
        """Put who should get mail beside who does."""
        return Reached(
            stopped=frozenset(stopped),
            allowed=frozenset(allowed),
            at_ses=frozenset(
                (mail.tags.get(TAG, ""), _bare(person))
                for mail in self.ses.sent
                for person in mail.recipients
            ),
            told=frozenset(
                (result.mail, _bare(person))
                for result in self.results
                for person in result.dropped
            ),
        )

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
            message_ids=frozenset(
                (mail.tags.get(TAG, ""), mail.message_id)
                for mail in self.ses.sent
            ),
            **({"quota": float("inf")} | more),
        )

    def _noted(
        self,
        name: str,
        send: Callable[[], object],
        not_sent: type[Exception] = NotSentError,
    ) -> Result:
        began = time.monotonic()
        answer: object = None
        error: Exception | None = None
        try:
            answer = send()
        except Exception as caught:  # noqa: BLE001  # each one is an outcome
            error = caught
        receipt = answer if isinstance(answer, Receipt) else None
        said: Said = "accepted" if error is None else "nothing"
        if receipt and receipt.replayed:
            said = "accepted before"
        if isinstance(error, OutcomeUnknownError):
            said = "unknown"
        elif isinstance(error, not_sent):
            said = "not sent"
        result = Result(
            mail=name,
            said=said,
            why="" if error is None else type(error).__name__,
            elapsed_s=time.monotonic() - began,
            error=error,
            dropped=_dropped(answer if error is None else error),
            message_id=receipt.message_id if receipt else "",
        )
        self.note(result)
        return result


def _dropped(told: object) -> tuple[str, ...]:
    if isinstance(told, (Receipt, SuppressedError)):
        return tuple(gone.address for gone in told.dropped)
    return ()


def _bare(address: str) -> str:
    return _address.split(address)[1].lower()


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
    _session: boto3.session.Session = attrs.field(init=False, factory=session)
    # Of a session that threads share at once, botocore promises nothing.
    _lock: threading.Lock = attrs.field(init=False, factory=threading.Lock)

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
            mails: How many calls it makes to send.
            account: What `SimulatedSES` takes.
            client: What `Client` takes.
            read_timeout_s: How long boto3 alone waits for an answer.
        """
        ses = SimulatedSES(region=REGION, **account)
        with ses.serve() as url, contextlib.ExitStack() as stack:
            with self._lock:
                ours, plain = (
                    connect(self._session, url, read_timeout_s=read_timeout_s)
                    for _ in range(2)
                )
            stack.callback(plain.close)
            sender = self.make_client(ours, **(client or {}))
            stack.enter_context(sender)
            yield Scene(
                title=title,
                ses=ses,
                url=url,
                client=sender,
                boto3_client=plain,
                random=Random(f"{self.seed} {title}"),  # noqa: S311  # names
                tick=self.show.scene(title, mails),
            )


@contextlib.contextmanager
def state_file() -> Iterator[str]:
    """Yield the URL of a state in a file that is gone afterwards."""
    # What still asks SES about the account may write while it is removed.
    with tempfile.TemporaryDirectory(
        prefix="safeses-demo-", ignore_cleanup_errors=True
    ) as place:
        path = Path(place) / "mail.db"
        yield f"sqlite:///{quote(path.as_posix())}"


@contextlib.contextmanager
def own_settings() -> Iterator[None]:
    """Hide the user's settings from boto3 and us while the context lasts."""
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
