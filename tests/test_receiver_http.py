"""Requests of SNS: what is done, and what is answered."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.receiving import (
    RAW,
    SECRET,
    FakeVerifier,
    basic,
    memory_parts,
    ses_event,
    site,
    sns_message,
)

from safeses.errors import (
    CertificateError,
    UnverifiedEventError,
)
from safeses.feedback._http import MAX_BODY_BYTES
from safeses.feedback._receiver import Receiver
from safeses.feedback._reply import STATUSES, HTTPReply

if TYPE_CHECKING:
    from collections.abc import Callable

REFUSED = "a message of SNS is refused: a, seen b"
LOST = ConnectionError("lost")
CONFIRMATION = "SubscriptionConfirmation"


class TestAnswers:
    """Each answer says whether SNS delivers again."""

    def test_it_is_handled_once(self) -> None:
        """A message is handled, and a second delivery is answered alike."""
        ours = site()
        replies = [ours.post(sns_message(ses_event())) for _ in range(2)]

        assert ([(200, "ok", False)] * 2, 1) == (
            [(r.status, r.body, r.comes_again) for r in replies],
            ours.noted.ran,
        )

    def test_a_replay_under_another_name(self) -> None:
        """The same event in another message of SNS is the same event."""
        ours = site()
        for message_id in ("n-1", "n-2"):
            ours.post(sns_message(ses_event(), message_id=message_id))

        assert 1 == ours.noted.ran

    def test_it_fails_and_comes_again(self) -> None:
        """After 503 the next delivery has it done."""
        ours = site()
        ours.noted.fails = [LOST]
        message = sns_message(ses_event())
        replies = [ours.post(message) for _ in range(2)]

        assert [(503, "20", True), (200, None, False)] == [
            (r.status, r.headers.get("Retry-After"), r.comes_again)
            for r in replies
        ]

    @pytest.mark.parametrize("call", ["has", "hold", "mark"])
    def test_the_state_is_away(self, call: str) -> None:
        """It is told nothing of the state, and comes again."""
        ours = site()
        ours.seen.fails = {call}
        reply = ours.post(sns_message(ses_event()))

        assert (503, "try again") == (reply.status, reply.body)

    def test_somebody_has_it(self) -> None:
        """What is handled at this moment comes again."""
        ours = site()
        inner: list[int] = []
        message = sns_message(ses_event())
        ours.noted.does = lambda: inner.append(ours.post(message).status)
        outer = ours.post(message).status

        assert (200, [503]) == (outer, inner)

    @pytest.mark.parametrize(
        "error, status, again",
        [
            (UnverifiedEventError("a", "b", "c"), 403, None),
            (CertificateError("h", "away", 7.2), 503, "7"),
            (CertificateError("h", "away", 0.1), 503, "1"),
            (ModuleNotFoundError("cryptography"), 503, "20"),
            (RuntimeError("a bug"), 500, "20"),
            (RecursionError(), 500, "20"),
            (MemoryError(), 500, "20"),
        ],
    )
    def test_it_is_not_verified(
        self, error: Exception, status: int, again: str | None
    ) -> None:
        """What is not known to be genuine is not even read."""
        ours = site(verifier=FakeVerifier(error))
        reply = ours.post(sns_message(ses_event()))

        assert (status, again, 0) == (
            reply.status,
            reply.headers.get("Retry-After"),
            ours.noted.ran,
        )

    @pytest.mark.parametrize("interrupt", [KeyboardInterrupt, SystemExit])
    def test_an_interrupt_goes_up(
        self, interrupt: type[BaseException]
    ) -> None:
        """Only what is no `Exception` is raised."""
        ours = site()
        ours.noted.fails = [interrupt()]
        with pytest.raises(interrupt):
            ours.post(sns_message(ses_event()))

        assert 200 == ours.post(sns_message(ses_event())).status

    def test_the_client_is_broken(self) -> None:
        """Whatever the parts raise is answered."""
        ours = site()
        calls = iter([ours.parts, ours.parts])

        class Broken:
            @property
            def feedback_parts(self) -> object:
                return next(calls)

        receiver = Receiver(Broken(), verifier=FakeVerifier(), reactions=[])  # type: ignore[arg-type]  # broken
        body = json.dumps(sns_message(ses_event()))

        assert 500 == receiver.receive_http({}, body).status

    @pytest.mark.parametrize(
        "body",
        [
            "",
            " ",
            "<html>",
            b"\xff\xfe",
            "[" * 100_000,
            '{"Type": NaN}',
            '{"a": 1, "a": 2}',
            '{"Message": "x"} trailing',
        ],
    )
    def test_it_is_no_event(self, body: Any) -> None:
        """What cannot be read is refused for good."""
        reply = site().receiver.receive_http({}, body)

        assert (400, "this is no event", False) == (
            reply.status,
            reply.body,
            reply.comes_again,
        )

    @pytest.mark.parametrize("body", [None, 17, {"Type": "Notification"}])
    def test_it_was_read_before(
        self, body: Any, caplog: pytest.LogCaptureFixture
    ) -> None:
        """An application that parses the body itself loses no event."""
        reply = site().receiver.receive_http({}, body)

        assert (503, True, True) == (
            reply.status,
            reply.comes_again,
            "as it arrived" in caplog.text,
        )

    @pytest.mark.parametrize(
        "inside, status",
        [
            ("not JSON at all", 200),
            ("{" * 5_000, 400),
            ('{"eventType": "Bounce", "bounce": NaN}', 400),
            ("{}", 200),
            ("null", 200),
            ("", 200),
        ],
    )
    def test_a_genuine_message_that_is_odd(
        self, inside: str, status: int
    ) -> None:
        """Hostile JSON is refused; what only has no name is taken."""
        assert status == site().post(sns_message(inside)).status

    @pytest.mark.parametrize(
        "body, status",
        [
            (b"x" * MAX_BODY_BYTES, 400),
            (b"x" * (MAX_BODY_BYTES + 1), 413),
            ("x" * (MAX_BODY_BYTES + 1), 413),
            ("ä" * (MAX_BODY_BYTES // 2 + 1), 413),
        ],
        ids=["fits", "bytes", "text", "more bytes than characters"],
    )
    def test_it_is_too_large(self, body: bytes | str, status: int) -> None:
        """The bound is in bytes, and comes before all reading."""
        assert status == site().post(body).status

    @pytest.mark.parametrize("kind", [bytes, bytearray, memoryview, str])
    def test_bodies(self, kind: Callable[[bytes], Any]) -> None:
        """Bytes of any kind, and text, are one."""
        data = json.dumps(sns_message(ses_event())).encode()
        body = data.decode() if kind is str else kind(data)
        reply = site().receiver.receive_http({}, body)

        assert 200 == reply.status

    def test_every_status_is_explained(self) -> None:
        """The table names each, and only those of 5xx come again."""
        again = {
            status
            for status in STATUSES
            if HTTPReply(status=status, body="").comes_again
        }

        assert {500, 503} == again

    @given(st.binary(max_size=300), st.binary(max_size=60))
    def test_nothing_is_raised(self, body: bytes, value: bytes) -> None:
        """Any body and any header get an answer."""
        ours = Receiver(
            memory_parts(),
            verifier=FakeVerifier(),
            reactions=[],
            secret=SECRET,
            allow_unsigned=True,
        )
        replies = [
            ours.receive_http([(b"authorization", value)], body),
            ours.receive_http({**basic(SECRET), **RAW}, body),
            ours.receive_http(basic(SECRET), body),
        ]

        others = {reply.status for reply in replies} - {200, 400, 401, 403}

        assert set() == others
