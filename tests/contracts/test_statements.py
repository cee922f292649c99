"""What is kept of statements, on every store."""

from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from application.ports import Conflict
from application.ports.statements import (
    Effect,
    LineResult,
    Malformed,
    RunPlace,
    Statements,
    StoredLine,
)
from domain.breaks import Age
from domain.cash_out import Action, Plan
from domain.money import CURRENCIES, Money
from domain.runs import Period, Phase, Progress, RunState, Tally, Totals
from domain.statements import BreakKind, LineKind, Rule, Window
from domain.states import Status
from tests.contracts.statement_rows import (
    ONE,
    TWO,
    a_break,
    a_run,
    begin,
    find,
    judge,
    ours,
    shown,
    span,
    staged,
)
from tests.contracts.stores import REFUSED_AS_A_BUG, Store
from tests.statement_books import FIRST, booked_cash_out, booked_of, keep, line_of, numbered
from tests.strategies import AFRI, NOW, ORANGE, USD, XOF

pytestmark = pytest.mark.anyio


async def test_a_run_comes_back_as_it_was_kept(store: Store) -> None:
    money = Totals(Money(5, XOF), Money(7, XOF), Money(0, XOF), Money(1, XOF))
    tally = Tally(
        matched=1,
        broken=2,
        malformed=3,
        repeated=4,
        left_out=5,
        settled=6,
        told=7,
        missing_there=8,
        unsettled={Age.FRESH: 2, Age.OLDER: 1},
        breaks={BreakKind.DUPLICATE: 2},
        open_breaks=2,
        money=(money,),
    )
    run = a_run()
    await begin(store, run)
    ended = replace(
        run,
        state=RunState.FINISHED,
        period=Period(FIRST, NOW),
        finished_at=NOW,
        times=3,
        detail="é\0",
        tally=tally,
    )
    await begin(store, replace(ended, detail="é"))
    async with store.units.begin() as unit:
        assert await unit.statements.run(run.id) == replace(ended, detail="é")
        assert await unit.statements.run(TWO) is None
        assert await unit.statements.run_of(ORANGE, run.file_digest) is not None
        assert await unit.statements.run_of(AFRI, run.file_digest) is None
        assert await unit.statements.run_of(ORANGE, "0" * 64) is None


async def test_how_far_a_run_is_comes_back_too(store: Store) -> None:
    for progress in (None, Progress(Phase.READING, 5, 1 << 34), Progress(Phase.SEARCHING)):
        run = replace(a_run(), progress=progress)
        await begin(store, run)
        async with store.units.begin() as unit:
            assert await unit.statements.run(run.id) == run


async def test_runs_are_listed_newest_first_and_rehearsals_apart(store: Store) -> None:
    made = [
        a_run(UUID(int=n), started_at=NOW + timedelta(minutes=n // 2), provider=provider)
        for n, provider in enumerate([ORANGE, AFRI, ORANGE, ORANGE], start=1)
    ]
    rehearsal = a_run(UUID(int=9), rehearsal=True)
    await begin(store, *made, rehearsal)
    async with store.units.begin() as unit:
        statements = unit.statements
        listed = await statements.runs(10)
        assert [each.id.int for each in listed] == [4, 3, 2, 1]
        place = RunPlace(listed[1].started_at, listed[1].id)
        assert [each.id.int for each in await statements.runs(10, None, place)] == [2, 1]
        assert [each.id.int for each in await statements.runs(2, ORANGE)] == [4, 3]
        assert await statements.rehearsals(ORANGE) == [rehearsal.id]
        assert await statements.rehearsals(AFRI) == []


async def test_lines_are_kept_once_and_repeated_ones_counted(store: Store) -> None:
    await begin(store, a_run(), a_run(TWO))
    lines = numbered([line_of(each) for each in ours(3)])
    again = replace(lines[0], number=9)
    assert await staged(store, [*lines, again]) == 1
    assert await staged(store, [again]) == 1
    assert await staged(store, lines) == 0
    assert await staged(store, [again], a_run(TWO)) == 0
    async with store.units.begin() as unit:
        kept = await unit.statements.lines(ONE, 10)
        assert [each.line for each in kept] == sorted(lines, key=lambda each: each.place)
        assert {(each.result, each.effect) for each in kept} == {(None, Effect.NONE)}
        span = await unit.statements.span(ONE)
        assert span == Period(min(x.at for x in lines), max(x.at for x in lines))
        assert await unit.statements.span(UUID(int=77)) is None


async def test_a_line_with_everything_and_one_with_nothing_come_back(store: Store) -> None:
    await begin(store, a_run())
    full = line_of(ours()[0], fee=Money(12, XOF), amount=Money(10**14, XOF))
    bare = line_of(
        ours()[1],
        kind=LineKind.REVERSAL,
        status=None,
        word="",
        provider_transaction_id=None,
        reference=None,
        msisdn=None,
        amount=Money(1, USD),
    )
    await staged(store, [full, bare])
    async with store.units.begin() as unit:
        assert [each.line for each in await unit.statements.lines(ONE, 5)] == [full, bare]


async def test_a_line_that_is_read_differently_takes_the_place_of_what_was_kept(
    store: Store,
) -> None:
    await begin(store, a_run())
    (cash_out,) = ours(1)
    line = line_of(cash_out, status=None)
    await staged(store, [line])
    await judge(store, line, cash_out, LineResult.BROKEN, effect=Effect.TOLD)
    better = replace(line, status=Status.COMPLETED)
    assert await staged(store, [better]) == 0
    async with store.units.begin() as unit:
        assert await unit.statements.lines(ONE, 5) == [StoredLine(better)]


async def test_lines_are_read_in_the_order_of_judging_from_behind_a_place(store: Store) -> None:
    await begin(store, a_run())
    lines = [line_of(each) for each in ours(6)]
    lines[0] = replace(lines[0], kind=LineKind.REVERSAL)
    lines[3] = replace(lines[3], status=Status.FAILED)
    await staged(store, lines)
    await judge(store, lines[2], None, LineResult.LOOSE)
    async with store.units.begin() as unit:
        first = await unit.statements.lines(ONE, 4)
        rest = await unit.statements.lines(ONE, 4, first[-1].line.place)
        read = [each.line.number for each in [*first, *rest]]
        assert read == [2, 3, 5, 6, 4, 1]
        loose = await unit.statements.lines(ONE, 4, loose=True)
        assert [each.line for each in loose] == [lines[2]]
        assert await unit.statements.lines(ONE, 4, lines[2].place, loose=True) == []


async def test_a_line_names_a_cash_out_by_their_id_or_else_our_reference(store: Store) -> None:
    cash_outs = ours(3)
    other = booked_cash_out(9, provider=AFRI)
    await keep(store.units, [*cash_outs, other])
    both = line_of(cash_outs[0], reference=cash_outs[1].reference)
    by_reference = line_of(cash_outs[1], provider_transaction_id="OM-UNKNOWN")
    no_id = line_of(cash_outs[2], provider_transaction_id=None)
    lines = [both, by_reference, no_id, line_of(other), line_of(booked_cash_out(50))]
    async with store.units.begin() as unit:
        found = await unit.statements.matches(ORANGE, lines)
    assert {digest: (each.booked.id.int, each.rule) for digest, each in found.items()} == {
        both.digest: (1, Rule.THEIR_ID),
        by_reference.digest: (2, Rule.OUR_REFERENCE),
        no_id.digest: (3, Rule.OUR_REFERENCE),
    }
    booked, cash_out = found[no_id.digest].booked, cash_outs[2]
    assert (booked.msisdn, booked.amount) == (cash_out.payee.msisdn, cash_out.amount)
    assert (booked.status, booked.created_at) == (cash_out.status, cash_out.created_at)
    assert (booked.completed_at, booked.reference) == (cash_out.completed_at, cash_out.reference)


async def test_what_fits_has_number_amount_and_time_and_nothing_speaks_of_it(
    store: Store,
) -> None:
    await begin(store, a_run(), a_run(TWO))
    nameless: dict[str, Any] = {"reference": None, "provider_transaction_id": None}
    cash_outs = [booked_cash_out(n, provider_transaction_id=None) for n in range(1, 7)]
    await keep(store.units, cash_outs)
    lines = [line_of(each, **nameless) for each in cash_outs]
    lines[1] = replace(lines[1], amount=Money(lines[1].amount.minor + 1, XOF))
    lines[2] = replace(lines[2], amount=Money(lines[2].amount.minor, CURRENCIES["XAF"]))
    lines[3] = replace(lines[3], at=lines[3].at + timedelta(hours=25))
    said = line_of(cash_outs[4])
    await staged(store, [said], a_run(TWO))
    await judge(store, said, cash_outs[4], LineResult.MATCHED, TWO)
    async with store.units.begin() as unit:
        found = await unit.statements.fitting(ONE, ORANGE, lines, Window())
        assert {digest: [each.id.int for each in them] for digest, them in found.items()} == {
            line.digest: [n] if n in {1, 6} else [] for n, line in enumerate(lines, start=1)
        }
        elsewhere = await unit.statements.fitting(ONE, AFRI, lines, Window())
        assert set(elsewhere.values()) == {()}


async def test_what_is_open_fits_however_old_until_a_line_says_that_it_was_paid(
    store: Store,
) -> None:
    await begin(store, a_run(), a_run(TWO))
    nameless: dict[str, Any] = {"reference": None, "provider_transaction_id": None}
    statuses = [Status.PROCESSING] * 3 + [Status.PENDING, Status.FAILED]
    plan = Plan(Action.ASK, NOW)
    old, denied, paid, unsent, ended = cash_outs = [
        booked_cash_out(n, each, provider_transaction_id=None, plan=plan)
        for n, each in enumerate(statuses, start=1)
    ]
    await keep(store.units, cash_outs)
    failed = line_of(denied, status=Status.FAILED, word="FAILED")
    closed = line_of(ended, status=Status.FAILED, word="FAILED")
    said = line_of(paid)
    await staged(store, [failed, closed, said], a_run(TWO))
    await judge(store, failed, denied, LineResult.BROKEN, TWO)
    await judge(store, closed, ended, LineResult.BROKEN, TWO)
    await judge(store, said, paid, LineResult.BROKEN, TWO)
    late = line_of(old, at=old.created_at + timedelta(hours=30), **nameless)
    lines = [late, *(line_of(each, **nameless) for each in (denied, paid, unsent, ended))]
    async with store.units.begin() as unit:
        found = await unit.statements.fitting(ONE, ORANGE, lines, Window())
    fitting = [[each.id.int for each in found[line.digest]] for line in lines]
    assert fitting == [[1], [2], [], [], []]


async def test_payments_are_the_paid_lines_of_this_run_and_of_real_ones(store: Store) -> None:
    rehearsal = a_run(TWO, rehearsal=True)
    real = a_run(UUID(int=903))
    await begin(store, a_run(), rehearsal, real)
    cash_out, other = ours(2)
    paid, failed = line_of(cash_out), line_of(cash_out, status=Status.FAILED, word="FAILED")
    for run in (a_run(), rehearsal, real):
        await staged(store, [paid, failed], run)
        for line in (paid, failed):
            await judge(store, line, cash_out, LineResult.MATCHED, run.id)
    async with store.units.begin() as unit:
        found = await unit.statements.payments(ONE, [cash_out.id, other.id])
        assert {(each.run_id, each.line) for each in found} == {(ONE, paid), (real.id, paid)}
        assert {each.cash_out_id for each in found} == {cash_out.id}
        own = await unit.statements.payments(TWO, [cash_out.id])
        assert {each.run_id for each in own} == {ONE, TWO, real.id}
        assert await unit.statements.payments(ONE, [other.id]) == []


async def test_absent_is_what_nothing_speaks_of_oldest_first(store: Store) -> None:
    await begin(store, a_run())
    cash_outs = [
        *ours(6),
        booked_cash_out(7, Status.PROCESSING),
        booked_cash_out(8, Status.FAILED),
        booked_cash_out(9, provider=AFRI),
    ]
    await keep(store.units, cash_outs)
    paid, broken, failed = (line_of(each) for each in cash_outs[:3])
    failed = replace(failed, status=Status.FAILED)
    await staged(store, [paid, broken, failed])
    await judge(store, paid, cash_outs[0], LineResult.MATCHED)
    await judge(store, broken, cash_outs[1], LineResult.BROKEN)
    await judge(store, failed, cash_outs[2], LineResult.MATCHED)
    searched = span(FIRST + timedelta(seconds=1), FIRST + timedelta(seconds=25))
    async with store.units.begin() as unit:
        statements = unit.statements
        found = await statements.absent(ORANGE, searched, 10, run_id=ONE)
        # The sixth had ended a second too late; the seventh is open.
        assert [each.id.int for each in found] == [3, 4, 5, 7]
        rest = await statements.absent(ORANGE, searched, 2, found[1], run_id=ONE)
        assert [each.id.int for each in rest] == [5, 7]
        late = span(FIRST + timedelta(seconds=5), NOW)
        again = await statements.absent(ORANGE, late, 10, run_id=ONE)
        assert [each.id.int for each in again] == [5, 6, 7]
        early = replace(late, before=FIRST + timedelta(seconds=7))
        sliced = await statements.absent(ORANGE, early, 10, run_id=ONE)
        assert [each.id.int for each in sliced] == [5, 6]


async def test_a_rehearsals_lines_speak_in_its_own_run_alone(store: Store) -> None:
    rehearsal = a_run(rehearsal=True)
    await begin(store, rehearsal, a_run(TWO))
    cash_outs = ours(2)
    await keep(store.units, cash_outs)
    line = line_of(cash_outs[0])
    await staged(store, [line])
    await judge(store, line, cash_outs[0], LineResult.MATCHED)
    whole = span(FIRST, NOW)
    async with store.units.begin() as unit:
        own = await unit.statements.absent(ORANGE, whole, 9, run_id=ONE)
        others = await unit.statements.absent(ORANGE, whole, 9, run_id=TWO)
    assert [each.id.int for each in own] == [2]
    assert [each.id.int for each in others] == [1, 2]


async def test_a_period_reaches_back_to_where_an_earlier_one_began(store: Store) -> None:
    day = timedelta(days=1)
    finished = RunState.FINISHED
    runs = [
        a_run(UUID(int=1), period=Period(NOW - 2 * day, NOW - day), state=finished),
        a_run(UUID(int=2), period=Period(NOW - day, NOW), state=finished),
        a_run(UUID(int=3), period=Period(NOW - 9 * day, NOW), state=RunState.STOPPED),
        a_run(UUID(int=4), period=Period(NOW - 9 * day, NOW), state=finished, provider=AFRI),
        a_run(UUID(int=5), period=Period(NOW - 9 * day, NOW), state=finished, pruned=True),
    ]
    await begin(store, *runs)
    async with store.units.begin() as unit:
        assert await unit.statements.covered_since(ORANGE, NOW) == NOW - day
        assert await unit.statements.covered_since(ORANGE, NOW - day) == NOW - 2 * day
        assert await unit.statements.covered_since(ORANGE, NOW + day) is None


async def test_a_tally_counts_what_is_kept(store: Store) -> None:
    await begin(store, a_run())
    cash_outs = ours(4)
    dollars = line_of(cash_outs[3], amount=Money(10, USD), fee=Money(1, USD))
    lines = [*(line_of(each, fee=Money(3, XOF)) for each in cash_outs[:3]), dollars]
    await staged(store, lines)
    await judge(store, lines[0], cash_outs[0], LineResult.MATCHED)
    await judge(store, lines[1], cash_outs[1], LineResult.MATCHED, effect=Effect.SETTLED)
    await judge(store, lines[2], cash_outs[2], LineResult.BROKEN, effect=Effect.TOLD)
    missing = a_run().finder(NOW).without_line(UUID(int=6_001), booked_of(cash_outs[3]))
    await find(store, a_break(3), missing)
    async with store.units.begin() as unit:
        await unit.statements.note_malformed(ONE, [Malformed(7, "no"), Malformed(9, "é")])
        tally = await unit.statements.tally(ONE)
        empty = await unit.statements.tally(TWO)
        assert await unit.statements.malformed(ONE, 5, 7) == [Malformed(9, "é")]
    francs = [each.amount.minor for each in cash_outs]
    assert tally == Tally(
        matched=2,
        broken=2,
        malformed=2,
        settled=1,
        told=2,
        missing_there=1,
        breaks={BreakKind.MISSING_HERE: 1, BreakKind.MISSING_THERE: 1},
        open_breaks=2,
        money=(
            Totals(Money(0, USD), Money(10, USD), Money(0, USD), Money(1, USD)),
            Totals(
                Money(francs[0] + francs[1], XOF),
                Money(francs[2], XOF),
                Money(francs[3], XOF),
                Money(9, XOF),
            ),
        ),
    )
    assert empty == Tally()


async def test_a_rehearsal_is_removed_with_all_it_found_and_a_real_run_is_not(
    store: Store,
) -> None:
    rehearsal = a_run(rehearsal=True)
    await begin(store, rehearsal, a_run(TWO))
    line = line_of(ours()[0])
    for run in (rehearsal, a_run(TWO)):
        await staged(store, [line], run)
        await find(store, a_break(1, run, id=UUID(int=run.id.int + 50)), run_id=run.id)
        async with store.units.begin() as unit:
            await unit.statements.note_malformed(run.id, [Malformed(3, "no")])
            await unit.statements.discard(run.id)
    async with store.units.begin() as unit:
        statements: Statements = unit.statements
        assert await statements.run(ONE) is None
        assert await statements.lines(ONE, 5) == []
        assert await statements.malformed(ONE, 5) == []
        assert await statements.run(TWO) is not None
        assert len(await statements.lines(TWO, 5)) == 1
        assert len(await statements.malformed(TWO, 5)) == 1
    assert [each.run_id for each in await shown(store)] == [TWO]


async def test_a_run_that_begins_anew_forgets_what_it_had_found(store: Store) -> None:
    await begin(store, a_run())
    await find(store, a_break(1))
    async with store.units.begin() as unit:
        await unit.statements.note_malformed(ONE, [Malformed(3, "no")])
        await unit.statements.begin(ONE)
        assert await unit.statements.malformed(ONE, 5) == []
    assert await shown(store, run_id=ONE) == []
    assert await shown(store) == [a_break(1)]


async def test_a_transaction_that_fails_keeps_nothing(store: Store) -> None:
    await begin(store, a_run())

    async def fail() -> None:
        async with store.units.begin() as unit:
            await unit.statements.stage(ONE, [line_of(ours()[0])])
            await unit.statements.found(ONE, [a_break(1)])
            raise Conflict

    with pytest.raises(Conflict):
        await fail()
    assert await shown(store) == []
    async with store.units.begin() as unit:
        assert await unit.statements.lines(ONE, 5) == []


async def test_the_databases_refuse_a_line_of_no_run(store: Store) -> None:
    if store.database is None:
        return
    with pytest.raises(REFUSED_AS_A_BUG):
        await staged(store, [line_of(ours()[0])])
