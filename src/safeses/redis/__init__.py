"""
The state of many machines, in a Redis or Valkey that they share.

``Client(state="redis://localhost:6379/0")`` is all that most need. Each
part can be used alone, and takes a `Server`.
"""

from safeses.redis._budget import RedisBudget
from safeses.redis._connection import Server
from safeses.redis._counters import RedisCounters
from safeses.redis._ledger import RedisLedger
from safeses.redis._seen import RedisSeenEvents
from safeses.redis._soft_bounces import RedisSoftBounces
from safeses.redis._state import RedisState
from safeses.redis._suppressions import RedisSuppressionStore

__all__ = [
    "RedisBudget",
    "RedisCounters",
    "RedisLedger",
    "RedisSeenEvents",
    "RedisSoftBounces",
    "RedisState",
    "RedisSuppressionStore",
    "Server",
]
