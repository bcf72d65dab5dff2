"""
Certificates at hand, and the fewest fetches that can do.

Whoever knows the ARN of a topic can make up messages with URLs of the
right shape. So what is not at hand is asked for seldom: once for all
threads that need it, a few times a minute from one host. What was found
right stays, and no made-up URL can push it out; what was not is asked
for again soon, as an outage must not outlast itself here.
"""

from __future__ import annotations

import os
import threading
from collections import deque
from typing import TYPE_CHECKING, Any, Final

import attrs
from cachetools import LRUCache, TTLCache

from safeses.errors import CertificateError, UnverifiedEventError
from safeses.feedback._sns._fetch import MAX_BYTES
from safeses.feedback._sns._keys import Certificate, UnreadableError

if TYPE_CHECKING:
    from collections.abc import Callable

    from safeses.feedback._sns._urls import Topic
    from safeses.typing import Clock

# SNS uses one per region, and two while they change.
MIN_KEPT: Final = 8
_KEPT_PER_HOST: Final = 2
# From one host, in so many seconds, of what is not at hand.
MAX_FETCHES: Final = 4
WINDOW_S: Final = 60.0
# SNS delivers again after 20 s: a fresh fetch meets it. And it is more than
# a fourth of the window, or one URL that fails would use up what is allowed.
FAILED_S: Final = 18.0
_MAX_FAILED: Final = 64
# How long others wait for the one that fetches: its 5 s, and a margin.
WAIT_S: Final = 6.0
# One that takes longer hangs, as in a look-up of the name: another may go.
_HANGS_S: Final = 15.0

# What went wrong: of the fetch, or of what came.
_Failure = CertificateError | UnverifiedEventError


@attrs.define(eq=False)
class _Flight:
    """A fetch on its way."""

    began_at: float
    landed: threading.Event = attrs.field(factory=threading.Event)


@attrs.define(eq=False)
class _Shelf:
    """What one process has at hand."""

    found: LRUCache[str, Certificate]
    failed: TTLCache[str, tuple[float, _Failure]]
    flights: dict[str, _Flight] = attrs.field(factory=dict)
    began: dict[str, deque[float]] = attrs.field(factory=dict)
    lock: threading.RLock = attrs.field(factory=threading.RLock)


@attrs.define(eq=False)
class Certificates:
    """
    The certificates that SNS signs with; many threads may ask.

    Attributes:
        loader: Fetches what is at a URL.
        clock: Where the time comes from.
        hosts: How many hosts there are.
    """

    loader: Callable[[str], bytes] = attrs.field(repr=False)
    clock: Clock
    hosts: int = 1
    # A child of a fork has a shelf of its own: that of its parent may be
    # locked, half written, or wait for a thread that only the parent has.
    _shelves: dict[int, _Shelf] = attrs.field(
        factory=dict, init=False, repr=False
    )

    def find(self, url: str, topic: Topic) -> Certificate:
        """
        Return the certificate at *url*, which *topic* allows.

        Raises:
            CertificateError: It cannot be had now.
            UnverifiedEventError: It is not one of SNS's for the topic, or
                not valid now.
        """
        shelf = self._shelf()
        with shelf.lock:
            at_hand = self._at_hand(shelf, url)
            if at_hand is not None:
                return at_hand
            mine, flight = self._take_off(shelf, url, topic.host)
        if mine:
            return self._fly(shelf, url, topic, flight)
        return self._await(shelf, url, topic.host, flight)

    def _at_hand(self, shelf: _Shelf, url: str) -> Certificate | None:
        found = shelf.found.get(url)
        if found is not None:
            # Its name was right for the host, which is in the URL.
            if found.is_valid(self.clock.time()):
                return found
            del shelf.found[url]
        failed = shelf.failed.get(url)
        if failed is None:
            return None
        until, failure = failed
        if isinstance(failure, CertificateError):
            failure.retry_after_s = max(until - self.clock.monotonic(), 1.0)
        raise _again(failure)

    def _take_off(
        self, shelf: _Shelf, url: str, host: str
    ) -> tuple[bool, _Flight]:
        now = self.clock.monotonic()
        flight = shelf.flights.get(url)
        if flight is not None and now - flight.began_at < _HANGS_S:
            return False, flight
        began = shelf.began.setdefault(host, deque(maxlen=MAX_FETCHES))
        if len(began) == MAX_FETCHES and now - began[0] < WINDOW_S:
            raise CertificateError(
                host,
                f"{MAX_FETCHES} others were asked for in {WINDOW_S:g} s",
                began[0] + WINDOW_S - now,
            )
        began.append(now)
        flight = shelf.flights[url] = _Flight(now)
        return True, flight

    def _fly(
        self, shelf: _Shelf, url: str, topic: Topic, flight: _Flight
    ) -> Certificate:
        failure: _Failure | None = CertificateError(
            topic.host, "the fetch was broken off"
        )
        found: Certificate | None = None
        try:
            found = self._load(url, topic)
            failure = None
        except (CertificateError, UnverifiedEventError) as error:
            failure = error
            raise
        finally:
            with shelf.lock:
                if shelf.flights.get(url) is flight:
                    del shelf.flights[url]
                if found is not None:
                    shelf.found[url] = found
                elif failure is not None:
                    until = self.clock.monotonic() + FAILED_S
                    shelf.failed[url] = (until, _again(failure))
            flight.landed.set()
        return found

    def _await(
        self, shelf: _Shelf, url: str, host: str, flight: _Flight
    ) -> Certificate:
        self.clock.sleep(WAIT_S, wake=flight.landed)
        with shelf.lock:
            found = self._at_hand(shelf, url)
        if found is None:
            raise CertificateError(host, "it is on its way", FAILED_S)
        return found

    def _load(self, url: str, topic: Topic) -> Certificate:
        try:
            data: Any = self.loader(url)
        except CertificateError as error:
            raise CertificateError(
                topic.host, error.problem, FAILED_S
            ) from error
        except Exception as error:
            raise CertificateError(
                topic.host,
                f"the loader raised {type(error).__name__}",
                FAILED_S,
            ) from error
        if not isinstance(data, bytes) or len(data) > MAX_BYTES:
            raise CertificateError(
                topic.host,
                f"the loader did not return up to {MAX_BYTES:,} bytes",
                FAILED_S,
            )
        try:
            found = Certificate.read(data)
        except UnreadableError as error:
            raise CertificateError(topic.host, str(error), FAILED_S) from error
        found.check(topic.names, self.clock.time())
        return found

    def _shelf(self) -> _Shelf:
        pid = os.getpid()
        shelf = self._shelves.get(pid)
        if shelf is not None:
            return shelf
        new = _Shelf(
            LRUCache(max(MIN_KEPT, _KEPT_PER_HOST * self.hosts)),
            TTLCache(_MAX_FAILED, FAILED_S, timer=self.clock.monotonic),
        )
        return self._shelves.setdefault(pid, new)


def _again(failure: _Failure) -> _Failure:
    # A new one each time: a traceback holds the message, and threads that
    # raise the same one would write into it.
    if isinstance(failure, CertificateError):
        return CertificateError(
            failure.host, failure.problem, failure.retry_after_s
        )
    return UnverifiedEventError(failure.rule, failure.seen, failure.remedy)
