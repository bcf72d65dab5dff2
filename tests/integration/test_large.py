"""Large mails: as much as SES takes, for as little memory as boto3."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import safeses
from safeses import Attachment, Client, Email, InvalidMessageError
from safeses.testing import SimulatedSES

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.server

LARGE_BYTES = 28_500_000  # Base64 makes nearly 40 MB of it
PEAK = """
import re

import boto3
import safeses

data = bytes({size})
fields = dict(from_email="shop@a.example", to="eva@b.example", subject="Hi")
boto = boto3.client("sesv2", region_name="eu-west-1", endpoint_url={url!r})
if {plain}:
    boto.send_email(
        FromEmailAddress="shop@a.example",
        Destination={{"ToAddresses": ["eva@b.example"]}},
        Content={{
            "Simple": {{
                "Subject": {{"Data": "Hi"}},
                "Body": {{"Text": {{"Data": "Hi"}}}},
                "Attachments": [
                    {{"FileName": "a.txt", "RawContent": data}}
                ],
            }}
        }},
    )
else:
    client = safeses.Client(boto, limits=safeses.Limits(per_second=1000))
    attachment = safeses.Attachment(file_name="a.txt", content=data)
    client.send(
        safeses.Email(text="Hi", attachments=[attachment], **fields)
    )
with open("/proc/self/status") as status:
    print(re.search(r"VmHWM:\\s+(\\d+)", status.read())[1])
"""


def peak_kib(url: str, *, plain: bool) -> int:
    """Return the most memory that a process used that sent one mail."""
    # Not by getrusage, which counts the parent's memory before exec.
    code = PEAK.format(size=LARGE_BYTES, url=url, plain=plain)
    source = str(Path(safeses.__file__).parents[1])
    done = subprocess.run(  # noqa: S603  # our own
        [sys.executable, "-c", code],
        check=True,
        capture_output=True,
        timeout=300,
        env={**os.environ, "PYTHONPATH": source},
    )
    peak: int = json.loads(done.stdout)
    return peak


@pytest.mark.skipif(
    not Path("/proc/self/status").exists(), reason="tells no peak"
)
def test_memory() -> None:
    """A large mail needs about as much memory as in plain boto3."""
    ses = SimulatedSES(max_send_rate=10_000)
    with ses.serve() as url:
        plain = peak_kib(url, plain=True)
        ours = peak_kib(url, plain=False)
    contents = [
        len(mail.params["Content"]["Simple"]["Attachments"][0]["RawContent"])
        for mail in ses.sent
    ]

    assert ([LARGE_BYTES] * 2, True) == (contents, ours < plain * 1.3)


def test_too_large(
    boto3_client: Callable[..., Any], mail: Callable[..., Email]
) -> None:
    """What is too large for SES is refused before a connection."""
    attachment = Attachment(file_name="a.txt", content=bytes(41_000_000))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0)
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        client = Client(boto3_client(url))
        with pytest.raises(InvalidMessageError) as caught:
            client.send(mail(attachments=[attachment]))
        with pytest.raises(BlockingIOError):
            listener.accept()

    assert 1 == len(caught.value.findings)
