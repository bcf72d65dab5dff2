from __future__ import annotations

import pytest

from safeses.redis._problems import Redirect, redirect_of


class MovedError(Exception):
    """As redis-py 6 and newer raise it: without its first word."""


class AskError(Exception):
    """The same."""


HERE = {"host": "10.0.0.7", "port": 6381}


@pytest.mark.parametrize(
    "error, expected",
    [
        (MovedError("3999 10.0.0.7:6381"), Redirect(HERE, is_for_good=True)),
        (AskError("3999 10.0.0.7:6381"), Redirect(HERE, is_for_good=False)),
        # Before redis-py 6.
        (
            Exception("MOVED 3999 10.0.0.7:6381"),
            Redirect(HERE, is_for_good=True),
        ),
        (
            Exception("ASK 3999 10.0.0.7:6381"),
            Redirect(HERE, is_for_good=False),
        ),
        # The same host, and one of IPv6.
        (
            Exception("MOVED 1 :6381"),
            Redirect({"port": 6381}, is_for_good=True),
        ),
        (
            Exception("MOVED 1 ::1:6381"),
            Redirect({"host": "::1", "port": 6381}, is_for_good=True),
        ),
        (Exception("3999 10.0.0.7:6381"), None),
        (Exception("MOVED"), None),
        (Exception("READONLY You can't write against a replica."), None),
    ],
)
def test_redirects(error: Exception, expected: Redirect | None) -> None:
    """Whatever the release of redis-py, a node's redirect is understood."""
    assert expected == redirect_of(error)
