"""
A client in the shape of boto3's, without a network.

Parameters are checked by botocore's own validator against its own model of
SES v2, answers and exceptions have botocore's form. Nothing of botocore is
loaded before the first client is made.
"""

from __future__ import annotations

import ssl
import uuid
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any, NoReturn

import attrs

from ._refused import RefusedError

if TYPE_CHECKING:
    from collections.abc import Callable

    from botocore.model import ServiceModel

    from ._faults import Fault
    from ._fields import Params
    from ._service import Service

_NO_MESSAGE_ID = {"empty", "html"}
_TIMED_OUT = {"stall", "stall_headers", "drip"}
_CLOSED = {"reset_before", "reset_after", "close", "cut"}
_READ_TIMEOUT_S = 60  # botocore's default; nothing waits for it here


@attrs.frozen(kw_only=True)
class ClientMeta:
    """
    What callers read from ``client.meta``.

    Attributes:
        region_name: AWS region of the account.
        service_model: botocore's model of SES v2.
        endpoint_url: Where SES would be.
        partition: Always ``"aws"``.
    """

    region_name: str
    service_model: ServiceModel
    endpoint_url: str
    partition: str = "aws"


class SimulatedClient:
    """
    ``boto3.client("sesv2")`` on a simulated account.

    Every operation of botocore's model is there under its snake-case name;
    those that are not simulated raise ``UnknownOperationException``. An
    injected fault raises what botocore raises: a lost answer
    `ReadTimeoutError` or `ConnectionClosedError`, a refused connection
    `EndpointConnectionError`. Latency takes no time here.
    """

    single_attempt = True  # as safeses wants to know

    def __init__(self, service: Service, refusing: Callable[[], bool]) -> None:
        """Take *service* for SES; no connections while *refusing*."""
        from botocore.errorfactory import ClientExceptionsFactory

        self._service = service
        self._refusing = refusing
        model = _service_model()
        region = service.account.region
        self.meta = ClientMeta(
            region_name=region,
            service_model=model,
            endpoint_url=f"https://email.{region}.amazonaws.com",
        )
        # Any: the stubs give its classes, `.BadRequestException`, as None.
        self.exceptions: Any = (
            ClientExceptionsFactory().create_client_exceptions(model)
        )
        self._operations = _operation_names(model)

    def __getattr__(self, name: str) -> Callable[..., Params]:
        """Return the operation of this name."""
        try:
            operation = self.__dict__["_operations"][name]
        except KeyError:
            raise AttributeError(name) from None
        return partial(self._call, operation)

    def __dir__(self) -> list[str]:
        """List the operations too."""
        return [*super().__dir__(), *self._operations]

    def can_paginate(self, operation_name: str) -> bool:
        """Say no: SES v2 has no paginator for what is simulated."""
        return not operation_name

    def close(self) -> None:
        """Do nothing; there is no connection."""

    def _call(self, operation: str, /, **params: Any) -> Params:
        self._validate(operation, params)
        service = self._service
        fault = service.faults.next(operation)
        if self._refusing() or (fault and fault.kind == "refuse"):
            self._raise_lost("refuse")
        if fault is None or fault.kind != "reset_before":
            service.received(operation)
        try:
            result = (
                service.call(operation, params)
                if fault is None or fault.accepted
                else {}
            )
        except RefusedError as refused:
            if fault is not None and fault.kind != "cut":
                self._raise_fault(fault, operation)
            self._raise_refused(refused, operation)
        if fault is not None:
            self._raise_fault(fault, operation)
            if fault.kind in _NO_MESSAGE_ID:
                result = {}
        return result | {"ResponseMetadata": _metadata(200)}

    def _validate(self, operation: str, params: Params) -> None:
        from botocore.exceptions import ParamValidationError
        from botocore.validate import ParamValidator

        shape = self.meta.service_model.operation_model(operation).input_shape
        if shape is None:
            return
        report = ParamValidator().validate(params, shape)
        if report.has_errors():
            raise ParamValidationError(report=report.generate_report())

    def _raise_refused(
        self, refused: RefusedError, operation: str
    ) -> NoReturn:
        self._service.answered(refused.code, refused.status, refused.message)
        answer: Params = {
            "Error": {"Code": refused.code, "Message": refused.message},
            "ResponseMetadata": _metadata(refused.status),
            "message": refused.message,
        }
        raise self.exceptions.from_code(refused.code)(answer, operation)

    def _raise_fault(self, fault: Fault, operation: str) -> None:
        if fault.kind == "status":
            code = fault.code or str(fault.status)
            self._raise_refused(
                RefusedError(code, fault.message or "", fault.status),
                operation,
            )
        if fault.kind == "redirect":
            moved = RefusedError("301", "Moved Permanently", 301)
            self._raise_refused(moved, operation)
        self._raise_lost(fault.kind)

    def _raise_lost(self, kind: str) -> None:
        from botocore import exceptions

        url = self.meta.endpoint_url
        if kind in _TIMED_OUT:
            raise exceptions.ReadTimeoutError(
                endpoint_url=url, error=f"timeout after {_READ_TIMEOUT_S} s"
            )
        if kind in _CLOSED:
            raise exceptions.ConnectionClosedError(
                endpoint_url=url, error="connection reset"
            )
        if kind == "tls_corrupt":
            raise exceptions.SSLError(
                endpoint_url=url, error=ssl.SSLError("record layer failure")
            )
        if kind == "refuse":
            raise exceptions.EndpointConnectionError(
                endpoint_url=url, error="connection refused"
            )


def _metadata(status: int) -> Params:
    request_id = str(uuid.uuid4())
    return {
        "RequestId": request_id,
        "HTTPStatusCode": status,
        "HTTPHeaders": {
            "content-type": "application/json",
            "x-amzn-requestid": request_id,
        },
        "RetryAttempts": 0,
    }


@lru_cache(maxsize=1)
def _service_model() -> ServiceModel:
    """Return botocore's model: constant data, slow to read."""
    from botocore.loaders import Loader
    from botocore.model import ServiceModel

    described = Loader().load_service_model("sesv2", "service-2")
    return ServiceModel(described, "sesv2")


@lru_cache(maxsize=1)
def _operation_names(model: ServiceModel) -> dict[str, str]:
    from botocore import xform_name

    return {xform_name(name): name for name in model.operation_names}
