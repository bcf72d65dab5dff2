"""What the figures share: the mail, plain clients and other processes."""

from __future__ import annotations

import contextlib
import os
import statistics
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from safeses import Client

HERE: Final = Path(__file__).resolve().parent
REGION: Final = "eu-west-1"
SENDER: Final = "Shop <shop@example.com>"
RECIPIENT: Final = "ann@example.net"
HTML: Final = "<p>Your order is on its way.</p>" * 30
TEXT: Final = "Your order is on its way.\n" * 30


def parameters(subject: str = "Your order") -> dict[str, Any]:
    """Return a mail of ordinary size, as boto3 takes it."""
    return {
        "FromEmailAddress": SENDER,
        "Destination": {"ToAddresses": [RECIPIENT]},
        "Content": {
            "Simple": {
                "Subject": {"Data": subject, "Charset": "UTF-8"},
                "Body": {
                    "Text": {"Data": TEXT, "Charset": "UTF-8"},
                    "Html": {"Data": HTML, "Charset": "UTF-8"},
                },
            }
        },
    }


def boto3_client(
    url: str,
    retries: Any = None,
    *,
    connections: int = 32,
    **settings: Any,
) -> Any:
    """Make a client with made-up credentials; *retries* None is default."""
    import boto3
    from botocore.config import Config

    verify = settings.pop("verify", None)
    config = Config(
        max_pool_connections=connections, retries=retries, **settings
    )
    return boto3.session.Session().client(
        "sesv2",
        region_name=REGION,
        endpoint_url=url,
        aws_access_key_id="testing",
        aws_secret_access_key="testing",
        config=config,
        verify=verify,
    )


def once() -> Any:
    """Return what makes boto3 try a single time."""
    return {"mode": "standard", "total_max_attempts": 1}


def unlimited(client: Any, **settings: Any) -> Client:
    """Return safeses over *client*, with limits that never bind."""
    from safeses import Client, Limits

    return Client(client, limits=Limits(per_second=1e6), **settings)


@contextlib.contextmanager
def server() -> Iterator[str]:
    """Run the quick server in a process of its own; the value is its URL."""
    with subprocess.Popen(  # noqa: S603  # our own program
        [sys.executable, str(HERE / "_server.py")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip()
        finally:
            process.stdin.close()


def run(program: str, *arguments: str, timeout_s: float = 300) -> str:
    """Run one of our programs to its end and return what it printed."""
    done = subprocess.run(  # noqa: S603  # our own program
        [sys.executable, str(HERE / program), *arguments],
        check=True,
        env=os.environ | {"PYTHONPATH": _path()},
        stdout=subprocess.PIPE,
        text=True,
        timeout=timeout_s,
    )
    return done.stdout


def _path() -> str:
    # The program's own directory comes first; ours has to be found too.
    given = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    found = [str(Path(path).resolve()) for path in given if path]
    return os.pathsep.join([str(HERE.parents[1]), *found])


def median(values: Sequence[float]) -> float:
    """Return the median; of nothing, NaN."""
    return statistics.median(values) if values else float("nan")
