"""
A typed message as the parameters of ``SendEmail``.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from safeses._mail import _raw
from safeses._mail._message import Email, RawEmail, TemplateEmail
from safeses._rules import shape
from safeses.errors import InvalidMessageError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from safeses._mail._message import Attachment, Message


_BYTES: Final = (bytes, bytearray, memoryview)


def parameters(message: Message) -> dict[str, Any]:
    """Return what ``SendEmail`` takes for a typed message."""
    if isinstance(message, Email):
        content: dict[str, Any] = {"Simple": _simple(message)}
    elif isinstance(message, TemplateEmail):
        content = {"Template": _template(message)}
    elif isinstance(message, RawEmail):
        content = {"Raw": {"Data": _serialise(message)}}
    else:
        raise InvalidMessageError(
            (
                shape.wrong_type(
                    "message",
                    "an Email, a RawEmail or a TemplateEmail",
                    message,
                ),
            )
        )
    optional = {
        "FromEmailAddress": message.from_email,
        "FromEmailAddressIdentityArn": message.identity_arn,
        "ReplyToAddresses": list(message.reply_to),
        "EmailTags": [
            {"Name": name, "Value": value}
            for name, value in message.tags.items()
        ],
        "ConfigurationSetName": message.configuration_set,
        "TenantName": message.tenant,
        "EndpointId": message.endpoint_id,
        "ConfigurationOverrides": message.configuration_overrides,
    }
    people = {
        "ToAddresses": list(message.to),
        "CcAddresses": list(message.cc),
        "BccAddresses": list(message.bcc),
    }
    params: dict[str, Any] = {
        "Destination": {k: v for k, v in people.items() if v},
        "Content": content,
        **{k: v for k, v in optional.items() if v},
    }
    if message.list_management is not None:
        managed = {"ContactListName": message.list_management.contact_list}
        if message.list_management.topic is not None:
            managed["TopicName"] = message.list_management.topic
        params["ListManagementOptions"] = managed
    return params


def _serialise(message: RawEmail) -> bytes:
    given: object = message.message
    if not (isinstance(given, _BYTES) or hasattr(given, "as_bytes")):
        finding = shape.wrong_type("message", "bytes or a message", given)
        raise InvalidMessageError((finding,))
    try:
        return _raw.to_bytes(message.message)
    except Exception as error:  # noqa: BLE001  # the email package's are many
        finding = shape.wrong_type(
            "message", "a message that is complete", error
        )
    # Not chained: the text of the error may hold a header.
    raise InvalidMessageError((finding,))


def _simple(message: Email) -> dict[str, Any]:
    bodies = {"Text": message.text, "Html": message.html}
    return {
        "Subject": _utf8(message.subject),
        "Body": {k: _utf8(v) for k, v in bodies.items() if v is not None},
        **_extras(message.headers, message.attachments),
    }


def _template(message: TemplateEmail) -> dict[str, Any]:
    inline = {
        "Subject": message.subject,
        "Text": message.text,
        "Html": message.html,
    }
    content = {k: v for k, v in inline.items() if v is not None}
    which = {
        "TemplateName": message.name,
        "TemplateArn": message.arn,
        "TemplateContent": content,
    }
    data = message.data
    if not isinstance(data, str):
        try:
            data = json.dumps(dict(data), ensure_ascii=False, allow_nan=False)
        except (TypeError, ValueError, RecursionError) as error:
            finding = shape.wrong_type(
                "data", "a mapping that JSON can hold", data
            )
            raise InvalidMessageError((finding,)) from error
    return {
        **{k: v for k, v in which.items() if v},
        "TemplateData": data,
        **_extras(message.headers, message.attachments),
    }


def _extras(
    headers: Mapping[str, str], attachments: Sequence[Attachment]
) -> dict[str, Any]:
    extras: dict[str, Any] = {}
    if headers:
        extras["Headers"] = [
            {"Name": name, "Value": value} for name, value in headers.items()
        ]
    if attachments:
        extras["Attachments"] = [_attachment(item) for item in attachments]
    return extras


def _attachment(item: Attachment) -> dict[str, Any]:
    inline = item.inline
    if inline is None:
        inline = item.content_id is not None
    params: dict[str, Any] = {
        "RawContent": item.content,
        "FileName": item.file_name,
        "ContentType": item.mime_type,
        "ContentDisposition": "INLINE" if inline else "ATTACHMENT",
        # SES's default, SEVEN_BIT, would destroy a binary file.
        "ContentTransferEncoding": "BASE64",
    }
    if item.content_id is not None:
        params["ContentId"] = item.content_id
    if item.description is not None:
        params["ContentDescription"] = item.description
    return params


def _utf8(text: str) -> dict[str, str]:
    return {"Data": text, "Charset": "UTF-8"}
