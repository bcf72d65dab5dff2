"""
How contracts try many histories: a slow machine is not a wrong store.
"""

from __future__ import annotations

from typing import Final

from hypothesis import HealthCheck, settings

AT_ANY_PACE: Final = settings(
    deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
