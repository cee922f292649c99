"""Runs, lines and breaks to put into the stores that the contracts are tried on."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from application.ports.statements import (
    BreakFilter,
    Effect,
    LineResult,
    StoredLine,
)
from domain.breaks import Break
from domain.cash_out import CashOut
from domain.money import Money
from domain.runs import Period, Run, Searched
from domain.statements import BreakKind, Rule, StatementLine, judge_stranger
from tests.contracts.stores import Store
from tests.statement_books import booked_cash_out, line_of
from tests.strategies import NOW, ORANGE, XOF

ONE, TWO = UUID(int=901), UUID(int=902)
NO_FEE = Money(0, XOF)


def a_run(run_id: UUID = ONE, **fields: Any) -> Run:  # noqa: ANN401 -- handed on to a dataclass
    run = Run(run_id, ORANGE, f"{run_id.int:064x}", "may.csv", NOW, "olive")
    return replace(run, **fields)


def ours(count: int = 5, **fields: Any) -> list[CashOut]:  # noqa: ANN401 -- as above
    return [booked_cash_out(number, **fields) for number in range(1, count + 1)]


async def begin(store: Store, *runs: Run) -> None:
    async with store.units.begin() as unit:
        for run in runs:
            await unit.statements.save(run)


def span(since: datetime, until: datetime) -> Searched:
    return Searched.of(Period(since, until), timedelta(0))


async def staged(store: Store, lines: Sequence[StatementLine], run: Run | None = None) -> int:
    async with store.units.begin() as unit:
        return await unit.statements.stage((run or a_run()).id, lines)


async def judge(
    store: Store,
    line: StatementLine,
    cash_out: CashOut | None,
    result: LineResult,
    run_id: UUID = ONE,
    effect: Effect = Effect.NONE,
) -> None:
    rule = Rule.THEIR_ID if cash_out else None
    kept = StoredLine(line, result, rule, cash_out.id if cash_out else None, effect)
    async with store.units.begin() as unit:
        await unit.statements.judged(run_id, [kept])


def a_break(number: int, run: Run | None = None, **fields: Any) -> Break:  # noqa: ANN401 -- as above
    run = run or a_run()
    line = line_of(booked_cash_out(number))
    found = run.finder(NOW).in_line(
        UUID(int=5_000 + number), BreakKind.MISSING_HERE, line, judge_stranger(line, 0)
    )
    return replace(found, **fields)


async def find(store: Store, *breaks: Break, run_id: UUID = ONE) -> None:
    async with store.units.begin() as unit:
        await unit.statements.found(run_id, breaks)


async def shown(store: Store, **which: Any) -> list[Break]:  # noqa: ANN401 -- as above
    async with store.units.begin() as unit:
        return await unit.statements.breaks(BreakFilter(**which), 100)
