"""
The scene of what comes back: bounces, complaints, and forged ones.

Events are signed by a throw-away topic and posted over real HTTP, each one
twice. Beside it boto3 alone, which hears of nothing.
"""

from __future__ import annotations

import contextlib
import json
import threading
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Final

from safeses._commands.demo._heard import Heard
from safeses._commands.demo._stage import TAG, state_file
from safeses.events import Bounce, Complaint
from safeses.feedback import Receiver, SNSVerifier
from safeses.testing import SimulatedTopic

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from safeses import Client, Email
    from safeses._commands.demo._count import Pair, Record
    from safeses._commands.demo._stage import Scene, Stage

ARN: Final = "arn:aws:sns:eu-west-1:111122223333:ses-events"
_FOREIGN_ARN: Final = "arn:aws:sns:eu-west-1:999999999999:ses-events"
_VICTIM: Final = "victim@example.net"
_GONE: Final = tuple(f"gone{number}@example.net" for number in range(4))
_CROSS: Final = tuple(f"cross{number}@example.net" for number in range(4))
_LOST: Final = 2
# So short that a lost answer is quickly told; a real one is 10 s.
_ATTEMPT_TIMEOUT_S: Final = 0.6
_FLUSH_S: Final = 30.0
_POLL_S: Final = 0.01
_OK: Final = range(200, 300)


def feedback(stage: Stage) -> list[Record]:
    """Let recipients bounce and complain, and mail them again."""
    return [_heard(stage), _unheard(stage)]


def _heard(stage: Stage) -> Record:
    with (
        state_file() as state,
        stage.scene(
            "bounces and complaints",
            2 * (len(_GONE) + len(_CROSS) + _LOST),
            account={"max_send_rate": 200},
            client={"attempt_timeout_s": _ATTEMPT_TIMEOUT_S, "state": state},
        ) as scene,
    ):
        told = _told(scene.client)
        happened: set[Pair] = set()
        scene.ses.publish_to(
            lambda event: happened.update(_people(event)),
            types={"Bounce", "Complaint"},
        )
        with _wired(scene) as forge:
            _send_first(scene, scene.send)
            lost = _send_lost(scene)
            scene.ses.flush(_FLUSH_S)
            forged, believed = forge(scene.ses.sent[0].message_id)
        again = [scene.send(mail, idempotency_key=_key(mail)) for mail in lost]
        stopped, allowed = _send_again(scene, scene.send)
        listed = scene.client.suppressions
        heard = Heard(
            happened=frozenset(happened),
            told=told,
            listed=frozenset(
                who
                for who in (*_GONE, *_CROSS)
                if listed.find(who) is not None
            ),
            doubtful=len(lost),
            settled=sum(result.said == "accepted before" for result in again),
            forged=forged,
            believed=believed + (listed.find(_VICTIM) is not None),
        )
        return scene.record(
            heard=heard,
            reached=scene.reached(stopped=stopped, allowed=allowed),
            note=_note(heard),
        )


def _unheard(stage: Stage) -> Record:
    with stage.scene(
        "bounces and complaints, boto3 alone",
        2 * (len(_GONE) + len(_CROSS)),
        account={"max_send_rate": 200},
    ) as scene:
        _send_first(scene, scene.send_plainly)
        stopped, allowed = _send_again(scene, scene.send_plainly)
        reached = scene.reached(stopped=stopped, allowed=allowed)
        return scene.record(
            plain=True,
            reached=reached,
            note="nothing tells boto3: SES was asked again to mail"
            f" {len(reached.leaked)} of the {len(stopped)} who had bounced"
            " or complained",
        )


def _send_first(scene: Scene, send: Callable[[Email], object]) -> None:
    """Mail some who bounce, and some who complain, and others with them."""
    for number, who in enumerate((*_GONE, *_CROSS)):
        if who in _GONE:
            scene.ses.make_bounce(who)
        send(scene.mail(to=[f"ann{number}@example.net", who]))
        if who in _CROSS:
            scene.ses.complain(who)


def _send_lost(scene: Scene) -> list[Email]:
    """Send mails whose answers are lost, and return them."""
    scene.ses.faults.add("stall", first=_LOST)
    mails = [scene.mail() for _ in range(_LOST)]
    for mail in mails:
        scene.send(mail, idempotency_key=_key(mail))
    return mails


def _send_again(
    scene: Scene, send: Callable[[Email], object]
) -> tuple[set[Pair], set[Pair]]:
    """Mail all of them again; return who must not get it, and who should."""
    stopped, allowed = set(), set()
    for number, who in enumerate((*_GONE, *_CROSS)):
        mail = scene.mail(to=[f"bo{number}@example.net", who, _VICTIM])
        send(mail)
        pairs = scene.pairs(mail)
        stopped |= {pair for pair in pairs if pair[1] == who}
        allowed |= {pair for pair in pairs if pair[1] != who}
    return stopped, allowed


def _key(mail: Email) -> str:
    return f"order-{mail.tags[TAG]}/receipt"


def _told(client: Client) -> Counter[Pair]:
    """Return what will count whatever the hooks are told."""
    told: Counter[Pair] = Counter()
    lock = threading.Lock()

    def note(event: Bounce | Complaint) -> None:
        with lock:
            told.update(
                (type(event).__name__, one.bare) for one in event.recipients
            )

    client.on(Bounce, name="demo")(note)
    client.on(Complaint, name="demo")(note)
    return told


def _people(event: dict[str, Any]) -> set[Pair]:
    """Return whom an event of the simulator names."""
    kind = event["eventType"]
    lists = {
        "Bounce": "bouncedRecipients",
        "Complaint": "complainedRecipients",
    }
    return {
        (kind, one["emailAddress"]) for one in event[kind.lower()][lists[kind]]
    }


@contextlib.contextmanager
def _wired(scene: Scene) -> Iterator[Callable[[str], tuple[int, int]]]:
    """
    Bring events to a receiver; yield what posts forged ones to it.

    Without ``cryptography`` nothing is signed, nor posted, nor forged.
    """
    if find_spec("cryptography") is None:
        receiver = Receiver(scene.client)
        with scene.ses.publish_to(receiver.receive, duplicate=True):
            yield lambda _: (0, 0)
        return
    topic = SimulatedTopic(ARN, version="2")
    verifier = SNSVerifier([ARN], loader=topic.load)
    with _serving(Receiver(scene.client, [ARN], verifier=verifier)) as url:
        topic.subscribe(url)
        with scene.ses.publish_to(topic, duplicate=True):
            yield lambda message_id: _forge(topic, url, message_id)


def _forge(
    topic: SimulatedTopic, url: str, message_id: str
) -> tuple[int, int]:
    """
    Report a bounce that never was, in every way a stranger could.

    Returns:
        How many posts there were, and how many of them were not refused.
    """
    bounced = [{"emailAddress": _VICTIM, "status": "5.1.1"}]
    event = {
        "eventType": "Bounce",
        "mail": {"messageId": message_id, "destination": [_VICTIM]},
        "bounce": {
            "bounceType": "Permanent",
            "bounceSubType": "General",
            "bouncedRecipients": bounced,
            "feedbackId": "forged",
        },
    }
    own_key, foreign_topic, unsigned = (
        SimulatedTopic(ARN, retries=0),
        topic.sibling(_FOREIGN_ARN),
        topic.sibling(ARN),
    )
    own_key.signing_cert_url = topic.signing_cert_url
    for stranger in (own_key, foreign_topic, unsigned):
        stranger.subscribe(url, raw=stranger is unsigned)
        stranger.publish(json.dumps(event))
    statuses = [
        stranger.attempts[-1].status
        for stranger in (own_key, foreign_topic, unsigned)
    ]
    return len(statuses), sum(status in _OK for status in statuses)


@contextlib.contextmanager
def _serving(receiver: Receiver) -> Iterator[str]:
    """Serve a receiver on this machine, and yield its URL."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            """Hand over what was posted, and answer what is said."""
            length = int(self.headers.get("Content-Length", 0))
            reply = receiver.receive_http(
                self.headers.items(), self.rfile.read(length)
            )
            body = reply.body.encode()
            self.send_response(reply.status)
            for name, value in reply.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the base class's name
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(
            target=server.serve_forever, kwargs={"poll_interval": _POLL_S}
        )
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/"
        finally:
            server.shutdown()
            thread.join()


def _note(heard: Heard) -> str:
    note = (
        f"{len(heard.happened)} recipients bounced or complained; each event"
        f" came twice, and hooks were told of {heard.told.total()}. The next"
        " mail to these recipients left them out. Of"
        f" {heard.doubtful} mails whose answer was lost {heard.settled} were"
        " settled by their events. "
    )
    if not heard.forged:
        return note + "Without cryptography nothing was signed, nor forged"
    return note + (
        f"Of {heard.forged} forged reports (a key of one's own, a foreign"
        f" topic, no signature) {heard.forged - heard.believed} were refused"
    )
