"""Which certificates count."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from tests.sns_authority import (
    BEGINS,
    ENDS,
    NAME,
    NOW,
    REGION,
    TOPIC,
    certificate,
    ec_key,
    edwards_key,
    notification,
    rsa_key,
    url,
)
from tests.sns_verifiers import (
    GENUINE,
    Case,
)

from safeses.errors import UnverifiedEventError
from safeses.feedback._sns import SNSVerifier
from safeses.feedback._sns._certificates import (
    FAILED_S,
)

SECOND = dt.timedelta(seconds=1)


@pytest.mark.parametrize(
    "name, others",
    [
        (NAME, ()),
        (None, (NAME,)),
        ("other.example", (NAME,)),
        (NAME, ("other.example",)),
        ("other.example", ("third.example", NAME)),
    ],
)
def test_names(name: str | None, others: tuple[str, ...]) -> None:
    """The name may stand as the common one or beside it."""
    case = Case(answers={url(): certificate(name, others=others)})

    assert "genuine" == case.come_of(GENUINE)


@pytest.mark.parametrize(
    "name, others",
    [
        ("attacker.example", ()),
        (None, ()),
        ("sns.eu-west-1.amazonaws.com", ()),
        ("*.amazonaws.com", ("*.amazonaws.com",)),
        ("SNS.amazonaws.com", ()),
        ("sns.amazonaws.com.", ()),
        ("sns.amazonaws.com.evil.example", ()),
        ("sns-signing.eu-west-1.amazonaws.com", ()),
        ("other.example", ("xsns.amazonaws.com",)),
    ],
)
def test_wrong_names(name: str | None, others: tuple[str, ...]) -> None:
    """Another name, or one with a wildcard, is refused."""
    case = Case(answers={url(): certificate(name, others=others)})
    error = case.error_of()

    assert (UnverifiedEventError, "another name") == (type(error), error.seen)


def test_more_names() -> None:
    """Names that the caller knows of are accepted as well."""
    case = Case(answers={url(): certificate("new.example")})
    knowing = SNSVerifier(
        [TOPIC],
        loader=case.loader,
        clock=case.clock,
        certificate_names=["new.example"],
    )
    knowing.verify(GENUINE)

    assert "UnverifiedEventError" == case.come_of(GENUINE)


def test_name_of_a_new_region() -> None:
    """A region that is not in the table may have the form of the latest."""
    region = "sa-west-1"
    topic = TOPIC.replace(REGION, region)
    where = url(1, f"sns.{region}.amazonaws.com")
    case = Case(
        topics=(topic,),
        answers={where: certificate(f"sns-signing.{region}.amazonaws.com")},
    )

    assert "genuine" == case.come_of(
        notification(TopicArn=topic, SigningCertURL=where)
    )


@pytest.mark.parametrize(
    "begins, ends, seen",
    [
        (NOW, ENDS, None),
        (BEGINS, NOW, None),
        (NOW + SECOND, ENDS, "one that is not valid yet"),
        (BEGINS, NOW - SECOND, "one that has expired"),
        (
            BEGINS.replace(year=2001),
            BEGINS.replace(year=2002),
            "one that has expired",
        ),
    ],
)
def test_dates(
    begins: dt.datetime, ends: dt.datetime, seen: str | None
) -> None:
    """A certificate counts from its first second to its last."""
    case = Case(answers={url(): certificate(begins=begins, ends=ends)})
    told = None
    if case.come_of(GENUINE) != "genuine":
        told = case.error_of().seen

    assert seen == told


def test_expires_while_kept() -> None:
    """One that expires while it is kept counts no longer."""
    soon = NOW + dt.timedelta(minutes=1)
    case = Case(answers={url(): certificate(ends=soon)})
    before = case.come_of(GENUINE)
    case.clock.advance(61)
    after = [case.come_of(GENUINE) for _ in range(3)]
    case.loader.answers[url()] = certificate()
    case.clock.advance(FAILED_S)
    renewed = case.come_of(GENUINE)

    assert ("genuine", ["UnverifiedEventError"] * 3, "genuine", 3) == (
        before,
        after,
        renewed,
        len(case.loader.asked),
    )


CHAIN = certificate() + certificate("issuer.example")
NO_CERTIFICATES: dict[str, Any] = {
    "nothing": b"",
    "page": b"<html>Blocked by your administrator</html>",
    "text": certificate().decode(),
    "none": None,
    "chain": CHAIN,
    "text before": b"subject=sns.amazonaws.com\n" + certificate(),
    "text behind": certificate() + b"x",
    "key": certificate().replace(b"CERTIFICATE", b"PUBLIC KEY"),
    "cut off": certificate()[:400],
    "cut short": certificate().replace(b"\n-----END", b"A\n-----END", 1),
    "one byte": certificate().replace(b"MII", b"MIJ", 1),
    "zeros": b"\0" * 1000,
    "16 KiB": certificate() + b"\n" * 16_384,
    "elliptic": certificate(key=ec_key()),
    "Edwards": certificate(key=edwards_key()),
    "1024 bits": certificate(key=rsa_key(1024)),
}


@pytest.mark.parametrize("data", NO_CERTIFICATES.values(), ids=NO_CERTIFICATES)
def test_no_certificates(data: Any) -> None:
    """What is no single certificate with a strong key may be another soon."""
    case = Case(answers={url(): data})
    error = case.error_of()
    case.loader.answers[url()] = certificate()
    case.clock.advance(FAILED_S)

    assert (True, "genuine") == (error.retryable, case.come_of(GENUINE))


def test_line_ends() -> None:
    """A certificate may come with the line ends of another system."""
    data = certificate().replace(b"\n", b"\r\n")
    case = Case(answers={url(): b"\n" + data + b"\r\n"})

    assert "genuine" == case.come_of(GENUINE)
