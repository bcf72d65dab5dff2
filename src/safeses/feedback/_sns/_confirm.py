"""
How a subscription is confirmed: by the API, never by the URL of a message.

A URL in a message may lead anywhere, also into your own network. The API
takes the token instead, and SNS knows which subscription it is for.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Final

import attrs

from safeses._log import log

if TYPE_CHECKING:
    from collections.abc import Callable

    from safeses.feedback._sns._urls import Topic

TIMEOUT_S: Final = 5.0


def sns_client(region: str) -> Any:
    """Return a boto3 client of SNS that tries once, and not for long."""
    import boto3
    from botocore.config import Config

    config = Config(
        connect_timeout=TIMEOUT_S,
        read_timeout=TIMEOUT_S,
        retries={"mode": "standard", "total_max_attempts": 1},
    )
    # A session of our own: boto3's default one is not thread-safe.
    session = boto3.session.Session()
    return session.client("sns", region_name=region, config=config)


@attrs.define(eq=False)
class Confirmation:
    """
    Confirms subscriptions.

    Attributes:
        make: Makes a client of SNS for a region.
    """

    make: Callable[[str], Any] = attrs.field(default=sns_client, repr=False)
    # A child of a fork does not share its parent's connections.
    _clients: dict[tuple[int, str], Any] = attrs.field(
        factory=dict, init=False, repr=False
    )

    def confirm(self, topic: Topic, token: str) -> bool:
        """
        Confirm the subscription that *token* is for; say if it was done.

        Whoever ends it later needs credentials of its owner. A warning
        says why it was not done.
        """
        key = (os.getpid(), topic.region)
        try:
            client = self._clients.get(key)
            if client is None:
                made = self.make(topic.region)
                client = self._clients.setdefault(key, made)
            client.confirm_subscription(
                TopicArn=topic.arn,
                Token=token,
                AuthenticateOnUnsubscribe="true",
            )
        except Exception as error:  # noqa: BLE001  # SNS asks again
            log.warning(
                "SNS did not confirm the subscription of a topic in %s: %s",
                topic.region,
                _reason(error),
            )
            return False
        return True


def _reason(error: Exception) -> str:
    # Only its code: the text of an answer may hold the token.
    response = getattr(error, "response", None)
    try:
        return str(response["Error"]["Code"])  # type: ignore[index]  # or not
    except (KeyError, TypeError):
        return type(error).__name__
