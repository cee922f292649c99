"""A row that this version cannot read harms nobody but itself."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import CheckConstraint, text, update
from sqlalchemy.schema import AddConstraint, DropConstraint

from adapters.memory.gateway import MemoryProvider
from adapters.memory.manual_time import SeededChance
from adapters.sql.cash_outs import UNREADABLE_RESTS
from adapters.sql.health_tables import health_standings
from adapters.sql.tables import cash_outs
from application.check_status import CheckStatus
from application.lanes import Lane
from application.ports import UnreadableCashOuts, Work
from application.record_news import Arrival, Recorded
from application.submit_cash_out import SubmitCashOut
from domain.cash_out import Action, Plan
from domain.standings import Reason, Route, Standing, State
from tests.application.wiring import Notebook
from tests.contracts.stores import Store, a_new, in_database, keep, planned, put
from tests.strategies import AFRI, NOW, ORANGE, POLICY, a_provider

pytestmark = pytest.mark.anyio


@pytest.fixture
async def store(url: str) -> AsyncIterator[Store]:
    """A store with three cash-outs that are due, of which the oldest cannot be read."""
    opened = in_database("sql", url)
    assert opened.database is not None
    kept = await put(opened, [a_new(number) for number in (1, 2, 3)])
    for age, cash_out in zip((3, 2, 1), kept, strict=True):
        plan = Plan(Action.SUBMIT, NOW - timedelta(seconds=age))
        await keep(opened, planned(cash_out, plan))
    async with opened.database.engine.begin() as connection:
        unknown = update(cash_outs).where(cash_outs.c.id == kept[0].id).values(currency="QQQ")
        await connection.execute(unknown)
    yield opened
    await opened.database.close()


async def claimed_ids(store: Store, limit: int) -> tuple[list[int], list[int]]:
    async with store.units.begin() as unit:
        claimed = await unit.cash_outs.claim(ORANGE, Action.SUBMIT, limit, NOW)
    readable = [each.id.int for each in claimed.cash_outs]
    return readable, [each.int for each in claimed.unreadable]


async def test_a_row_that_cannot_be_read_does_not_hold_up_the_others(store: Store) -> None:
    assert await claimed_ids(store, 10) == ([2, 3], [1])


async def test_a_row_that_cannot_be_read_is_left_alone_for_a_while(store: Store) -> None:
    assert await claimed_ids(store, 1) == ([], [1])
    assert await claimed_ids(store, 1) == ([2], [])
    store.clock.advance(UNREADABLE_RESTS)
    assert await claimed_ids(store, 1) == ([2], [])
    assert await claimed_ids(store, 10) == ([2, 3], [1])


async def nothing_is_learnt(_arrival: Arrival) -> Recorded:
    return Recorded()


@pytest.mark.parametrize("work", [Work.SUBMIT, Work.ASK])
async def test_a_row_that_cannot_be_read_is_told_of_and_the_others_are_worked_on(
    store: Store, work: Work
) -> None:
    if work is Work.ASK:
        assert store.database is not None
        async with store.database.engine.begin() as connection:
            await connection.execute(update(cash_outs).values(action=Action.ASK))
    journal = Notebook()
    lane = Lane(a_provider(), MemoryProvider())
    parts = (store.units, nothing_is_learnt, POLICY, store.clock, SeededChance(1), journal)
    begin = (SubmitCashOut if work is Work.SUBMIT else CheckStatus)(*parts).begin
    begun = await begin(lane, 10)
    assert [each.order.cash_out_id.int for each in begun] == [2, 3]
    ((where, fault),) = journal.faults
    assert (where, type(fault)) == (work, UnreadableCashOuts)
    assert "00000000-0000-0000-0000-000000000001" in str(fault)


async def test_a_row_that_cannot_be_read_does_not_keep_news_of_the_others_back(
    store: Store,
) -> None:
    found = await store.reader.newer({UUID(int=number): 0 for number in (1, 2, 3)})
    assert [each.id.int for each in found] == [2, 3]


async def a_later_version_writes(store: Store, route: Route, **words: str | None) -> None:
    """Put words into a stored standing that this version's schema does not have."""
    assert store.database is not None
    checks = [each for each in health_standings.constraints if isinstance(each, CheckConstraint)]
    row = health_standings.c
    async with store.database.engine.begin() as connection:
        if connection.dialect.name == "sqlite":
            await connection.execute(text("PRAGMA ignore_check_constraints = ON"))
            checks = []
        for each in checks:
            await connection.execute(DropConstraint(each))
        changed = update(health_standings).where(row.provider == route.provider).values(**words)
        await connection.execute(changed)
        for each in checks:
            again = AddConstraint(each).compile(store.database.engine.sync_engine)
            await connection.execute(text(f"{again} NOT VALID"))


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ({"state": "DRAINING", "reason": "maintenance"}, "DRAINING maintenance"),
        ({"state": "DRAINING", "reason": None}, "DRAINING"),
        ({"reason": "maintenance"}, "DELAYED maintenance"),
    ],
)
async def test_a_standing_in_words_of_a_later_version_counts_as_closed_and_the_others_as_they_are(
    store: Store, words: dict[str, str | None], told: str
) -> None:
    foreign = Standing(Route(ORANGE)).moved(State.DELAYED, Reason.LATENCY, NOW, note="n", by="Awa")
    ours = Standing(Route(AFRI)).moved(State.DELAYED, Reason.LATENCY, NOW)
    async with store.units.begin() as unit:
        await unit.health.save([foreign, ours])
    await a_later_version_writes(store, foreign.route, **words)
    async with store.units.begin() as unit:
        found = await unit.health.standings()
        assert (await unit.health.observed(NOW, NOW)).standings == tuple(found)
    closed = replace(foreign, state=State.CLOSED, reason=Reason.BY_HAND, unread=told)
    assert found == [ours, closed]
    assert found[1].shut, "not even a probe is sent"
    opened = found[1].moved(State.OPERATIONAL, None, NOW, note="known here", by="Awa")
    async with store.units.begin() as unit:
        await unit.health.save([opened])
        assert await unit.health.standings() == [ours, opened], "a person opens it again"
