"""
Refuse here what SES would refuse, before it costs a token.

Every rule reads the parameters of ``SendEmail``, so that a drop-in call
is checked like a typed one. A rule yields findings; all of them together
become one `InvalidMessageError`.
"""

from safeses._validation._content import CONTENT_KINDS, check_content
from safeses._validation._parts import check_tags
from safeses._validation._people import (
    check_addresses,
    check_count,
    check_sender,
)

__all__ = [
    "CONTENT_KINDS",
    "check_addresses",
    "check_content",
    "check_count",
    "check_sender",
    "check_tags",
]
