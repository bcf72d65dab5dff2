"""
Topics that are allowed, and where the certificate for each has to be.

The host is not looked for in a message: it is made from the topic, and a
message may only repeat it. No URL is taken apart, as whoever takes one
apart differently from whoever fetches it lets strangers choose the host.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

import attrs

from safeses.errors import ConfigurationError
from safeses.feedback._sns._names import (
    SUFFIXES,
    certificate_names,
    partition_of,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

# SNS API reference, CreateTopic: 1 to 256 letters, digits, - and _.
_ARN: Final = re.compile(
    r"arn:(?P<partition>aws[a-z-]{0,10}):sns:"
    r"(?P<region>[a-z]{2,10}(?:-[a-z]{2,12}){1,3}-[0-9]{1,2}):"
    r"[0-9]{12}:[A-Za-z0-9_-]{1,256}"
)
# 32 digits of base 16 up to now; AWS promises neither.
_PATH: Final = re.compile(r"/SimpleNotificationService-[A-Za-z0-9]{1,64}\.pem")
_FIFO: Final = ".fifo"
_SHAPE: Final = "arn:aws:sns:eu-west-1:111122223333:ses-events"


@attrs.frozen(kw_only=True)
class Topic:
    """
    A topic whose messages are allowed.

    Attributes:
        arn: Its ARN.
        region: Where it is.
        host: The only host that its certificates come from.
        names: The names of which a certificate has to bear one.
    """

    arn: str
    region: str
    host: str
    names: frozenset[str]

    def allows(self, url: str) -> bool:
        """Whether *url* is one of a certificate for this topic."""
        base = f"https://{self.host}"
        return url.startswith(base) and bool(
            _PATH.fullmatch(url, pos=len(base))
        )


def topics(
    arns: Collection[str], other_names: Iterable[str]
) -> dict[str, Topic]:
    """
    Return the topics of *arns*, by ARN.

    Args:
        arns: Their ARNs, whole and without wildcards.
        other_names: Names that certificates may bear as well.

    Raises:
        ConfigurationError: There is none, or one is no standard topic.
    """
    remedy = f"give a list of whole ARNs, such as [{_SHAPE!r}]"
    if isinstance(arns, (str, bytes)):
        raise ConfigurationError("topic_arns is one text", remedy)
    try:
        found = [*arns]
    except TypeError as error:
        raise ConfigurationError(
            f"topic_arns is of type {type(arns).__name__}", remedy
        ) from error
    if not found:
        raise ConfigurationError(
            "topic_arns is empty, so that no message could be genuine",
            remedy,
        )
    others = frozenset(other_names)
    return {arn: _topic(arn, others) for arn in found}


def _topic(arn: Any, other_names: frozenset[str]) -> Topic:
    match = _ARN.fullmatch(arn) if isinstance(arn, str) else None
    if match is None:
        raise _no_topic(arn)
    partition, region = match["partition"], match["region"]
    if SUFFIXES.get(partition) is None or partition_of(region) != partition:
        raise ConfigurationError(
            f"there is no region {region} in partition {partition}",
            "copy the topic's ARN whole",
        )
    return Topic(
        arn=arn,
        region=region,
        host=f"sns.{region}.{SUFFIXES[partition]}",
        names=certificate_names(region) | other_names,
    )


def _no_topic(arn: object) -> ConfigurationError:
    if not isinstance(arn, str):
        problem = f"a topic's ARN is of type {type(arn).__name__}"
    elif "*" in arn or "?" in arn:
        problem = "a topic's ARN has a wildcard"
    elif arn.endswith(_FIFO):
        problem = "a topic is FIFO, to which SES does not publish"
    else:
        problem = f"{arn!r:.300} is not the ARN of an SNS topic"
    return ConfigurationError(problem, f"give one such as {_SHAPE!r}")
