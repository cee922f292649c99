"""The operators' log is one chain that only grows, whoever writes at once: for every store."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import delete, insert, select, update
from sqlalchemy.exc import DBAPIError

from adapters.memory.audit import MemoryAuditReader
from adapters.memory.reader import MemoryReader
from adapters.sql.audit import SqlAuditReader
from adapters.sql.audit_tables import operators_log
from adapters.sql.columns import Words
from adapters.sql.database import Database, open_database
from adapters.sql.unit_of_work import SqlUnits
from application.ports import AuditEntry, AuditReader, LoggedEntry
from application.ports.audit import link
from domain.chain import GENESIS, encoded
from tests.contracts.stores import Store
from tests.strategies import NOW

pytestmark = pytest.mark.anyio


def an_entry(number: int = 1, **facts: str | int | bool | None) -> AuditEntry:
    at = NOW + timedelta(seconds=number)
    return AuditEntry(at, f"operator-{number}", "review.proposed", "case-1", facts)


@pytest.fixture
def log(store: Store) -> AuditReader:
    """The reads over the same store."""
    if store.database is not None:
        return SqlAuditReader(store.database)
    assert isinstance(store.reader, MemoryReader)
    return MemoryAuditReader(store.reader._store)


async def append(store: Store, *entries: AuditEntry) -> list[LoggedEntry]:
    async with store.units.begin() as unit:
        return [await unit.audit.append(entry) for entry in entries]


async def test_every_entry_is_chained_to_the_one_before(store: Store, log: AuditReader) -> None:
    written = await append(store, an_entry(1, reason="seen"), an_entry(2))
    written += await append(store, an_entry(3, amount=5, agrees=True, note=None))
    assert await log.entries(0, 10) == written
    assert [each.sequence for each in written] == [1, 2, 3]
    previous = GENESIS
    for each in written:
        assert each == link(each.entry, each.sequence, previous)
        previous = each.hash


async def test_entries_are_read_in_pages_and_by_subject(store: Store, log: AuditReader) -> None:
    others = replace(an_entry(2), subject="case-2")
    one, two, three = await append(store, an_entry(1), others, an_entry(3))
    assert await log.entries(1, 1) == [two]
    assert await log.entries(3, 10) == []
    assert await log.newest(2) == [three, two]
    assert await log.newest(2, before=2) == [one]
    assert await log.about("case-1", 10) == [one, three]
    assert await log.about("case-1", 1) == [three]
    assert await log.about("case-3", 10) == []


async def test_an_entry_goes_with_its_transaction(store: Store, log: AuditReader) -> None:
    async def write_and_fail() -> None:
        async with store.units.begin() as unit:
            await unit.audit.append(an_entry())
            raise LookupError

    with pytest.raises(LookupError):
        await write_and_fail()
    assert await log.entries(0, 10) == []
    assert [each.sequence for each in await append(store, an_entry())] == [1]


async def test_twenty_who_append_at_once_make_one_chain(store: Store, log: AuditReader) -> None:
    await asyncio.gather(*(append(store, an_entry(number)) for number in range(1, 21)))
    written = await log.entries(0, 100)
    assert [each.sequence for each in written] == list(range(1, 21))
    before = [GENESIS, *(each.hash for each in written)]
    assert [each.previous for each in written] == before[:-1]


async def test_what_no_database_can_store_is_hashed_as_it_is_stored(
    store: Store, log: AuditReader
) -> None:
    (written,) = await append(store, an_entry(1, reason="a\0b\ud800c\x1fd"))
    (read,) = await log.entries(0, 1)
    assert link(read.entry, read.sequence, read.previous).hash == written.hash == read.hash


@given(st.text(st.characters(codec=None)))
async def test_a_rendering_reads_text_as_a_database_stores_it(text: str) -> None:
    stored = Words().stored([text])[0]
    assert stored is not None
    assert encoded(text) == stored.encode()


@pytest.fixture
async def database(url: str) -> AsyncIterator[Database]:
    """A database of each kind."""
    opened = open_database(url)
    yield opened
    await opened.close()


async def test_the_database_refuses_to_change_or_delete_an_entry(database: Database) -> None:
    async with SqlUnits(database).begin() as unit:
        await unit.audit.append(an_entry())
    for statement in (update(operators_log).values(operator="else"), delete(operators_log)):
        with pytest.raises(DBAPIError, match="only ever added"):
            async with database.engine.begin() as connection:
                await connection.execute(statement)


async def test_the_database_refuses_two_entries_of_one_place(database: Database) -> None:
    async with SqlUnits(database).begin() as unit:
        await unit.audit.append(an_entry())
    async with database.engine.begin() as connection:
        row = dict((await connection.execute(select(operators_log))).mappings().one())
    with pytest.raises(DBAPIError):
        async with database.engine.begin() as connection:
            await connection.execute(insert(operators_log).values({**row, "hash": "else"}))


async def test_the_last_entry_about_a_subject_is_found_while_the_log_is_held(
    store: Store,
) -> None:
    await append(store, an_entry(1), replace(an_entry(2), subject="case-2"))

    async def once() -> bool:
        async with store.units.begin() as unit:
            last = await unit.audit.last("case-3")
            if last is None:
                await unit.audit.append(replace(an_entry(3), subject="case-3"))
            return last is None

    assert sum(await asyncio.gather(*(once() for _ in range(8)))) == 1
    async with store.units.begin() as unit:
        last = await unit.audit.last("case-1")
    assert last is not None
    assert last.entry == an_entry(1)
