"""
One question to a store, and a look at its answer.

A store may be anybody's. What it answers besides what was asked is no
answer: it must not read as "not suppressed".
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from safeses._suppressed import Suppression
from safeses.errors import SafeSESError, StoreError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from safeses.typing import SuppressionStore


def stopped_by(
    store: SuppressionStore,
    recipients: Sequence[str],
    *,
    stream: str,
    configuration_set: str,
    tenant: str,
) -> dict[str, Suppression]:
    """
    Return who of *recipients* must not get the mail, and why.

    Raises:
        StoreError: The store failed, or answered something else.
        ConfigurationError: The store cannot do it, ever.
    """
    try:
        found: object = store.find(
            recipients,
            stream=stream,
            configuration_set=configuration_set,
            tenant=tenant,
        )
    except SafeSESError:
        raise
    except Exception as error:
        problem = type(error).__name__
        raise StoreError("suppression", store.engine, problem) from error
    if not isinstance(found, dict):
        raise _other_answer(store, f"a {type(found).__name__}, not a dict")
    if not found.keys() <= set(recipients):
        raise _other_answer(store, "addresses that were not asked about")
    if not all(isinstance(entry, Suppression) for entry in found.values()):
        raise _other_answer(store, "something else than entries")
    return found


def _other_answer(store: SuppressionStore, seen: str) -> StoreError:
    return StoreError("suppression", store.engine, f"it answered {seen}")
