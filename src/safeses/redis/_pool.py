"""
Connections to a Redis, or to the node of a cluster that holds our keys.

A few are kept, one for each thread that talks at a time. Every connect and
every answer has its bound, and nothing is tried again behind our back:
redis-py's own clients wait for ever by default, or for 10 s.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any, Final, TypeVar

import attrs

from safeses.redis import _problems
from safeses.redis._url import library

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType

    from safeses.redis._url import Place

T = TypeVar("T")

# A slot that has just moved may move once more.
REDIRECTS: Final = 3


@attrs.define(eq=False)
class Pool:
    """
    The connections of one process; its threads may share it.

    Attributes:
        place: Where Redis is.
        errors: The errors of redis-py, which leave here as they are.
    """

    place: Place
    errors: ModuleType = attrs.field(init=False, repr=False)
    _settings: dict[str, Any] = attrs.field(init=False, repr=False)
    _idle: deque[Any] = attrs.field(factory=deque, init=False, repr=False)
    # Where else to look: nodes of a cluster; the URL's is {}.
    _nodes: deque[dict[str, Any]] = attrs.field(
        factory=lambda: deque([{}]), init=False, repr=False
    )

    def __attrs_post_init__(self) -> None:
        redis = library()
        self.errors = redis.exceptions
        self._settings = {
            **self.place.settings,
            "socket_timeout": self.place.timeout_s,
            "socket_connect_timeout": self.place.timeout_s,
            "retry": redis.retry.Retry(redis.backoff.NoBackoff(), 0),
            "retry_on_timeout": False,
            "health_check_interval": 0,
            "protocol": 2,
            "encoding_errors": "surrogatepass",
            "decode_responses": False,
        }

    def talk(self, talk: Callable[[Any], T], *, again: bool) -> T:
        """
        Talk on a connection.

        Args:
            talk: Is given the connection.
            again: Whether to try once more if the connection had died.
        """
        asks: tuple[Any, ...] = ()
        was_replica = False
        for _ in range(REDIRECTS):
            try:
                return self._talk_once(talk, *asks)
            except self.errors.ResponseError as error:
                redirect = _problems.redirect_of(error)
                if redirect is not None:
                    # Else this one time only: the slot is about to move.
                    if redirect.is_for_good:
                        self._move(redirect.node)
                    asks = () if redirect.is_for_good else (redirect.node,)
                    continue
                # A replica since a failover, so it has changed nothing. The
                # name may lead to the new primary, or another node does.
                if was_replica or not _problems.is_replica(error):
                    raise
                was_replica = True
                self._forget()
            except (self.errors.TimeoutError, TimeoutError):
                raise
            except (self.errors.ConnectionError, OSError) as error:
                self._drop(self._idle)
                if not again or isinstance(error, _problems.NotConnectedError):
                    raise
                again = False
        return self._talk_once(talk)

    def after_fork(self) -> None:
        """Leave the connections to the parent."""
        self._idle = deque()

    def close(self) -> None:
        """Close what is open and not in use; idempotent."""
        self._drop(self._idle)

    def _talk_once(
        self, talk: Callable[[Any], T], node: dict[str, Any] | None = None
    ) -> T:
        # A thread that forks meanwhile has another one.
        idle = self._idle
        connection = self._take(idle) if node is None else self._open(node)
        try:
            if node is not None:
                connection.send_command("ASKING")
                connection.read_response()
            answer = talk(connection)
        except self.errors.ResponseError:
            self._let_go(idle if node is None else None, connection)
            raise
        except BaseException:
            # An answer that comes yet would be taken for that to the next.
            connection.disconnect()
            raise
        self._let_go(idle if node is None else None, connection)
        return answer

    @staticmethod
    def _let_go(idle: deque[Any] | None, connection: Any) -> None:
        """Keep a connection, unless it is to another node."""
        if idle is None:
            connection.disconnect()
        else:
            idle.append(connection)

    def _take(self, idle: deque[Any]) -> Any:
        """Return a connection on which nothing has come meanwhile."""
        while True:
            try:
                connection = idle.pop()
            except IndexError:
                break
            try:
                if not connection.can_read():
                    return connection
            except (self.errors.RedisError, OSError):
                pass
            connection.disconnect()  # the server has closed it
        try:
            return self._open(self._nodes[0])
        except Exception:
            self._nodes.rotate(-1)
            raise

    def _open(self, node: dict[str, Any]) -> Any:
        connection = self.place.kind(**{**self._settings, **node})
        try:
            connection.connect()
            if self.place.is_cluster and len(self._nodes) == 1:
                self._learn_nodes(connection)
        except self.errors.ResponseError:
            connection.disconnect()
            raise
        except self.errors.TimeoutError:
            connection.disconnect()
            raise
        except (self.errors.RedisError, OSError) as error:
            connection.disconnect()
            problem = _problems.of(error, self.place.timeout_s)
            raise _problems.NotConnectedError(problem) from error
        return connection

    def _learn_nodes(self, connection: Any) -> None:
        connection.send_command("CLUSTER", "SLOTS")
        found = {
            (node[0].decode(), int(node[1])): None
            for slots in connection.read_response()
            for node in slots[2:]
            if node[0]
        }
        self._nodes.extend({"host": h, "port": p} for h, p in found)

    def _move(self, node: dict[str, Any]) -> None:
        """Ask the node that is named from here on."""
        others = [known for known in self._nodes if known != node]
        self._nodes = deque([node, *others])
        self._drop(self._idle)

    def _forget(self) -> None:
        if len(self._nodes) > 1:
            self._nodes.rotate(-1)
        self._drop(self._idle)

    @staticmethod
    def _drop(idle: deque[Any]) -> None:
        while idle:
            try:
                connection = idle.pop()
            except IndexError:  # another thread took it
                return
            connection.disconnect()
