"""
What an application has made, found by the name of its module.
"""

from __future__ import annotations

import contextlib
import sys
from typing import TYPE_CHECKING, Any

from safeses._commands import CANNOT_BEGIN, CommandError
from safeses._commands._text import note, printable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from safeses.feedback import Receiver


def named(option: str, name: str) -> Any:
    """
    Import what *name* names, as ``python -m`` would find it.

    Args:
        option: Who asks, such as ``"--client"``.
        name: A module and what is in it, such as ``"shop.mail:ses"``.

    Raises:
        CommandError: There is no such thing, or the application fails.
    """
    import importlib

    module, _, path = name.partition(":")
    if not module or not path:
        raise _refused(f"{option} {name} is not MODULE:NAME")
    if "" not in sys.path:
        sys.path.insert(0, "")
    with _failing(f"importing {module}"):
        try:
            found: Any = importlib.import_module(module)
        except ModuleNotFoundError as error:
            missing = error.name or ""
            if not f"{module}.".startswith(f"{missing}."):
                raise  # what the application itself imports
            raise _refused(
                f"there is no module {missing} here: run this in the"
                " directory of your application, or install that"
            ) from error
    with _failing(f"looking up {name}"):
        for part in path.split("."):
            if not hasattr(found, part):
                raise _refused(f"{module} has no {path}")
            found = getattr(found, part)
    return found


def check_kind(option: str, name: str, given: object) -> None:
    """
    Refuse what can receive nothing.

    Raises:
        CommandError: It is neither a client nor the parts of one.
    """
    from safeses._parts import Parts

    if isinstance(given, type):
        kind = f"the class {given.__name__}"
    elif isinstance(given, Parts) or hasattr(given, "feedback_parts"):
        return
    else:
        kind = f"of the type {type(given).__name__}"
    raise _refused(
        f"{option} {name} is {kind}: name a Client or a Receiver that the"
        " module has made"
    )


def refuse_memory(name: str, receiver: Receiver) -> None:
    """
    Refuse a receiver that would forget all of it with this process.

    Raises:
        CommandError: What it learns about addresses is in memory.
    """
    from safeses.suppression import MemorySuppressionStore

    parts = receiver.parts
    if isinstance(parts.suppressions, MemorySuppressionStore):
        raise _refused(
            f"the state of {name} is the memory of this command, where no"
            " sender looks; give the Client one that they share, such as"
            ' state="sqlite:////srv/shop/mail.db", or set SAFESES_STATE'
        )
    if parts.seen.engine == "memory":
        # They may be in a store of their own, which is what matters most.
        note(
            f"but for suppressions, the state of {name} is the memory of"
            " this command, and lost with it"
        )


@contextlib.contextmanager
def _failing(act: str) -> Iterator[None]:
    """Show where an application fails, and end with a status of ours."""
    try:
        yield
    except CommandError:
        raise
    except (Exception, SystemExit) as error:
        import traceback

        traceback.print_exc()
        raise _refused(
            f"{act} fails, see above ({type(error).__name__}: {error})"
        ) from error


def _refused(text: str) -> CommandError:
    return CommandError(printable(text), CANNOT_BEGIN)
