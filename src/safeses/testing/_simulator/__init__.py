"""
Amazon SES as its documents describe it, for tests: `SimulatedSES`.

Sources are AWS's Developer Guide, the SESv2 API reference, botocore's models
and public logs. No emulator that we know throttles, counts a quota or loses
an answer; this one does, since those are the cases that duplicate mail.
"""

from ._client import SimulatedClient
from ._destinations import SQSDestination
from ._faults import Fault, Faults
from ._mail import SentMail, SuppressedRecipient
from ._publishing import Publication
from ._rate import Clock
from ._server import Server
from ._simulated import SimulatedSES
from ._sns import Attempt, SimulatedTopic

__all__ = [
    "Attempt",
    "Clock",
    "Fault",
    "Faults",
    "Publication",
    "SQSDestination",
    "SentMail",
    "Server",
    "SimulatedClient",
    "SimulatedSES",
    "SimulatedTopic",
    "SuppressedRecipient",
]
