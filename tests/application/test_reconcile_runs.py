"""Reconciling: runs, who has them, where they stop, and how they are told."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from adapters.memory.statement_file import MemoryStatement
from application.interrupted_runs import lease_of
from application.ports.statements import Malformed
from application.reconcile import ReconcileRules
from domain.attempts import OutcomeKind
from domain.breaks import Break, BreakState
from domain.cash_out import CashOut
from domain.runs import Phase, Progress, RunState
from domain.statement_refusals import ReconciliationRunning
from domain.statements import BreakKind
from domain.states import Status
from tests.application.reconciling import OPERATOR, WHOLE, Desk, Facts
from tests.statement_books import booked_cash_out, line_of, numbered
from tests.strategies import AFRI, NOW, ORANGE, TOKEN

pytestmark = pytest.mark.anyio
UNSENT, ACCEPTED, _, UNKNOWN = OutcomeKind


def facts(breaks: Sequence[Break]) -> Facts:
    return {(each.kind, each.reference or each.provider_transaction_id) for each in breaks}


def some(count: int, start: int = 1, status: Status = Status.COMPLETED) -> list[CashOut]:
    return [booked_cash_out(number, status) for number in range(start, start + count)]


async def test_one_run_of_a_provider_at_a_time() -> None:
    desk = Desk()
    async with desk.world.units.begin() as unit:
        until = NOW + timedelta(minutes=5)
        assert await unit.leases.take(lease_of(ORANGE), TOKEN, NOW, until)
    with pytest.raises(ReconciliationRunning):
        await desk.run([])
    assert desk.world.store.runs == {}
    run = await desk.reconcile(OPERATOR, AFRI, MemoryStatement([]))
    assert (run.state, run.period) == (RunState.FINISHED, None)
    desk.world.clock.advance(timedelta(minutes=6))
    assert (await desk.run([])).state is RunState.FINISHED


async def test_who_wakes_when_its_file_was_finished_by_another_changes_nothing() -> None:
    desk, ours = Desk(), some(20)
    await desk.books(*ours)
    lines = [line_of(each) for each in ours]
    file = MemoryStatement(numbered(lines))
    begun = await desk.reconcile.begin(OPERATOR, ORANGE, file, period=WHOLE)
    desk.world.clock.advance(timedelta(minutes=6))
    finished = await desk.run(lines)
    assert (finished.id, finished.times, finished.state) == (begun.run.id, 2, RunState.FINISHED)
    run = await desk.reconcile.finish(begun, file)
    assert (run.state, run.detail) == (
        RunState.STOPPED,
        "another run of this provider has begun meanwhile",
    )
    assert desk.world.store.runs == {finished.id: finished}
    assert (await desk.run(lines)).times == 3, "the provider is free"


async def test_who_wakes_when_its_rehearsal_was_removed_keeps_nothing() -> None:
    desk, ours = Desk(), some(3)
    await desk.books(*ours)
    file = MemoryStatement(numbered([line_of(each) for each in ours]))
    begun = await desk.reconcile.begin(OPERATOR, ORANGE, file, rehearsal=True)
    desk.world.clock.advance(timedelta(minutes=6))
    other = await desk.run([])
    assert (await desk.reconcile.finish(begun, file)).state is RunState.STOPPED
    assert set(desk.world.store.runs) == {other.id}
    assert len(desk.world.store.lines) == 0


async def test_a_run_whose_lease_was_taken_stops() -> None:
    desk, ours = Desk(), some(20)
    await desk.books(*ours)
    file = MemoryStatement(numbered([line_of(each) for each in ours]))
    begun = await desk.reconcile.begin(OPERATOR, ORANGE, file, period=WHOLE)
    desk.world.clock.advance(timedelta(minutes=6))
    async with desk.world.units.begin() as unit:
        now = desk.world.clock.now()
        assert await unit.leases.take(lease_of(ORANGE), TOKEN, now, now + timedelta(minutes=5))
    run = await desk.reconcile.finish(begun, file)
    assert (run.state, run.detail) == (
        RunState.STOPPED,
        "another run of this provider has begun meanwhile",
    )


@pytest.mark.parametrize(
    ("rules", "malformed", "why"),
    [
        (ReconcileRules(most_breaks=3), 0, "more than 3 breaks"),
        (ReconcileRules(most_malformed=3), 4, "more than 3 lines cannot be read"),
    ],
)
async def test_a_run_stops_where_it_is_likelier_the_wrong_file(
    rules: ReconcileRules, malformed: int, why: str
) -> None:
    desk = Desk(rules)
    lines = numbered([line_of(each) for each in some(5)])
    bad = [Malformed(100 + number, "nonsense") for number in range(malformed)]
    run = await desk.reconcile(OPERATOR, ORANGE, MemoryStatement(lines, bad), period=WHOLE)
    assert run.state is RunState.STOPPED
    assert run.detail.startswith(why)
    shown = await desk.read.run(OPERATOR, run.id)
    assert shown.run == run
    assert (await desk.reconcile(OPERATOR, AFRI, MemoryStatement([]))).state is RunState.FINISHED


async def test_a_line_that_is_read_differently_now_is_judged_anew() -> None:
    """A status word that was missing in the mapping is added, and the same file made again."""
    desk = Desk()
    cash_out = booked_cash_out(1, Status.PROCESSING)
    await desk.books(cash_out)
    unknown = line_of(cash_out, word="PAYE", status=None)
    first = await desk.run([unknown])
    assert [each.kind for each in await desk.breaks(first)] == [BreakKind.STATUS_DIFFERS]
    assert desk.now(cash_out).status is Status.PROCESSING
    second = await desk.run([replace(unknown, status=Status.COMPLETED)])
    assert second.id == first.id
    assert desk.now(cash_out).status is Status.COMPLETED
    assert await desk.breaks(second) == []
    (resolved,) = await desk.breaks()
    assert resolved.state is BreakState.RESOLVED


async def test_who_looks_from_elsewhere_sees_how_far_it_is_until_it_has_ended() -> None:
    desk, ours = Desk(), some(20)
    await desk.books(*ours)
    file = MemoryStatement(numbered([line_of(each) for each in ours]))
    kept: list[Progress | None] = []

    def look(_: Progress) -> None:
        kept.extend(run.progress for run in desk.world.store.runs.values())

    run = await desk.reconcile(OPERATOR, ORANGE, file, period=WHOLE, show=look)
    phases = [each.phase for each in kept if each is not None]
    assert phases == sorted(phases, key=list(Phase).index)
    assert kept[0] is None, "nothing was read yet"
    assert Progress(Phase.COMPARING, 14, 20) in kept
    assert run.progress is None
    assert (await desk.read.run(OPERATOR, run.id)).run.progress is None


async def test_progress_is_shown_in_order_and_to_its_end() -> None:
    desk, ours = Desk(), some(20)
    await desk.books(*ours)
    seen: list[Progress] = []
    file = MemoryStatement(numbered([line_of(each) for each in ours]))
    await desk.reconcile(OPERATOR, ORANGE, file, period=WHOLE, show=seen.append)
    phases = [each.phase for each in seen]
    assert phases == sorted(phases, key=list(Phase).index)
    assert Progress(Phase.READING, file.size, file.size) in seen
    assert Progress(Phase.COMPARING, 20, 20) in seen
