"""
The root of every error.
"""

from __future__ import annotations


class SafeSESError(Exception):
    """
    The root of every error that safeses raises.

    Attributes:
        retryable: Whether the same call may succeed later.
        retry_after_s: Seconds until that is worth trying, if known.
    """

    retryable: bool = False
    retry_after_s: float | None = None
