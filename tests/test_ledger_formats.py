"""What engines keep of a record, byte for byte: others have written it."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from safeses._job import LeftOut, Record, Refused, Sent
from safeses.errors import StoreError
from safeses.ledger import _columns
from safeses.redis import _ledger_rows as redis_rows
from safeses.sql import _ledger_rows as sql_rows
from safeses.sqlite import SqliteLedger
from safeses.sqlite import _ledger_rows as sqlite_rows

if TYPE_CHECKING:
    from pathlib import Path

FULL = Record(
    id="7f" * 32,
    state="unknown",
    owner="call-1",
    attempt=3,
    keyed=True,
    payload="1 p\u00e9",
    unsure=2,
    reason='lost "it"\n\u20ac',
    began_wall=1_700_000_000.25,
    submitted_wall=1_700_000_001.5,
    lease_s=30.0,
    lease_ends=1e16 + 2,
    expires=0.1,
    recipients=3,
    tagged=False,
    left_out=(
        LeftOut(position=0, reason="bounce", since=1.5, source="h\u00e9"),
        LeftOut(position=2, reason="complaint"),
    ),
    sent=Sent(
        message_id="m-1",
        request_id="r",
        sent_at=1_700_000_002.125,
        attempts=2,
        waited_s=0.1,
    ),
    others=("m-2", "m-\u00e9"),
    refused=Refused(
        code="MessageRejected", status=400, detail='a "b"', request_id="q"
    ),
)
LEAST = Record(id="a", state="reserved", owner="call")

LEFT_OUT = (
    '[{"position":0,"reason":"bounce","since":1.5,"source":"h\\u00e9"},'
    '{"position":2,"reason":"complaint","since":null,"source":""}]'
)
SENT = (
    '{"message_id":"m-1","request_id":"r","sent_at":1700000002.125,'
    '"attempts":2,"waited_s":0.1}'
)
OTHERS = '["m-2","m-\\u00e9"]'
REFUSED = (
    '{"code":"MessageRejected","status":400,"detail":"a \\"b\\"",'
    '"request_id":"q"}'
)
FULL_COLUMNS: dict[str, Any] = {
    "id": "7f" * 32,
    "state": "unknown",
    "owner": "call-1",
    "attempt": 3,
    "keyed": 1,
    "payload": "1 p\u00e9",
    "unsure": 2,
    "reason": 'lost "it"\n\u20ac',
    "began_wall": 1_700_000_000.25,
    "submitted_wall": 1_700_000_001.5,
    "lease_s": 30.0,
    "lease_ends": 1.0000000000000002e16,
    "expires": 0.1,
    "recipients": 3,
    "tagged": 0,
    "left_out": LEFT_OUT,
    "sent": SENT,
    "others": OTHERS,
    "refused": REFUSED,
}
LEAST_COLUMNS: dict[str, Any] = {
    **dict.fromkeys(FULL_COLUMNS),
    "id": "a",
    "state": "reserved",
    "owner": "call",
    "attempt": 1,
    "keyed": 1,
    "payload": "",
    "unsure": 0,
    "reason": "",
    "began_wall": 0.0,
    "lease_s": 0.0,
    "lease_ends": 0.0,
    "recipients": 0,
    "tagged": 1,
}
FULL_LINES = "\n".join(
    (
        *("unknown", '"call-1"', "3", "2", "1"),
        *("30.0", "1.0000000000000002e+16", "0.1"),
        *("1700000000.25", "1700000001.5", "3"),
        *(LEFT_OUT, SENT),
        *('"1 p\\u00e9"', '"lost \\"it\\"\\n\\u20ac"', "0"),
        *(OTHERS, REFUSED),
    )
)
LEAST_LINES = "\n".join(
    (
        *("reserved", '"call"', "1", "0", "1", "0.0", "0.0", "", "0.0", ""),
        *("0", "", "", '""', '""', "1", "", ""),
    )
)


class TestColumns:
    """The tables of SQLite and of every database."""

    @pytest.mark.parametrize(
        "record, columns", [(FULL, FULL_COLUMNS), (LEAST, LEAST_COLUMNS)]
    )
    def test_written(self, record: Record, columns: dict[str, Any]) -> None:
        """Each column has its place and its value."""
        assert (
            tuple(columns),
            tuple(columns.values()),
            columns,
        ) == (
            _columns.COLUMNS,
            sqlite_rows.row_of(record),
            sql_rows.values_of(record, "postgresql"),
        )

    @pytest.mark.parametrize("record", [FULL, LEAST])
    def test_in_the_file(self, record: Record, tmp_path: Path) -> None:
        """What SQLite has in its file is what it was given."""
        ledger = SqliteLedger(tmp_path / "mail.db")
        with closing(ledger):
            ledger.restore(record)
            query = "select keyed, left_out, sent, others, refused, tagged"
            rows = ledger.database.rows(
                "test", f"{query} from safeses_ledger", ()
            )

        columns = sql_rows.values_of(record, "sqlite")
        names = ("keyed", "left_out", "sent", "others", "refused", "tagged")
        assert [tuple(columns[name] for name in names)] == rows

    @pytest.mark.parametrize(
        "record, columns", [(FULL, FULL_COLUMNS), (LEAST, LEAST_COLUMNS)]
    )
    def test_read(self, record: Record, columns: dict[str, Any]) -> None:
        """What was written is read as it was, behind the time or not."""
        row = tuple(columns.values())

        assert [record] * 3 == [
            _columns.record_of(row),
            sqlite_rows.record_of(row),
            sql_rows.record_of((1.0, *row), "postgresql"),
        ]

    @pytest.mark.parametrize(
        "broken",
        [
            {"state": "asleep"},
            {"sent": "no json"},
            {"sent": "[1]"},
            {"sent": "{}"},
            {"left_out": '{"position":0}'},
            {"others": "7"},
        ],
    )
    def test_no_record(self, broken: dict[str, Any]) -> None:
        """What somebody else has written there is refused by each."""
        row = tuple((LEAST_COLUMNS | broken).values())
        with pytest.raises(StoreError) as one:
            sqlite_rows.record_of(row)
        with pytest.raises(StoreError) as two:
            sql_rows.record_of((1.0, *row), "mysql")

        assert ["sqlite", "mysql"] == [one.value.engine, two.value.engine]


class TestLines:
    """The texts of Redis."""

    @pytest.mark.parametrize(
        "record, lines", [(FULL, FULL_LINES), (LEAST, LEAST_LINES)]
    )
    def test_both_ways(self, record: Record, lines: str) -> None:
        """Each line has its place, and is read as it was."""
        data = lines.encode("ascii")

        assert (data, record) == (
            redis_rows.text_of(record),
            redis_rows.record_of(record.id, data),
        )

    def test_newer(self) -> None:
        """Names and lines of a newer version are left out."""
        newer = FULL_LINES.replace('"attempts":2', '"attempts":2,"new":[1]')
        read = redis_rows.record_of(FULL.id, f"{newer}\nmore".encode())

        assert FULL == read
