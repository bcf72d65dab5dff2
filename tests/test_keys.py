"""A repeated job is answered with what came of it, and is not sent again."""

from __future__ import annotations

import datetime as dt
from email.message import EmailMessage
from typing import TYPE_CHECKING, Any

import attrs
import pytest
from tests.keyed import (
    KEY,
    MAIL,
    OTHER,
    PARAMS,
    SCOPE,
    THROTTLED,
    World,
    replay_of,
    told,
    world,
)

from safeses import (
    Account,
    AfterSend,
    BeforeSend,
    InvalidMessageError,
    Limits,
    QuotaExceededError,
    RateLimitedError,
    RawEmail,
    SendingPausedError,
    SuppressedError,
    TemplateEmail,
    VetoedError,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

HIDDEN = attrs.evolve(MAIL, cc="cy@b.example", bcc="dan@b.example")
PAUSED = Account(
    max_send_rate=14,
    sending_enabled=False,
    as_of=dt.datetime(2026, 1, 1, tzinfo=dt.timezone.utc),
)


def _raw() -> RawEmail:
    inner = EmailMessage()
    inner["From"], inner["To"] = "shop@a.example", "ann@b.example"
    inner["Bcc"], inner["Subject"] = "dan@b.example", "Your order"
    inner.set_content("t")
    return RawEmail(message=inner)


@pytest.fixture(params=["memory", "sqlite"])
def here(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    """Return a world in which nothing has been sent."""
    made = world(request.param, tmp_path)
    yield made
    made.close()


class TestReplay:
    """The first answer is the answer."""

    @pytest.mark.parametrize(
        "mail",
        [
            MAIL,
            HIDDEN,
            _raw(),
            TemplateEmail(
                from_email="shop@a.example",
                to="ann@b.example",
                name="receipt",
                data={"order": 77},
            ),
        ],
        ids=["simple", "hidden", "raw", "template"],
    )
    def test_equal(self, here: World, mail: object) -> None:
        """A repetition gets the first receipt, and says it is a replay."""
        first = told(here.client(), mail)
        here.clock.advance(3600)
        again = told(here.client(), mail)

        assert (replay_of(first), 1, False) == (
            again,
            here.calls,
            first.replayed,
        )

    def test_dropped(self, here: World) -> None:
        """Who was left out, why and since when, is in the replay, too."""
        ses = here.client()
        for address in ("bob@b.example", "dan@b.example"):
            ses.suppressions.add(address, "bounce", source="events")
        first = told(ses, HIDDEN)
        ses.suppressions.remove("bob@b.example")
        again = told(ses, HIDDEN)

        assert (
            replay_of(first),
            ("ann@b.example", "cy@b.example"),
            ["bob@b.example", "dan@b.example"],
            1,
        ) == (
            again,
            again.accepted,
            [gone.address for gone in again.dropped],
            here.calls,
        )

    @pytest.mark.parametrize(
        "to, out",
        [
            (("ann@b.example", "ANN@b.example", "bob@b.example"), "ann"),
            (("ann@b.example", "ann@B.EXAMPLE", "bob@b.example"), "ann"),
            (("Ann <ann@b.example>", "bob@b.example"), "bob"),
            (("ann@b.example", "bob@bücher.example"), "ann"),
        ],
    )
    def test_spellings(
        self, here: World, to: tuple[str, ...], out: str
    ) -> None:
        """It tells whom the first receipt told of, however they are put."""
        ses = here.client()
        ses.suppressions.add(f"{out}@b.example", "complaint")
        mail = attrs.evolve(MAIL, to=to, cc=to[:1])
        first, again = told(ses, mail), told(ses, mail)

        assert (replay_of(first), True, 1) == (
            again,
            bool(again.accepted and again.dropped),
            here.calls,
        )

    def test_outsiders(self, here: World) -> None:
        """Who was left out as an outsider is told again, and still is."""
        testing = here.client(only_to=["ann@b.example"])
        first = told(testing)
        again = [told(testing), told(here.client())]

        assert ([replay_of(first)] * 2, ("ann@b.example",), 1) == (
            again,
            first.accepted,
            here.calls,
        )

    def test_retried(self, here: World) -> None:
        """The attempts and the wait of the first call are told again."""
        here.answers(THROTTLED)
        first = told(here.client())
        again = told(here.client())

        assert (replay_of(first), 2, True) == (
            again,
            again.attempts,
            again.waited_s > 0,
        )

    def test_drop_in(self, here: World) -> None:
        """The drop-in gives boto3's answer again, the RequestId too."""
        here.answers(THROTTLED)
        ses = here.client().with_options(idempotency_key=KEY)
        first, again = ses.send_email(**PARAMS), ses.send_email(**PARAMS)

        assert (
            first,
            "r-2",
            replay_of(first.receipt),
            2,
        ) == (
            again,
            again["ResponseMetadata"]["RequestId"],
            again.receipt,
            here.calls,
        )

    def test_typed_and_drop_in(self, here: World) -> None:
        """A job that was sent typed may be repeated as a drop-in."""
        ses = here.client()
        first = told(ses, attrs.evolve(MAIL, to="ann@b.example"))
        simple = PARAMS["Content"]["Simple"]
        content = {
            "Subject": {**simple["Subject"], "Charset": "UTF-8"},
            "Body": {"Text": {"Data": "t", "Charset": "UTF-8"}},
        }
        again = ses.with_options(idempotency_key=KEY).send_email(
            **{**PARAMS, "Content": {"Simple": content}}
        )

        assert replay_of(first) == again.receipt

    def test_keyed_view(self, here: World) -> None:
        """A view with a key sends once, however often it is told to."""
        view = here.client().with_options(idempotency_key=KEY)
        receipts = [view.send(MAIL) for _ in range(3)]

        assert ([False, True, True], 1) == (
            [receipt.replayed for receipt in receipts],
            here.calls,
        )

    def test_without_key(self, here: World) -> None:
        """Without a key each send is one, and none stays on record."""
        ses = here.client()
        receipts = [told(ses, key=None) for _ in range(2)]
        known = [
            here.state.ledger.look_up(receipt.tag) for receipt in receipts
        ]

        assert (2, [None, None]) == (here.calls, known)

    def test_namespaces(self, here: World) -> None:
        """A key of one namespace is another one in the next."""
        one, two = here.client(), here.client(namespace="news")
        receipts = [told(ses) for ses in (one, two, one, two)]

        assert (2, ["m-1", "m-2", "m-1", "m-2"]) == (
            here.calls,
            [receipt.message_id for receipt in receipts],
        )

    def test_no_tag(self, here: World) -> None:
        """A mail without a tag is replayed without one."""
        ses = here.client(correlation_tag=False)
        first, again = told(ses), told(ses)

        assert ("", replay_of(first)) == (first.tag, again)

    def test_signed_tag(self, here: World) -> None:
        """The tag of a job is the same each time, its signature too."""
        ses = here.client(tag_key=b"k" * 16)
        first, again = told(ses), told(ses)
        carried = {
            tag["Name"]: tag["Value"] for tag in here.ses.sent[0]["EmailTags"]
        }

        assert (first.tag, replay_of(first), True) == (
            carried["safeses-id"],
            again,
            "-" in first.tag,
        )

    def test_close_and_open(self, tmp_path: Path) -> None:
        """What is in a file is replayed after the process has ended."""
        before = world("sqlite", tmp_path)
        first = told(before.client())
        before.close()
        after = world("sqlite", tmp_path)
        again = told(after.client())
        after.close()

        assert (replay_of(first), 0) == (again, after.calls)


class TestReplayComesFirst:
    """What is settled is not judged again."""

    def test_before_validation(self, here: World) -> None:
        """Rules that became stricter do not undo what was sent."""
        html = attrs.evolve(MAIL, text=None, html="<p>t</p>")
        strict = here.client(rules={"body.html-only": "error"})
        first = told(here.client(), html)
        again = told(strict, html)
        new = told(strict, html, "order-78/receipt")

        assert (replay_of(first), InvalidMessageError, 1) == (
            again,
            type(new),
            here.calls,
        )

    def test_wrong_by_now(self, here: World) -> None:
        """A message that was let through while observing is replayed."""
        wrong = attrs.evolve(MAIL, text=None)
        first = told(here.client(mode="observe"), wrong)
        again = told(here.client(), wrong)

        assert replay_of(first) == again

    def test_before_only_to(self, here: World) -> None:
        """Who may be mailed only matters for what is to be sent."""
        first = told(here.client())
        again = told(here.client(only_to=["c.example"]))

        assert replay_of(first) == again

    def test_before_screening(self, here: World) -> None:
        """A recipient who was suppressed meanwhile got the mail before."""
        ses = here.client()
        first = told(ses)
        for address in MAIL.to:
            ses.suppressions.add(address, "bounce")
        again = told(ses)
        new = told(ses, key="order-78/receipt")

        assert (replay_of(first), SuppressedError) == (again, type(new))

    def test_before_pause(self, here: World) -> None:
        """A paused account does not keep an answer back."""
        ses = here.client()
        first = told(ses)
        here.state.learn(SCOPE, PAUSED)
        again = told(ses)
        new = told(ses, key="order-78/receipt")

        assert (replay_of(first), SendingPausedError) == (again, type(new))

    def test_before_quota(self, here: World) -> None:
        """Neither does a quota that is used up."""
        ses = here.client(limits=Limits(per_second=14, per_day=2))
        first, new = told(ses), told(ses, key="order-78/receipt")
        again = told(ses)

        assert (replay_of(first), QuotaExceededError) == (again, type(new))

    def test_before_rate(self, here: World) -> None:
        """A replay takes no slot, and waits for none."""
        ses = here.client(limits=Limits(per_second=0.01))
        first = told(ses, max_wait_s=0)
        new = told(ses, key="order-78/receipt", max_wait_s=0)
        again = [told(ses, max_wait_s=0) for _ in range(3)]

        assert ([replay_of(first)] * 3, RateLimitedError, []) == (
            again,
            type(new),
            here.clock.slept,
        )

    def test_before_asking(self, here: World) -> None:
        """SES is asked nothing, not for its limits either."""
        told(here.client())
        before = here.ses.asked
        again = told(here.client(limits=None, verify_identities=True))

        assert (True, before) == (again.replayed, here.ses.asked)

    def test_hooks(self, here: World) -> None:
        """On a replay AfterSend is told of it, and BeforeSend nothing."""
        ses, before, after = here.client(), list[Any](), list[Any]()
        ses.on(BeforeSend, name="b")(before.append)
        ses.on(AfterSend, name="a")(after.append)
        first, again = told(ses), told(ses)

        assert (1, [first, again], {first.tag}) == (
            len(before),
            [event.receipt for event in after],
            {event.tag for event in after},
        )

    def test_veto(self, here: World) -> None:
        """A hook cannot veto what was sent; what it vetoes is free."""
        ses, refusing = here.client(), here.client()

        @refusing.on(BeforeSend)
        def refuse(_: BeforeSend) -> None:
            raise ValueError

        vetoed = told(refusing)
        first = told(ses, OTHER)
        again = told(refusing, OTHER)

        assert (VetoedError, replay_of(first)) == (type(vetoed), again)
