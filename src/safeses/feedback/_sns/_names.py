"""
Where SNS is, and whom its certificates name, as data.

Partitions and DNS suffixes: botocore 1.44, ``data/partitions.json``.
Certificate names: AWS SDK for Java 2, module ``sns-message-manager``,
class ``SnsHostProvider``, which AWS keeps for the same purpose.
"""

from __future__ import annotations

from typing import Final

# The prefix of the regions of a partition; all others are those of "aws".
_PREFIXES: Final = {
    "cn-": "aws-cn",
    "eusc-": "aws-eusc",
    "us-gov-": "aws-us-gov",
    "us-iso-": "aws-iso",
    "us-isob-": "aws-iso-b",
    "eu-isoe-": "aws-iso-e",
    "us-isof-": "aws-iso-f",
}
SUFFIXES: Final = {
    "aws": "amazonaws.com",
    "aws-cn": "amazonaws.com.cn",
    "aws-eusc": "amazonaws.eu",
    "aws-us-gov": "amazonaws.com",
    "aws-iso": "c2s.ic.gov",
    "aws-iso-b": "sc2s.sgov.gov",
    "aws-iso-e": "cloud.adc-e.uk",
    "aws-iso-f": "csp.hci.ic.gov",
}
# Regions that every account has share a name.
_SHARED: Final = (
    "ap-northeast-1",
    "ap-northeast-2",
    "ap-northeast-3",
    "ap-south-1",
    "ap-southeast-1",
    "ap-southeast-2",
    "ca-central-1",
    "eu-central-1",
    "eu-north-1",
    "eu-west-1",
    "eu-west-2",
    "eu-west-3",
    "sa-east-1",
    "us-east-1",
    "us-east-2",
    "us-west-1",
    "us-west-2",
)
# Those that an account opts in to have one each.
_OPT_IN: Final = (
    "af-south-1",
    "ap-east-1",
    "ap-east-2",
    "ap-south-2",
    "ap-southeast-3",
    "ap-southeast-4",
    "ap-southeast-5",
    "ap-southeast-6",
    "ap-southeast-7",
    "ca-west-1",
    "eu-central-2",
    "eu-south-1",
    "eu-south-2",
    "il-central-1",
    "me-central-1",
    "me-south-1",
    "mx-central-1",
)
_NAMES: Final = {
    **dict.fromkeys(_SHARED, "sns.amazonaws.com"),
    **{region: f"sns-signing.{region}.amazonaws.com" for region in _OPT_IN},
    "cn-north-1": "sns-cn-north-1.amazonaws.com.cn",
    "cn-northwest-1": "sns-cn-northwest-1.amazonaws.com.cn",
    "us-gov-east-1": "sns-us-gov-west-1.amazonaws.com",
    "us-gov-west-1": "sns-us-gov-west-1.amazonaws.com",
    "eusc-de-east-1": "sns-signing.eusc-de-east-1.amazonaws.eu",
    "us-iso-east-1": "sns-us-iso-east-1.c2s.ic.gov",
    "us-isob-east-1": "sns-us-isob-east-1.sc2s.sgov.gov",
    "us-isof-east-1": "sns-signing.us-isof-east-1.csp.hci.ic.gov",
    "us-isof-south-1": "sns-signing.us-isof-south-1.csp.hci.ic.gov",
    "eu-isoe-west-1": "sns-signing.eu-isoe-west-1.cloud.adc-e.uk",
}


def partition_of(region: str) -> str:
    """Return the partition that *region* is in."""
    for prefix, partition in _PREFIXES.items():
        if region.startswith(prefix):
            return partition
    return "aws"


def certificate_names(region: str) -> frozenset[str]:
    """
    Return the names of which a certificate for *region* has to bear one.

    A region that is newer than the table may have either form: that of
    its partition, as the SDK guesses, or that of all the latest regions.
    """
    known = _NAMES.get(region)
    if known is not None:
        return frozenset({known})
    suffix = SUFFIXES[partition_of(region)]
    return frozenset({f"sns.{suffix}", f"sns-signing.{region}.{suffix}"})
