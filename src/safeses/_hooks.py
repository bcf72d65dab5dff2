"""
Callers' reactions to what happens, by the type of the event.

A hook of `BeforeSend` may refuse by raising. Any other hook's exception
on a send is logged and goes no further: the mail's outcome is decided by
then. What hooks on feedback raise is for who handles the event, as it may
come again.
"""

from __future__ import annotations

import functools
import inspect
from typing import TYPE_CHECKING, Any, Final, TypeVar

import attrs

from safeses._log import log
from safeses.errors import (
    ConfigurationError,
    NotSentError,
    VetoedError,
)
from safeses.events import (
    SEND_EVENTS,
    BeforeSend,
    SendEvent,
    _feedback,
)
from safeses.events._feedback import FeedbackEvent

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Mapping

    Named = Mapping[str, Callable[[Any], object]]

HookEvent = TypeVar("HookEvent", bound=SendEvent | FeedbackEvent)

FEEDBACK_EVENTS: Final[frozenset[type[FeedbackEvent]]] = frozenset(
    kind
    for kind in vars(_feedback).values()
    if isinstance(kind, type) and issubclass(kind, FeedbackEvent)
)


class NotAwaitedError(TypeError):
    """A hook returned a coroutine, which nobody awaits."""


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
        self,
        event: type[HookEvent],
        hook: Callable[[HookEvent], object],
        name: str | None,
    ) -> None:
        """
        Register *hook* for *event* under a stable name.

        An event of feedback is marked as handled by each name. So no name
        may be there for a kind of feedback and for `FeedbackEvent`, which
        is all of them.

        Raises:
            ConfigurationError: There is no such event, the hook would
                never run, or its name is taken.
        """
        is_type = isinstance(event, type)
        if not is_type or event not in SEND_EVENTS | FEEDBACK_EVENTS:
            raise ConfigurationError(
                f"{event!r} is not an event",
                "write @ses.on(AfterSend), with a type of safeses.events",
            )
        given: object = hook
        if not callable(given) or _runs_later(given):
            raise ConfigurationError(
                "a hook must be a plain function, which is called at once",
                "hand over to the event loop inside of it, if need be",
            )
        own_name = getattr(hook, "__qualname__", type(hook).__name__)
        stable = name or str(own_name)
        for other in self._told_with(event):
            if stable in self._by_type[other]:
                raise ConfigurationError(
                    f"a hook named {stable!r} is there for {other.__name__}",
                    "give the second one another name=",
                )
        # A new mapping, so that a send under way keeps the one it reads.
        hooks = self._by_type.get(event, {})
        self._by_type[event] = {**hooks, stable: hook}

    def tell(self, event: SendEvent) -> None:
        """Call the hooks of *event*."""
        hooks = self._by_type.get(type(event))
        if not hooks:
            return
        for name, hook in hooks.items():
            try:
                call(hook, event)
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

    def of(self, event: FeedbackEvent) -> Named:
        """
        Return the hooks that hear of *event*, by name, in order.

        First those of its kind, then those of `FeedbackEvent`; each in the
        order of their registration.
        """
        kinds: tuple[type, ...] = (type(event), FeedbackEvent)
        return {
            name: hook
            for kind in dict.fromkeys(kinds)
            for name, hook in self._by_type.get(kind, {}).items()
        }

    def _told_with(self, event: type) -> list[type]:
        """Return for what else hooks are there that may hear the same."""
        if event is FeedbackEvent:
            told: Container[type] = FEEDBACK_EVENTS
        elif event in FEEDBACK_EVENTS:
            told = (event, FeedbackEvent)
        else:
            told = (event,)
        return [kind for kind in self._by_type if kind in told]


def call(hook: Callable[[Any], object], event: object) -> None:
    """
    Call *hook*, which must have done its work when it returns.

    A lambda, or a decorator, may hide that what it calls is async: it has
    not even begun, and must be taken neither for done nor for a yes.

    Raises:
        NotAwaitedError: It is such a one.
    """
    given = hook(event)
    if inspect.iscoroutine(given):
        given.close()
        raise NotAwaitedError


def _runs_later(hook: Any) -> bool:
    """Whether a call of *hook* would only make what is never awaited."""
    while isinstance(hook, functools.partial):
        # inspect looks into one, but not at how its object is called.
        hook = hook.func
    return any(
        is_one(one)
        for one in (hook, type(hook).__call__)
        for is_one in (
            inspect.iscoroutinefunction,
            inspect.isasyncgenfunction,
            inspect.isgeneratorfunction,
        )
    )
