"""
The parameters of ``SendEmail``, ready to be sent.

All roads meet here: what a caller gives to boto3, and what a typed
message becomes, is checked, made safe (explicit destination, 7-bit
addresses, correlation tag) and counted. The caller's own mappings are
never changed.
"""

from safeses._mail._tag import STREAM_NAME, TAG_HEADER, TAG_NAME
from safeses._request._checks import MAX_FINDINGS
from safeses._request._own import own, owned
from safeses._request._prepare import V1_NAMES, request
from safeses._request._ready import Request, quota_cost
from safeses._request._recall import recipients_of

__all__ = [
    "MAX_FINDINGS",
    "STREAM_NAME",
    "TAG_HEADER",
    "TAG_NAME",
    "V1_NAMES",
    "Request",
    "own",
    "owned",
    "quota_cost",
    "recipients_of",
    "request",
]
