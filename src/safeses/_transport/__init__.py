"""
The only importer of botocore's inside: one attempt, one deadline.

Loaded at the first send, so that importing safeses loads no boto3.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from botocore.client import BaseClient

from safeses._transport._boto3 import Boto3Transport
from safeses._transport._direct import DirectTransport
from safeses.errors import ConfigurationError

if TYPE_CHECKING:
    from safeses.typing import Transport

__all__ = ["Boto3Transport", "DirectTransport", "connect", "transport"]


def connect(region: str | None, max_connections: int = 64) -> Any:
    """
    Make a boto3 client for SES.

    Raises:
        ConfigurationError: No region is known, or no such profile.
    """
    import boto3
    from botocore.config import Config
    from botocore.exceptions import (
        InvalidRegionError,
        NoRegionError,
        ProfileNotFound,
    )

    config = Config(
        retries={"mode": "standard"},
        max_pool_connections=max_connections,
        tcp_keepalive=True,
    )
    try:
        # A session of our own: boto3's default one is not thread-safe.
        session = boto3.session.Session()
        # boto3 itself reads AWS_DEFAULT_REGION and the profile only.
        where = region or session.region_name or os.environ.get("AWS_REGION")
        return session.client("sesv2", region_name=where, config=config)
    except NoRegionError as error:
        raise ConfigurationError(
            "no AWS region is known",
            'pass Client(region="eu-west-1"), or set AWS_REGION',
        ) from error
    except InvalidRegionError as error:
        raise ConfigurationError(
            "the AWS region is not a name of one",
            'use one such as "eu-west-1", in region= or AWS_REGION',
        ) from error
    except ProfileNotFound as error:
        raise ConfigurationError(
            "the AWS profile does not exist",
            "correct AWS_PROFILE, or create the profile",
        ) from error


def transport(client: Any) -> Transport:
    """
    Wrap *client* for single attempts.

    Raises:
        ConfigurationError: It cannot send, or not safely.
    """
    if isinstance(client, BaseClient):
        return Boto3Transport(client)
    if not callable(getattr(client, "send_email", None)):
        raise ConfigurationError(
            f"{type(client).__name__} is not a boto3 client",
            'give boto3.client("sesv2"), or nothing',
        )
    if getattr(client, "single_attempt", None) is not True:
        raise ConfigurationError(
            f"nobody knows how often a {type(client).__name__} sends what"
            " it is given once",
            'give boto3.client("sesv2"); set single_attempt = True on a stub'
            " that makes one attempt per call; or test with"
            " safeses.testing.stubbed",
        )
    return DirectTransport(client)
