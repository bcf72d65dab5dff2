"""What a poller can be given, and the queue that is meant."""

from __future__ import annotations

from typing import Any

import pytest
from tests.fake_sqs import URL, FakeSQS
from tests.polling import Bench, Run, Scripted

from safeses.errors import ConfigurationError
from safeses.feedback._poller import PollCounts, SQSPoller
from safeses.feedback._poller._connect import connect, where
from safeses.feedback._poller._outage import Outages
from safeses.testing import FakeClock


class TestArguments:
    """What a poller can be given."""

    @pytest.mark.parametrize(
        "settings",
        [
            {"threads": 0},
            {"threads": 1.5},
            {"threads": 65},
            {"wait_s": 21},
            {"wait_s": -1},
            {"wait_s": True},
            {"visibility_s": 1},
            {"visibility_s": 43_201},
            {"batch": 11},
            {"stop_s": float("nan")},
            {"retry_s": -1},
            {"max_body_bytes": 0},
            {"on_poison": "print"},
        ],
    )
    def test_refused(self, settings: dict[str, Any]) -> None:
        """What cannot work is refused at once, by its name."""
        with pytest.raises(ConfigurationError) as caught:
            SQSPoller(URL, Scripted(), **settings)

        assert [name for name in settings if name in caught.value.problem] == [
            *settings
        ]

    @pytest.mark.parametrize("receiver", [None, object(), Scripted])
    def test_no_receiver(self, receiver: Any) -> None:
        """What receives nothing is refused."""
        with pytest.raises(ConfigurationError) as caught:
            SQSPoller(URL, receiver)

        assert "receives nothing" in str(caught.value)

    @pytest.mark.parametrize(
        "queue",
        [
            "",
            None,
            "ses-events",
            "arn:aws:sns:eu-west-1:123456789012:ses-events",
            "ftp://sqs.eu-west-1.amazonaws.com/1/q",
            "https://sqs.eu-west-1.amazonaws.com",
            "https://user:pw@sqs.eu-west-1.amazonaws.com/1/q",
            "https://[::1/1/q",
        ],
    )
    def test_no_queue(self, queue: Any) -> None:
        """What names no queue is refused before any call."""
        sqs = FakeSQS(FakeClock())
        with pytest.raises(ConfigurationError):
            SQSPoller(queue, Scripted(), sqs=sqs).run()

        assert [] == sqs.calls

    @pytest.mark.parametrize(
        "host, region, endpoint",
        [
            ("sqs.eu-west-1.amazonaws.com", "eu-west-1", None),
            ("sqs.cn-north-1.amazonaws.com.cn", "cn-north-1", None),
            ("sqs.us-gov-west-1.amazonaws.com", "us-gov-west-1", None),
            ("us-east-1.queue.amazonaws.com", "us-east-1", None),
            ("sqs-fips.us-east-1.amazonaws.com", "us-east-1", "same"),
            (
                "vpce-1-abc.sqs.eu-west-1.vpce.amazonaws.com",
                "eu-west-1",
                "same",
            ),
            ("127.0.0.1:5000", None, "same"),
            ("localhost:4566", None, "same"),
        ],
    )
    def test_region(
        self, host: str, region: str | None, endpoint: str | None
    ) -> None:
        """The region and the endpoint are those of the URL."""
        base = f"https://{host}"

        assert (region, endpoint and base) == where(f"{base}/123456789012/q")

    def test_arn(self) -> None:
        """An ARN makes a client for its region, and the URL of the queue."""
        arn = "arn:aws:sqs:eu-central-1:123456789012:ses-events"
        settings = Bench(queue=arn).settings
        queue = connect(settings, Outages())

        assert (
            "eu-central-1",
            "https://sqs.eu-central-1.amazonaws.com/123456789012/ses-events",
            (35, 5),
            2,
        ) == (
            queue.polls.meta.region_name,
            queue.url,
            (
                queue.polls.meta.config.read_timeout,
                queue.acts.meta.config.read_timeout,
            ),
            queue.polls.meta.config.retries["total_max_attempts"],
        )

    def test_impatient_client(self) -> None:
        """A client that gives up before SQS answers is refused."""
        import boto3
        from botocore.config import Config

        sqs = boto3.client("sqs", config=Config(read_timeout=20))
        with pytest.raises(ConfigurationError) as caught:
            SQSPoller(URL, Scripted(), sqs=sqs).run()

        assert "give it a read_timeout above 20 s" in caught.value.remedy

    def test_another_service(self) -> None:
        """A client of another service is refused."""
        import boto3

        with pytest.raises(ConfigurationError) as caught:
            SQSPoller(URL, Scripted(), sqs=boto3.client("sesv2")).run()

        assert "is not a boto3 client for SQS" in caught.value.problem

    def test_counts_begin_at_nothing(self) -> None:
        """A new poller has met with nothing."""
        assert PollCounts() == Run().poller.counts
