"""
From what a caller calls a queue to boto3 clients for it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from safeses.errors import ConfigurationError
from safeses.feedback._poller._queue import Queue

if TYPE_CHECKING:
    from safeses.feedback._poller._outage import Outages
    from safeses.feedback._poller._settings import Settings

# Beyond the longest poll, for the answer to arrive.
_ANSWER_S: Final = 15
# All other calls answer at once; one that hangs must not cost the
# visibility of what is in hand.
_ACT_S: Final = 5
_CONNECT_S: Final = 5
_REGION: Final = r"(?P<region>[a-z]{2,}(?:-[a-z]+)+-\d+)"
_ARN: Final = re.compile(
    rf"arn:[a-z-]+:sqs:{_REGION}:(?P<account>\d{{12}}):(?P<name>[\w.-]+)"
)
_STANDARD_HOST: Final = re.compile(
    rf"(?:sqs\.{_REGION}\.|(?P<old>[a-z0-9-]+)\.queue\.)amazonaws\.[a-z.]+"
)
_ANY_HOST: Final = re.compile(rf"(?:^|\.)sqs(?:-fips)?\.{_REGION}\.")
_NO_REGION_MATTERS: Final = "us-east-1"


def connect(settings: Settings, outages: Outages) -> Queue:
    """
    Return the queue that is meant, with clients for it.

    Raises:
        ConfigurationError: There can be no such queue, or the client
            cannot poll it.
    """
    arn = _ARN.fullmatch(settings.queue)
    if settings.sqs is not None:
        _check_client(settings.sqs, settings.wait_s)
        url = _url(arn, settings.sqs) if arn else _checked(settings.queue)
        return Queue(url, settings.sqs, settings.sqs, outages)
    region, endpoint = (arn["region"], None) if arn else where(settings.queue)
    polls, acts = _clients(settings, region, endpoint)
    url = _url(arn, polls) if arn else settings.queue
    return Queue(url, polls, acts, outages)


def where(queue_url: str) -> tuple[str | None, str | None]:
    """
    Return the region of a queue and its endpoint, None for the usual ones.

    Raises:
        ConfigurationError: It is no URL of a queue.
    """
    parts = urlsplit(_checked(queue_url))
    host = parts.hostname or ""
    usual = _STANDARD_HOST.fullmatch(host)
    if usual:
        return usual["region"] or usual["old"], None
    # A private endpoint, one for FIPS, or no AWS at all.
    found = _ANY_HOST.search(host)
    region = found["region"] if found else None
    return region, f"{parts.scheme}://{parts.netloc}"


def _checked(queue_url: str) -> str:
    try:
        parts = urlsplit(queue_url)
        is_url = parts.scheme in {"http", "https"} and bool(
            parts.hostname and parts.path.strip("/")
        )
        is_url = is_url and parts.port != 0 and "@" not in parts.netloc
    except ValueError:
        is_url = False
    if not is_url:
        raise ConfigurationError(
            "the queue is named neither by a URL nor by an ARN",
            'use one such as "https://sqs.eu-west-1.amazonaws.com/'
            '123456789012/ses-events"',
        )
    return queue_url


def _url(arn: re.Match[str], client: Any) -> str:
    base = str(client.meta.endpoint_url).rstrip("/")
    return f"{base}/{arn['account']}/{arn['name']}"


def _check_client(client: Any, wait_s: int) -> None:
    """Look at what boto3's clients tell of themselves; a stub may not."""
    if not callable(getattr(client, "receive_message", None)):
        raise ConfigurationError(
            f"sqs={type(client).__name__} is not a boto3 client for SQS",
            'give boto3.client("sqs"), or leave it out',
        )
    config = getattr(getattr(client, "meta", None), "config", None)
    read_s = getattr(config, "read_timeout", None)
    if isinstance(read_s, (int, float)) and read_s <= wait_s:
        raise ConfigurationError(
            f"the boto3 client waits {read_s:g} s for an answer, and SQS"
            f" holds it back for {wait_s} s",
            f"give it a read_timeout above {wait_s} s, or leave sqs= out",
        )


def _clients(
    settings: Settings, region: str | None, endpoint: str | None
) -> tuple[Any, Any]:
    import os

    import boto3
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError

    def config(read_s: float) -> Config:
        return Config(
            connect_timeout=_CONNECT_S,
            read_timeout=read_s,
            retries={"mode": "standard", "total_max_attempts": 2},
            max_pool_connections=settings.threads + 2,
            tcp_keepalive=True,
        )

    try:
        # A session of our own: boto3's default one is not thread-safe.
        session = boto3.session.Session()
        name = region or session.region_name or os.environ.get("AWS_REGION")
        if endpoint is not None:
            # A local server needs one only to sign with.
            name = name or _NO_REGION_MATTERS
        polls, acts = (
            session.client(
                "sqs",
                region_name=name,
                endpoint_url=endpoint,
                config=config(read_s),
            )
            for read_s in (settings.wait_s + _ANSWER_S, _ACT_S)
        )
    except (BotoCoreError, ValueError) as error:
        problem = type(error).__name__
    else:
        return polls, acts
    raise ConfigurationError(
        f"boto3 makes no client for the queue ({problem})",
        "check its URL, AWS_PROFILE and AWS_REGION, or give sqs=",
    )
