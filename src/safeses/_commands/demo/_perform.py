"""Play the scenes, one after the other but for one, then judge."""

from __future__ import annotations

import contextlib
import logging
import time
from typing import TYPE_CHECKING

from safeses import Client
from safeses._commands.demo._count import verdicts
from safeses._commands.demo._scenes import SCENES
from safeses._commands.demo._stage import Stage, own_settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from safeses._commands.demo._scenes import Play
    from safeses._commands.demo._show import Show


def perform(
    show: Show,
    *,
    seed: int = 1,
    scenes: Sequence[Play] = SCENES,
    make_client: Callable[..., Client] = Client,
) -> int:
    """
    Play *scenes* and return the exit status: 0 if every promise held.

    Args:
        show: Tells what happens.
        seed: Names and sizes of the mails follow from it.
        scenes: What to play.
        make_client: Makes the clients; a test gives one that cheats.
    """
    began = time.monotonic()
    with _quiet(), own_settings(), show.begin(seed):
        stage = Stage(
            show=show,
            seed=seed,
            make_client=make_client,
        )
        records = []
        for play in scenes:
            for record in play(stage):
                show.told(record)
                records.append(record)
    judged = verdicts(records)
    show.end(records, judged, time.monotonic() - began)
    return 0 if all(verdict.held for verdict in judged) else 1


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep log lines off the terminal: the table says the same."""
    logger, nothing = logging.getLogger("safeses"), logging.NullHandler()
    logger.addHandler(nothing)
    try:
        yield
    finally:
        logger.removeHandler(nothing)
