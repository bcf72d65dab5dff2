"""
Who bounced lately, and not for good, in a Redis that processes share.

The bounces of an address are a sorted set, by the time at which they
happened. A bounce is noted and counted by one script, so that of those who
race to a limit one sees it reached.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import attrs

from safeses._facts import check_instant, key_of
from safeses._soft_bounces import KEEP_S, MOST_OF_ONE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from safeses.redis._connection import Server

PART: Final = "soft bounces"
# Others wait while a script runs, so none clears more.
_AT_ONCE: Final = 500
_DAY_S: Final = 86_400


@attrs.define(eq=False)
class RedisSoftBounces:
    """
    Who bounced lately, in Redis, shared by all that ask it.

    It implements `safeses.typing.SoftBounces`. An address of which nothing
    was told for 31 days goes by itself.

    Attributes:
        server: Where Redis is asked.
        namespace: Whose addresses they are; none sees another's.
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

    def add(self, address: str, event: str, at: float, since: float) -> int:
        """
        Note a bounce; return how many of *address* there are since *since*.

        Raises:
            ConfigurationError: *at* or *since* is no instant.
        """
        check_instant("at", at)
        check_instant("since", since)
        name = key_of(address)
        args = (
            key_of(event),
            repr(float(at)),
            repr(float(since)),
            MOST_OF_ONE,
            int(KEEP_S) + _DAY_S,
            name,
        )
        keys = (self._address(name), self._addresses())
        # The same event counts once, so it may be told again.
        number = self.server.run(
            PART, "soft_bounces_add", keys, args, again=True
        )
        return int(number)

    def count(self, address: str, since: float) -> int:
        """
        Return how many bounces of *address* there are since *since*.

        Raises:
            ConfigurationError: *since* is no instant.
        """
        check_instant("since", since)
        key = self._address(key_of(address))
        number = self.server.ask(
            PART, "ZCOUNT", key, repr(float(since)), "+inf", again=True
        )
        return int(number)

    def clear(self, addresses: Sequence[str], until: float) -> None:
        """
        Forget the bounces of *addresses* up to *until*, itself included.

        It writes only if there are any.

        Raises:
            ConfigurationError: *until* is no instant.
        """
        check_instant("until", until)
        names = [*dict.fromkeys(map(key_of, addresses))]
        for start in range(0, len(names), _AT_ONCE):
            chunk = names[start : start + _AT_ONCE]
            self._forget(chunk, repr(float(until)))

    def forget(self, before: float) -> None:
        """
        Forget all of this namespace that happened before.

        It takes many short scripts, between which others are answered.

        Raises:
            ConfigurationError: *before* is no instant.
        """
        check_instant("before", before)
        cursor = b"0"
        while True:
            cursor, found = self.server.ask(
                PART,
                *("ZSCAN", self._addresses(), cursor, "COUNT", _AT_ONCE),
                again=True,
            )
            names = [name.decode() for name in found[::2]]
            self._forget(names, f"({float(before)!r}")
            if cursor == b"0":
                return

    def after_fork(self) -> None:
        """Let go of what belongs to the parent; the facts stay."""
        self.server.after_fork()

    def close(self) -> None:
        """Nothing to let go of; who gave the server closes it."""

    def _forget(self, names: Sequence[str], bound: str) -> None:
        keys = (self._addresses(), *map(self._address, names))
        args = (bound, *names)
        self.server.run(PART, "soft_bounces_clear", keys, args, again=True)

    def _address(self, name: str) -> str:
        return self.server.key("soft", self._scope, name)

    def _addresses(self) -> str:
        return self.server.key("soft-addresses", self._scope)
