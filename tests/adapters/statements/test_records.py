"""Lines of a file: read as the mapping says, or named with what is wrong and nothing they hold."""

import hashlib
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.statements.mapping import StatementMapping, StatementTable
from adapters.statements.records import RecordReader
from application.ports.statements import Malformed, UnreadableStatement
from domain.money import CURRENCIES, Money
from domain.statements import LineKind, StatementLine
from domain.states import Status

HEADER = ["Date", "Kind", "Id", "Ref", "Number", "Amount", "Fee", "Currency", "State"]
TABLE: dict[str, Any] = {
    "columns": {
        "at": "Date",
        "kind": "Kind",
        "transaction_id": "Id",
        "reference": "Ref",
        "msisdn": "Number",
        "amount": "Amount",
        "fee": "Fee",
        "currency": "Currency",
        "status": "State",
    },
    "statuses": {"OK": "completed", "KO": "failed", "BACK": "reversed", "NOW": "processing"},
    "kinds": {"PAY": "payment", "UNDO": "reversal", "FEE": "other"},
}
GOOD = {
    "Date": "2026-11-22T14:03:11+01:00",
    "Kind": "PAY",
    "Id": "OM-1",
    "Ref": "CASH-1",
    "Number": "2250700000789",
    "Amount": "1500",
    "Fee": "15",
    "Currency": "XOF",
    "State": "OK",
}


def a_mapping(**changes: Any) -> StatementMapping:  # noqa: ANN401 -- parts of a table
    return StatementMapping.of(msgspec.convert({**TABLE, **changes}, StatementTable))


def read(
    mapping: StatementMapping | None = None, /, **cells: str
) -> StatementLine | Malformed | None:
    raw = ",".join({**GOOD, **cells}[name] for name in HEADER).encode()
    return RecordReader.of(mapping or a_mapping(), HEADER, 64).read(7, raw)


def line(mapping: StatementMapping | None = None, /, **cells: str) -> StatementLine:
    found = read(mapping, **cells)
    assert isinstance(found, StatementLine), found
    return found


def test_a_line_says_what_its_columns_say() -> None:
    raw = ",".join(GOOD[name] for name in HEADER).encode()
    assert line() == StatementLine(
        number=7,
        digest=hashlib.sha256(raw).hexdigest(),
        kind=LineKind.PAYMENT,
        word="OK",
        status=Status.COMPLETED,
        at=datetime(2026, 11, 22, 13, 3, 11, tzinfo=UTC),
        amount=Money(1_500, CURRENCIES["XOF"]),
        fee=Money(15, CURRENCIES["XOF"]),
        provider_transaction_id="OM-1",
        reference="CASH-1",
        msisdn="+2250700000789",
        raw=raw,
    )


@pytest.mark.parametrize(
    ("cells", "said"),
    [
        ({"State": "ko"}, (LineKind.PAYMENT, Status.FAILED)),
        ({"State": "NOW"}, (LineKind.PAYMENT, Status.PROCESSING)),
        ({"State": "SOMETHING NEW"}, (LineKind.PAYMENT, None)),
        ({"State": ""}, (LineKind.PAYMENT, None)),
        ({"Kind": "undo"}, (LineKind.REVERSAL, Status.COMPLETED)),
        ({"State": "BACK"}, (LineKind.REVERSAL, None)),
    ],
)
def test_words_are_what_the_mapping_says_and_an_unknown_state_is_none(
    cells: dict[str, str], said: tuple[LineKind, Status | None]
) -> None:
    found = line(**cells)
    assert (found.kind, found.status) == said


def test_what_is_no_payment_is_left_out() -> None:
    assert read(Kind="FEE", Amount="nonsense") is None


@pytest.mark.parametrize(
    ("written", "read_as"),
    [("", None), ("225 07-0000.0789", "+2250700000789"), ("002250700000789", "+2250700000789")],
)
def test_numbers_lose_what_is_written_between_their_digits(
    written: str, read_as: str | None
) -> None:
    assert line(Number=written).msisdn == read_as


@pytest.mark.parametrize("hidden", [f"22507{5 * hiding}789" for hiding in "*xX"])
def test_a_number_with_its_middle_hidden_tells_nothing(hidden: str) -> None:
    assert line(Number=hidden).msisdn is None


def test_national_numbers_get_their_country() -> None:
    mapping = a_mapping(numbers="national", country="CI")
    assert line(mapping, Number="0700000789").msisdn == "+2250700000789"


@pytest.mark.parametrize(
    ("changes", "written", "minor"),
    [
        ({"decimal": ","}, '"1500,25"', 150_025),
        ({"thousands": ","}, '"1,500.25"', 150_025),
        ({"thousands": ","}, '"1,234,567"', 123_456_700),
        ({"thousands": ".", "decimal": ","}, '"1.500,2"', 150_020),
        ({"thousands": " "}, "1 500.00", 150_000),
        ({"thousands": " "}, "1\u202f500", 150_000),
        ({"signed": True}, "-1500", 150_000),
        ({}, "0.01", 1),
    ],
)
def test_amounts_are_read_exactly(changes: dict[str, Any], written: str, minor: int) -> None:
    found = line(a_mapping(**changes), Amount=written, Currency="USD", Fee="0")
    assert (found.amount.minor, found.fee) == (minor, Money(0, CURRENCIES["USD"]))


@pytest.mark.parametrize(
    ("changes", "cells", "wrong"),
    [
        ({}, {"Amount": '"10,5"'}, "amount: not a number"),
        ({"thousands": ","}, {"Amount": '"10,5"'}, "amount: its digits are not grouped"),
        ({"thousands": ","}, {"Amount": '"1500,000"'}, "amount: its digits are not grouped"),
        ({"decimal": ","}, {"Amount": "1.500"}, "amount: not a number"),
        ({}, {"Amount": "-5"}, "amount: not a number"),
        ({}, {"Amount": "0"}, "amount: not a positive number"),
        ({}, {"Amount": "1e3"}, "amount: not a number"),
        ({}, {"Amount": ""}, "amount: not a positive number"),
        ({}, {"Amount": "\u0661\u0662"}, "amount: not a positive number"),
        ({}, {"Amount": "15.5"}, "amount: not a positive number with at most 0 decimals"),
        ({}, {"Fee": "x"}, "fee: not a number"),
        ({}, {"Currency": "EUR"}, "currency: none that is paid here"),
        ({}, {"Currency": "SLL"}, "currency: none that is paid here"),
        ({}, {"Date": "22/11/2026"}, "at: not a time"),
        ({}, {"Date": "0001-01-01T00:00:00Z"}, "at: a time that cannot be"),
        ({}, {"Date": "9999-12-31T23:59:59-12:00"}, "at: not a time"),
        ({}, {"Kind": "SURPRISE"}, "kind: a word that the mapping does not know"),
        ({}, {"Number": "12"}, "msisdn: not a number"),
        ({}, {"Id": "x" * 129}, "transaction_id: longer than 128"),
        ({}, {"Id": "OM\x071"}, "transaction_id: has control characters"),
        ({}, {"Id": "", "Ref": "", "Number": ""}, "it names neither"),
        ({}, {"Id": '"never ends'}, "its quotes or delimiters"),
    ],
)
def test_what_cannot_be_read_is_named_without_what_it_holds(
    changes: dict[str, Any], cells: dict[str, str], wrong: str
) -> None:
    found = read(a_mapping(**changes), **cells)
    assert isinstance(found, Malformed)
    assert found.number == 7
    assert found.reason.startswith(wrong)
    assert not any(cell in found.reason for cell in cells.values() if len(cell) > 4)


def test_a_line_with_too_few_or_too_many_columns_is_named() -> None:
    reader = RecordReader.of(a_mapping(), HEADER, 12)
    short, long = reader.read(1, b"OK,PAY"), reader.read(2, b"," * 12)
    assert isinstance(short, Malformed)
    assert "the line has only 2 columns" in short.reason
    assert long == Malformed(2, "more than 12 columns")


@pytest.mark.parametrize(
    ("form", "zone", "written", "hour"),
    [
        ("iso", "Africa/Kinshasa", "2026-11-22 14:03:11", 13),
        ("%d/%m/%Y %H:%M:%S", "UTC", "22/11/2026 14:03:11", 14),
        ("%d/%m/%Y %I:%M:%S %p", "UTC", "22/11/2026 02:03:11 PM", 14),
        ("%Y%m%d%H%M%S%z", "Africa/Kinshasa", "20261122140311+0000", 14),
    ],
)
def test_times_without_a_zone_are_in_the_mappings(
    form: str, zone: str, written: str, hour: int
) -> None:
    found = line(a_mapping(date_format=form, time_zone=zone), Date=written)
    assert found.at == datetime(2026, 11, 22, hour, 3, 11, tzinfo=UTC)


def test_text_in_another_encoding_is_read_or_named() -> None:
    raw = ",".join({**GOOD, "Ref": "Koné"}[name] for name in HEADER).encode("latin-1")
    bad = RecordReader.of(a_mapping(), HEADER, 64).read(1, raw)
    assert bad == Malformed(1, "not text in utf-8")
    good = RecordReader.of(a_mapping(encoding="latin-1"), HEADER, 64).read(1, raw)
    assert isinstance(good, StatementLine)
    assert good.reference == "Koné"


def test_columns_are_found_by_name_whatever_their_order_and_case_or_by_number() -> None:
    mapping = a_mapping()
    shuffled = [f"  {name.upper()} " for name in reversed(HEADER)]
    raw = ",".join(GOOD[name] for name in reversed(HEADER)).encode()
    found = RecordReader.of(mapping, shuffled, 64).read(7, raw)
    assert isinstance(found, StatementLine)
    assert found.reference == "CASH-1"
    numbers = {"columns": {"at": 1, "amount": 2, "status": 3, "reference": 4}, "kinds": {}}
    plain = a_mapping(**numbers, header=False, currency="XOF")
    read_by_place = RecordReader.of(plain, None, 64).read(1, b"2026-11-22T14:03:11Z,1500,OK,CASH-2")
    assert isinstance(read_by_place, StatementLine)
    assert (read_by_place.reference, read_by_place.msisdn) == ("CASH-2", None)


@pytest.mark.parametrize("header", [HEADER[1:], [*HEADER, "amount"], []])
def test_a_header_without_a_column_or_with_two_of_it_is_refused(header: list[str]) -> None:
    with pytest.raises(UnreadableStatement, match="the header has to have the column"):
        RecordReader.of(a_mapping(), header, 64)


@pytest.mark.parametrize(
    ("changes", "wrong"),
    [
        ({"columns": {"at": "a", "amount": "b", "status": "c"}}, "name transaction_id"),
        ({"columns": {**TABLE["columns"], "currency": None}}, "name columns.currency"),
        ({"kinds": {}}, "columns.kind and kinds go together"),
        ({"decimal": ",", "thousands": ","}, "cannot be told apart"),
        ({"delimiter": '"'}, "cannot be told apart"),
        ({"header": False}, "columns are numbers"),
        ({"numbers": "national"}, "need the country"),
        ({"currency": "EUR"}, "currency: "),
        ({"time_zone": "Africa/Nowhere"}, "there is no Africa/Nowhere"),
    ],
)
def test_a_mapping_that_does_not_fit_together_is_refused(
    changes: dict[str, Any], wrong: str
) -> None:
    with pytest.raises(ValueError, match=wrong):
        a_mapping(**changes)


@given(st.binary(max_size=300))
def test_no_bytes_whatever_break_the_reader(raw: bytes) -> None:
    found = RecordReader.of(a_mapping(), HEADER, 64).read(1, raw)
    assert found is None or isinstance(found, StatementLine | Malformed)
