"""
Files with messages, read no further than SES would take them.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import attrs

from safeses import _ses
from safeses._rules import content as rules

if TYPE_CHECKING:
    from safeses._findings import Finding
    from safeses._policy import Policy
    from safeses._values import Priority

STDIN: Final = "-"
# A message in base64 with what stands around it in JSON.
READ_MAX_BYTES: Final = _ses.MAX_MESSAGE_BYTES + 1024 * 1024


class _UnreadableError(Exception):
    """A file holds no message; the text says why, without its content."""


@attrs.frozen
class Linted:
    """
    What came of one file.

    Attributes:
        name: The file, as it was named.
        findings: What is wrong with its message.
        unreadable: Why there is no message, ``""`` if there is one.
    """

    name: str
    findings: tuple[Finding, ...] = ()
    unreadable: str = ""

    @property
    def errors(self) -> int:
        """How many findings would refuse the message."""
        return sum(f.severity == "error" for f in self.findings)

    @property
    def warnings(self) -> int:
        """How many would not."""
        return len(self.findings) - self.errors


@attrs.frozen
class Linter:
    """
    Reads files and says what is wrong with their messages.

    Attributes:
        policy: What each rule is.
        priority: How the messages would be sent.
        per_second: The account's send rate, None if it is not known.
    """

    policy: Policy
    priority: Priority
    per_second: float | None

    def lint(self, name: str) -> Linted:
        """Read one file, ``-`` for stdin, and check its message."""
        from safeses._lint import examine
        from safeses.errors import ConfigurationError

        try:
            data = _read(name)
            if len(data) > READ_MAX_BYTES:
                # Whatever the rule is here, it was not read to its end.
                found = rules.MESSAGE_SIZE.found(
                    "Content", f"more than {READ_MAX_BYTES} in the file"
                )
                return Linted(name, (found,))
            message = _parameters(data) if _is_json(name) else data
            found_all = examine(
                message,
                self.policy,
                priority=self.priority,
                per_second=self.per_second,
            )
        except OSError as error:
            return Linted(name, unreadable=error.strerror or "cannot be read")
        except (_UnreadableError, ConfigurationError) as error:
            return Linted(name, unreadable=str(error))
        return Linted(name, tuple(found_all))


def _is_json(name: str) -> bool:
    return name.lower().endswith(".json")


def _read(name: str) -> bytes:
    if name == STDIN:
        return sys.stdin.buffer.read(READ_MAX_BYTES + 1)
    with Path(name).open("rb") as file:
        return file.read(READ_MAX_BYTES + 1)


def _parameters(data: bytes) -> dict[str, Any]:
    """Read what ``aws sesv2 send-email --cli-input-json`` takes."""
    import json

    try:
        params = json.loads(data)
    except (ValueError, RecursionError):
        raise _UnreadableError("not JSON") from None
    if not isinstance(params, dict):
        raise _UnreadableError("not an object of JSON")
    content = params.get("Content")
    if isinstance(content, dict):
        for kind in ("Simple", "Template"):
            body = content.get(kind)
            files = body.get("Attachments") if isinstance(body, dict) else None
            for file in files if isinstance(files, list) else ():
                _decode(file, "RawContent")
        _decode(content.get("Raw"), "Data")
    return params


def _decode(holder: object, name: str) -> None:
    """Put bytes in the place of base64, as the AWS CLI does."""
    import base64

    if not (isinstance(holder, dict) and isinstance(holder.get(name), str)):
        return
    try:
        text = "".join(holder[name].split())
        holder[name] = base64.b64decode(text, validate=True)
    except ValueError:
        raise _UnreadableError(f"{name} is not base64") from None
