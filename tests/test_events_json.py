from __future__ import annotations

import json
import pickle
import sys
import tracemalloc
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safeses.errors import InvalidEventError
from safeses.events._json import (
    MAX_BYTES,
    MAX_DEPTH,
    MAX_DIGITS,
    MAX_MEMBERS,
    load_all,
    load_json,
)

SECRET = "ann@example.net"


def refused(data: Any, **limits: Any) -> str:
    """Return the rule that refuses *data*, ``""`` if none does."""
    try:
        load_json(data, **limits)
    except InvalidEventError as error:
        return error.rule
    return ""


def nested(levels: int, opener: str = "[", closer: str = "]") -> str:
    """Return lists in lists."""
    return opener * levels + closer * levels


def mapped(levels: int) -> str:
    """Return mappings in mappings."""
    return '{"a":' * levels + "1" + "}" * levels


def mixed(levels: int) -> str:
    """Return mappings in lists in mappings."""
    return '[{"a":' * (levels // 2) + "1" + "}]" * (levels // 2)


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**30), 10**30)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text()
    | st.text('"\\[]{},:'),
    lambda inner: (
        st.lists(inner, max_size=5)
        | st.dictionaries(st.text(max_size=5), inner, max_size=5)
    ),
    max_leaves=30,
)


@given(value=JSON, ascii_only=st.booleans(), indent=st.sampled_from([None, 1]))
def test_as_json(value: object, *, ascii_only: bool, indent: int) -> None:
    """What is JSON is read as the standard library reads it."""
    text = json.dumps(value, ensure_ascii=ascii_only, indent=indent)
    data = text.encode("utf-8", "replace")
    expected = json.loads(data)

    assert (expected, json.loads(text)) == (load_json(data), load_json(text))


@given(
    values=st.lists(JSON, min_size=1, max_size=5),
    blank=st.sampled_from(["\n", " \r\n\t", "\n\n"]),
)
def test_documents(values: list[object], blank: str) -> None:
    """Documents after one another come out in order, blanks or not."""
    text = blank.join(map(json.dumps, values)) + blank

    assert json.loads(json.dumps(values)) == load_all(text)


def test_no_blank_between() -> None:
    """Mappings need nothing between them: so Firehose may join them."""
    found = load_all('{"a":1}{"b":2}\n{"c":3}')

    assert [{"a": 1}, {"b": 2}, {"c": 3}] == found


def test_more_than_one() -> None:
    """One document is one: a second is refused, and so is none."""
    rules = [refused(text) for text in ("{}{}", "", " \n", "{} x", "x")]
    one = "one JSON document"
    no_json = "an event is a JSON document"

    assert [one, no_json, no_json, no_json, no_json] == rules


@pytest.mark.parametrize(
    "text",
    ["", " ", "{", '{"a"', "{'a':1}", "[1,]", "nul", '"\n"', "\x00", "]"],
)
def test_no_json(text: str) -> None:
    """What is no JSON is None here, for it may be a plain text."""
    found = load_all(text)

    assert found is None


@pytest.mark.parametrize("make", [nested, mapped, mixed])
def test_depth(make: Any) -> None:
    """As deep as it may be it is read, and one level more is refused."""
    rules = [refused(make(MAX_DEPTH + more)) for more in (0, 2)]

    assert ["", f"nesting up to {MAX_DEPTH} levels"] == rules


def test_depth_is_exact() -> None:
    """One level too many is too many."""
    rule = refused(nested(MAX_DEPTH + 1))

    assert f"nesting up to {MAX_DEPTH} levels" == rule


@pytest.mark.parametrize(
    "text",
    [
        nested(1_000),
        nested(200_000),
        mapped(100_000),
        "[" * 1_000_000,
        '{"a":[' * 100_000,
        '["\\\\",' + nested(100_000) + "]",
        '["\\"",' + nested(100_000) + "]",
        '["\\\\\\"",' + nested(100_000) + "]",
        '["]]]]]]]]",' + "[" * 100_000,
        '{"a":"}",' + '"b":{' * 60_000,
        "\ufeff" + nested(200_000),
    ],
    ids=range(11),
)
def test_bombs(text: str) -> None:
    """Depth is refused before anything is read, even with no stack limit."""
    limit = sys.getrecursionlimit()
    try:
        # The decoder would crash the process.
        sys.setrecursionlimit(2_000_000)
        rule = refused(text, max_bytes=2 * MAX_BYTES)
    finally:
        sys.setrecursionlimit(limit)

    assert rule in {
        f"nesting up to {MAX_DEPTH} levels",
        f"at most {max(MAX_MEMBERS, len(text) // 16):,} members",
    }


@pytest.mark.parametrize(
    "value",
    [
        "[" * 10_000,
        '"[' * 10_000,
        "\\[{" * 10_000,
        '\\"[' * 10_000,
        ["{[" * 100] * 100,
        {"[" * 70: "]"},
    ],
    ids=range(6),
)
def test_brackets_in_texts(value: object) -> None:
    """Brackets in texts are no depth, whatever is escaped."""
    found = load_json(json.dumps(value))

    assert value == found


@given(
    value=st.lists(st.text('"\\[]{},', min_size=1, max_size=12), min_size=8)
)
def test_brackets_in_any_texts(value: list[str]) -> None:
    """No text is taken for structure, nor structure for text."""
    text = json.dumps([*value, "[" * MAX_DEPTH])
    deep = "[" * MAX_DEPTH + text + "]" * MAX_DEPTH

    assert ("", f"nesting up to {MAX_DEPTH} levels") == (
        refused(text),
        refused(deep),
    )


def test_wide() -> None:
    """Many brackets beside one another are no depth."""
    value: list[object] = [[], {}] * 1_000

    assert value == load_json(json.dumps(value))


@pytest.mark.parametrize("item", ["0", "[]", "{}", '""', "[0]", '{"a":0}'])
def test_members(item: str) -> None:
    """Members are counted, so that memory stays within bounds."""
    each = 2 if item in {"[0]", '{"a":0}', "[]", "{}"} else 1
    fits = MAX_MEMBERS // each - 5
    texts = [f"[{','.join([item] * n)}]" for n in (fits, 2 * MAX_MEMBERS)]
    rules = [refused(text).split(" ")[0] for text in texts]

    assert ["", "at"] == rules


def test_members_in_texts() -> None:
    """Commas in texts are no members."""
    value = ["," * 200_000, ["x,[{"] * 1_000]

    assert value == load_json(json.dumps(value))


def test_room_of_large_files() -> None:
    """What is long may have members as its length allows."""
    value = [{"a member of usual length": "a value"}] * 100_000
    found = load_json(json.dumps(value), max_bytes=10 * MAX_BYTES)

    assert len(value) == len(found)


@pytest.mark.race  # other threads' memory counts as well
def test_memory() -> None:
    """No payload of the size of a message takes 40 times its size."""
    hostile = [
        "[" + ",".join(["{}"] * (MAX_BYTES // 3 - 1)) + "]",
        "[" + ",".join(["[]"] * (MAX_BYTES // 3 - 1)) + "]",
        "{" + ",".join(f'"{n:x}":0' for n in range(MAX_BYTES // 10)) + "}",
        '{"a":[' * (MAX_BYTES // 6),
        '"' * MAX_BYTES,
        "\\" * MAX_BYTES,
        "1" * MAX_BYTES,
        "[" + ",".join(["{" + '"a":0' + "}"] * 49_000) + "]",
    ]
    peaks = []
    tracemalloc.start()
    try:
        for text in hostile:
            tracemalloc.reset_peak()
            before = tracemalloc.get_traced_memory()[0]
            refused(text)
            peaks.append(tracemalloc.get_traced_memory()[1] - before)
    finally:
        tracemalloc.stop()

    assert max(peaks) < 40 * MAX_BYTES, peaks


@pytest.mark.parametrize("sign", ["", "-"])
def test_digits(sign: str) -> None:
    """A number has as many digits as it may have, and no more."""
    longest = sign + "9" * (MAX_DIGITS - len(sign))
    rules = [refused(longest), refused(f"{longest}9"), refused("1" * 10**6)]
    rule = f"numbers of at most {MAX_DIGITS} digits that a float can hold"

    assert ["", rule, rule] == rules


@pytest.mark.parametrize(
    "text", ["1e999", "-1e999", "[1e400]", '{"a":1.5e309}', "0." + "1" * 10**6]
)
def test_overflow(text: str) -> None:
    """A number that no float can hold, or is endless, is refused."""
    rule = refused(text)

    assert rule.startswith("numbers of at most")


@pytest.mark.parametrize("text", ["1e308", "1e-999", "-0.0", "0.1", "1E5"])
def test_floats(text: str) -> None:
    """Other fractions and exponents are read as ever."""
    found = load_json(text)

    assert json.loads(text) == found


@pytest.mark.parametrize("text", ["NaN", "[Infinity]", '{"a":-Infinity}'])
def test_constants(text: str) -> None:
    """What is no number of JSON is refused."""
    rule = refused(text)

    assert rule == "numbers"


@pytest.mark.parametrize(
    "text",
    [
        '{"a":1,"a":1}',
        '{"a":1,"b":2,"\\u0061":3}',
        '[[{"a":{"b":1,"b":1}}]]',
        '{"":1,"":2}',
    ],
)
def test_twice(text: str) -> None:
    """A name that stands twice is refused: programs read it differently."""
    rule = refused(text)

    assert rule == "a name once in a mapping"


@pytest.mark.parametrize("kind", [str, bytes, bytearray, memoryview])
def test_size(kind: Any) -> None:
    """A text may be as long as allowed in UTF-8, and not one byte longer."""
    texts = ['"' + "a" * 98 + '"', '"' + "a" * 99 + '"', '"' + "é" * 50 + '"']
    data = [t if kind is str else kind(t.encode()) for t in texts]
    found = [bool(refused(each, max_bytes=100)) for each in data]

    assert [False, True, True] == found


@pytest.mark.parametrize(
    "byte", [b"\xff", b"\xc3", b"\xed\xa0\x80", b"\xc0\x80"]
)
def test_no_utf_8(byte: bytes) -> None:
    """Bytes that are no UTF-8 are refused, not guessed at."""
    rule = refused(b'{"a":"' + byte + b'"}')

    assert rule == "UTF-8"


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32", "utf-16-le"])
def test_other_encodings(encoding: str) -> None:
    """No other encoding is guessed either."""
    rule = refused('{"a":"b"}'.encode(encoding))

    assert rule in {"UTF-8", "an event is a JSON document"}


def test_mark_of_utf_8() -> None:
    """The mark that editors put before UTF-8 does no harm."""
    found = [load_json(b"\xef\xbb\xbf{}"), load_json("\ufeff{}")]

    assert [{}, {}] == found


def test_halves_of_characters() -> None:
    """Half a character is kept: nothing else of the event is lost."""
    found = load_json('{"a":"\\ud800x"}'), load_json('{"a":"\ud800x"}')

    assert ({"a": "\ud800x"}, {"a": "\ud800x"}) == found


@pytest.mark.parametrize(
    "text",
    [
        f'{{"{SECRET}":1,"{SECRET}":1}}',
        f'{{"{SECRET}"',
        f'["{SECRET}",NaN]',
        f'["{SECRET}",1e999]',
        f'["{SECRET}",{nested(500)}]',
        f'["{SECRET}"] ["{SECRET}"]',
        f'["{SECRET}"]'.ljust(MAX_BYTES + 1),
        f'["{SECRET}"'.encode() + b"\xff",
    ],
    ids=range(8),
)
def test_nothing_leaks(text: str) -> None:
    """No error holds what was received, nor does one behind it."""
    with pytest.raises(InvalidEventError) as caught:
        load_json(text)
    error: BaseException | None = caught.value
    shown = []
    while error is not None:
        shown.append(f"{error!r} {error} {error.args} {vars(error)}")
        error = error.__context__ or error.__cause__

    assert [False] == [SECRET in text for text in shown]


def test_errors_pickle() -> None:
    """An error comes back from a task queue with all that it says."""
    with pytest.raises(InvalidEventError) as caught:
        load_json(nested(100))
    error = caught.value
    again = pickle.loads(pickle.dumps(error))  # noqa: S301  # our own

    assert (str(error), error.rule, error.seen) == (
        str(again),
        again.rule,
        again.seen,
    )


def test_many_documents() -> None:
    """Documents are counted too, be they numbers with blanks between."""
    rules = []
    for count in (MAX_MEMBERS, MAX_BYTES // 2):
        try:
            load_all("1 " * count)
            rules.append("")
        except InvalidEventError as error:
            rules.append(error.rule.split(" ")[0])

    assert ["", "at"] == rules
