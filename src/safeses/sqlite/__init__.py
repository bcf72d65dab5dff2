"""
The state of one machine, in a SQLite file that its processes share.

``Client(state="sqlite:///mail.db")`` is all that most need. Each part can
be used alone, and takes a path or a `Database`.
"""

from safeses.sqlite._budget import SqliteBudget
from safeses.sqlite._database import Database
from safeses.sqlite._ledger import SqliteLedger
from safeses.sqlite._state import SqliteState
from safeses.sqlite._suppressions import SqliteSuppressionStore

__all__ = [
    "Database",
    "SqliteBudget",
    "SqliteLedger",
    "SqliteState",
    "SqliteSuppressionStore",
]
