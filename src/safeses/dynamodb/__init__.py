"""
The state of many machines, in a table of DynamoDB that they share.

``Client(state="dynamodb://safeses?region=eu-west-1")`` is all that most
need. Each part can be used alone, and takes a `Table`.
"""

from safeses.dynamodb._budget import DynamoDBBudget
from safeses.dynamodb._connection import Table
from safeses.dynamodb._counters import DynamoDBCounters
from safeses.dynamodb._ledger import DynamoDBLedger
from safeses.dynamodb._seen import DynamoDBSeenEvents
from safeses.dynamodb._soft_bounces import DynamoDBSoftBounces
from safeses.dynamodb._state import DynamoDBState
from safeses.dynamodb._suppressions import DynamoDBSuppressionStore

__all__ = [
    "DynamoDBBudget",
    "DynamoDBCounters",
    "DynamoDBLedger",
    "DynamoDBSeenEvents",
    "DynamoDBSoftBounces",
    "DynamoDBState",
    "DynamoDBSuppressionStore",
    "Table",
]
