"""
What a state says of itself when somebody looks after it.
"""

from __future__ import annotations

from typing import Literal

import attrs


@attrs.frozen(kw_only=True)
class Note:
    """
    One thing that the check of a state has found.

    Attributes:
        level: ``"ok"``, ``"warning"`` (it works, and somebody should know
            it), or ``"error"`` (it does not work, or not safely).
        text: What was found; holds no password and no address.
        remedy: What to do about it, ``""`` if nothing.
    """

    level: Literal["ok", "warning", "error"]
    text: str
    remedy: str = ""
