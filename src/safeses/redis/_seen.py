"""
Which events were handled, in a Redis that processes share.

Each act is one script, so that of those who race exactly one changes
something. What is over goes by itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import attrs

from safeses._facts import check_seconds, key_of

if TYPE_CHECKING:
    from safeses.redis._connection import Server

PART: Final = "seen events"


@attrs.define(eq=False)
class RedisSeenEvents:
    """
    Which events were handled, in Redis, shared by all that ask it.

    It implements `safeses.typing.SeenEvents`. Time is that of the server.

    Attributes:
        server: Where Redis is asked.
        namespace: Whose events they are; none sees another's.
        engine: ``"redis"``.

    Raises:
        StoreError: Redis gives no answer.
    """

    server: Server
    namespace: str = attrs.field(default="safeses", kw_only=True)
    engine: str = attrs.field(default="redis", init=False)
    _scope: str = attrs.field(init=False, repr=False)

    @_scope.default
    def _scope_of_namespace(self) -> str:
        return key_of(self.namespace)

    def has(self, event: str, by: str) -> bool:
        """Whether *event* is marked as handled by *by*."""
        key = self._mark(event, by)
        return bool(self.server.run(PART, "seen_has", (key,), again=True))

    def mark(self, event: str, by: str, keep_s: float) -> bool:
        """
        Mark *event* as handled by *by*; of racing marks one is True.

        Raises:
            ConfigurationError: *keep_s* is not finite and above 0.
        """
        check_seconds("keep_s", keep_s)
        keys, args = (self._mark(event, by),), (repr(float(keep_s)),)
        return bool(self.server.run(PART, "seen_mark", keys, args))

    def hold(self, event: str, lease_s: float, owner: str) -> bool:
        """
        Take *event* for a while; of racing owners exactly one gets it.

        Raises:
            ConfigurationError: *lease_s* is not finite and above 0.
        """
        check_seconds("lease_s", lease_s)
        args = (repr(float(lease_s)), key_of(owner))
        return bool(
            self.server.run(
                PART, "seen_hold", (self._hold(event),), args, again=True
            )
        )

    def release(self, event: str, owner: str) -> None:
        """Let go of *event*, unless somebody else holds it by now."""
        keys, args = (self._hold(event),), (key_of(owner),)
        self.server.run(PART, "seen_release", keys, args, again=True)

    def purge(self) -> int:  # as of a protocol
        """Nothing: what is over goes by itself."""
        return 0

    def after_fork(self) -> None:
        """Let go of what belongs to the parent; the marks stay."""
        self.server.after_fork()

    def close(self) -> None:
        """Nothing to let go of; who gave the server closes it."""

    def _mark(self, event: str, by: str) -> str:
        return self.server.key("seen", self._scope, key_of(event), key_of(by))

    def _hold(self, event: str) -> str:
        return self.server.key("held", self._scope, key_of(event))
