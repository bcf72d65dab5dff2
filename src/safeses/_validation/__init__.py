"""
Refuse here what SES would refuse, before it costs a token.

Every check reads the parameters of ``SendEmail``, so that a drop-in call
is checked like a typed one, and yields findings; all of them together
become one `InvalidMessageError`. What is allowed stands in `_rules`.
"""

from safeses._validation._content import CONTENT_KINDS, check_content
from safeses._validation._headers import (
    check_set_name,
    check_tags,
    check_texts,
)
from safeses._validation._kind import check_kind, check_speed
from safeses._validation._people import (
    check_address,
    check_addresses,
    check_count,
    check_sender,
)
from safeses._validation._raw import check_raw

__all__ = [
    "CONTENT_KINDS",
    "check_address",
    "check_addresses",
    "check_content",
    "check_count",
    "check_kind",
    "check_raw",
    "check_sender",
    "check_set_name",
    "check_speed",
    "check_tags",
    "check_texts",
]
