"""
What can be the name of a stream.
"""

from __future__ import annotations

from safeses._suppressed import check_stream
from safeses.errors import ConfigurationError


def is_stream(text: str) -> bool:
    """Whether *text* can be the name of a stream."""
    try:
        check_stream(text)
    except ConfigurationError:
        return False
    return True
