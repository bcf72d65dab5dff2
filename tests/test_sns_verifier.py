"""Which messages of SNS are genuine, and what is told of the others."""

from __future__ import annotations

import pickle
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from tests.sns_authority import (
    TOPIC,
    Loader,
    confirmation,
    notification,
    url,
)
from tests.sns_verifiers import (
    KINDS,
    OTHER_TOPIC,
    SHARED,
    is_genuine,
    verifier,
)

from safeses.errors import (
    CertificateError,
    ConfigurationError,
    SafeSESError,
    UnverifiedEventError,
)
from safeses.feedback._sns import SNSVerifier, is_envelope
from safeses.feedback._sns._certificates import FAILED_S
from safeses.testing import FakeClock

if TYPE_CHECKING:
    from collections.abc import Callable


SECRET = "ann.secret@example.com"


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("version", ["1", "2"])
def test_genuine(kind: str, version: str) -> None:
    """Every type passes, signed in either version."""
    envelope = KINDS[kind](version=version)

    assert is_genuine(envelope)


@pytest.mark.parametrize("subject", [None, "", "Grüße", "A\tB"])
def test_subjects(subject: str | None) -> None:
    """A subject of null is none, an empty one is signed, a tab is refused."""
    envelope = notification(Subject=subject)

    assert (subject != "A\tB") == is_genuine(envelope)


def test_absent_subject() -> None:
    """A message without a subject passes, and none can be added to it."""
    envelope = notification(Subject=None)
    del envelope["Subject"]
    seen = [is_genuine(envelope), is_genuine({**envelope, "Subject": ""})]

    assert [True, False] == seen


@pytest.mark.parametrize(
    "message", ["", "\n", "é\u2028\U0001f600", "MessageId\nx\n", "a\r\nb\0"]
)
def test_messages(message: str) -> None:
    """The text of a message may hold anything."""
    envelope = notification(Message=message)

    assert is_genuine(envelope)


@pytest.mark.parametrize(
    "key, value",
    [
        ("UnsubscribeURL", "http://169.254.169.254/"),
        ("MessageAttributes", {"a": {"Type": "String", "Value": "b"}}),
        ("Unknown", [1, 2]),
        ("Token", 7),
        ("SubscribeURL", "http://169.254.169.254/"),
    ],
)
def test_what_is_not_signed(key: str, value: Any) -> None:
    """What SNS does not sign may be anything, as nothing comes of it."""
    envelope = {**notification(), key: value}

    assert is_genuine(envelope)


@pytest.mark.parametrize("signed, said", [("1", "2"), ("2", "1")])
def test_version_of_the_other_hash(signed: str, said: str) -> None:
    """A signature of one version does not pass as the other."""
    envelope = {**notification(signed), "SignatureVersion": said}

    assert not is_genuine(envelope)


@pytest.mark.parametrize(
    "value", [1, 2, 2.0, True, "3", "02", " 2", "\uff12", ""]
)
def test_unknown_versions(value: Any) -> None:
    """Only "1" and "2" are versions, and only as texts."""
    envelope = {**notification(), "SignatureVersion": value}

    assert not is_genuine(envelope)


def test_version_1_refused() -> None:
    """Whoever wants version 2 gets no other, and nothing is fetched."""
    loader = Loader()
    strict = verifier(loader=loader, versions=("2",))
    with pytest.raises(UnverifiedEventError) as caught:
        strict.verify(notification("1"))
    asked = len(loader.asked)
    strict.verify(notification("2"))

    assert (0, "1", True) == (
        asked,
        caught.value.seen,
        "SignatureVersion" in caught.value.remedy,
    )


@pytest.mark.parametrize(
    "versions", ["2", b"2", (), (1, 2), (2,), ("1", "3"), ("",), None, 2]
)
def test_versions_given(versions: Any) -> None:
    """What is no list of versions is refused at once."""
    with pytest.raises(ConfigurationError) as caught:
        verifier(versions=versions)

    assert "text" in caught.value.remedy


@pytest.mark.parametrize(
    "topic",
    [
        OTHER_TOPIC,
        TOPIC.replace("ses-events", "ses-event"),
        TOPIC.replace("eu-west-1", "us-east-1"),
        TOPIC.upper(),
        f"{TOPIC} ",
        f"{TOPIC}:*",
        "*",
        "",
    ],
)
def test_foreign_topics(topic: str) -> None:
    """A good signature of another topic proves nothing, nor asks for it."""
    loader = Loader()
    with pytest.raises(UnverifiedEventError) as caught:
        verifier(loader=loader).verify(notification(TopicArn=topic))

    assert ([], "another topic") == (loader.asked, caught.value.seen)


def test_several_topics() -> None:
    """Each of several topics is allowed, with its own region's host only."""
    host = "sns.us-east-1.amazonaws.com"
    far = TOPIC.replace("eu-west-1", "us-east-1")
    loader = Loader(
        {url(): Loader().answers[url()], url(1, host): Loader().answers[url()]}
    )
    both = SNSVerifier([TOPIC, far], loader=loader, clock=FakeClock())
    seen = [
        is_genuine(notification(TopicArn=arn, SigningCertURL=at), both)
        for arn in (TOPIC, far)
        for at in (url(), url(1, host))
    ]

    assert [True, False, False, True] == seen


def test_is_envelope() -> None:
    """A message of SNS is told from an event by its shape."""
    raw = {"eventType": "Bounce", "mail": {}}
    payloads: list[Any] = [
        notification(),
        confirmation(),
        {**notification(), "Type": "Other"},
        raw,
        {**notification(), "Message": {}},
        None,
        "Type",
        [],
    ]
    seen = [is_envelope(payload) for payload in payloads]

    assert [True] * 3 + [False] * 5 == seen


REFUSED: dict[str, Callable[[], Any]] = {
    "topic": lambda: notification(TopicArn=f"{TOPIC}-{SECRET}"),
    "type": lambda: {**notification(), "Type": SECRET},
    "version": lambda: {**notification(), "SignatureVersion": SECRET},
    "URL": lambda: notification(SigningCertURL=f"https://{SECRET}/"),
    "signature": lambda: {**notification(), "Signature": SECRET},
    "time": lambda: notification(Timestamp=SECRET),
    "message": lambda: {**notification(), "Message": SECRET},
    "half a character": lambda: {
        **notification(),
        "Message": f"{SECRET}\ud800",
    },
    "line": lambda: {**notification(), "Subject": f"{SECRET}\n"},
    "kind": lambda: {**notification(), "Message": [SECRET]},
}


@pytest.mark.parametrize("case", REFUSED)
def test_texts(case: str) -> None:
    """An error says rule and remedy, travels, and holds nothing received."""
    with pytest.raises(UnverifiedEventError) as caught:
        SHARED.verify(REFUSED[case]())
    error: BaseException | None = caught.value
    told = []
    while error is not None:
        told.append(f"{error!r} {error}")
        error = error.__cause__ or error.__context__
    back = pickle.loads(pickle.dumps(caught.value))  # noqa: S301  # our own

    assert (False, True, str(caught.value)) == (
        any(SECRET in text for text in told),
        bool(caught.value.rule and caught.value.remedy),
        str(back),
    )


def test_errors_of_a_loader() -> None:
    """An error that may pass says so, and when to come again."""
    loader = Loader({}, CertificateError("evil.example", "down", 1e9))
    with pytest.raises(SafeSESError) as caught:
        verifier(loader=loader).verify(notification())
    error = pickle.loads(pickle.dumps(caught.value))  # noqa: S301  # our own

    assert (
        "no certificate from sns.eu-west-1.amazonaws.com: down",
        FAILED_S,
        True,
    ) == (str(error).partition(";")[0], error.retry_after_s, error.retryable)


def test_repr() -> None:
    """What it shows of itself names no account and no token."""
    shown = repr(verifier(versions=("2",)))

    assert "SNSVerifier(<1 topics>, versions=['2'], confirm=False)" == shown


WITHOUT = """
import sys
sys.modules["cryptography"] = None
from safeses.feedback._sns import SNSVerifier
try:
    SNSVerifier(["arn:aws:sns:eu-west-1:111122223333:t"])
except ModuleNotFoundError as error:
    print(error.name, 'pip install "safeses[sns]"' in str(error))
"""
LIGHT = """
import sys
import safeses.feedback._sns
heavy = {"cryptography", "boto3", "botocore", "urllib3"}
print(*sorted(heavy & {*sys.modules}))
"""


@pytest.mark.parametrize(
    "program, printed", [(WITHOUT, "cryptography True\n"), (LIGHT, "\n")]
)
def test_extra(program: str, printed: str) -> None:
    """A missing package names its extra; nothing heavy loads before use."""
    run = subprocess.run(  # noqa: S603  # our own program
        [sys.executable, "-c", program],
        capture_output=True,
        check=False,
        text=True,
        timeout=300,
    )

    assert printed == run.stdout, run.stderr
