from __future__ import annotations

import os
import pickle
import threading
from typing import TYPE_CHECKING, Any

import attrs
import boto3
import pytest
from botocore.exceptions import (
    ClientError,
    ConnectionClosedError,
    EndpointConnectionError,
    NoCredentialsError,
    ReadTimeoutError,
)
from tests.dynamodb_tables import Lent, client_at, made_at
from tests.engines import with_query

from safeses.dynamodb import _checks
from safeses.dynamodb._connection import (
    Check,
    Delete,
    Put,
    Table,
    Update,
)
from safeses.dynamodb._numbers import from_wire, to_wire
from safeses.dynamodb._url import options_of
from safeses.errors import ConfigurationError, StoreError
from safeses.testing._clock import FakeClock
from safeses.testing._contracts._at_once import in_a_child, meanwhile

if TYPE_CHECKING:
    from collections.abc import Iterator

PART = "ledger"
KEY = ("a", "1")
URL = "https://dynamodb.eu-west-1.amazonaws.com/"


@pytest.fixture
def table(dynamodb_url: str) -> Iterator[Table]:
    """Return a table that nobody else uses."""
    # A machine that is busy with other tests answers late.
    table = Table(**options_of(with_query(dynamodb_url, timeout_s=10)))
    _checks.init(table)
    yield table
    table.close()


@attrs.define
class Scripted:
    """A client that raises what it is told, or answers nothing."""

    faults: list[Exception]
    asked: list[str] = attrs.field(factory=list)
    meta: None = None

    def __getattr__(self, name: str) -> Any:
        """Return any method of a client."""

        def act(**_: Any) -> dict[str, Any]:
            self.asked.append(name)
            if self.faults:
                raise self.faults.pop(0)
            return {}

        return act


def scripted(*faults: Exception) -> tuple[Table, Scripted]:
    """Return a table whose client fails so, and that client."""
    client = Scripted([*faults])
    given: Any = client
    return known(Table("mails", client=given, clock=FakeClock())), client


def known(table: Table) -> Table:
    """Return a table whose format was looked at before."""
    table._is_known = True  # noqa: SLF001  # that it is asked once, is below
    return table


def answered(code: str, status: int = 400, text: str = "") -> ClientError:
    """Return an error as DynamoDB answers it."""
    answer: Any = {
        "Error": {"Code": code, "Message": text},
        "ResponseMetadata": {"HTTPStatusCode": status},
    }
    return ClientError(answer, "UpdateItem")


# --- Values ------------------------------------------------------------------


@pytest.mark.parametrize(
    "value",
    [
        "",
        "Zoë",
        0,
        -5,
        10**30,
        31_536_000_123_456_789,
        0.1,
        -1e-9,
        True,
        False,
        None,
        b"\x00\xff",
        [1, "a", None],
        {"a": {"b": [0.5]}},
    ],
)
def test_plain_values(value: object) -> None:
    """What is written is what is read, in value and type."""
    back = from_wire(to_wire(value))

    assert (value, type(value)) == (back, type(back))


def test_no_such_value() -> None:
    """What DynamoDB cannot keep is a mistake of the caller."""
    with pytest.raises(TypeError, match="keeps no object"):
        to_wire(object())


# --- Items -------------------------------------------------------------------


@pytest.mark.server
def test_get(table: Table) -> None:
    """An item is read as it was written, and None where there is none."""
    item = {"pk": "a", "sk": "1", "n": 3, "x": 1.5, "b": b"b", "l": [None]}
    table.put(PART, item)
    found = table.get(PART, KEY), table.get(PART, ("a", "2"))

    assert (item, None) == found


@pytest.mark.server
def test_put_on_a_condition(table: Table) -> None:
    """Of two who make the same item, one does, and the other sees it."""
    first, second = (
        table.try_put(
            PART,
            {"pk": "a", "sk": "1", "by": by},
            condition="attribute_not_exists(pk)",
        )
        for by in ("me", "you")
    )

    assert (True, False, "me") == (first.done, second.done, second.item["by"])


@pytest.mark.server
def test_update_on_a_condition(table: Table) -> None:
    """An update gives the new item, or None where it was not done."""
    table.put(PART, {"pk": "a", "sk": "1", "n": 1})
    gave = [
        table.update(
            PART,
            KEY,
            "SET n = n + :one",
            condition="n < :two",
            values={":one": 1, ":two": 2},
            give="new",
        )
        for _ in range(2)
    ]

    assert [{"pk": "a", "sk": "1", "n": 2}, None] == gave


@pytest.mark.server
def test_delete(table: Table) -> None:
    """To delete tells whether there was something to delete."""
    table.put(PART, {"pk": "a", "sk": "1"})
    told = [
        table.delete(PART, KEY, condition="attribute_exists(held_by)"),
        table.delete(PART, KEY),
        table.delete(PART, KEY),
    ]

    assert [False, True, False] == told


@pytest.mark.server
def test_query(table: Table) -> None:
    """A partition is read in order, from where one wants, to where."""
    for sk in ("b1", "b2", "b3", "c1"):
        table.put(PART, {"pk": "q", "sk": sk})
    answers = [
        [item["sk"] for item in table.query(PART, "q", **given)]
        for given in (
            {},
            {"limit": 2},
            {"after": "b2"},
            {"prefix": "b"},
            {"prefix": "b", "after": "b1"},
            {"between": ("b2", "b3")},
            {"between": ("b2", "b3"), "after": "b3"},
        )  # type: dict[str, Any]
    ]

    assert [
        ["b1", "b2", "b3", "c1"],
        ["b1", "b2"],
        ["b3", "c1"],
        ["b1", "b2", "b3"],
        ["b2", "b3"],
        ["b2", "b3"],
        [],
    ] == answers


@pytest.mark.server
def test_count(table: Table) -> None:
    """What a partition has is counted, all of it or what begins so."""
    for sk in ("b1", "b2", "c1"):
        table.put(PART, {"pk": "q", "sk": sk})

    assert (3, 2, 0) == (
        table.count(PART, "q"),
        table.count(PART, "q", prefix="b"),
        table.count(PART, "r"),
    )


@pytest.mark.server
def test_get_many(table: Table) -> None:
    """More keys than one request takes are all looked up."""
    for n in range(0, 250, 50):
        table.put(PART, {"pk": "q", "sk": f"{n}"})
    found = table.get_many(PART, [("q", f"{n}") for n in range(250)])

    assert {("q", f"{n}") for n in range(0, 250, 50)} == set(found)


@pytest.mark.server
def test_transact(table: Table) -> None:
    """All writes are done, or none if one condition does not hold."""
    table.put(PART, {"pk": "a", "sk": "1", "n": 1})
    count = Update(key=KEY, expression="ADD n :n", values={":n": 1})
    missing = Check(key=("x", "x"), condition="attribute_exists(pk)")
    done = [
        table.transact(PART, [count, missing]),
        table.transact(
            PART,
            [count, Put(item={"pk": "b", "sk": "1"}), Delete(key=("c", "1"))],
        ),
    ]
    item = table.get(PART, KEY)

    assert ([False, True], {"pk": "a", "sk": "1", "n": 2}) == (done, item)


@pytest.mark.server
def test_threads(table: Table) -> None:
    """Eight threads that add to one number lose nothing."""
    table.put(PART, {"pk": "a", "sk": "1", "n": 0})

    def add() -> None:
        for _ in range(5):
            table.update(PART, KEY, "ADD n :n", values={":n": 1})

    threads = [threading.Thread(target=add) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    item = table.get(PART, KEY)

    assert {"pk": "a", "sk": "1", "n": 40} == item


@pytest.mark.server
@pytest.mark.skipif(not hasattr(os, "fork"), reason="nothing forks here")
def test_fork(table: Table) -> None:
    """A child asks on connections of its own; the parent's go on."""
    table.put(PART, {"pk": "a", "sk": "1", "n": 7})
    said = in_a_child(lambda: repr(table.get(PART, KEY)), 60)
    item = table.get(PART, KEY)

    assert repr(item) == said


@pytest.mark.server
@pytest.mark.skipif(not hasattr(os, "fork"), reason="nothing forks here")
# Python 3.12 warns of what this test is about.
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork")
def test_fork_amid_the_first_use(dynamodb_url: str, table: Table) -> None:
    """A child of a fork amid the making of a client makes its own."""
    options = options_of(with_query(dynamodb_url, timeout_s=10))
    table.put(PART, {"pk": "a", "sk": "1"})
    fresh = [Table(**options)]

    def begin() -> None:
        fresh[0] = new = Table(**options)
        new.get(PART, KEY)
        new.close()

    with meanwhile(begin):
        said = [
            in_a_child(lambda: repr(fresh[0].get(PART, KEY)), 60)
            for _ in range(3)
        ]

    assert 3 * [repr({"pk": "a", "sk": "1"})] == said


@pytest.mark.skipif(not hasattr(os, "fork"), reason="nothing forks here")
def test_a_given_client_and_a_fork() -> None:
    """A client that was given is not used in a child."""
    table, _ = scripted()
    table.get(PART, KEY)

    said = in_a_child(lambda: str(table.get(PART, KEY)), 60)

    assert "made before a fork" in said


# --- Errors ------------------------------------------------------------------


@pytest.mark.parametrize(
    "fault, words",
    [
        (answered("ResourceNotFoundException"), "no table 'mails'; make it"),
        (
            answered("AccessDeniedException"),
            "IAM does not allow dynamodb:GetItem on 'mails'",
        ),
        (answered("UnrecognizedClientException"), "not accept the cred"),
        (
            answered("ValidationException", text="does not match the schema"),
            "other keys than pk and sk",
        ),
        (answered("ValidationException"), "refused GetItem"),
        (ReadTimeoutError(endpoint_url=URL), "no answer within 1 s"),
        (NoCredentialsError(), "no AWS credentials"),
    ],
)
def test_errors_in_words(fault: Exception, words: str) -> None:
    """What boto3 raises becomes an error that says what to do."""
    table, client = scripted(fault)
    with pytest.raises(StoreError, match=words) as caught:
        table.get(PART, KEY)

    assert (PART, "dynamodb", ["get_item"]) == (
        caught.value.part,
        caught.value.engine,
        client.asked,
    )


@pytest.mark.parametrize(
    "fault",
    [
        answered("ThrottlingException"),
        answered("ProvisionedThroughputExceededException"),
        EndpointConnectionError(endpoint_url=URL),
    ],
)
def test_what_was_not_done_is_asked_again(fault: Exception) -> None:
    """A throttled write is tried a second time, and no third."""
    table, client = scripted(fault)
    table.update(PART, KEY, "SET n = :n", values={":n": 1})
    worked = len(client.asked)
    client.faults += [fault, fault]
    with pytest.raises(StoreError):
        table.update(PART, KEY, "SET n = :n", values={":n": 1})

    assert (2, 4) == (worked, len(client.asked))


@pytest.mark.parametrize("again, asked", [(False, 1), (True, 2)])
def test_a_lost_connection(*, again: bool, asked: int) -> None:
    """A write that may have been done is repeated only where allowed."""
    fault = ConnectionClosedError(endpoint_url=URL)
    table, client = scripted(fault, fault)
    with pytest.raises(StoreError, match="connection was lost"):
        table.put(PART, {"pk": "a", "sk": "1"}, again=again)

    assert asked == len(client.asked)


def test_the_circuit() -> None:
    """After three silences the next call fails without asking."""
    fault = ReadTimeoutError(endpoint_url=URL)
    table, client = scripted(*[fault] * 3)
    for _ in range(4):
        with pytest.raises(StoreError, match="no answer"):
            table.get(PART, KEY)
    table.clock.sleep(1)
    found = table.get(PART, KEY)

    assert (4, None) == (len(client.asked), found)


def test_an_error_pickles() -> None:
    """A task queue may carry the error."""
    table, _ = scripted(answered("AccessDeniedException"))
    with pytest.raises(StoreError) as caught:
        table.get(PART, KEY)

    assert str(caught.value) == str(pickle.loads(pickle.dumps(caught.value)))  # noqa: S301  # our own


def test_batches_are_asked_to_the_end() -> None:
    """Keys that DynamoDB left out are asked for again, not for ever."""
    left = {"UnprocessedKeys": {"mails": {"Keys": [{"pk": {"S": "a"}}]}}}

    class Slow(Scripted):
        def batch_get_item(self, **_: Any) -> dict[str, Any]:
            self.asked.append("batch")
            return left

    client: Any = Slow([])
    table = known(Table("mails", client=client, clock=FakeClock()))
    with pytest.raises(StoreError, match="throttled"):
        table.get_many(PART, [KEY])

    assert 4 == len(client.asked)


# --- URLs --------------------------------------------------------------------


def test_url() -> None:
    """The URL names the table, as it is written, and the options."""
    options = options_of(
        "dynamodb://My.Table?region=eu-west-1&timeout_s=0.5&drift_s=2"
    )

    assert {
        "name": "My.Table",
        "region": "eu-west-1",
        "timeout_s": 0.5,
        "drift_s": 2.0,
    } == options


@pytest.mark.parametrize(
    "url, words",
    [
        ("dynamodb://", "names no table"),
        ("dynamodb://ab", "names no table"),
        ("dynamodb://mails/other", "names no table"),
        ("dynamodb://[mails", "names no table"),
        ("dynamodb://key:secret@mails", "no place for credentials"),
        ("dynamodb://mails?regio=eu-west-1", "no option regio"),
        ("dynamodb://mails?region=a&region=b", "twice"),
        ("dynamodb://mails?region=", "region= is empty"),
        ("dynamodb://mails?timeout_s=fast", "not a number"),
    ],
)
def test_odd_urls(url: str, words: str) -> None:
    """What cannot be meant is refused, and no secret is repeated."""
    with pytest.raises(ConfigurationError, match=words) as caught:
        options_of(url)

    assert "secret" not in str(caught.value)


def test_repr() -> None:
    """A table shows its name, not how it is reached."""
    table = Table("mails", endpoint_url="http://user:secret@127.0.0.1")

    assert "Table('mails')" == repr(table)


# --- The table ---------------------------------------------------------------


def notes(table: Table) -> list[tuple[str, str]]:
    """Return what is wrong with a table, or doubtful."""
    return [
        (note.level, note.text.partition(":")[0])
        for note in _checks.check(table)
        if note.level != "ok"
    ]


@pytest.mark.server
def test_check(dynamodb_url: str) -> None:
    """A table is missing, then made, then made again to no effect."""
    table = Table(**options_of(with_query(dynamodb_url, timeout_s=10)))
    before = notes(table)
    _checks.init(table)
    _checks.init(table)
    after = notes(table)
    table.close()

    assert (
        [("error", f"there is no table {table.name!r}")],
        [("warning", "point-in-time recovery is off")],
    ) == (before, after)


@pytest.mark.server
def test_a_newer_format(table: Table, dynamodb_url: str) -> None:
    """What a newer version has made is left alone, and the check says so."""
    # As the version after this one would note it.
    table.update(
        PART, ("safeses", "format"), "SET v = v + :n", values={":n": 1}
    )
    options = options_of(with_query(dynamodb_url, timeout_s=10))
    other = Table(**options)
    with pytest.raises(StoreError, match=r"format 2, and .* update safeses"):
        other.put(PART, {"pk": "a", "sk": "1"})
    said = notes(other)
    other.close()

    assert (None, 1) == (
        table.get(PART, KEY),
        sum("has the format 2" in text for _, text in said),
    )


@pytest.mark.server
def test_the_format_is_asked_once(dynamodb_port: int) -> None:
    """The first request of a process looks at the format, no other one."""
    asked: list[str] = []
    near = client_at(dynamodb_port)

    class Noted(Lent):
        def __getattr__(self, name: str) -> Any:
            asked.append(name)
            return getattr(near, name)

    client: Any = Noted(near)
    table = Table(made_at(dynamodb_port), client=lambda: client)
    for _ in range(2):
        table.get(PART, KEY)

    assert ["get_item", "update_item", "get_item", "get_item"] == asked


@pytest.mark.server
def test_a_foreign_table(dynamodb_url: str) -> None:
    """A table with other keys is not ours."""
    options = options_of(with_query(dynamodb_url, timeout_s=10))
    client = boto3.client(
        "dynamodb",
        region_name=options["region"],
        endpoint_url=options["endpoint_url"],
    )
    client.create_table(
        TableName=options["name"],
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    client.close()
    table = Table(**options)
    said = notes(table)
    table.close()

    assert [("error", True)] == [(a, "other keys" in b) for a, b in said]
