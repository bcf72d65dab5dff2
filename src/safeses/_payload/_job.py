"""
The name of a job in a store: it tells nothing of the caller's key.
"""

from __future__ import annotations

import hashlib

from safeses._payload import _encode


def job_id(namespace: str, key: str) -> str:
    """
    Return the name under which a job is kept, 64 hex digits.

    Args:
        namespace: Whose keys these are.
        key: The caller's own name of the job.
    """
    named = b"".join(_encode.encode(n, exact=True) for n in (namespace, key))
    return hashlib.sha256(b"safeses job 1\n" + named).hexdigest()
