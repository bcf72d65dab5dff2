"""
Templates: simple substitution of ``{{name}}`` and ``{{a.b}}``.

SES knows all of Handlebars; blocks (``{{#if}}``) are left as they are here.
Values are not escaped, as SES does not (Developer Guide, "Personalized
email"). A missing value is a rendering failure *after* acceptance.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import attrs

from ._fields import Params, mapping, text, whole
from ._limits import TEMPLATE_DATA_MAX_CHARS
from ._refused import bad

if TYPE_CHECKING:
    from collections.abc import Mapping

_VARIABLE = re.compile(r"\{\{\{?\s*([A-Za-z_][\w.-]*)\s*\}?\}\}")


@attrs.frozen(kw_only=True)
class Rendered:
    """
    A template with its data filled in.

    Attributes:
        subject: Filled subject, None after a fault.
        text: Filled plain text, None if there is none.
        html: Filled HTML, None if there is none.
        fault: What could not be rendered, None if all could.
    """

    subject: str | None = None
    text: str | None = None
    html: str | None = None
    fault: str | None = None


def find_content(
    template: Params, stored: Mapping[str, Params]
) -> Params | None:
    """Return the content that *template* names or holds, None if unknown."""
    inline = mapping(template, "TemplateContent")
    name = text(template, "TemplateName")
    arn = text(template, "TemplateArn")
    if inline is not None:
        return inline
    if not name and arn:
        name = arn.rpartition("template/")[2]
    if not name:
        raise bad("TemplateName, TemplateArn or TemplateContent is needed.")
    return stored.get(name)


def read_data(data: str | None) -> Params:
    """Return template data, parsed; the texts are unverified."""
    if not data:
        return {}
    if len(data) > TEMPLATE_DATA_MAX_CHARS:
        raise bad(
            f"Template data exceeds {TEMPLATE_DATA_MAX_CHARS} characters"
        )
    try:
        values = json.loads(data)
    except ValueError:
        values = None
    if not isinstance(values, dict):
        raise bad("Template data is not valid JSON.")
    return values


def render(content: Params, values: Params) -> Rendered:
    """Return *content* with *values* in it, or the fault."""
    lost: list[str] = []

    def value_of(found: re.Match[str]) -> str:
        value: object = values
        for part in found[1].split("."):
            value = value.get(part) if isinstance(value, dict) else None
        if value is None:
            lost.append(found[1])
        return value if isinstance(value, str) else json.dumps(value)

    def filled(name: str) -> str | None:
        part = text(content, name)
        return None if part is None else _VARIABLE.sub(value_of, part)

    subject, plain, html = filled("Subject"), filled("Text"), filled("Html")
    if lost:
        fault = f"Attribute '{lost[0]}' is not present in the rendering data."
        return Rendered(fault=fault)
    # Data may spell half a character, too: "\ud800" is JSON.
    for part in (subject, plain, html):
        whole(part or "", "TemplateData")
    return Rendered(subject=subject, text=plain, html=html)
