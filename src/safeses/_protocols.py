"""Whether what a caller gave can stand for a part."""

from __future__ import annotations

from typing_extensions import get_protocol_members


def keeps(given: object, protocol: type) -> bool:
    """
    Tell whether an object has all that *protocol* names.

    Not by `isinstance`: since Python 3.12 that does not see what an object
    takes from another one by ``__getattr__``, as wrappers do. A class is
    none of its objects.
    """
    return not isinstance(given, type) and all(
        hasattr(given, name) for name in get_protocol_members(protocol)
    )
