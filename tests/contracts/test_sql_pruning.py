"""Removing old lines: what it looks at, and what it leaves to others, in the databases."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import timedelta
from uuid import UUID

import pytest

from adapters.sql import break_queries
from adapters.sql.database import Database
from application.ports.statements import LineResult
from domain.runs import RunState
from tests.contracts.statement_rows import a_break, a_run, begin, find, judge, ours, staged
from tests.contracts.stores import Store, in_database
from tests.contracts.test_sql_statements import explain
from tests.statement_books import keep, line_of
from tests.strategies import NOW

pytestmark = pytest.mark.anyio

OLD = NOW - timedelta(days=400)
PRUNED_RUNS, NEW_LINES, OPEN = 300, 3_000, 200
WHERE = {"before": NOW - timedelta(days=1), "most": 500, "run": UUID(int=1)}


@pytest.fixture
async def opened(url: str) -> AsyncIterator[Store]:
    store = in_database("any", url)
    yield store
    assert store.database is not None
    await store.database.close()


async def _after_years(store: Store) -> Database:
    """Keep many runs of which no line is left, one with many lines, and what is known of them."""
    assert store.database is not None
    pruned = [
        a_run(UUID(int=10_000 + number), state=RunState.FINISHED, finished_at=OLD)
        for number in range(PRUNED_RUNS)
    ]
    newest = a_run(UUID(int=9), state=RunState.FINISHED, finished_at=NOW)
    await begin(store, *pruned, a_run(), newest)
    for start in range(0, NEW_LINES, 1_000):
        some = [line_of(each) for each in ours(NEW_LINES)[start : start + 1_000]]
        await staged(store, some, newest)
    await find(store, *(a_break(number) for number in range(5_000, 5_000 + OPEN)))
    async with store.database.engine.begin() as connection:
        await connection.exec_driver_sql("UPDATE statement_lines SET result = 'matched'")
        await connection.exec_driver_sql("ANALYZE")
    return store.database


@pytest.mark.parametrize("statement", ["prunable_run", "prune_lines"])
async def test_a_run_without_lines_costs_a_look_into_an_index(
    opened: Store, statement: str
) -> None:
    database = await _after_years(opened)
    build = getattr(break_queries, statement)
    plan = await explain(database, build(database.dialect), WHERE)
    assert "statement_lines" in plan
    assert "Seq Scan on statement_lines" not in plan, plan
    assert "SCAN statement_lines" not in plan, plan
    async with opened.units.begin() as unit:
        assert await unit.statements.prune(NOW - timedelta(days=1), 500) == 0


async def test_a_file_that_is_begun_again_and_pruning_keep_out_of_each_others_way(
    postgres_url: str,
) -> None:
    """Whoever comes first: the run's lines are removed by nobody while it is under way."""
    store = in_database("postgres", postgres_url)
    assert store.database is not None
    cash_outs = ours(3)
    await keep(store.units, cash_outs)
    run = a_run(state=RunState.FINISHED, finished_at=OLD)
    await begin(store, run)
    lines = [line_of(each) for each in cash_outs]
    await staged(store, lines, run)
    for line, cash_out in zip(lines, cash_outs, strict=True):
        await judge(store, line, cash_out, LineResult.MATCHED)
    async with store.units.begin() as again:
        await again.statements.save(a_run(times=2))
        async with store.units.begin() as pruning:
            assert await pruning.statements.prune(NOW, 500) == 0
    await begin(store, run)
    async with store.units.begin() as pruning:
        assert await pruning.statements.prune(NOW, 1) == 1
        beginning = asyncio.create_task(begin(store, a_run(times=2)))
        with suppress(TimeoutError):
            await asyncio.wait_for(asyncio.shield(beginning), 0.3)
        assert not beginning.done(), "it waits until the lines are gone"
        async with store.units.begin() as other:
            assert await other.statements.prune(NOW, 500) == 0
    await beginning
    async with store.units.begin() as unit:
        assert await unit.statements.prune(NOW, 500) == 0
        assert await unit.statements.stage(run.id, lines) == 0
        assert len(await unit.statements.lines(run.id, 9)) == 3
    await store.database.close()
