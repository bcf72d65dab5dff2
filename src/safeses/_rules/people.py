"""
Rules on who sends a message, and who gets it.
"""

from __future__ import annotations

from typing import Final

from safeses import _ses
from safeses._rules.rule import API, GUIDE, Rule

SENDER_NONE: Final = Rule(
    id="sender.none",
    limit="the address of the sender",
    remedy="name it; only a raw message may do so in its header From",
    source=f"{API}, SendEmail",
    fixed=True,
    observable=False,
)
SENDER_UNVERIFIED: Final = Rule(
    id="sender.unverified",
    limit="a verified identity: the address, its domain or a parent domain",
    remedy="verify it in the SES console, in the region that you send from",
    source=f"{GUIDE}, Verified identities",
)
RECIPIENTS_NONE: Final = Rule(
    id="recipients.none",
    limit="at least one recipient",
    remedy="name one in to, cc or bcc",
    source=f"{API}, Destination",
    fixed=True,
    observable=False,
)
RECIPIENTS_COUNT: Final = Rule(
    id="recipients.count",
    limit=f"at most {_ses.MAX_RECIPIENTS} recipients",
    remedy="send several messages, best one for each recipient",
    source=f"{GUIDE}, Service quotas",
)
RECIPIENTS_DUPLICATE: Final = Rule(
    id="recipients.duplicate",
    limit="each recipient once, whatever the case of its letters",
    remedy="name it once; safeses left out the later ones",
    source="RFC 5321, 2.4",
    severity="warning",
)
RECIPIENTS_SLOW: Final = Rule(
    id="recipients.slow",
    limit=f"at most {_ses.SLOW_MESSAGE_S:g} s of the account's send rate",
    remedy="send one message for each recipient: others need not wait then",
    source=f"{GUIDE}, Managing your sending quotas",
    severity="warning",
)
RECIPIENTS_SANDBOX: Final = Rule(
    id="recipients.sandbox",
    limit="verified recipients, as the account is in the sandbox",
    remedy="request production access, or verify the recipient",
    source=f"{GUIDE}, Request production access",
)
ADDRESS_SYNTAX: Final = Rule(
    id="address.syntax",
    limit="one ASCII address, as in RFC 5321",
    remedy="correct the address; SES fails the whole call",
    source=f"RFC 5321, 4.1.2; {API}, Destination",
    fixed=True,
)
ADDRESS_ENCODED_WORD: Final = Rule(
    id="address.encoded-word",
    limit="no encoded word inside an address, only in its name",
    remedy="put the bare address into angle brackets; in user input it is"
    " an attack on what decodes it",
    source="RFC 2047, 5",
)
ADDRESS_PUNYCODE: Final = Rule(
    id="address.punycode",
    limit="no Punycode in a local part or a name",
    remedy="use the address as its owner writes it",
    source=f"{GUIDE}, Amazon SES problems",
    severity="warning",
)
ADDRESS_SPOOF: Final = Rule(
    id="address.spoof",
    limit="no other address in a display name",
    remedy="show a name: mail programs show it instead of the address",
    source="RFC 5322, 3.4",
    severity="warning",
)
