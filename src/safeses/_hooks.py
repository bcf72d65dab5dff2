"""
Callers' reactions to what happens, by the type of the event.

A hook of `BeforeSend` may refuse by raising. Any other hook's exception
is logged and goes no further: the mail's outcome is decided by then.
"""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any, TypeVar

import attrs

from safeses._log import log
from safeses.errors import (
    ConfigurationError,
    NotSentError,
    VetoedError,
)
from safeses.events import SEND_EVENTS, BeforeSend, SendEvent

if TYPE_CHECKING:
    from collections.abc import Callable, Container

E = TypeVar("E", bound=SendEvent)


@attrs.define
class Hooks:
    """Named hooks for each type of event, called in order."""

    _by_type: dict[type, dict[str, Callable[[Any], object]]] = attrs.field(
        factory=dict, init=False
    )

    @property
    def heard(self) -> Container[type[SendEvent]]:
        """The types of events that somebody listens to."""
        return self._by_type

    def add(
        self, event: type[E], hook: Callable[[E], object], name: str | None
    ) -> None:
        """
        Register *hook* for *event* under a stable name.

        Raises:
            ConfigurationError: There is no such event, the hook would
                never run, or its name is taken.
        """
        if event not in SEND_EVENTS:
            raise ConfigurationError(
                f"{event!r} is not an event",
                "write @ses.on(AfterSend), with a type of safeses.events",
            )
        if inspect.iscoroutinefunction(hook) or not callable(hook):
            raise ConfigurationError(
                "a hook must be a plain function, which is called at once",
                "hand over to the event loop inside of it, if need be",
            )
        own_name = getattr(hook, "__qualname__", type(hook).__name__)
        stable = name or str(own_name)
        # A new mapping, so that a send under way keeps the one it reads.
        hooks = dict(self._by_type.get(event, {}))
        if stable in hooks:
            raise ConfigurationError(
                f"a hook named {stable!r} is there for {event.__name__}",
                "give the second one another name=",
            )
        hooks[stable] = hook
        self._by_type[event] = hooks

    def tell(self, event: SendEvent) -> None:
        """Call the hooks of *event*."""
        hooks = self._by_type.get(type(event))
        if not hooks:
            return
        for name, hook in hooks.items():
            try:
                hook(event)
            except Exception as error:
                if isinstance(event, BeforeSend):
                    if isinstance(error, NotSentError):
                        raise
                    raise VetoedError(name) from error
                log.warning(
                    "the hook %r failed on %s (%s)",
                    name,
                    type(event).__name__,
                    type(error).__name__,
                )
