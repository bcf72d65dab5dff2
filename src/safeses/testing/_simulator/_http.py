"""
The REST-JSON interface of SES v2.

Routes are those of botocore's models 1.40 to 1.44: two list operations moved
from GET to POST in between. Signatures are not checked.
"""

from __future__ import annotations

import json
import re
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qs, unquote, urlsplit

import attrs

from ._fields import Params, decoded, items, mapping
from ._refused import RefusedError, malformed
from ._wire import Answer

if TYPE_CHECKING:
    from collections.abc import Mapping

_SET: Final = "configuration-sets/(?P<ConfigurationSetName>[^/]+)"
_ROUTES: Final = [
    (method, re.compile(f"/v2/email/{path}/?"), operation)
    for method, path, operation in (
        ("POST", "outbound-emails", "SendEmail"),
        ("POST", "outbound-bulk-emails", "SendBulkEmail"),
        ("GET", "account", "GetAccount"),
        ("PUT", "account/sending", "PutAccountSendingAttributes"),
        ("PUT", "account/suppression", "PutAccountSuppressionAttributes"),
        ("PUT", "suppression/addresses", "PutSuppressedDestination"),
        ("GET", "suppression/addresses", "ListSuppressedDestinations"),
        (
            "GET",
            "suppression/addresses/(?P<EmailAddress>[^/]+)",
            "GetSuppressedDestination",
        ),
        (
            "DELETE",
            "suppression/addresses/(?P<EmailAddress>[^/]+)",
            "DeleteSuppressedDestination",
        ),
        ("POST", "tenants/get", "GetTenant"),
        ("POST", "identities", "CreateEmailIdentity"),
        ("GET", "identities", "ListEmailIdentities"),
        ("POST", "list-identities", "ListEmailIdentities"),
        ("GET", "identities/(?P<EmailIdentity>[^/]+)", "GetEmailIdentity"),
        (
            "DELETE",
            "identities/(?P<EmailIdentity>[^/]+)",
            "DeleteEmailIdentity",
        ),
        ("POST", "templates", "CreateEmailTemplate"),
        ("GET", "templates", "ListEmailTemplates"),
        ("GET", "templates/(?P<TemplateName>[^/]+)", "GetEmailTemplate"),
        ("PUT", "templates/(?P<TemplateName>[^/]+)", "UpdateEmailTemplate"),
        ("DELETE", "templates/(?P<TemplateName>[^/]+)", "DeleteEmailTemplate"),
        (
            "POST",
            "templates/(?P<TemplateName>[^/]+)/render",
            "TestRenderEmailTemplate",
        ),
        ("POST", "configuration-sets", "CreateConfigurationSet"),
        ("GET", "configuration-sets", "ListConfigurationSets"),
        ("POST", "list-configuration-sets", "ListConfigurationSets"),
        (
            "GET",
            _SET,
            "GetConfigurationSet",
        ),
        (
            "DELETE",
            _SET,
            "DeleteConfigurationSet",
        ),
        (
            "PUT",
            _SET + "/sending",
            "PutConfigurationSetSendingOptions",
        ),
        (
            "PUT",
            _SET + "/suppression-options",
            "PutConfigurationSetSuppressionOptions",
        ),
    )
]


@attrs.frozen(kw_only=True)
class Route:
    """
    What a request line asks for.

    Attributes:
        operation: Name of the operation.
        params: Members that stand in the path and the query.
    """

    operation: str
    params: Params


def find_route(method: str, target: str) -> Route:
    """Return what is asked, or refuse as `UnknownOperationException`."""
    parts = urlsplit(target)
    for wanted, path, operation in _ROUTES:
        found = path.fullmatch(parts.path)
        if wanted == method and found is not None:
            params = {n: unquote(v) for n, v in found.groupdict().items()}
            return Route(
                operation=operation, params=params | _query(parts.query)
            )
    raise RefusedError("UnknownOperationException", "")


def read_params(route: Route, body: bytes) -> Params:
    """Return all members of a request, blobs decoded."""
    try:
        given = json.loads(body) if body else {}
    except (ValueError, RecursionError):
        raise malformed("Unexpected token in the request body.") from None
    if not isinstance(given, dict):
        raise malformed("Start of structure expected in the request body.")
    _decode_blobs(given)
    return given | route.params


def success(operation: str, result: Params, request_id: str) -> Answer:
    """Return the answer that carries *result*."""
    del operation
    return Answer(
        status=200,
        body=json.dumps(result, default=_plain).encode(),
        headers=_headers(request_id),
    )


def failure(refused: RefusedError, request_id: str) -> Answer:
    """Return the answer of a refusal; without a code it has no header."""
    headers = _headers(request_id)
    if refused.code:
        headers["x-amzn-ErrorType"] = refused.code
    return Answer(
        status=refused.status,
        body=json.dumps({"message": refused.message}).encode(),
        headers=headers,
        refusal=(refused.code or str(refused.status), refused.message),
    )


def _headers(request_id: str) -> dict[str, str]:
    return {
        "Content-Type": "application/json",
        "x-amzn-RequestId": request_id,
    }


def _query(query: str) -> Params:
    found: Mapping[str, list[str]] = parse_qs(query)
    params: Params = {
        name: values[0] for name, values in found.items() if name != "Reason"
    }
    if "Reason" in found:
        params["Reasons"] = found["Reason"]
    return params


def _decode_blobs(given: Params) -> None:
    parts = [mapping(given, "Content") or {}]
    parts.append(mapping(given, "DefaultContent") or {})
    for part in parts:
        raw = mapping(part, "Raw")
        if raw is not None and "Data" in raw:
            raw["Data"] = decoded(raw["Data"], "Data")
        for name in ("Simple", "Template"):
            for attachment in items(mapping(part, name) or {}, "Attachments"):
                if "RawContent" in attachment:
                    content = attachment["RawContent"]
                    attachment["RawContent"] = decoded(content, "RawContent")


def _plain(value: Any) -> object:
    if isinstance(value, datetime):
        return value.timestamp()
    raise TypeError(type(value).__name__)
