"""
One request to DynamoDB: bounded, and repeated only where that is harmless.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import attrs

from safeses._circuit import Circuit
from safeses.dynamodb._problems import code_of, problem_of
from safeses.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from safeses.dynamodb._handle import Handle
    from safeses.dynamodb._problems import Problem
    from safeses.typing import Clock

ENGINE: Final = "dynamodb"
# A throttled table, or two transactions at once, pass in a moment.
PAUSE_S: Final = 0.05
_METHODS: Final = {
    "BatchGetItem": "batch_get_item",
    "CreateTable": "create_table",
    "DeleteItem": "delete_item",
    "DescribeContinuousBackups": "describe_continuous_backups",
    "DescribeTable": "describe_table",
    "DescribeTimeToLive": "describe_time_to_live",
    "GetItem": "get_item",
    "PutItem": "put_item",
    "Query": "query",
    "TransactWriteItems": "transact_write_items",
    "UpdateItem": "update_item",
    "UpdateTimeToLive": "update_time_to_live",
}


@attrs.define(eq=False)
class Asker:
    """
    Asks for one table.

    Attributes:
        name: The name of the table, for errors.
        clock: Where the time comes from.
        timeout_s: How long an answer is waited for, for errors.
        handle: How to come by a client.
    """

    name: str
    clock: Clock
    timeout_s: float
    handle: Handle
    _circuit: Circuit = attrs.field(init=False)

    @_circuit.default
    def _closed(self) -> Circuit:
        return Circuit(ENGINE, self.clock)

    def ask(
        self,
        part: str,
        operation: str,
        request: Mapping[str, Any],
        *,
        again: bool,
        expected: Sequence[str] = (),
    ) -> tuple[dict[str, Any], str]:
        """
        Return what is answered, and which of the expected errors it is.

        It asks twice at most: the second time only if the first one has
        certainly done nothing, or may be repeated.

        Args:
            part: Who asks, for errors.
            operation: The action, as the API reference names it.
            request: Its parameters.
            again: It may be repeated when a connection was lost.
            expected: The codes of errors that are answers.

        Raises:
            StoreError: No answer, or another error.
            ConfigurationError: boto3 makes no client.
        """
        self._circuit.check(part)
        client = self.handle.client()
        act: Callable[..., dict[str, Any]] = getattr(
            client, _METHODS[operation]
        )
        may_repeat = True
        while True:
            try:
                answer = act(**request)
            except Exception as error:
                code = code_of(error)
                if code in expected:
                    self._circuit.worked()
                    refusal: Any = error
                    return refusal.response, code
                problem = problem_of(
                    error, operation, self.name, self.timeout_s
                )
                if not (may_repeat and problem.allows_another(again=again)):
                    raise self._failed(part, problem) from error
                may_repeat = False
                self.clock.sleep(PAUSE_S)
            else:
                self._circuit.worked()
                return answer, ""

    def after_fork(self) -> None:
        """Leave the parent's connections alone."""
        self._circuit.after_fork()
        self.handle.after_fork()

    def _failed(self, part: str, problem: Problem) -> StoreError:
        if problem.is_silence:
            self._circuit.failed(problem.text)
        else:
            self._circuit.worked()
        return StoreError(part, ENGINE, problem.text)
