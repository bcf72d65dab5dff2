"""
A message of the email package as bytes that every server takes.

The package writes headers that others cannot read, and leaves long lines
in bodies; both are mended here. The caller's message is never changed,
and nothing that a signature covers is.
"""

from __future__ import annotations

import re
from email import policy as policies
from email.generator import BytesGenerator
from io import BytesIO
from typing import TYPE_CHECKING, Any, Final, cast

from safeses._mail import _bodies, _header_lines, _mime

if TYPE_CHECKING:
    from email.message import EmailMessage
    from email.policy import Policy

_NEWLINE: Final = "\r\n"
# RFC 2231, not RFC 2047, says how these hold other characters.
_MIME_HEADERS: Final = frozenset(
    {
        "content-disposition",
        "content-transfer-encoding",
        "content-type",
        "mime-version",
    }
)
_LINE_END: Final = re.compile(r"\r\n|\r|\n")
_OPEN_LINE: Final = re.compile(rb"\r(?!\n)|\n(?![ \t]|\Z)")


def flat(message: EmailMessage) -> bytes:
    """
    Serialise *message*, in 7-bit form if it can, with CRLF.

    Raises:
        ValueError: A header holds a line end, or would name others than
            the message does.
    """
    mine = _bodies.copied(message)
    if any(map(_bodies.is_signed, mine.walk())):
        # In 7-bit form the package would encode the signed parts anew.
        return _written(_bodies.mended(mine), "8bit")
    try:
        data = _written(mine, "7bit")
    except (LookupError, UnicodeEncodeError):
        # Bodies of an unknown charset; Django's bodies, of 8-bit text.
        return _written(_bodies.mended(mine), "8bit")
    if _mime.long_line(data):
        data = _written(_bodies.mended(mine), "7bit")
    return data


def _written(message: EmailMessage, cte_type: str) -> bytes:
    changes: dict[str, Any] = {"linesep": _NEWLINE, "cte_type": cte_type}
    if hasattr(message.policy, "utf8"):
        changes["utf8"] = False
    folding = _Folding(message.policy.clone(**changes))
    # Not as_bytes: messages of frameworks override it with other arguments.
    buffer = BytesIO()
    _Writer(
        buffer, mangle_from_=False, policy=cast("Policy[Any]", folding)
    ).flatten(message)
    return buffer.getvalue()


class _Writer(BytesGenerator):
    """Writes each message, the one itself and those in it, by its policy."""

    def flatten(self, msg: Any, *args: Any, **kwargs: Any) -> None:
        # Once sealed, all in it is: what is in it is written by copies of
        # this writer, with its policy.
        if _bodies.is_sealed(msg) and not isinstance(self.policy, _Keeping):
            kept = msg.policy.clone(linesep=_NEWLINE, cte_type="8bit")
            self.policy = cast("Policy[Any]", _Keeping(kept))
        super().flatten(msg, *args, **kwargs)


class _Writing:
    """A policy that is another one, but for the headers it writes."""

    def __init__(self, policy: Policy[Any]) -> None:
        self._policy = policy

    def __getattr__(self, name: str) -> Any:
        return getattr(self._policy, name)

    def __deepcopy__(self, _: dict[int, Any]) -> _Writing:
        return self  # as the package copies messages with their policy

    def fold_binary(self, name: str, value: Any) -> bytes:
        line = self._line(name, value)
        if _OPEN_LINE.search(line):
            raise ValueError("a line end in a header")
        return line

    def _line(self, name: str, value: Any) -> bytes:
        return self._policy.fold_binary(name, value)


class _Folding(_Writing):
    """Writes headers as we do."""

    def __init__(self, policy: Policy[Any], *, is_inner: bool = False) -> None:
        super().__init__(policy)
        self._is_inner = is_inner

    def clone(self, **changes: Any) -> _Writing:
        """Return the policy for a part; for a signed one it keeps lines."""
        policy = self._policy.clone(**changes)
        if "max_line_length" in changes:
            return _Keeping(policy)
        return _Folding(policy, is_inner=True)

    def _line(self, name: str, value: Any) -> bytes:
        if name.lower() not in _MIME_HEADERS:
            return _header_lines.written(name, value, is_inner=self._is_inner)
        if hasattr(value, "fold") and not hasattr(self._policy, "utf8"):
            # A new message in an old one, whose policy would spoil it.
            text: str = value.fold(policy=policies.SMTP)
            return text.encode("ascii", "surrogateescape")
        return super()._line(name, value)


class _Keeping(_Writing):
    """Writes what was parsed as it was, and else as the policy does."""

    def clone(self, **changes: Any) -> _Keeping:
        return _Keeping(self._policy.clone(**changes))

    def _line(self, name: str, value: Any) -> bytes:
        if isinstance(value, str) and not hasattr(value, "defects"):
            # Blanks after the colon are lost with the parser.
            blank = "" if value[:1] in {"\r", "\n"} else " "
            text = f"{name}:{blank}{_LINE_END.sub(_NEWLINE, value)}{_NEWLINE}"
            # Nobody could send longer lines.
            if not _mime.long_line(text.encode("utf-8", "surrogateescape")):
                try:
                    return text.encode("ascii", "surrogateescape")
                except UnicodeEncodeError:  # not from bytes
                    pass
        return super()._line(name, value)
