"""
Every Python block in the README and the documentation runs.

The blocks of a page run in order and in one namespace, against a simulated
SES on loopback that hidden blocks can ask by the name ``simulated``. How a
page declares hidden set-up, or leaves a block out, stands in
``docs/contributing.md``.
"""

from __future__ import annotations

import contextlib
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING
from unittest import SkipTest, mock

import pytest
from sybil import Sybil
from sybil.parsers.myst import PythonCodeBlockParser, SkipParser

from safeses import Client
from safeses.testing import SimulatedSES

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parent.parent
PAGES = [
    ROOT / "README.md",
    *(
        page
        for page in sorted((ROOT / "docs").rglob("*.md"))
        if "_build" not in page.parts
    ),
]
SKIP_WITHOUT_REASON = re.compile(r"<!--+\s*skip:\s*(next|start)\s*--+>")


@pytest.fixture
def simulated(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Iterator[SimulatedSES]:
    """Send what boto3 would send to AWS to a simulated SES instead."""
    ses = SimulatedSES(max_send_rate=500)
    # Where a page names a file, such as "sqlite:///mail.db".
    monkeypatch.chdir(tmp_path)
    # What a page sets in the environment ends with it.
    with ses.serve() as url, mock.patch.dict(os.environ):
        monkeypatch.setenv("AWS_ENDPOINT_URL_SESV2", url)
        yield ses


@pytest.mark.server
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_examples_run(page: Path, simulated: SimulatedSES) -> None:
    """A reader who copies the blocks of a page sees them work."""
    sybil = Sybil(parsers=[PythonCodeBlockParser(), SkipParser()])
    document = sybil.parse(page)
    document.namespace["simulated"] = simulated

    try:
        for example in document.examples():
            with contextlib.suppress(SkipTest):
                example.evaluate()
    finally:
        for value in [*document.namespace.values()]:
            if isinstance(value, Client):
                value.close()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_left_out_blocks_say_why(page: Path) -> None:
    """A block that is not run gives its reason."""
    found = SKIP_WITHOUT_REASON.findall(page.read_text(encoding="utf-8"))

    assert [] == found
