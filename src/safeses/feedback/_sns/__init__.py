"""
What shows that a message of SNS is genuine, and from a topic you allow.
"""

from safeses.feedback._sns._signed import is_envelope
from safeses.feedback._sns._verifier import SNSVerifier

__all__ = ["SNSVerifier", "is_envelope"]
