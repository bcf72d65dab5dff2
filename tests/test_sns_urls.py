"""Where certificates may come from, and which topics are any."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from tests.sns_authority import (
    HOST,
    TOPIC,
    Loader,
    certificate,
    notification,
    path,
    url,
)

from safeses.errors import ConfigurationError, UnverifiedEventError
from safeses.feedback._sns import SNSVerifier
from safeses.feedback._sns._names import SUFFIXES, certificate_names
from safeses.feedback._sns._urls import topics
from safeses.testing import FakeClock

S3 = "sns.s3-us-west-2.amazonaws.com"
FILE = path()
HOSTILE = {
    "http": f"http://{HOST}{FILE}",
    "ftp": f"ftp://{HOST}{FILE}",
    "file": "file:///etc/passwd",
    "no scheme": f"//{HOST}{FILE}",
    "upper scheme": f"HTTPS://{HOST}{FILE}",
    "upper host": f"https://{HOST.upper()}{FILE}",
    "bucket": f"https://{S3}{FILE}",
    "bucket in asia": f"https://sns.s3-ap-southeast-2.amazonaws.com{FILE}",
    "bucket, fast": f"https://sns.s3-accelerate.amazonaws.com{FILE}",
    "bucket, website": (
        f"https://sns.s3-website-eu-west-1.amazonaws.com{FILE}"
    ),
    "s3": f"https://s3.amazonaws.com/sns{FILE}",
    "other region": f"https://sns.us-east-1.amazonaws.com{FILE}",
    "no region": f"https://sns.amazonaws.com{FILE}",
    "other service": f"https://sqs.eu-west-1.amazonaws.com{FILE}",
    "china": f"https://{HOST}.cn{FILE}",
    "below": f"https://a.{HOST}{FILE}",
    "suffix": f"https://{HOST}.evil.example{FILE}",
    "prefix": f"https://evil-{HOST}{FILE}",
    "dot that is any": "https://snsxeu-west-1xamazonaws.com" + FILE,
    "port": f"https://{HOST}:443{FILE}",
    "odd port": f"https://{HOST}:22{FILE}",
    "empty port": f"https://{HOST}:{FILE}",
    "user": f"https://user@{HOST}{FILE}",
    "user, elsewhere": f"https://{HOST}@evil.example{FILE}",
    "user with escape": f"https://{HOST}%40evil.example{FILE}",
    "password": f"https://user:word@{HOST}{FILE}",
    "backslash": f"https://evil.example\\@{HOST}{FILE}",
    "backslash path": f"https://{HOST}\\{FILE[1:]}",
    "query": f"https://{HOST}{FILE}?x=.pem",
    "fragment": f"https://{HOST}{FILE}#x.pem",
    "parameter": f"https://{HOST}{FILE};x",
    "trailing dot": f"https://{HOST}.{FILE}",
    "trailing newline": f"https://{HOST}{FILE}\n",
    "trailing blank": f"https://{HOST}{FILE} ",
    "leading blank": f" https://{HOST}{FILE}",
    "newline inside": f"https://{HOST}{FILE[:10]}\n{FILE[10:]}",
    "carriage return": f"https://{HOST}{FILE}\r",
    "tab": f"https://{HOST}\t{FILE}",
    "zero": f"https://{HOST}{FILE}\0",
    "full-width dot": "https://sns.eu-west-1.amazonaws。com" + FILE,
    "cyrillic": f"https://sns.eu-west-1.am\u0430zonaws.com{FILE}",
    "punycode": f"https://sns.eu-west-1.xn--mazonaws-zgg.com{FILE}",
    "full-width digit": f"https://{HOST}{FILE.replace('1', chr(0xFF11))}",
    "escape in host": f"https://sns%2eeu-west-1.amazonaws.com{FILE}",
    "escape in path": f"https://{HOST}{FILE.replace('.', '%2e')}",
    "directory": f"https://{HOST}/a{FILE}",
    "up": f"https://{HOST}/a/..{FILE}",
    "double slash": f"https://{HOST}/{FILE}",
    "no path": f"https://{HOST}",
    "no file": f"https://{HOST}/SimpleNotificationService-.pem",
    "other file": f"https://{HOST}/evil.pem",
    "other end": f"https://{HOST}{FILE}.exe",
    "no end": f"https://{HOST}{FILE[:-4]}",
    "long": f"https://{HOST}/SimpleNotificationService-{'a' * 65}.pem",
    "IPv4": f"https://127.0.0.1{FILE}",
    "IPv6": f"https://[::1]{FILE}",
    "metadata": f"http://169.254.169.254{FILE}",
    "two": f"{url()},{url()}",
    "empty": "",
    "huge": url() + "a" * 100_000,
}


@pytest.mark.parametrize("hostile", HOSTILE.values(), ids=HOSTILE)
@pytest.mark.parametrize("key", ["SigningCertURL", "SigningCertUrl"])
def test_hostile_urls(hostile: str, key: str) -> None:
    """A URL that is not exactly one of SNS's is refused, and not fetched."""
    loader = Loader({}, certificate())
    verifier = SNSVerifier([TOPIC], loader=loader, clock=FakeClock())
    envelope = notification()
    del envelope["SigningCertURL"]
    with pytest.raises(UnverifiedEventError):
        verifier.verify({**envelope, key: hostile})

    assert [] == loader.asked


def test_spellings() -> None:
    """The URL counts in either spelling, but not two different ones."""
    envelope = notification()
    del envelope["SigningCertURL"]
    verifier = SNSVerifier([TOPIC], loader=Loader(), clock=FakeClock())
    verifier.verify({**envelope, "SigningCertUrl": url()})
    both = {"SigningCertURL": url(), "SigningCertUrl": url()}
    verifier.verify({**envelope, **both})
    verifier.verify({**envelope, **both, "SigningCertURL": None})
    other = {**envelope, **both, "SigningCertURL": url(2)}
    with pytest.raises(UnverifiedEventError) as caught:
        verifier.verify(other)

    assert "two URLs" == caught.value.seen


@given(
    at=st.integers(0, len(url())),
    text=st.text(min_size=1, max_size=3),
    replaced=st.integers(0, 3),
)
@example(at=len(url()), text="\n", replaced=0)
@example(at=8, text="a@", replaced=0)
def test_altered_urls(at: int, text: str, replaced: int) -> None:
    """Whatever is put anywhere into a URL, only the file's name may vary."""
    (topic,) = topics([TOPIC], ()).values()
    altered = url()[:at] + text + url()[at + replaced :]
    head, tail = url()[: url().index("-0")], ".pem"
    middle = altered[len(head) + 1 : -len(tail)]
    as_allowed = (
        altered.startswith(f"{head}-")
        and altered.endswith(tail)
        and 0 < len(middle) <= 64
        and middle.isascii()
        and middle.isalnum()
    )

    assert as_allowed == topic.allows(altered)


@pytest.mark.parametrize(
    "partition, region",
    [
        ("aws", "us-east-1"),
        ("aws", "ap-southeast-7"),
        ("aws", "mx-central-1"),
        ("aws-cn", "cn-northwest-1"),
        ("aws-us-gov", "us-gov-east-1"),
        ("aws-eusc", "eusc-de-east-1"),
        ("aws-iso", "us-iso-east-1"),
        ("aws-iso-b", "us-isob-east-1"),
        ("aws-iso-e", "eu-isoe-west-1"),
        ("aws-iso-f", "us-isof-south-1"),
    ],
)
def test_hosts(partition: str, region: str) -> None:
    """The host is that of the topic's region and partition."""
    arn = f"arn:{partition}:sns:{region}:111122223333:t"
    (topic,) = topics([arn], ()).values()

    assert (region, f"sns.{region}.{SUFFIXES[partition]}") == (
        topic.region,
        topic.host,
    )


@pytest.mark.parametrize(
    "region, names",
    [
        ("us-east-1", {"sns.amazonaws.com"}),
        ("eu-south-2", {"sns-signing.eu-south-2.amazonaws.com"}),
        ("cn-north-1", {"sns-cn-north-1.amazonaws.com.cn"}),
        ("us-gov-east-1", {"sns-us-gov-west-1.amazonaws.com"}),
        ("eusc-de-east-1", {"sns-signing.eusc-de-east-1.amazonaws.eu"}),
        # Regions that are newer than the table.
        (
            "sa-west-1",
            {"sns.amazonaws.com", "sns-signing.sa-west-1.amazonaws.com"},
        ),
        (
            "cn-south-1",
            {
                "sns.amazonaws.com.cn",
                "sns-signing.cn-south-1.amazonaws.com.cn",
            },
        ),
    ],
)
def test_names(region: str, names: set[str]) -> None:
    """A certificate has to bear the name that AWS uses in the region."""
    found = certificate_names(region)

    assert names == found


NO_TOPICS = {
    "one text": TOPIC,
    "bytes": TOPIC.encode(),
    "nothing": [],
    "none": None,
    "a number": 7,
    "numbers": [7],
    "a list inside": [[TOPIC]],
    "wildcard": ["arn:aws:sns:eu-west-1:111122223333:*"],
    "any": ["*"],
    "FIFO": [f"{TOPIC}.fifo"],
    "subscription": [f"{TOPIC}:b24e11a2-06bd-4e73-aa29-0ed2de3b41b5"],
    "queue": [TOPIC.replace("sns", "sqs")],
    "bucket's region": [TOPIC.replace("eu-west-1", "s3-us-west-2")],
    "no region": [TOPIC.replace("eu-west-1", "")],
    "global": [TOPIC.replace("eu-west-1", "aws-global")],
    "dots": [TOPIC.replace("eu-west-1", "eu-west-1.evil.example")],
    "other partition": [TOPIC.replace("arn:aws", "arn:aws-cn")],
    "no partition": [TOPIC.replace("arn:aws", "arn:gcp")],
    "unknown partition": [TOPIC.replace("arn:aws", "arn:aws-moon")],
    "partition's region": [TOPIC.replace("eu-west-1", "cn-north-1")],
    "account": [TOPIC.replace("111122223333", "1111")],
    "newline": [f"{TOPIC}\n"],
    "blank": [f" {TOPIC}"],
    "one of two": [TOPIC, "ses-events"],
}


@pytest.mark.parametrize("arns", NO_TOPICS.values(), ids=NO_TOPICS)
def test_no_topics(arns: list[str]) -> None:
    """What is no list of whole ARNs of standard topics is refused."""
    with pytest.raises(ConfigurationError) as caught:
        SNSVerifier(arns)

    assert "arn:aws:sns:" in caught.value.remedy or (
        "copy the topic's ARN" in caught.value.remedy
    )
