"""
Who must not be mailed: where that is kept, asked, imported, exported.

`Suppressions` is what users work with, as ``ses.suppressions``. Behind it
stands a `safeses.typing.SuppressionStore`: the memory of the process, or
several stores as one. `AddressKeys` decides which spellings of an address
are the same.
"""

from safeses._suppressed import Page, Suppression
from safeses.suppression._account_list import AccountSuppressionList
from safeses.suppression._files import ImportReport, RefusedLine
from safeses.suppression._keys import AddressKeys
from safeses.suppression._layers import SuppressionLayers
from safeses.suppression._listing import Suppressions
from safeses.suppression._memory import MemorySuppressionStore
from safeses.suppression._sync import SyncReport, sync

__all__ = [
    "AccountSuppressionList",
    "AddressKeys",
    "ImportReport",
    "MemorySuppressionStore",
    "Page",
    "RefusedLine",
    "Suppression",
    "SuppressionLayers",
    "Suppressions",
    "SyncReport",
    "sync",
]
