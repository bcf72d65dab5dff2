"""
What SES reports, received: verified, parsed, counted once, acted on.

A `Receiver` takes events from a web request, a Lambda function or any
other carrier; an `SQSPoller` brings it those of a queue. What is done
about them is a list of reactions, each replaceable; then the hooks that
were registered with ``@ses.on(Bounce)`` hear of them.
"""

from safeses._parts import Parts
from safeses.feedback._bounce_rules import BounceRule
from safeses.feedback._policy import BounceDecision, BouncePolicy
from safeses.feedback._poller import PoisonMessage, PollCounts, SQSPoller
from safeses.feedback._reaction import Act, Reaction
from safeses.feedback._reactions import (
    COUNTED,
    ComplaintPolicy,
    CountEvents,
    OptOuts,
    SettleLedger,
    SoftBounceLimit,
    SuppressBounces,
    SuppressComplaints,
    counter,
    default_reactions,
    scope_of,
)
from safeses.feedback._receiver import Receiver
from safeses.feedback._reply import Handled, HTTPReply, Received
from safeses.feedback._sns import SNSVerifier

__all__ = [
    "COUNTED",
    "Act",
    "BounceDecision",
    "BouncePolicy",
    "BounceRule",
    "ComplaintPolicy",
    "CountEvents",
    "HTTPReply",
    "Handled",
    "OptOuts",
    "Parts",
    "PoisonMessage",
    "PollCounts",
    "Reaction",
    "Received",
    "Receiver",
    "SNSVerifier",
    "SQSPoller",
    "SettleLedger",
    "SoftBounceLimit",
    "SuppressBounces",
    "SuppressComplaints",
    "counter",
    "default_reactions",
    "scope_of",
]
