"""
The fingerprint of what a caller wants to send, and the name of a job.

A key promises that a repeated job is the same mail. The fingerprint
tells whether it is: it is made of what the caller gave, before anything
is checked, dropped or added here. Texts of an older release are compared
with those of a newer one, so nothing here leans on the readers that check
a message: these may learn, the fingerprint of a mail must stay.
"""

from safeses._payload._job import job_id
from safeses._payload._params import payload_of
from safeses._payload._text import differs, same_people

__all__ = ["differs", "job_id", "payload_of", "same_people"]
