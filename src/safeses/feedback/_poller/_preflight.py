"""
What is looked at before the first message is taken.

With a state that cannot be used no message can be done: each would come
again until the redrive policy takes it out. SQS keeps what nobody takes.
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Final

from safeses._log import log
from safeses.errors import ConfigurationError, StoreError
from safeses.feedback._handling import DONE
from safeses.feedback._receiver import Receiver

if TYPE_CHECKING:
    from safeses._parts import Parts
    from safeses.feedback._poller._settings import Settings

# Of a made-up event, should this process die while it holds it.
_LEASE_S: Final = 1.0


def preflight(settings: Settings) -> None:
    """
    Read and write once, and compare how long messages and events are held.

    A receiver that is not ours is left to itself.

    Raises:
        ConfigurationError: The state cannot be used.
    """
    receiver = settings.receiver
    if not isinstance(receiver, Receiver):
        return
    check_state(receiver.parts)
    lease_s = receiver.lease_s
    if settings.visibility_s <= lease_s:
        log.warning(
            "visibility_s=%d is not above the receiver's lease_s=%g: what a"
            " poller had in hand as it died comes again too soon, while its"
            " events are still held, and is put off once more",
            settings.visibility_s,
            lease_s,
        )


def check_state(parts: Parts) -> None:
    """
    Read and write once, about an event that does not exist.

    Raises:
        ConfigurationError: That is not possible.
    """
    event, owner = secrets.token_hex(16), secrets.token_hex(16)
    try:
        parts.seen.has(event, DONE)
        parts.seen.hold(event, _LEASE_S, owner)
        parts.seen.release(event, owner)
    except StoreError as error:
        # Its own text says that there is no answer, and this is no moment.
        problem = f"{error.part} in {error.engine}: {error.problem}"
    except ConfigurationError:
        raise
    except Exception as error:  # noqa: BLE001  # whatever a store raises
        problem = type(error).__name__
    else:
        return
    raise ConfigurationError(
        f"the state cannot be used ({problem})",
        "mend it, and begin again: the queue keeps its messages",
    )
