"""
The state of many machines, in a database that SQLAlchemy knows.

``Client(state="postgresql+psycopg://user@host/database")`` is all that
most need. Each part can be used alone, and takes a URL, an engine of
SQLAlchemy, or a `Database` that parts share.
"""

from safeses.sql._budget import SqlBudget
from safeses.sql._connection import Database
from safeses.sql._counters import SqlCounters
from safeses.sql._ledger import SqlLedger
from safeses.sql._schema import create_schema
from safeses.sql._seen import SqlSeenEvents
from safeses.sql._soft_bounces import SqlSoftBounces
from safeses.sql._state import SqlState
from safeses.sql._suppressions import SqlSuppressionStore

__all__ = [
    "Database",
    "SqlBudget",
    "SqlCounters",
    "SqlLedger",
    "SqlSeenEvents",
    "SqlSoftBounces",
    "SqlState",
    "SqlSuppressionStore",
    "create_schema",
]
