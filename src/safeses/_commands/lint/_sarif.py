"""
Findings as SARIF 2.1.0, which code hosts and editors show.

The properties are those that the standard asks for (OASIS, SARIF 2.1.0)
and those without which GitHub shows nothing (GitHub Docs, "SARIF support
for code scanning"): the latter wants a line of every finding, and gets
the first of the file.
"""

from __future__ import annotations

import contextlib
import os
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from safeses._commands.lint._read import STDIN
from safeses._rules import RULES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from safeses._commands.lint._read import Linted
    from safeses._findings import Finding
    from safeses._rules import Rule

SCHEMA: Final = (
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/"
    "sarif-schema-2.1.0.json"
)
HOME: Final = "https://github.com/safeses/safeses"


def document(files: Sequence[Linted]) -> dict[str, Any]:
    """Return the log of one run over *files*."""
    indexes = {rule: index for index, rule in enumerate(RULES)}
    run: dict[str, Any] = {
        "tool": {"driver": _driver()},
        "invocations": [
            {
                "executionSuccessful": not any(f.unreadable for f in files),
                "toolExecutionNotifications": [
                    {
                        "level": "error",
                        "message": _message(file.unreadable),
                        "locations": [_location(file.name)],
                    }
                    for file in files
                    if file.unreadable
                ],
            }
        ],
        "results": [
            _result(file.name, finding, indexes.get(finding.rule, -1))
            for file in files
            for finding in file.findings
        ],
    }
    return {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}


def _driver() -> dict[str, Any]:
    driver: dict[str, Any] = {
        "name": "safeses",
        "informationUri": HOME,
        "rules": [_rule(rule) for rule in RULES.values()],
    }
    # Without a version it runs from its sources.
    with contextlib.suppress(PackageNotFoundError):
        driver["version"] = version("safeses")
    return driver


def _rule(rule: Rule) -> dict[str, Any]:
    return {
        "id": rule.id,
        "shortDescription": _message(rule.limit),
        "help": _message(
            f"Allowed: {rule.limit}.\nWhat to do: {rule.remedy}.\n"
            f"Source: {rule.source}."
        ),
        "defaultConfiguration": {"level": rule.severity},
    }


def _result(name: str, finding: Finding, index: int) -> dict[str, Any]:
    return {
        "ruleId": finding.rule,
        "ruleIndex": index,
        "level": finding.severity,
        "message": _message(
            f"{finding.field}: {finding.limit}, seen {finding.seen};"
            f" {finding.remedy}"
        ),
        "locations": [_location(name)],
        "properties": {
            "field": finding.field,
            "limit": finding.limit,
            "seen": finding.seen,
            "remedy": finding.remedy,
            "source": finding.source,
        },
    }


def _message(text: str) -> dict[str, str]:
    # A lone brace begins a placeholder (SARIF 2.1.0, 3.11.5).
    return {"text": text.replace("{", "{{").replace("}", "}}")}


def _location(name: str) -> dict[str, Any]:
    return {
        "physicalLocation": {
            "artifactLocation": {"uri": uri(name)},
            "region": {"startLine": 1},
        }
    }


def uri(name: str) -> str:
    """Return where a file is: relative if it is below this folder."""
    if name == STDIN:
        return "stdin"
    here = Path.cwd()
    path = here / name
    try:
        return quote(os.fsencode(path.relative_to(here).as_posix()))
    except ValueError:
        return path.as_uri()
