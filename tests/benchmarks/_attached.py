"""
Sends one large attachment and prints this process's peak memory in KiB.

Arguments: the side, the server's URL, the attachment's size in bytes.
"""

from __future__ import annotations

import base64
import resource
import sys
from pathlib import Path

from tests.benchmarks import _kit

STATUS = Path("/proc/self/status")


def main() -> None:
    """Send and report."""
    side, url, size = sys.argv[1], sys.argv[2], int(sys.argv[3])
    client = _kit.boto3_client(url, _kit.once(), read_timeout=60)
    if side.endswith("raw"):
        _send_raw(side, client, size)
    else:
        _send_attachment(side, client, size)
    print(peak_kib())


def _send_attachment(side: str, client: object, size: int) -> None:
    content = b"\xa5" * size
    if side == "safeses simple":
        from safeses import Attachment, Email

        _kit.unlimited(client).send(
            Email(
                from_email=_kit.SENDER,
                to=_kit.RECIPIENT,
                subject="A film",
                text=_kit.TEXT,
                html=_kit.HTML,
                attachments=[
                    Attachment(content=content, file_name="film.bin")
                ],
            )
        )
        return
    params = _kit.parameters("A film")
    params["Content"]["Simple"]["Attachments"] = [
        {
            "RawContent": content,
            "FileName": "film.bin",
            "ContentType": "application/octet-stream",
            "ContentDisposition": "ATTACHMENT",
            "ContentTransferEncoding": "BASE64",
        }
    ]
    client.send_email(**params)  # type: ignore[attr-defined]  # of boto3


def _send_raw(side: str, client: object, size: int) -> None:
    message = (
        f"From: {_kit.SENDER}\r\nTo: {_kit.RECIPIENT}\r\nSubject: A film\r\n"
        "MIME-Version: 1.0\r\nContent-Type: application/octet-stream\r\n"
        "Content-Transfer-Encoding: base64\r\n\r\n"
    ).encode() + base64.encodebytes(b"\xa5" * size).replace(b"\n", b"\r\n")
    if side == "safeses raw":
        from safeses import RawEmail

        _kit.unlimited(client).send(
            RawEmail(
                message=message, from_email=_kit.SENDER, to=_kit.RECIPIENT
            )
        )
        return
    params = _kit.parameters()
    params["Content"] = {"Raw": {"Data": message}}
    client.send_email(**params)  # type: ignore[attr-defined]  # of boto3


def peak_kib() -> int:
    """Return the most memory that this program has held at once."""
    # Linux hands ru_maxrss down from the parent, whose peak may be higher.
    if STATUS.exists():
        for line in STATUS.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1])
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak // 1024 if sys.platform == "darwin" else peak


if __name__ == "__main__":
    main()
