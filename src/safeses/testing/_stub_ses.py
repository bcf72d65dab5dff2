"""
A client in the shape of boto3's that accepts every mail and records it.

It has no limits and no memory of identities; `SimulatedSES` has them.
"""

from __future__ import annotations

import copy
import itertools
import uuid
from functools import lru_cache
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Final

from botocore import exceptions as boto

from safeses._values import Limits
from safeses.errors import OutcomeUnknownError
from safeses.testing._outbox import Lost, Outbox, SentMail

if TYPE_CHECKING:
    from botocore.model import Shape

# What SES reports has to be a figure; no test sends so fast.
UNLIMITED: Final = Limits(per_second=1_000_000)
_URL: Final = "https://email.local.amazonaws.com"
# Statuses that are not 400, as in the SESv2 API reference.
_STATUS: Final = {
    "AccessDeniedException": 403,
    "ConflictException": 409,
    "ExpiredTokenException": 403,
    "InternalFailure": 500,
    "InternalServiceErrorException": 500,
    "InvalidSignatureException": 403,
    "NotFoundException": 404,
    "RequestTimeoutException": 408,
    "ServiceUnavailable": 503,
    "TooManyRequestsException": 429,
    "UnrecognizedClientException": 403,
}
_TEXTS: Final = {
    "AccessDeniedException": (
        "User: arn:aws:sts::111122223333:assumed-role/app/test is not"
        " authorized to perform: ses:SendEmail on resource:"
        " arn:aws:ses:eu-west-1:111122223333:identity/a.example"
    ),
    "LimitExceededException": "Daily message quota exceeded.",
    "ThrottlingException": "Rate exceeded",  # of the API, not of mail
    "TooManyRequestsException": "Maximum sending rate exceeded.",
}


class StubSES:
    """
    ``boto3.client("sesv2")`` for unit tests: ``Client(StubSES())``.

    It checks the types of parameters as boto3 does, takes every mail and
    keeps it in `outbox`. Threads may share it.

    Attributes:
        outbox: The accepted mails, and the plan for the next calls.
        meta: Has the ``region_name``.
    """

    single_attempt = True

    def __init__(
        self, *, limits: Limits = UNLIMITED, region: str = "local"
    ) -> None:
        """
        Make a stub with an empty outbox.

        Args:
            limits: What ``get_account`` reports; it refuses nothing.
            region: What it says is its region.
        """
        self.outbox = Outbox()
        self.meta = SimpleNamespace(region_name=region)
        self._limits = limits
        self._numbers = itertools.count(1)

    def send_email(self, **params: Any) -> dict[str, Any]:
        """
        Take and record a mail, unless something else is planned.

        Raises:
            ParamValidationError: As from boto3.
            Exception: What `Outbox.fail_next` or `lose_next_answer` said.
        """
        _check_types(params)
        planned = self.outbox.planned()
        if isinstance(planned, str):
            raise _refusal(planned)
        if isinstance(planned, OutcomeUnknownError):
            raise _timeout() from planned
        if isinstance(planned, Exception):
            raise planned
        mail = SentMail(
            params=copy.deepcopy(params),
            message_id=f"stub-{next(self._numbers):06}",
        )
        self.outbox.add(mail)
        if isinstance(planned, Lost):
            raise _timeout()
        return {"MessageId": mail.message_id} | _metadata(200)

    def get_account(self) -> dict[str, Any]:
        """Answer as a healthy account with these limits."""
        day = self._limits.per_day
        sent = sum(len(mail.recipients) for mail in self.outbox)
        return {
            "EnforcementStatus": "HEALTHY",
            "ProductionAccessEnabled": True,
            "SendQuota": {
                "Max24HourSend": -1.0 if day is None else float(day),
                "MaxSendRate": float(self._limits.per_second),
                "SentLast24Hours": float(sent),
            },
            "SendingEnabled": True,
        } | _metadata(200)


def _refusal(planned: str) -> boto.ClientError:
    """Answer with a code of SES, or with a text that it gives."""
    code, text = planned, _TEXTS.get(planned, "planned by a test")
    if not planned.isidentifier():
        code, text = "MessageRejected", planned
        if "daily" in planned.lower():
            code = "LimitExceededException"
        elif "rate" in planned.lower():
            code = "TooManyRequestsException"
    answer: Any = {"Error": {"Code": code, "Message": text}}
    answer |= _metadata(_STATUS.get(code, 400))
    return boto.ClientError(answer, "SendEmail")


def _timeout() -> boto.ReadTimeoutError:
    return boto.ReadTimeoutError(endpoint_url=_URL, error="a planned loss")


def _metadata(status: int) -> dict[str, Any]:
    metadata = {
        "RequestId": str(uuid.uuid4()),
        "HTTPStatusCode": status,
        "HTTPHeaders": {},
        "RetryAttempts": 0,
    }
    return {"ResponseMetadata": metadata}


def _check_types(params: dict[str, Any]) -> None:
    from botocore.validate import ParamValidator

    report = ParamValidator().validate(params, _input_shape())
    if report.has_errors():
        raise boto.ParamValidationError(report=report.generate_report())


@lru_cache(maxsize=1)
def _input_shape() -> Shape:
    """Return botocore's model of the parameters: constant, slow to read."""
    from botocore.loaders import Loader
    from botocore.model import ServiceModel

    described = Loader().load_service_model("sesv2", "service-2")
    model = ServiceModel(described, "sesv2")
    shape: Shape = model.shape_for("SendEmailRequest")
    return shape
