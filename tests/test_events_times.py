from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from safeses.events._times import MAX_CHARS, read_time

UTC = dt.timezone.utc
AT = dt.datetime(2026, 5, 4, 9, 8, 7, tzinfo=UTC)
MS = dt.timedelta(milliseconds=1)

FORMS = {
    "2026-05-04T09:08:07.123Z": AT + 123 * MS,
    "2026-05-04T09:08:07Z": AT,
    "2026-05-04T09:08:07z": AT,
    "2026-05-04t09:08:07.5z": AT + 500 * MS,
    "2026-05-04T09:08:07.000000Z": AT,
    "2026-05-04T09:08:07.123456789Z": AT + dt.timedelta(microseconds=123456),
    "2026-05-04T09:08:07,5Z": AT + 500 * MS,
    "2026-05-04T09:08:07 +0000": AT,
    "2026-05-04T09:08:07 +00:00": AT,
    "2026-05-04 09:08:07 +0000": AT,
    "2026-05-04T04:08:07.000-05:00": AT,
    "2026-05-04T04:08:07.25-0500": AT + 250 * MS,
    "2026-05-04T14:38:07+05:30": AT,
    "2026-05-04T04:08:07-05": AT,
    "2026-05-04T04:08:07.000 -05": AT,
    "2026-05-04T09:08:07.123": AT + 123 * MS,
    "2026-05-04T09:08:07 UTC": AT,
    " 2026-05-04T09:08:07Z\n": AT,
    "0001-01-01T00:00:00.000Z": dt.datetime(1, 1, 1, tzinfo=UTC),
}
UNREADABLE = (
    "",
    "yesterday",
    "2026-05-04",
    "2026-05-04T09:08Z",
    "2026-13-04T09:08:07.123Z",
    "2026-02-30T09:08:07.123Z",
    "2026-05-04T24:00:00.000Z",
    "2026-05-04T09:08:60.000Z",
    "0000-05-04T09:08:07.123Z",
    "99999-05-04T09:08:07.123Z",
    "2026-W19-1T09:08:07.123Z",
    "2026-05-04T09:08:07.123ZZ",
    "2026-05-04T09:08:07.+12Z",
    "2026-05-04T09:08:07.1-0Z",
    "2026-05-04T+9:08:07.123Z",
    "2026-05-04T 9:08:07.123Z",
    "2026-05-04T09:08:07.Z",
    "2026-05-04T09:08:07+24:00",
    "2026-05-04T09:08:07+05:60",
    "2026-05-04T09:08:07+5",
    "2026-05-04T09:08:07+24",
    "2026-05-04T09:08:07+05:",
    "2026-05-04T09:08:07+05:3",
    "0001-01-01T00:00:00+01:00",
    "9999-12-31T23:59:59-01:00",
    "\u0662026-05-04T09:08:07.123Z",
    "2026-05-04T09:08:07.12\u0663Z",
    "2026-05-04T09:08:07.12\u00b2Z",
    "2026-05-04T09:08:07\x00Z",
    "\ud8002026-05-04T09:08:07Z",
    "2026-05-04T09:08:07." + "1" * 10_000_000 + "Z",
    " " * 10_000_000,
)


@pytest.mark.parametrize("text", FORMS)
def test_forms(text: str) -> None:
    """Every form that AWS writes is the same instant, aware, in UTC."""
    at = read_time(text)

    assert (FORMS[text], UTC) == (at, at and at.tzinfo)


@pytest.mark.parametrize("number", range(len(UNREADABLE)))
def test_unreadable(number: int) -> None:
    """What is no time, or no time of this world, is None and no error."""
    at = read_time(UNREADABLE[number])

    assert at is None


@pytest.mark.parametrize(
    "value", [None, 1778000000, 1.5, True, b"2026-05-04T09:08:07Z", [], {}]
)
def test_no_text(value: object) -> None:
    """What is no text at all is no time."""
    at = read_time(value)

    assert at is None


def test_longest() -> None:
    """As long as it may be, a time is still read; longer, it is not."""
    text = "2026-05-04T09:08:07.".ljust(MAX_CHARS - 1, "0") + "Z"
    longer = text.replace("Z", "0Z")

    assert (AT, None) == (read_time(text), read_time(longer))


@given(
    at=st.datetimes(
        min_value=dt.datetime(1900, 1, 1),  # noqa: DTZ001  # made aware
        max_value=dt.datetime(2200, 1, 1),  # noqa: DTZ001
        timezones=st.builds(
            dt.timezone,
            st.integers(-1439, 1439).map(lambda m: dt.timedelta(minutes=m)),
        ),
    ),
    separator=st.sampled_from("T t"),
    digits=st.integers(0, 6),
    blank=st.sampled_from(["", " "]),
    colon=st.sampled_from(["", ":"]),
)
def test_any_time(
    at: dt.datetime, separator: str, digits: int, blank: str, colon: str
) -> None:
    """A time comes back as it was written, up to the digits it has."""
    kept = at.microsecond // 10 ** (6 - digits) * 10 ** (6 - digits)
    fraction = f".{at.microsecond:06d}"[: digits + 1] if digits else ""
    offset = at.strftime("%z")
    text = (
        f"{at:%Y-%m-%d}{separator}{at:%H:%M:%S}{fraction}{blank}"
        f"{offset[:3]}{colon}{offset[3:]}"
    )

    assert at.replace(microsecond=kept) == read_time(text)


@given(text=st.text("0123456789-:.TZz+ W\u0663", max_size=30))
@example(text="2026-05-04T09:08:07.123Z")
def test_same_by_both_ways(text: str) -> None:
    """The quick way for the usual form says what the other one says."""
    # With a blank in front it is not of the usual form.
    at = read_time(f" {text}")

    assert at == read_time(text)
