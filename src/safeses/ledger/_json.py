"""
What is rare in a record, as JSON with the names of the fields.

Every engine that keeps texts keeps these. A reader takes the names that it
knows: a newer version of this library may have written more of them.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final, TypeVar, get_args

import attrs

from safeses._job import JobState, LeftOut, Refused, Sent

if TYPE_CHECKING:
    from collections.abc import Iterable

    T = TypeVar("T", LeftOut, Sent, Refused)

_STATES: Final = frozenset(get_args(JobState))
_NAMES: Final = {
    kind: tuple(field.name for field in attrs.fields(kind))
    for kind in (LeftOut, Sent, Refused)
}
# Made once: `json.dumps` makes one for each call that wants no spaces.
_encoded: Final = json.JSONEncoder(separators=(",", ":")).encode


def json_of_text(text: str) -> str:
    """Return *text* as JSON, which is one line of ASCII."""
    return _encoded(text)


def json_of(value: Sent | Refused | None) -> str:
    """Return *value* as JSON, ``""`` for None."""
    return "" if value is None else _encoded(_fields_of(value))


def json_of_each(left_out: Iterable[LeftOut]) -> str:
    """Return JSON of who was left out, ``""`` if nobody was."""
    fields = [_fields_of(one) for one in left_out]
    return _encoded(fields) if fields else ""


def json_of_others(others: tuple[str, ...]) -> str:
    """Return JSON of the further ids, ``""`` if there are none."""
    return _encoded(others) if others else ""


def state_of(text: str) -> JobState:
    """
    Return *text* if it is a state that a job can be in.

    Raises:
        ValueError: It is none that this version knows.
    """
    if text not in _STATES:
        raise ValueError(text)
    return text  # type: ignore[return-value]  # looked up above


def sent_of(text: str | None) -> Sent | None:
    """Return what `json_of` was given; likewise below."""
    return _value(Sent, json.loads(text)) if text else None


def refused_of(text: str | None) -> Refused | None:
    """Return how a message was refused."""
    return _value(Refused, json.loads(text)) if text else None


def left_out_of(text: str | None) -> tuple[LeftOut, ...]:
    """Return who was left out."""
    if not text:
        return ()
    return tuple(_value(LeftOut, one) for one in json.loads(text))


def others_of(text: str | None) -> tuple[str, ...]:
    """Return the further ids."""
    return tuple(json.loads(text)) if text else ()


def _fields_of(value: LeftOut | Sent | Refused) -> dict[str, Any]:
    return {name: getattr(value, name) for name in _NAMES[type(value)]}


def _value(kind: type[T], given: dict[str, Any]) -> T:
    known = _NAMES[kind]
    return kind(**{n: value for n, value in given.items() if n in known})
