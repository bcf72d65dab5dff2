"""
The scenes of what must not leave: malformed mail, and mail to the wrong.

Beside each one boto3 alone does the same, which has nothing to stop it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from safeses import Attachment

if TYPE_CHECKING:
    from safeses import Email
    from safeses._commands.demo._count import Pair, Record
    from safeses._commands.demo._stage import Scene, Stage

_REASONS: Final = ("bounce", "complaint", "unsubscribe")
# Base64 makes 44 MB of it; SES takes 40 MiB, which are 42 MB.
_TOO_LARGE_BYTES: Final = 32_000_000
_WRONG: Final[tuple[dict[str, Any], ...]] = (
    {"to": ()},
    {"to": [f"ann{n}@example.net" for n in range(51)]},
    {"to": ["ann@example.net", "bo@example.net", "chen@", "d@example.net"]},
    {"to": "ann@example.net\r\nBcc: all@example.net"},
    {"to": "jösé@example.net"},
    {"subject": "Hello\r\nBcc: all@example.net"},
    {"headers": {"Bcc": "all@example.net"}},
    {"headers": {"X-Order": "1\r\nBcc: all@example.net"}},
    {"attachments": Attachment(content=b"", file_name="invoice.pdf.exe")},
    {"text": None},
)


def malformed(stage: Stage) -> list[Record]:
    """Hand over what SES would refuse, or worse, would send on."""
    return [_malformed(stage), _malformed_plainly(stage)]


def _malformed(stage: Stage) -> Record:
    large = Attachment(content=bytes(_TOO_LARGE_BYTES), file_name="film.mp4")
    wrong = (*_WRONG, {"attachments": large})
    with stage.scene(
        "malformed mail", len(wrong), account={"max_send_rate": 50}
    ) as scene:
        for changes in wrong:
            scene.send(scene.mail(**changes))
        return scene.record(
            malformed=True,
            note="one bad address of four, 51 recipients, injected headers,"
            " invoice.pdf.exe, 44 MB, no content ...:"
            f" {scene.ses.requests['SendEmail']} of {len(wrong)} reached SES",
        )


def _malformed_plainly(stage: Stage) -> Record:
    with stage.scene(
        "malformed mail, boto3 alone",
        len(_WRONG),
        account={"max_send_rate": 50},
    ) as scene:
        for changes in _WRONG:
            scene.send_plainly(scene.mail(**changes))
        asked = scene.ses.requests["SendEmail"]
        return scene.record(
            malformed=True,
            plain=True,
            note=f"the same without the 44 MB: {asked} of {len(_WRONG)}"
            f" reached SES, which refused {scene.ses.refusals.total()} and"
            f" took {len(scene.ses.sent)}",
        )


def suppressed(stage: Stage) -> list[Record]:
    """Send to some who bounced, complained or unsubscribed."""
    return [_suppressed(stage, plain=plain) for plain in (False, True)]


def _suppressed(stage: Stage, *, plain: bool) -> Record:
    mails = 12
    with stage.scene(
        "suppressed recipients" + ", boto3 alone" * plain,
        mails,
        account={"max_send_rate": 200},
    ) as scene:
        stop = [f"gone{number}@example.net" for number in range(mails)]
        for number, address in enumerate(stop):
            # Not as it is written in the mails.
            reason = _REASONS[number % len(_REASONS)]
            scene.client.suppressions.add(address.upper(), reason)
        made = [_to_some(scene, stop) for _ in range(mails - 1)]
        made.append(scene.mail(to=stop[:5]))
        for mail in made:
            (scene.send_plainly if plain else scene.send)(mail)
        wanted = {pair for mail in made for pair in scene.pairs(mail)}
        stopped = {pair for pair in wanted if pair[1] in stop}
        reached = scene.reached(stopped=stopped, allowed=wanted - stopped)
        return scene.record(
            plain=plain,
            reached=reached,
            note=_who_got_it(len(reached.leaked), stopped, plain=plain),
        )


def _to_some(scene: Scene, stop: list[str]) -> Email:
    """Return a mail to good ones, and to some who must not get it."""
    first, second, third = scene.random.sample(stop, 3)
    return scene.mail(
        to=[f"Ann <ann{scene.random.randrange(100)}@example.net>", first],
        cc=[f"Somebody else <{second}>", "bo@example.net"],
        bcc=["chen@example.net", third],
    )


def _who_got_it(leaked: int, stopped: set[Pair], *, plain: bool) -> str:
    if plain:
        return (
            f"boto3 has no list of one's own: SES was asked to mail {leaked}"
            f" of the {len(stopped)} who must not get it"
        )
    return (
        "each mail has good recipients and some who bounced, complained or"
        f" unsubscribed, the last one only such: {leaked} of {len(stopped)}"
        " were handed to SES; receipts and errors name them"
    )
