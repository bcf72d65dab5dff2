"""
The one logger, which does not make mail out of mail.

Nothing here is above WARNING, and a send that is started *by* one of our
log lines (a handler that mails them) writes none itself: otherwise one
line would breed sends without end. A handler that hands its records to
another thread is out of our sight.
"""

from __future__ import annotations

import logging
from contextvars import ContextVar
from typing import Final

_logger: Final = logging.getLogger("safeses")
_inside: ContextVar[bool] = ContextVar("safeses-logging", default=False)


class _Log:
    def info(self, text: str, *args: object) -> None:
        self._write(logging.INFO, text, args)

    def warning(self, text: str, *args: object) -> None:
        self._write(logging.WARNING, text, args)

    def _write(
        self,
        level: int,
        text: str,
        args: tuple[object, ...],
    ) -> None:
        if not _logger.isEnabledFor(level) or _inside.get():
            return
        token = _inside.set(True)
        try:
            _logger.log(level, text, *args)
        except Exception:  # noqa: BLE001, S110  # a handler's, not the mail's
            pass
        finally:
            _inside.reset(token)


log: Final = _Log()
