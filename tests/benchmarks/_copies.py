"""
How many copies of one mail SES accepts when answers are lost.

Each cell is a SimulatedSES, a client and a send of its own; many at once,
in threads, as most of the time is spent waiting.
"""

from __future__ import annotations

import itertools
import ssl
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import attrs
from tests.benchmarks import _kit
from tests.benchmarks._table import Table

if TYPE_CHECKING:
    from collections.abc import Callable

    from safeses.testing import SimulatedSES
    from safeses.testing._simulator import Server

WORKERS: Final = 24
# Both sides wait as long for an answer to one attempt.
TIMEOUT_S: Final = 1.0
PATIENCE_S: Final = 3.0
# An answer has 200 bytes or so: for boto3, which waits for each of them
# anew, that is 20 s.
DRIP_S: Final = 0.1
LISTENS_AFTER_S: Final = 0.4
TLS: Final = "TLS corrupt"
# What the table calls them, and what the simulator does. Accepted are all
# but the last two: a server error may come after acceptance.
FAULTS: Final = {
    "stall": "stall",
    "drip": "drip",
    "reset": "reset_after",
    "close": "close",
    "cut 200": "cut",
    "empty 200": "empty",
    "500": "status:500",
    "502": "status:502",
    "503": "status:503",
    "504": "status:504",
    TLS: "tls_corrupt",
    "429": "status:429:TooManyRequestsException",
    "refused": "",
}
QUICK: Final = ("reset", "cut 200")
PLAIN: Final = "boto3, default"
SIDES: Final[dict[str, dict[str, Any] | None]] = {
    PLAIN: None,
    "safeses over default": None,
    "safeses over legacy": {"mode": "legacy"},
    "safeses over standard": {"mode": "standard"},
}


@attrs.frozen(kw_only=True)
class Case:
    """
    One cell.

    Attributes:
        fault: What goes wrong.
        always: At every attempt, not at the first only.
        side: Who sends.
    """

    fault: str
    always: bool
    side: str


def measure(*, quick: bool) -> Table:
    """Send one mail into every fault, through every side."""
    faults = QUICK if quick else tuple(FAULTS)
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(Path(folder))
        if not bench.speaks_tls:
            faults = tuple(fault for fault in faults if fault != TLS)
        lines = list(itertools.product(faults, (False, True)))
        cases = [
            Case(fault=fault, always=always, side=side)
            for (fault, always), side in itertools.product(lines, SIDES)
        ]
        # All are set up before the first one sends: making a client is
        # work for the processor, which the others would wait for.
        trials = [bench.set_up(case) for case in cases]
        with ThreadPoolExecutor(WORKERS) as workers:
            results = list(workers.map(Trial.run, trials))
    cells = dict(zip(cases, results, strict=True))
    rows = []
    for fault, always in lines:
        when = "always" if always else "first"
        found = [
            cells[Case(fault=fault, always=always, side=side)]
            for side in SIDES
        ]
        rows.append((f"{fault}, {when}", *found))
    return Table(
        title="copies: how many SES accepted, what the caller was told",
        columns=("fault, at which attempt", *SIDES),
        rows=rows,
        notes=(
            f"Time-out of one attempt: {TIMEOUT_S:g} s on both sides.",
            f"safeses waits {PATIENCE_S:g} s at most if certainly not sent.",
            "Under 429 and refused SES accepts nothing; under all others it",
            "has accepted the mail when the answer goes wrong.",
            "TLS needs the package trustme; without it the row is left out.",
        ),
    )


@attrs.frozen(kw_only=True)
class Trial:
    """
    One cell, ready to be measured.

    Attributes:
        ses: The account.
        server: Its endpoint.
        send: Sends the mail; raises as the side does.
        listens_after_s: When a refusing endpoint begins to listen.
    """

    ses: SimulatedSES
    server: Server
    send: Callable[[], object]
    listens_after_s: float | None = None

    def run(self) -> str:
        """Send, and return what came of it."""
        timer = None
        if self.listens_after_s is not None:
            timer = threading.Timer(self.listens_after_s, self.server.start)
            timer.start()
        began = time.monotonic()
        try:
            self.send()
        except KeyError:
            told = "no MessageId"
        except Exception as error:  # noqa: BLE001  # whatever a side raises
            told = type(error).__name__.removesuffix("Error")
        else:
            told = "sent"
        took_s = time.monotonic() - began
        if timer is not None:
            timer.join()
        self.server.stop()
        return f"{len(self.ses.sent)} {told} {took_s:.1f} s"


class Bench:
    """Certificates for all cells, and how to set one up."""

    def __init__(self, folder: Path) -> None:
        """Issue a certificate if there is something to issue one with."""
        self._context: ssl.SSLContext | None = None
        self._bundle = str(folder / "ca.pem")
        try:
            import trustme
        except ModuleNotFoundError:
            return
        authority = trustme.CA()
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("127.0.0.1").configure_cert(self._context)
        authority.cert_pem.write_to_path(self._bundle)

    @property
    def speaks_tls(self) -> bool:
        """Whether there is a certificate to serve with."""
        return self._context is not None

    def set_up(self, case: Case) -> Trial:
        """Return what *case* needs, listening unless it refuses."""
        from safeses.testing import SimulatedSES

        context = self._context if case.fault == TLS else None
        ses = SimulatedSES()
        server = ses.serve(ssl_context=context)
        url = server.start()
        listens_after_s = None
        if case.fault == "refused":
            server.stop()
            listens_after_s = None if case.always else LISTENS_AFTER_S
        else:
            ses.faults.add(
                FAULTS[case.fault],
                first=None if case.always else 1,
                interval_s=DRIP_S,
            )
        send = _sender(case, url, self._bundle if context else None)
        return Trial(
            ses=ses, server=server, send=send, listens_after_s=listens_after_s
        )


def _sender(case: Case, url: str, verify: str | None) -> Callable[[], object]:
    client = _kit.boto3_client(
        url,
        SIDES[case.side],
        connect_timeout=TIMEOUT_S,
        read_timeout=TIMEOUT_S,
        verify=verify,
    )
    params = _kit.parameters()
    if case.side == PLAIN:
        return lambda: client.send_email(**params)["MessageId"]

    from safeses import Client, Limits

    ses = Client(
        client, limits=Limits(per_second=50), attempt_timeout_s=TIMEOUT_S
    ).with_options(max_wait_s=PATIENCE_S)
    return lambda: ses.send_email(**params)
