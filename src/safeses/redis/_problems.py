"""
What went wrong with a Redis, in words without anything secret.
"""

from __future__ import annotations

import os
import re
from typing import Any, Final

import attrs

from safeses.errors import StoreError

_ENGINE: Final = "redis"
# By the first word of an error of Redis. What it says besides may quote
# what it was asked.
_SAID: Final = {
    "BUSY": "it is busy with a script",
    "CLUSTERDOWN": "its cluster is down",
    "DB": "it has no database of that number",
    "LOADING": "it is loading its data",
    "MASTERDOWN": "it is a replica that has lost its primary",
    "MISCONF": "it cannot write to its disk, so it takes no writes",
    "NOAUTH": "it asks for a password",
    "NOPERM": "its user may not do this",
    "NOREPLICAS": "it has too few replicas to take writes",
    "OOM": "its memory is full",
    "READONLY": "it is a replica, which takes no writes",
    "TRYAGAIN": "its slot is about to move to another node",
    "UNBLOCKED": "it has become a replica",
    "WRONGPASS": "it refuses user and password",
    "WRONGTYPE": "a key holds what safeses has not put there",
}
_MANY: Final = "it has too many clients"
# What redis-py gives a class that says less, or no class of its own.
_BY_TEXT: Final = {
    "max number of clients reached": _MANY,
    "Authentication required": _SAID["NOAUTH"],
    # What has more words than those before a login may have.
    "Protocol error: unauthenticated": _SAID["NOAUTH"],
    # Of a script, which may do what its user may do.
    "The user executing the script can't": _SAID["NOPERM"],
    "ACL failure in script": _SAID["NOPERM"],
    "cluster support disabled": "it is no cluster: leave out cluster=true",
    "Client names cannot contain": "it takes no such client_name",
}
_OURS: Final = "SAFESES "
_REDIRECTS: Final = {"MovedError": "MOVED", "AskError": "ASK"}
_REDIRECT: Final = re.compile(
    r"(?:(?P<word>MOVED|ASK) )?\d+ (?P<host>\S*):(?P<port>\d+)"
)
_QUOTED: Final = re.compile(r"@user_script: ?\d+: -?([A-Z]+) ")
_EPOCH: Final = "SAFESES-EPOCH "
# redis-py takes the first words off some errors.
_BY_CLASS: Final = {
    "AuthenticationError": "it refuses user and password",
    "AuthenticationWrongNumberOfArgsError": "it knows no users, only a"
    " password",
    "BusyLoadingError": _SAID["LOADING"],
    "ClusterDownError": _SAID["CLUSTERDOWN"],
    "MasterDownError": _SAID["MASTERDOWN"],
    "MaxConnectionsError": _MANY,
    "NoPermissionError": _SAID["NOPERM"],
    "OutOfMemoryError": _SAID["OOM"],
    "ReadOnlyError": _SAID["READONLY"],
    "TryAgainError": _SAID["TRYAGAIN"],
}
_AUTHENTICATION: Final = ("NOAUTH", "WRONGPASS")


class NotConnectedError(OSError):
    """No connection could be opened, so nothing was asked."""


@attrs.define
class OtherEpochError(Exception):
    """
    The data is not that which this process has seen before.

    Attributes:
        id: What names the data; ``""`` if nothing does.
        age_s: How long ago a person said that it may be used.
    """

    id: str
    age_s: float


def store_error(part: str, error: Exception) -> Exception:
    """Return what to raise for an error that Redis has answered with."""
    text = str(error)
    if text.startswith(_EPOCH):
        name, age_s = text.removeprefix(_EPOCH).split(" ")
        return OtherEpochError("" if name == "-" else name, float(age_s))
    if text.startswith(_OURS):
        return StoreError(part, _ENGINE, text.removeprefix(_OURS))
    known = _known(error)
    if known:
        return StoreError(part, _ENGINE, known)
    word = word_of(error)
    if word in _SAID:
        return StoreError(part, _ENGINE, f"{_SAID[word]} ({word})")
    return StoreError(part, _ENGINE, f"it answers with {word or 'an error'}")


def was_asked(error: StoreError) -> bool:
    """Whether a question may have come through before it failed."""
    cause = error.__cause__
    return cause is not None and not isinstance(cause, NotConnectedError)


def word_of(error: BaseException) -> str:
    """Return the word that an error of Redis begins with, or ``""``."""
    text = str(error)
    # Before version 7 what fails in a script is quoted behind its place.
    quoted = _QUOTED.search(text)
    word = quoted[1] if quoted else text.partition(" ")[0]
    return word if word.isalpha() and word.isupper() else ""


@attrs.frozen
class Redirect:
    """
    To whom a node of a cluster sends a question.

    Attributes:
        node: Where that one is; without a host it is on the same one.
        is_for_good: Whether to ask it from now on, or this once.
    """

    node: dict[str, Any]
    is_for_good: bool


def redirect_of(error: BaseException) -> Redirect | None:
    """Return to whom an error leads, if it does."""
    # Before version 6 redis-py has no class for them but in its own cluster
    # client, and leaves the word in the text.
    match = _REDIRECT.fullmatch(str(error))
    word = _REDIRECTS.get(type(error).__name__) or (match and match["word"])
    if match is None or not word:
        return None
    node: dict[str, Any] = {"port": int(match["port"])}
    if match["host"]:
        node["host"] = match["host"]
    return Redirect(node, is_for_good=word == "MOVED")


def is_replica(error: BaseException) -> bool:
    """Whether a server takes no writes, as another one does."""
    return (
        type(error).__name__ == "ReadOnlyError" or word_of(error) == "READONLY"
    )


def of(error: BaseException, timeout_s: float) -> str:
    """Return what happened to a connection, in a few words."""
    if isinstance(error, NotConnectedError):
        return str(error)
    known = _known(error) or _SAID.get(word_of(error))
    if known:
        return known
    cause: BaseException | None = error
    problem = ""
    while cause is not None and not problem:
        problem = _of_cause(cause)
        cause = cause.__cause__ or cause.__context__
    late = f"no answer within {timeout_s:g} s"
    if "imed out" in str(error) or "imeout" in type(error).__name__:
        return late
    return problem or "the connection broke"


def _of_cause(cause: BaseException) -> str:
    name = type(cause).__name__
    if name.startswith("SSL"):
        return f"TLS fails with {name}"
    if name == "gaierror":
        return "its name has no address"
    if isinstance(cause, OSError) and cause.errno:
        return f"no connection: {os.strerror(cause.errno)}"
    return ""


def _known(error: BaseException) -> str:
    """Return what it is in words, ``""`` if nobody knows."""
    text = str(error)
    for said, words in _BY_TEXT.items():
        if said in text:
            return words
    for kind in type(error).__mro__:
        if kind.__name__ in _BY_CLASS:
            return _BY_CLASS[kind.__name__]
    return ""
