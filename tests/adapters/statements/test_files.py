"""Files: in pieces of bounded size, each line with its number, and one bad line is only one."""

import asyncio
import hashlib
import tracemalloc
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from adapters.sandbox.corridors import AFRIMONEY, ORANGE_MONEY
from adapters.sandbox.ledger import Payout
from adapters.sandbox.statements import Said, rows_of, written
from adapters.statements.files import CsvStatements, ReadingLimits
from application.ports.statements import LinesRead, Statement, UnreadableStatement
from domain.statement_refusals import InvalidStatement
from domain.statements import LineKind
from domain.states import Status
from entrypoints.configuration import SHIPPED, read_configuration
from tests.reconciliation.scale import cash_outs, payouts
from tests.strategies import NOW

pytestmark = pytest.mark.anyio

MAPPINGS = read_configuration(SHIPPED).statements()
HEADER = "Date;Type;Transaction ID;External ID;MSISDN;Amount;Fee;Currency;Status"
LINE = "22/11/2026 14:03:11;CASHIN;OM-{0};CASH-{0};2250700000789;1500;0;XOF;SUCCESSFUL"


def a_file(folder: Path, text: str | bytes, limits: ReadingLimits | None = None) -> Statement:
    path = folder / "statement.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    files = CsvStatements(MAPPINGS, folder, limits or ReadingLimits())
    return files.at(ORANGE_MONEY, path)


def text_of(*lines: str) -> str:
    return "\r\n".join(["Orange Money;Partner statement", HEADER, *lines])


async def all_of(statement: Statement, most: int = 3) -> LinesRead:
    """Return all pages as one."""
    pages = [page async for page in statement.pages(most)]
    return LinesRead(
        tuple(line for page in pages for line in page.lines),
        tuple(bad for page in pages for bad in page.malformed),
        sum(page.left_out for page in pages),
        pages[-1].bytes_read if pages else 0,
    )


@pytest.mark.parametrize("provider", [ORANGE_MONEY, AFRIMONEY])
async def test_what_the_sandbox_exports_is_read_back_by_the_shipped_mapping(
    provider: str, tmp_path: Path
) -> None:
    ledger = [
        Payout(
            provider,
            each.reference,
            each.transaction_id,
            each.msisdn,
            each.amount,
            each.currency,
            each.executed_at.replace(microsecond=0),
            NOW if number == 3 else None,
        )
        for number, each in enumerate(payouts(cash_outs(10)))
    ]
    rows = rows_of(ledger, provider)
    path = tmp_path / "statement.csv"
    path.write_text("".join(written(rows, provider)), encoding="utf-8", newline="")
    statement = CsvStatements(MAPPINGS, tmp_path).at(provider, path)
    found = await all_of(statement)
    assert found.malformed == ()
    assert len(found.lines) == 11
    for row, line in zip(rows, found.lines, strict=True):
        taken_back = row.said is Said.REVERSED
        assert (line.kind is LineKind.REVERSAL) is taken_back
        assert line.status is (None if taken_back else Status.COMPLETED)
        assert (line.at, line.amount.decimal) == (row.at, row.amount)
        assert line.amount.currency.code == row.currency
        assert (line.reference, line.provider_transaction_id) == (row.reference, row.transaction_id)
        assert line.msisdn == f"+{row.msisdn}"


async def test_pages_have_a_bound_and_lines_their_numbers(tmp_path: Path) -> None:
    statement = a_file(tmp_path, text_of(*(LINE.format(n) for n in range(8)), "TOTAL;8"))
    pages = [page async for page in statement.pages(3)]
    assert [len(page.lines) for page in pages] == [3, 3, 2]
    assert [line.number for page in pages for line in page.lines] == list(range(3, 11))
    assert pages[-1].bytes_read == statement.size
    again = [page async for page in statement.pages(100)]
    assert [line for page in again for line in page.lines] == [
        line for page in pages for line in page.lines
    ]


async def test_a_bad_line_does_not_stop_the_others(tmp_path: Path) -> None:
    lines = [LINE.format(n) for n in range(4)]
    lines[1:1] = ["", "nonsense", LINE.format(9).replace("1500", "much"), "x" * 300]
    lines.append(LINE.format(5).replace("CASHIN", "FEE"))
    limits = ReadingLimits(line_most=200)
    found = await all_of(a_file(tmp_path, text_of(*lines), limits))
    assert [line.reference for line in found.lines] == [f"CASH-{n}" for n in range(4)]
    assert [(each.number, each.reason[:20]) for each in found.malformed] == [
        (5, "kind: the line has o"),
        (6, "amount: not a number"),
        (7, "longer than 200 byte"),
    ]
    assert found.left_out == 1


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
async def test_any_line_end_a_mark_and_a_last_line_without_end_are_read(
    ending: str, tmp_path: Path
) -> None:
    text = ending.join(["\ufeffStatement", HEADER, LINE.format(1), LINE.format(2)])
    found = await all_of(a_file(tmp_path, text))
    assert [line.number for line in found.lines] == [3, 4]
    one = hashlib.sha256(LINE.format(1).encode()).hexdigest()
    assert found.lines[0].digest == one


async def test_a_line_with_a_nul_byte_is_named(tmp_path: Path) -> None:
    found = await all_of(a_file(tmp_path, text_of(LINE.format(1), LINE.format("\0"))))
    assert [each.reason for each in found.malformed] == ["has a NUL byte"]
    assert len(found.lines) == 1


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "no header line"),
        (b"one\r\n", "no header line"),
        (b"one\r\ntwo;three\r\n", "has to have the column 'Date'"),
        (b"one\r\nPK\x03\x04zip", "a spreadsheet or archive: export the statement as CSV"),
        (b"one\r\n%PDF-1.7", "a PDF"),
        (b'one\r\n"Date;Type', "the header cannot be read"),
        (b"one\r\n" + b"x" * 9_000, "no header line"),
    ],
)
async def test_a_file_that_is_none_is_refused_with_its_reason(
    content: bytes, why: str, tmp_path: Path
) -> None:
    with pytest.raises(UnreadableStatement, match=why):
        await all_of(a_file(tmp_path, content))


async def test_a_file_without_lines_is_a_statement_too(tmp_path: Path) -> None:
    assert (await all_of(a_file(tmp_path, text_of()))).lines == ()


async def test_a_file_that_is_too_large_is_refused_before_it_is_read(tmp_path: Path) -> None:
    statement = a_file(tmp_path, text_of(LINE.format(1)), ReadingLimits(file_most=100))
    with pytest.raises(UnreadableStatement, match="more than 100 bytes"):
        await statement.digest()


async def test_the_digest_is_the_files(tmp_path: Path) -> None:
    text = text_of(LINE.format(1))
    assert await a_file(tmp_path, text).digest() == hashlib.sha256(text.encode()).hexdigest()


async def test_a_file_that_cannot_be_opened_and_a_provider_without_mapping_are_refused(
    tmp_path: Path,
) -> None:
    files = CsvStatements(MAPPINGS, tmp_path)
    with pytest.raises(InvalidStatement, match="cannot be read"):
        files.at(ORANGE_MONEY, tmp_path / "nowhere.csv")
    with pytest.raises(InvalidStatement, match="no mapping"):
        files.at("nobody", tmp_path / "nowhere.csv")
    assert files.providers() == {ORANGE_MONEY, AFRIMONEY}


async def arriving(text: str, size: int = 7) -> AsyncIterator[bytes]:
    raw = text.encode()
    for start in range(0, len(raw), size):
        await asyncio.sleep(0)
        yield raw[start : start + size]


async def test_what_arrives_is_kept_in_a_file_without_a_name_and_read_twice(
    tmp_path: Path,
) -> None:
    files = CsvStatements(MAPPINGS, tmp_path / "made" / "for it")
    text = text_of(*(LINE.format(n) for n in range(5)))
    async with files.received(ORANGE_MONEY, "may.csv", arriving(text)) as statement:
        assert list((tmp_path / "made" / "for it").iterdir()) == []
        assert (statement.name, statement.size) == ("may.csv", len(text.encode()))
        assert await statement.digest() == hashlib.sha256(text.encode()).hexdigest()
        first, second = await all_of(statement), await all_of(statement, 100)
        assert first.lines == second.lines
        assert len(first.lines) == 5


async def test_too_much_that_arrives_is_refused_as_soon_as_it_is_too_much(tmp_path: Path) -> None:
    files = CsvStatements(MAPPINGS, tmp_path, ReadingLimits(file_most=50))
    taken = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal taken
        while True:
            taken += 10
            yield b"x" * 10

    with pytest.raises(InvalidStatement, match="at most 50 bytes"):
        async with files.received(ORANGE_MONEY, "big.csv", endless()):
            pass
    assert taken == 60


def many_lines(count: int) -> Iterator[str]:
    yield text_of() + "\r\n"
    for number in range(count):
        yield LINE.format(number) + "\r\n"


async def test_memory_is_the_same_however_long_the_file_is(tmp_path: Path) -> None:
    path = tmp_path / "long.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        file.writelines(many_lines(30_000))
    statement = CsvStatements(MAPPINGS, tmp_path).at(ORANGE_MONEY, path)
    seen = 0
    tracemalloc.start()
    try:
        async for page in statement.pages(500):
            seen += len(page.lines)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert seen == 30_000
    assert statement.size > 2_400_000
    assert peak < 3_000_000
