"""
Events out of an SQS queue: received, handled, and only then deleted.

Where to begin: `_working` is one thread, which has `_judging` decide about
each message. `_queue` is SQS, `_in_hand` what was received and is kept
hidden, `_crew` all threads and who supervises them, `_poller` what users
call. `_connect` and `_preflight` come before the first message, `_outage`,
`_stopping` and `_liveness` are what their names say.
"""

from safeses.feedback._poller._poller import SQSPoller
from safeses.feedback._poller._settings import PoisonMessage
from safeses.feedback._poller._tally import PollCounts

__all__ = ["PoisonMessage", "PollCounts", "SQSPoller"]
