"""What botocore's own model of SESv2 says of ``send_email``."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import botocore.session

if TYPE_CHECKING:
    from collections.abc import Iterator

MODEL: Any = (
    botocore.session.get_session()
    .get_service_model("sesv2")
    .operation_model("SendEmail")
    .input_shape
)


def breaches(shape: Any, value: Any, path: str = "") -> Iterator[str]:
    """Say where *value* breaks a maximum, a pattern or a choice."""
    rules = shape.metadata
    size = len(value) if hasattr(value, "__len__") else 0
    if not rules.get("min", 0) <= size <= rules.get("max", size):
        yield f"{path}: size {size}"
    if "pattern" in rules and not re.fullmatch(
        rules["pattern"].strip("^$"), value
    ):
        yield f"{path}: pattern"
    if getattr(shape, "enum", None) and value not in shape.enum:
        yield f"{path}: choice"
    if shape.type_name == "list":
        for item in value:
            yield from breaches(shape.member, item, f"{path}[]")
    if shape.type_name == "structure":
        for name, item in value.items():
            yield from breaches(shape.members[name], item, f"{path}.{name}")
