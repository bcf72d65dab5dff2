"""
The recipients of a message that was sent before.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from safeses._policy import Policy
from safeses._request._prepare import request
from safeses.errors import NotSentError

if TYPE_CHECKING:
    from collections.abc import Mapping


def recipients_of(
    params: Mapping[str, Any], policy: Policy
) -> tuple[str, ...]:
    """
    Return everybody a message names, whatever is wrong with it by now.

    Args:
        params: What the caller would give to boto3.
        policy: What the client chose to check.

    Returns:
        Nobody, if that cannot be read.
    """
    for checked in (policy, Policy.of(None, "observe", None)):
        try:
            return request(
                params, tag="", scope="", tagged=False, policy=checked
            ).recipients
        except NotSentError:
            continue
    return ()
