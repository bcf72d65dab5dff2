"""The smallest thing that is shaped like a boto3 client."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs
from botocore.exceptions import ClientError

ACCOUNT = {
    "SendQuota": {
        "Max24HourSend": 50_000.0,
        "MaxSendRate": 14.0,
        "SentLast24Hours": 0.0,
    },
    "SendingEnabled": True,
    "EnforcementStatus": "HEALTHY",
    "ProductionAccessEnabled": True,
}


def client_error(
    code: str, text: str = "", status: int = 400, operation: str = "SendEmail"
) -> ClientError:
    """Return what boto3 raises for a refusal."""
    response: Any = {
        "Error": {"Code": code, "Message": text},
        "ResponseMetadata": {"HTTPStatusCode": status},
    }
    return ClientError(response, operation)


@attrs.define
class FakeSES:
    """
    Answers from a script, then accepts; keeps what it was asked.

    Attributes:
        answers: What `send_email` answers; errors are raised, functions
            are called.
        accounts: What `get_account` answers; the last one stays.
        sent: The parameters of every call of `send_email`.
        asked: How often `get_account` was called.
    """

    single_attempt = True
    answers: list[Any] = attrs.field(factory=list)
    accounts: list[Any] = attrs.field(factory=lambda: [ACCOUNT])
    sent: list[dict[str, Any]] = attrs.field(factory=list, init=False)
    asked: int = attrs.field(default=0, init=False)

    def send_email(self, **params: Any) -> Any:
        """Answer as scripted, else accept."""
        self.sent.append(params)
        number = len(self.sent)
        accepted = {
            "MessageId": f"m-{number}",
            "ResponseMetadata": {
                "RequestId": f"r-{number}",
                "HTTPStatusCode": 200,
                "HTTPHeaders": {},
                "RetryAttempts": 0,
            },
        }
        return _play(self.answers.pop(0) if self.answers else accepted)

    def get_account(self) -> Any:
        """Answer as scripted, the last answer for ever."""
        self.asked += 1
        following = self.accounts[0]
        if len(self.accounts) > 1:
            del self.accounts[0]
        return _play(following)


def _play(answer: Any) -> Any:
    if isinstance(answer, BaseException):
        raise answer
    return answer() if isinstance(answer, Callable) else answer  # type: ignore[arg-type]  # a protocol of typing
