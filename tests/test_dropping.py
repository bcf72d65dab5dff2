"""Who must not be mailed is not; the others are, and the caller sees it."""

from __future__ import annotations

import logging
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.fake_ses import FakeSES, client_error

from safeses import (
    AfterSend,
    Client,
    ConfigurationError,
    Dropped,
    Email,
    InvalidMessageError,
    Limits,
    MessageFlagged,
    NotSentError,
    RawEmail,
    RecipientsDropped,
    StoreError,
    SuppressedError,
    Suppression,
    TemplateEmail,
)
from safeses.suppression import MemorySuppressionStore
from safeses.testing import FakeClock

ANN, BOB, EVE = "ann@a.example", "Bob <bob@b.example>", "eve@e.example"
THROTTLED = client_error(
    "TooManyRequestsException", "Maximum sending rate exceeded.", 429
)


def client(ses: object = None, **settings: Any) -> Client:
    """Return a client on fakes."""
    settings.setdefault("limits", Limits(per_second=14))
    settings.setdefault("clock", FakeClock())
    fake: Any = FakeSES() if ses is None else ses
    return Client(fake, **settings)


def mail(**people: Any) -> Email:
    """Return a mail to these."""
    people.setdefault("to", [ANN, BOB])
    return Email(from_email="shop@s.example", subject="s", text="t", **people)


def raw(**people: Any) -> RawEmail:
    """Return a raw mail whose headers name all three."""
    head = f"From: shop@s.example\r\nTo: {ANN}\r\nCc: {BOB}, {EVE}\r\n"
    return RawEmail(message=f"{head}\r\nHello!\r\n".encode(), **people)


def template(**people: Any) -> TemplateEmail:
    """Return a mail made from a template."""
    people.setdefault("to", [ANN, BOB])
    return TemplateEmail(from_email="shop@s.example", name="hi", **people)


@attrs.define
class BrokenStore(MemorySuppressionStore):
    """A store that cannot answer."""

    error: Exception = attrs.field(factory=lambda: OSError("x"))

    def find(self, *_: Any, **__: Any) -> Any:
        """Fail."""
        raise self.error


class TestDrop:
    """The default: the others still get it."""

    @pytest.mark.parametrize("make", [mail, template])
    def test_of_what_ses_builds(self, make: Any) -> None:
        """Out of To, Cc and Bcc; the receipt says who, why and since when."""
        ses = FakeSES()
        safe = client(ses)
        safe.suppressions.add("BOB@b.example", "bounce", source="test")
        receipt = safe.send(
            make(to=[ANN, BOB], cc=["Cy <cy@c.example>"], bcc=[EVE])
        )
        gone = receipt.dropped[0]

        assert (
            {
                "ToAddresses": [ANN],
                "CcAddresses": ["Cy <cy@c.example>"],
                "BccAddresses": [EVE],
            },
            (BOB, "bounce", "test", True),
            3,
        ) == (
            ses.sent[0]["Destination"],
            (gone.address, gone.reason, gone.source, gone.since is not None),
            len(receipt.accepted),
        )

    def test_of_raw(self) -> None:
        """The envelope loses them, the headers keep their names."""
        ses = FakeSES()
        safe = client(ses)
        safe.suppressions.add("bob@b.example", "complaint")
        safe.send(raw())
        sent = ses.sent[0]

        assert (
            {"ToAddresses": [ANN], "CcAddresses": [EVE]},
            True,
        ) == (
            sent["Destination"],
            b"bob@b.example" in sent["Content"]["Raw"]["Data"],
        )

    def test_of_raw_may_empty_to(self) -> None:
        """Only the envelope decides about a raw message."""
        ses = FakeSES()
        safe = client(ses)
        safe.suppressions.add(ANN)
        safe.send(raw())

        assert {"CcAddresses": ["bob@b.example", EVE]} == (
            ses.sent[0]["Destination"]
        )

    @pytest.mark.parametrize("make", [mail, template])
    def test_refuses_to_empty_to(self, make: Any) -> None:
        """Cc and Bcc alone would show a mail to nobody."""
        ses = FakeSES()
        safe = client(ses)
        safe.suppressions.add(ANN)
        with pytest.raises(SuppressedError) as caught:
            safe.send(make(to=ANN, cc=BOB, bcc=EVE))

        assert ([], "1 of 3 recipients must") == (
            ses.sent,
            str(caught.value)[:22],
        )

    def test_refused_for_to_takes_nothing(self) -> None:
        """Whoever is refused before the budget takes neither of it."""
        clock = FakeClock()
        safe = client(limits=Limits(per_second=1, per_day=50), clock=clock)
        safe.suppressions.add(ANN)
        many = [f"u{number}@b.example" for number in range(20)]
        for _ in range(5):
            with pytest.raises(SuppressedError):
                safe.send(mail(to=ANN, cc=many))
        safe.send(mail(to=BOB), max_wait_s=0)

        assert 0.0 == clock.monotonic()

    def test_bcc_only_stays(self) -> None:
        """Who wrote no To at all is not held to it."""
        ses = FakeSES()
        safe = client(ses)
        safe.suppressions.add(ANN)
        safe.send(mail(to=(), bcc=[ANN, EVE]))

        assert {"BccAddresses": [EVE]} == ses.sent[0]["Destination"]

    def test_nobody_left(self) -> None:
        """An error says so, nothing was sent, and nothing was taken."""
        ses = FakeSES()
        safe = client(ses, limits=Limits(per_second=1, per_day=1))
        safe.suppressions.add(ANN)
        safe.suppressions.add(BOB)
        for _ in range(3):
            with pytest.raises(SuppressedError):
                safe.send(mail())
        safe.send(mail(to=EVE))

        assert [{"ToAddresses": [EVE]}] == [s["Destination"] for s in ses.sent]

    def test_costs_what_is_sent(self) -> None:
        """Who is left out takes neither rate nor quota."""
        clock = FakeClock()
        safe = client(limits=Limits(per_second=1, per_day=2), clock=clock)
        safe.suppressions.add(BOB)
        for _ in range(2):
            safe.send(mail(), max_wait_s=1.5)

        assert 1.0 == pytest.approx(clock.monotonic(), abs=0.2)

    def test_appears_between_attempts(self) -> None:
        """Who is suppressed while a throttled mail waits is left out."""
        ses = FakeSES(answers=[THROTTLED])
        safe = client(ses)

        @safe.on(RecipientsDropped)
        def note(event: RecipientsDropped) -> None:
            seen.append(event)

        seen: list[RecipientsDropped] = []
        ses.answers.insert(0, lambda: add_and_throttle(safe))
        receipt = safe.send(mail())

        assert (
            [[ANN, BOB], [ANN]],
            [[BOB]],
            [BOB],
        ) == (
            [
                s["Destination"]["ToAddresses"]
                for s in (ses.sent[0], ses.sent[-1])
            ],
            [[gone.address for gone in event.dropped] for event in seen],
            [gone.address for gone in receipt.dropped],
        )

    def test_streams(self) -> None:
        """An entry for a stream stops only that."""
        safe = client()
        safe.suppressions.add(ANN, "unsubscribe", stream="news")
        news = safe.send(mail(), stream="news")
        receipts = safe.send(mail(), stream="receipts")
        neither = safe.send(mail())

        assert ([ANN], [], []) == (
            [gone.address for gone in news.dropped],
            list(receipts.dropped),
            list(neither.dropped),
        )

    def test_drop_in(self) -> None:
        """boto3's call has it in its receipt, and an error of its own."""
        safe = client()
        safe.suppressions.add(ANN)
        params: Any = {
            "FromEmailAddress": "shop@s.example",
            "Destination": {"ToAddresses": [ANN, BOB]},
            "Content": {
                "Simple": {
                    "Subject": {"Data": "s"},
                    "Body": {"Text": {"Data": "t"}},
                }
            },
        }
        answer = safe.send_email(**params)
        params["Destination"] = {"ToAddresses": [ANN]}
        with pytest.raises(safe.exceptions.ClientError) as caught:
            safe.send_email(**params)

        assert ([ANN], True, "MessageRejected") == (
            [gone.address for gone in answer.receipt.dropped],
            isinstance(caught.value, SuppressedError),
            caught.value.response["Error"]["Code"],
        )

    def test_is_logged_without_addresses(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        """A warning says how many and why, not who."""
        safe = client()
        safe.suppressions.add(ANN, "bounce")
        with caplog.at_level(logging.DEBUG):
            safe.send(mail())

        assert (1, False) == (
            sum("dropped 1 recipients (bounce)" in t for t in caplog.messages),
            "ann" in caplog.text,
        )

    @given(
        st.lists(
            st.sampled_from(["a@a.example", "B <b@b.example>", "c@ü.example"]),
            unique=True,
            min_size=1,
        ),
        st.sets(
            st.sampled_from(["A@A.example", "b@b.example", "c@ü.example"])
        ),
    )
    def test_sends_to_the_difference(
        self, people: list[str], suppressed: set[str]
    ) -> None:
        """Everybody is either accepted or dropped, and never both."""
        ses = FakeSES()
        safe = client(ses)
        for address in suppressed:
            safe.suppressions.add(address)
        stopped = {a.lower() for a in suppressed}
        kept = [
            p for p in people if p.rpartition("<")[2].strip(">") not in stopped
        ]
        try:
            receipt = safe.send(mail(to=people))
        except SuppressedError as error:
            outcome = (0, len(error.dropped), len(ses.sent))
        else:
            outcome = (
                len(receipt.accepted),
                len(receipt.dropped),
                len(ses.sent),
            )

        assert (
            len(kept),
            len(people) - len(kept),
            int(bool(kept)),
        ) == outcome


def add_and_throttle(safe: Client) -> Any:
    """Suppress somebody while SES throttles."""
    safe.suppressions.add(BOB)
    raise THROTTLED


class TestRefuse:
    """A choice: rather nobody than not everybody."""

    def test_of_some(self) -> None:
        """One suppressed recipient stops the mail; the others are told."""
        ses = FakeSES()
        safe = client(ses)
        safe.suppressions.add(ANN)
        with pytest.raises(SuppressedError) as caught:
            safe.send(mail(), on_suppressed="refuse")

        assert ([], [ANN], 2, False) == (
            ses.sent,
            [gone.address for gone in caught.value.dropped],
            caught.value.recipients,
            caught.value.retryable,
        )

    def test_as_default_of_a_view(self) -> None:
        """A view of the client may have it as its default."""
        safe = client()
        safe.suppressions.add(ANN)
        strict = safe.with_options(on_suppressed="refuse")
        with pytest.raises(SuppressedError):
            strict.send(mail())

        assert 1 == len(strict.send(mail(), on_suppressed="drop").dropped)

    def test_takes_nothing(self) -> None:
        """A refused mail takes neither rate nor quota."""
        safe = client(limits=Limits(per_second=1, per_day=2))
        safe.suppressions.add(ANN)
        for _ in range(3):
            with pytest.raises(SuppressedError):
                safe.send(mail(), on_suppressed="refuse")

        assert 2 == len(safe.send(mail(to=[BOB, EVE])).accepted)


class TestStoreThatFails:
    """An outage never reads as "not suppressed"."""

    @pytest.mark.parametrize(
        "error",
        [StoreError("suppression", "test", "down"), OSError("down")],
    )
    def test_refuses(self, error: Exception) -> None:
        """Nothing is sent, and the error can be retried."""
        ses = FakeSES()
        safe = client(ses, suppressions=BrokenStore(error=error))
        with pytest.raises(StoreError) as caught:
            safe.send(mail())

        assert ([], True) == (ses.sent, caught.value.retryable)

    @pytest.mark.parametrize(
        "answer",
        [
            None,
            (),
            False,
            [Suppression(address=ANN)],
            iter([ANN]),
            {"somebody@else.example": Suppression(address=ANN)},
            {ANN.upper(): Suppression(address=ANN)},
            {ANN: True},
            {ANN: None},
        ],
        ids=range(9),
    )
    def test_answers_something_else(self, answer: Any) -> None:
        """What is not the answer asked for is no "not suppressed"."""

        class Odd(MemorySuppressionStore):
            def find(self, *_: Any, **__: Any) -> Any:
                return answer

        ses = FakeSES()
        with pytest.raises(StoreError) as caught:
            client(ses, suppressions=Odd()).send(mail())

        assert ([], False) == (ses.sent, "ann" in str(caught.value).lower())

    def test_is_not_closed_by_a_client(self) -> None:
        """Who gave a store closes it: others may go by it."""

        class Closing(MemorySuppressionStore):
            def close(self) -> None:
                raise AssertionError

        safe = client(suppressions=Closing())
        safe.close()

        assert 0 == safe.suppressions.count()

    def test_recovers(self) -> None:
        """The next send asks again."""
        store = BrokenStore()
        ses = FakeSES()
        safe = client(ses, suppressions=store)
        with pytest.raises(StoreError):
            safe.send(mail())
        safe = client(ses, suppressions=MemorySuppressionStore())
        safe.send(mail())

        assert 1 == len(ses.sent)


class TestOnlyTo:
    """A test system never mails customers."""

    def test_drops_everybody_else(self) -> None:
        """Domains exactly, addresses exactly; who is dropped is reported."""
        ses = FakeSES()
        safe = client(ses, only_to={"A.example", "qa@E.example"})
        receipt = safe.send(
            mail(
                to=[ANN, BOB],
                cc=["x@sub.a.example", "QA@e.example"],
                bcc=["x@a.example.evil.example"],
            )
        )

        assert (
            {"ToAddresses": [ANN], "CcAddresses": ["QA@e.example"]},
            {"only-to"},
            3,
        ) == (
            ses.sent[0]["Destination"],
            {gone.reason for gone in receipt.dropped},
            len(receipt.dropped),
        )

    def test_nobody_is_left(self) -> None:
        """A mail to customers alone goes nowhere."""
        ses = FakeSES()
        safe = client(ses, only_to={"staff.example"})
        with pytest.raises(SuppressedError):
            safe.send(raw())

        assert [] == ses.sent

    @pytest.mark.parametrize("only_to", [set(), frozenset(), ()])
    def test_nobody_may_get_mail(self, only_to: Any) -> None:
        """An empty list is nobody, not everybody."""
        ses = FakeSES()
        safe = client(ses, only_to=only_to)
        with pytest.raises(SuppressedError):
            safe.send(mail())

        assert [] == ses.sent

    def test_holds_while_observing(self) -> None:
        """Observing is about rules and suppression, not about this."""
        ses = FakeSES()
        safe = client(ses, only_to={"a.example"}, mode="observe")
        safe.send(mail())

        assert {"ToAddresses": [ANN]} == ses.sent[0]["Destination"]

    def test_one_string(self) -> None:
        """A string is one entry, not its letters."""
        ses = FakeSES()
        client(ses, only_to="bücher.example").send(
            mail(to=["x@xn--bcher-kva.example", ANN])
        )

        assert {"ToAddresses": ["x@xn--bcher-kva.example"]} == (
            ses.sent[0]["Destination"]
        )

    @pytest.mark.parametrize(
        "only_to", [{""}, {"no domain"}, {"@a.example"}, {None}, 7, b"a.b"]
    )
    def test_refuses_what_is_neither(self, only_to: Any) -> None:
        """A mistake in the list is no list."""
        with pytest.raises(ConfigurationError) as caught:
            client(only_to=only_to)

        assert "only_to" in str(caught.value)


class TestObserve:
    """The first week: say what would have been done."""

    def test_sends_to_the_suppressed(self) -> None:
        """They get it all the same, and it is said once."""
        ses = FakeSES(answers=[THROTTLED])
        safe = client(ses, mode="observe")
        safe.suppressions.add(ANN)
        seen: list[RecipientsDropped] = []
        safe.on(RecipientsDropped)(seen.append)
        receipt = safe.send(mail())

        assert ([[ANN]], True, (), 2) == (
            [[gone.address for gone in event.dropped] for event in seen],
            seen[0].observed,
            receipt.dropped,
            len(receipt.accepted),
        )

    def test_sends_what_a_rule_refuses(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        """It goes out unchanged, a hook is told and a warning is logged."""
        ses = FakeSES()
        safe = client(ses, mode="observe")
        seen: list[MessageFlagged] = []
        safe.on(MessageFlagged)(seen.append)
        safe.send(mail(to=[ANN, ANN], headers={"Subject": "x"}))
        flagged = seen[0]

        assert (
            {"ToAddresses": [ANN, ANN]},
            ["header.forbidden", "recipients.duplicate"],
            True,
            True,
        ) == (
            ses.sent[0]["Destination"],
            sorted(found.rule for found in flagged.findings),
            flagged.would_refuse,
            "would refuse a message (header.forbidden" in caplog.text,
        )

    @pytest.mark.parametrize(
        "hidden",
        [
            "eve@e.example, x@a.example",
            "=?utf-8?q?eve=40e.example=2C?=@a.example",
            "<@a.example:eve@e.example>",
            "A: eve@e.example;x@a.example",
        ],
    )
    def test_hides_nobody_from_only_to(self, hidden: str) -> None:
        """What could be read as another address is not within the list."""
        ses = FakeSES()
        safe = client(ses, mode="observe", only_to={"a.example"})
        receipt = safe.send(mail(to=[ANN, hidden]))

        assert ({"ToAddresses": [ANN]}, [hidden]) == (
            ses.sent[0]["Destination"],
            [gone.address for gone in receipt.dropped],
        )

    def test_sends_an_odd_address(self) -> None:
        """SES decides about an address that a rule would refuse."""
        ses = FakeSES()
        safe = client(ses, mode="observe")
        safe.send(mail(to=[ANN, "a..b@b.example"]))

        assert {"ToAddresses": [ANN, "a..b@b.example"]} == (
            ses.sent[0]["Destination"]
        )

    def test_refuses_what_cannot_be_sent(self) -> None:
        """What breaks out of a header is refused even now."""
        ses = FakeSES()
        safe = client(ses, mode="observe")
        with pytest.raises(InvalidMessageError):
            safe.send(attrs.evolve(mail(), subject="a\r\nBcc: x@y.example"))

        assert [] == ses.sent

    def test_goes_on_without_the_list_of_ses(self) -> None:
        """Where SES's list cannot be asked, nothing is stopped for it."""

        class Denied(FakeSES):
            def get_suppressed_destination(self, **_: Any) -> Any:
                raise client_error(
                    "AccessDeniedException", "no", 403, "GetSuppressed"
                )

        ses = Denied()
        observing = client(ses, mode="observe", account_suppressions="require")
        observing.send(mail())
        enforcing = client(ses, account_suppressions="require")
        with pytest.raises(NotSentError):
            enforcing.send(mail())

        assert 1 == len(ses.sent)

    def test_needs_a_known_mode(self) -> None:
        """A mode that does not exist is an error at once."""
        with pytest.raises(ConfigurationError) as caught:
            client(mode="watch")

        assert "observe" in str(caught.value)


class TestEvents:
    """What hooks are told."""

    def test_warnings(self) -> None:
        """A message with a warning is flagged before it is sent."""
        safe = client()
        seen: list[MessageFlagged] = []
        safe.on(MessageFlagged)(seen.append)
        safe.send(attrs.evolve(mail(), html="<p>", text=None))

        assert [("body.html-only", False)] == [
            (event.findings[0].rule, event.would_refuse) for event in seen
        ]

    def test_nobody_left(self) -> None:
        """Hooks hear who was dropped even if nobody was mailed."""
        safe = client()
        safe.suppressions.add(ANN)
        seen: list[object] = []
        safe.on(RecipientsDropped)(seen.append)
        safe.on(AfterSend)(seen.append)
        with pytest.raises(SuppressedError):
            safe.send(mail(to=ANN))

        assert ["RecipientsDropped", "AfterSend"] == [
            type(event).__name__ for event in seen
        ]

    def test_hide_addresses(self) -> None:
        """No event shows an address."""
        event = RecipientsDropped(
            tag="t", dropped=(Dropped(address=ANN, reason="bounce"),)
        )

        assert "ann" not in repr(event)

    def test_hint_at_the_address_not_the_name(self) -> None:
        """A hint is of the address, whatever its display name."""
        dropped = Dropped(address=f"=?utf-8?q?x?= <{ANN}>", reason="bounce")

        assert "a***@a***" in repr(dropped)


class TestSettings:
    """How a client gets its list."""

    def test_shares_a_store(self) -> None:
        """Two clients may go by one list."""
        store = MemorySuppressionStore()
        one, two = (client(suppressions=store) for _ in range(2))
        one.suppressions.add(ANN)

        assert 1 == len(two.send(mail()).dropped)

    @pytest.mark.parametrize(
        "store", [["ann@a.example"], MemorySuppressionStore, {}, 5]
    )
    def test_refuses_what_is_no_store(self, store: Any) -> None:
        """A wrong type is an error at once."""
        with pytest.raises(ConfigurationError) as caught:
            client(suppressions=store)

        assert "SuppressionStore" in str(caught.value)

    def test_entries_are_values(self) -> None:
        """Many entries go in at once."""
        safe = client()
        safe.suppressions.add_many(
            [Suppression(address=ANN), Suppression(address=BOB)]
        )
        with pytest.raises(SuppressedError) as caught:
            safe.send(mail())

        assert 2 == len(caught.value.dropped)
