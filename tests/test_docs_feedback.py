"""The pages on feedback say what the code does."""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from safeses import events
from safeses._commands import poll
from safeses.events import FeedbackEvent
from safeses.feedback import COUNTED, BouncePolicy
from safeses.feedback._reply import STATUSES

if TYPE_CHECKING:
    from safeses.feedback import BounceRule

DOCS = Path(__file__).parent.parent / "docs"
TEMPLATES = sorted((DOCS / "examples").glob("*.yaml"))
PAGES = sorted(DOCS.glob("*.md"))
CFN_LINT = "from cfnlint.runner import main; main()"


def text_of(page: str) -> str:
    """Return a page."""
    return (DOCS / page).read_text(encoding="utf-8")


def section(page: str, heading: str) -> str:
    """Return what stands below a heading of a page."""
    _, _, after = text_of(page).partition(f"\n{heading}\n")
    return re.split(r"^#{2,3} ", after, maxsplit=1, flags=re.MULTILINE)[0]


def rows(text: str) -> list[list[str]]:
    """Return the cells of all tables, without their heads."""
    lines = text.splitlines()
    return [
        [cell.strip() for cell in line[1:-1].split("|")]
        for line, following in zip(lines, [*lines[1:], ""], strict=True)
        if line.startswith("|") and "| ---" not in {line[:5], following[:5]}
    ]


def row(rule: BounceRule) -> list[str]:
    """Return what the table should say of a rule."""
    only = f"status `{rule.status}`" if rule.status else ""
    hard = rule.type == "Permanent" if rule.hard is None else rule.hard
    return [
        rule.type,
        rule.sub_type or "any other",
        "it was mailed to" if rule.sent_to else only,
        rule.action,
        "yes" if hard else "no",
        rule.why,
    ]


def test_bounces() -> None:
    """The table of bounces is the policy, line by line."""
    table = rows(section("bounce-policy.md", "## Bounces"))

    assert [row(rule) for rule in BouncePolicy().rules] == table


def test_soft_bounces() -> None:
    """The page names the defaults."""
    policy = BouncePolicy()
    table = rows(section("bounce-policy.md", "## Soft bounces"))
    days = [
        policy.soft_window_s / 86_400,
        (policy.soft_expires_s or 0) / 86_400,
    ]

    assert [str(policy.soft_limit), *(f"{d:g} days" for d in days)] == [
        cells[-1] for cells in table
    ]


def test_events() -> None:
    """The table of events has every kind, and no other."""
    named = {
        name
        for cells in rows(section("events.md", "## Events"))
        for name in re.findall(r"`(\w+)`", cells[0])
    }
    kinds = {
        kind.__name__
        for kind in (getattr(events, name) for name in events.__all__)
        if isinstance(kind, type) and issubclass(kind, FeedbackEvent)
    }

    assert kinds == named


def test_counts() -> None:
    """The table of counts has all that is counted."""
    named = [
        name
        for cells in rows(section("events.md", "## Counts"))
        for name in re.findall(r"`(\w+)`", cells[0])
    ]

    assert [*COUNTED] == named


def test_statuses() -> None:
    """The page has each status that a receiver answers with."""
    table = rows(section("feedback.md", "## SNS to your web server"))

    assert [*STATUSES] == [int(cells[0].partition(",")[0]) for cells in table]


def test_options() -> None:
    """The page of the worker has each option of its command."""
    parser = argparse.ArgumentParser()
    poll.configure(parser)
    options = {
        option
        for option in re.findall(r"--[a-z-]+", parser.format_help())
        if option != "--help"
    }
    table = rows(text_of("poller.md"))
    named = {
        option
        for cells in table
        for option in re.findall(r"`(--[a-z-]+)", cells[0])
    }

    assert options == named


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_json_is_json(page: Path) -> None:
    """A policy that a reader copies is taken."""
    text = page.read_text(encoding="utf-8")
    blocks = re.findall(r"^```json\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    read = [json.loads(block) for block in blocks]

    assert len(blocks) == len(read)


@pytest.mark.server
def test_templates_are_valid() -> None:
    """CloudFormation knows every resource and property of the templates."""
    pytest.importorskip("cfnlint")  # moto brings it
    run = subprocess.run(  # noqa: S603  # this interpreter, our own files
        [
            *(sys.executable, "-c", CFN_LINT, "--regions", "eu-west-1"),
            *("--", *map(str, TEMPLATES)),
        ],
        capture_output=True,
        check=False,
        text=True,
        timeout=600,
    )

    assert (3, 0, "") == (len(TEMPLATES), run.returncode, run.stdout), (
        run.stderr
    )
