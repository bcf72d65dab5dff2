"""
Real boto3, connected to the simulator and to nothing else.
"""

from __future__ import annotations

from typing import Any, Final

import boto3
from botocore.config import Config

REGION: Final = "eu-west-1"


def session() -> boto3.session.Session:
    """Return a session with credentials that only the simulator takes."""
    return boto3.session.Session(
        aws_access_key_id="demo",
        aws_secret_access_key="demo",  # noqa: S106  # for the simulator
        region_name=REGION,
    )


def connect(
    made_by: boto3.session.Session, url: str, *, read_timeout_s: float = 5.0
) -> Any:
    """
    Return a client of the account at *url*.

    Args:
        made_by: A session; to make one reads all of botocore's models.
        url: Where the simulator serves.
        read_timeout_s: How long boto3 alone waits for an answer.
    """
    return made_by.client(
        "sesv2",
        endpoint_url=url,
        config=Config(
            proxies={},
            max_pool_connections=32,
            read_timeout=read_timeout_s,
        ),
    )
