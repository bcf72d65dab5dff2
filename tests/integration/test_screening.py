"""Who must not be mailed is not, as the server's own records show."""

from __future__ import annotations

import os
import random
import signal
import threading
import time
import warnings
from collections import defaultdict, deque
from concurrent.futures import ThreadPoolExecutor
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import TYPE_CHECKING, Any

import attrs
import pytest
from botocore.exceptions import ClientError
from tests.integration._breaking_off import interrupted
from tests.integration._clocks import Held
from tests.integration._workers import wait_for
from tests.integration.test_fork import by_fork, in_children

from safeses import (
    Client,
    ConfigurationWarning,
    Email,
    Limits,
    MessageFlagged,
    RawEmail,
    RecipientsDropped,
    StoreError,
    SuppressedError,
)
from safeses.suppression import MemorySuppressionStore

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from safeses.testing import SimulatedSES

    Serving = Callable[..., tuple[SimulatedSES, Client]]

pytestmark = pytest.mark.server

ANN, BOB, EVE = "ann@a.example", "Bob <bob@b.example>", "eve@e.example"
HANGS_S = 60
PARAMS: dict[str, Any] = {
    "FromEmailAddress": "shop@s.example",
    "Destination": {"ToAddresses": [ANN, BOB], "BccAddresses": [EVE]},
    "Content": {
        "Simple": {
            "Subject": {"Data": "s"},
            "Body": {"Text": {"Data": "t"}},
        }
    },
}


def names(dropped: Iterable[Any]) -> list[str]:
    """Return who was left out."""
    return [gone.address for gone in dropped]


@attrs.define
class Life:
    """
    Somebody whose entry comes and goes.

    Attributes:
        address: Whose.
        on: Times between which the entry was there, and nobody moved it.
        off: Times between which there was none.
    """

    address: str
    on: list[tuple[float, float]] = attrs.field(factory=list)
    off: list[tuple[float, float]] = attrs.field(factory=list)

    def live(
        self,
        client: Client,
        end: threading.Event,
        took: Sequence[float],
        seed: int,
    ) -> None:
        """Add and remove the entry until *end*, slower than a send *took*."""
        pauses = random.Random(seed)  # noqa: S311  # no secret
        came = time.monotonic()
        while not end.wait(pauses.uniform(0.5, 6) * took[-1]):
            self.off.append((came, time.monotonic()))
            client.suppressions.add(self.address.upper(), "unsubscribe")
            came = time.monotonic()
            end.wait(pauses.uniform(0.5, 6) * took[-1])
            self.on.append((came, time.monotonic()))
            client.suppressions.remove(self.address)
            came = time.monotonic()


def within(
    span: tuple[float, float], spans: list[tuple[float, float]]
) -> bool:
    """Whether one of *spans* holds all of *span*."""
    return any(a <= span[0] and span[1] <= b for a, b in spans)


def test_while_the_list_changes(
    serving: Serving, mail: Callable[..., Email]
) -> None:
    """Who is suppressed all through a send gets none; who is not, does."""
    ses, client = serving()
    lives = [Life(f"p{number}@b.example") for number in range(6)]
    end = threading.Event()
    spans: dict[str, tuple[float, float]] = {}
    told: dict[str, set[str]] = defaultdict(set)
    took = deque([0.01], maxlen=1)

    def send(number: int) -> None:
        name = str(number)
        began = time.monotonic()
        people = ["eva@b.example", *(life.address for life in lives)]
        receipt = client.send(mail(name, to=people))
        spans[name] = (began, time.monotonic())
        took.append(time.monotonic() - began)
        told[name] = set(names(receipt.dropped))

    with ThreadPoolExecutor(len(lives) + 6) as pool:
        living = [
            pool.submit(life.live, client, end, took, seed)
            for seed, life in enumerate(lives)
        ]
        for sending in [pool.submit(send, number) for number in range(400)]:
            sending.result()
        end.set()
        for one in living:
            one.result()
    got = {str(sent.subject): set(sent.recipients) for sent in ses.sent}
    seen = [
        (within(span, life.on), within(span, life.off), life.address, name)
        for name, span in spans.items()
        for life in lives
    ]
    stopped = [(who, name) for on, _, who, name in seen if on]
    free = [(who, name) for _, off, who, name in seen if off]

    assert ([], [], [], 400, True, True) == (
        [pair for pair in stopped if pair[0] in got[pair[1]]],
        [pair for pair in free if pair[0] not in got[pair[1]]],
        # Everybody was either handed to SES or named, and never both.
        [n for n in spans if len(got[n]) + len(told[n]) != 1 + len(lives)],
        len(got),
        len(stopped) > 100,
        len(free) > 100,
    )


def test_while_a_mail_waits(
    serving: Serving, mail: Callable[..., Email]
) -> None:
    """Who is suppressed while a mail waits for its permit gets none."""
    clock = Held()
    ses, client = serving(limits=Limits(per_second=20), clock=clock)
    client.send(mail("large", to=[f"p{n}@b.example" for n in range(40)]))
    with ThreadPoolExecutor(1) as pool:
        sending = pool.submit(client.send, mail("late", to=[ANN, BOB]))
        wait_for(lambda: clock.waiting)
        client.suppressions.add(BOB)
        before = len(ses.sent)
        clock.go()
        receipt = sending.result(HANGS_S)

    assert (1, (ANN,), [BOB]) == (
        before,
        ses.sent[-1].recipients,
        names(receipt.dropped),
    )


@pytest.mark.skipif(not hasattr(os, "fork"), reason="has no fork")
# Python 3.12 warns of what this test is about.
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork")
def test_fork(serving: Serving, mail: Callable[..., Email]) -> None:
    """A child begins with the parent's list and goes on with its own."""
    ses, client = serving()
    people = [ANN, BOB, EVE]
    client.suppressions.add(ANN, "complaint")
    client.send(mail("before", to=people))

    def act() -> list[list[str]]:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConfigurationWarning)
            first = client.send(mail("child", to=people))
            client.suppressions.add(BOB)
            client.suppressions.remove(ANN)
            second = client.send(mail("child's own", to=people))
        return [names(first.dropped), names(second.dropped)]

    (child,) = in_children(by_fork, [act])
    told = child()
    client.send(mail("after", to=people))
    bob = "bob@b.example"

    assert (
        [[ANN], [BOB]],
        {
            "before": (bob, EVE),
            "child": (bob, EVE),
            "child's own": (ANN, EVE),
            "after": (bob, EVE),
        },
    ) == (told, {str(sent.subject): sent.to for sent in ses.sent})


def test_drop_in(serving: Serving) -> None:
    """boto3's own parameters are screened; nobody left is a ClientError."""
    ses, client = serving()
    client.suppressions.add("BOB@b.example", "bounce")
    answer = client.send_email(**PARAMS)
    client.suppressions.add(ANN)
    client.suppressions.add(EVE)
    with pytest.raises(client.exceptions.MessageRejected) as caught:
        client.send_email(**PARAMS)

    assert ([(ANN, EVE)], [BOB], 1, True, ses.sent[0].message_id) == (
        [sent.recipients for sent in ses.sent],
        names(answer.receipt.dropped),
        ses.requests["SendEmail"],
        isinstance(caught.value, ClientError),
        answer["MessageId"],
    )


def test_raw(serving: Serving) -> None:
    """The envelope loses who is suppressed, the headers keep the names."""
    ses, client = serving()
    message = EmailMessage()
    message["From"] = "shop@s.example"
    message["To"] = f"{ANN}, {BOB}"
    message["Bcc"] = f"{EVE}, hid@h.example"
    message["Subject"] = "Hi"
    message.set_content("Hello")
    client.suppressions.add(BOB)
    client.suppressions.add("hid@h.example")
    receipt = client.send(RawEmail(message=message))
    (sent,) = ses.sent
    read = message_from_bytes(sent.raw or b"", policy=policy.default)

    assert (
        ((ANN,), (), (EVE,)),
        (f"{ANN}, {BOB}", None),
        (False, False),
        ["bob@b.example", "hid@h.example"],
        f"{EVE}, hid@h.example",
    ) == (
        (sent.to, sent.cc, sent.bcc),
        (read["To"], read["Bcc"]),
        tuple(who in (sent.raw or b"") for who in (b"eve@", b"hid@")),
        names(receipt.dropped),
        message["Bcc"],
    )


@pytest.mark.parametrize("kind", ["typed", "raw", "view"])
def test_refuse(
    serving: Serving, mail: Callable[..., Email], kind: str
) -> None:
    """Whoever wants all or nobody gets nobody: SES is not asked."""
    ses, client = serving()
    client.suppressions.add(BOB)
    head = f"From: shop@s.example\r\nTo: {ANN}, {BOB}\r\n\r\nHi\r\n"
    raw = RawEmail(message=head.encode())
    message = raw if kind == "raw" else mail(to=[ANN, BOB])
    options: Any = {"on_suppressed": "refuse"}
    sender = client.with_options(**options) if kind == "view" else client
    with pytest.raises(SuppressedError) as caught:
        sender.send(message, **{} if kind == "view" else options)

    assert (0, 2, 1) == (
        ses.requests.total(),
        caught.value.recipients,
        len(caught.value.dropped),
    )


@attrs.define
class Stuck(MemorySuppressionStore):
    """
    A store that does not answer before it is let go.

    Attributes:
        asked: Set when it is asked.
        let_go: Set it to get an answer.
        error: What it raises then, if not None.
    """

    asked: threading.Event = attrs.field(factory=threading.Event)
    let_go: threading.Event = attrs.field(factory=threading.Event)
    error: Exception | None = None

    def find(self, *args: Any, **more: Any) -> Any:
        """Hang."""
        self.asked.set()
        self.let_go.wait(HANGS_S)
        if self.error is not None:
            raise self.error
        return super().find(*args, **more)


@pytest.mark.parametrize("error", [None, OSError("gone"), TimeoutError()])
def test_a_store_that_hangs(
    serving: Serving, mail: Callable[..., Email], error: Exception | None
) -> None:
    """Nothing reaches SES before the store has answered, or if it fails."""
    store = Stuck(error=error)
    ses, client = serving(suppressions=store)
    with ThreadPoolExecutor(1) as pool:
        sending = pool.submit(client.send, mail())
        store.asked.wait(HANGS_S)
        time.sleep(0.1)
        meanwhile = ses.requests.total()
        store.let_go.set()
        problem = sending.exception(HANGS_S)

    assert (0, int(error is None), error is not None) == (
        meanwhile,
        ses.requests.total(),
        isinstance(problem, StoreError),
    )


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="no timers")
def test_ctrl_c_while_a_store_hangs(
    serving: Serving, mail: Callable[..., Email]
) -> None:
    """The interrupt is raised, nothing was sent, and sending goes on."""
    store = Stuck()
    ses, client = serving(suppressions=store)
    stopped = interrupted(store.asked.is_set, lambda: client.send(mail()))
    before = ses.requests.total()
    store.let_go.set()
    client.send(mail())

    assert (True, 0, 1) == (stopped, before, ses.requests.total())


def test_only_to(serving: Serving, mail: Callable[..., Email]) -> None:
    """A test system reaches its staff; customers are named, not mailed."""
    ses, client = serving(only_to={"a.example", "eve@e.example"})
    receipt = client.send(
        mail(to=[ANN, BOB], cc=["x@sub.a.example"], bcc=[EVE])
    )
    with pytest.raises(SuppressedError):
        client.send(mail(to=BOB))

    assert ([(ANN, EVE)], {"only-to"}, [BOB, "x@sub.a.example"], 1) == (
        [sent.recipients for sent in ses.sent],
        {gone.reason for gone in receipt.dropped},
        names(receipt.dropped),
        ses.requests["SendEmail"],
    )


def test_observe(serving: Serving, mail: Callable[..., Email]) -> None:
    """While observing they get it all the same, and hooks are told."""
    ses, client = serving(mode="observe")
    client.suppressions.add(BOB)
    told: list[Any] = []
    client.on(RecipientsDropped)(told.append)
    client.on(MessageFlagged)(told.append)
    receipt = client.send(mail(to=[ANN, BOB], headers={"X-Ses-Odd": "1"}))

    assert (
        [(ANN, "bob@b.example")],
        (),
        {"MessageFlagged", "RecipientsDropped"},
        [(True, [BOB])],
    ) == (
        [sent.recipients for sent in ses.sent],
        receipt.dropped,
        {type(event).__name__ for event in told},
        [
            (event.observed, names(event.dropped))
            for event in told
            if isinstance(event, RecipientsDropped)
        ],
    )
