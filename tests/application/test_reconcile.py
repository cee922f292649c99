from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.memory.statement_file import MemoryStatement
from application.ports.statements import Malformed
from application.reconcile import ReconcileRules
from domain.attempts import OutcomeKind
from domain.breaks import Age, Break, BreakState
from domain.cash_out import Action, CashOut, Plan
from domain.evidence import ReviewReason, Source
from domain.money import Money
from domain.runs import Period, RunState
from domain.statements import BreakKind, LineKind, StatementLine
from domain.states import Status, Verdict
from tests.application.reconciling import OPERATOR, WHOLE, Desk, Facts
from tests.statement_books import FIRST, booked_cash_out, line_of, numbered, sealed
from tests.strategies import NOW, ORANGE, XOF, an_attempt

pytestmark = pytest.mark.anyio
UNSENT, ACCEPTED, _, UNKNOWN = OutcomeKind


def facts(breaks: Sequence[Break]) -> Facts:
    return {(each.kind, each.reference or each.provider_transaction_id) for each in breaks}


def some(count: int, start: int = 1, status: Status = Status.COMPLETED) -> list[CashOut]:
    return [booked_cash_out(number, status) for number in range(start, start + count)]


async def test_two_books_that_agree_have_no_break_and_nothing_is_told() -> None:
    desk, ours = Desk(), some(20)
    await desk.books(*ours)
    run = await desk.run([line_of(each) for each in ours])
    assert (run.state, run.tally.matched, run.tally.lines) == (RunState.FINISHED, 20, 20)
    assert run.is_clean
    assert run.tally.told == 0
    assert desk.world.store.evidence == {}
    assert [desk.now(each) for each in ours] == ours


async def test_a_payment_that_the_statement_proves_ends_an_open_cash_out_once() -> None:
    desk = Desk()
    cash_out = booked_cash_out(1, Status.PROCESSING, provider_transaction_id=None)
    await desk.books(cash_out)
    line = line_of(cash_out, provider_transaction_id="OM-NEW")
    run = await desk.run([line])
    after = desk.now(cash_out)
    assert (after.status, after.provider_transaction_id) == (Status.COMPLETED, "OM-NEW")
    assert (run.tally.matched, run.tally.settled) == (1, 1)
    assert desk.world.events(cash_out) == ["completed"]
    (evidence,) = desk.world.store.evidence[cash_out.id]
    assert (evidence.source, evidence.verdict) == (Source.STATEMENT, Verdict.MOVE)
    assert (evidence.raw, evidence.digest) == (line.raw, line.digest)
    assert evidence.detail == "line 2 of a statement"
    again = await desk.run([line])
    assert again.tally == run.tally
    assert desk.now(cash_out) == after


async def test_a_failure_that_names_the_order_ends_it_and_frees_its_limits() -> None:
    desk = Desk()
    cash_out = await desk.world.sent()
    before = desk.world.used(cash_out)
    line = line_of(cash_out, status=Status.FAILED, word="FAILED", number=2)
    run = await desk.run([line])
    assert desk.now(cash_out).status is Status.FAILED
    assert (before[0] > 0, desk.world.used(cash_out)) == (True, (0, 0))
    assert (run.tally.matched, run.tally.settled) == (1, 1)


@pytest.mark.parametrize(
    ("tries", "minutes", "status"),
    [
        ((UNSENT, None), 1, Status.PROCESSING),
        ((UNSENT, UNKNOWN), 1, Status.PROCESSING),
        ((UNKNOWN, UNKNOWN), 1, Status.PROCESSING),
        ((UNSENT,), 1, Status.PROCESSING),
        ((UNSENT, UNKNOWN), 11, Status.FAILED),
        ((ACCEPTED,), -1, Status.FAILED),
    ],
)
async def test_that_an_earlier_try_failed_does_not_fail_what_was_tried_again(
    tries: tuple[OutcomeKind | None, ...], minutes: int, status: Status
) -> None:
    desk = Desk()
    bare = booked_cash_out(1, Status.PROCESSING, provider_transaction_id=None)
    apart = timedelta(minutes=10)
    attempts = tuple(
        an_attempt(outcome, None, n, bare.created_at + apart * (n - 1))
        for n, outcome in enumerate(tries, start=1)
    )
    cash_out = replace(bare, attempts=attempts)
    await desk.books(cash_out)
    at = cash_out.created_at + timedelta(minutes=minutes)
    await desk.run(
        [
            line_of(
                cash_out,
                provider_transaction_id="OM-TRY",
                status=Status.FAILED,
                word="FAILED",
                at=at,
            )
        ]
    )
    after = desk.now(cash_out)
    assert after.status is status
    assert (after.provider_transaction_id is None) is (status is Status.PROCESSING)
    assert (after.plan is not None) is (status is Status.PROCESSING)


async def test_each_kind_of_break_is_named_and_raises_its_review() -> None:
    desk = Desk()
    paid = some(5)
    failed = booked_cash_out(6, Status.FAILED)
    absent = booked_cash_out(7)
    await desk.books(*paid, failed, absent)
    stranger = line_of(booked_cash_out(90))
    run = await desk.run(
        [
            line_of(paid[0]),
            line_of(paid[1], amount=Money(1, XOF)),
            line_of(paid[2]),
            line_of(paid[2], provider_transaction_id="OM-TWICE"),
            line_of(paid[3]),
            line_of(
                paid[3],
                kind=LineKind.REVERSAL,
                word="REVERSED",
                status=None,
                provider_transaction_id="OM-BACK",
                at=NOW,
            ),
            line_of(paid[4], status=Status.FAILED, word="FAILED"),
            line_of(failed),
            stranger,
        ]
    )
    found = await desk.breaks(run)
    assert facts(found) == {
        (BreakKind.AMOUNT_DIFFERS, paid[1].reference),
        (BreakKind.DUPLICATE, paid[2].reference),
        (BreakKind.LATE_REVERSAL, paid[3].reference),
        (BreakKind.STATUS_DIFFERS, paid[4].reference),
        (BreakKind.STATUS_DIFFERS, failed.reference),
        (BreakKind.MISSING_HERE, stranger.reference),
        (BreakKind.MISSING_THERE, absent.reference),
    }
    assert len(found) == 7
    reviews = {each.reference: desk.now(each).review for each in [*paid, failed, absent]}
    assert reviews == {
        paid[0].reference: None,
        paid[1].reference: ReviewReason.ECHO_MISMATCH,
        paid[2].reference: ReviewReason.PROVIDER_ID_CONFLICT,
        paid[3].reference: ReviewReason.UNRECOGNISED_AFTER_ENDING,
        paid[4].reference: ReviewReason.CONTRADICTION,
        failed.reference: ReviewReason.CONTRADICTION,
        absent.reference: None,
    }
    assert all(desk.now(each).status is each.status for each in [*paid, failed, absent])
    tally = run.tally
    assert (tally.matched, tally.broken, tally.missing_there) == (3, 6, 1)
    assert (tally.lines, tally.open_breaks) == (9, 7)
    assert not run.is_clean
    (money,) = tally.money
    assert (
        money.matched.minor + money.broken.minor
        == sum(each.amount.minor for each in [paid[0], paid[2], paid[2], paid[3], paid[3], paid[4]])
        + 1
        + failed.amount.minor
        + stranger.amount.minor
    )
    assert money.missing_there == absent.amount


async def test_a_cash_out_that_the_statement_does_not_have_is_not_failed() -> None:
    desk = Desk()
    open_one = booked_cash_out(1, Status.PROCESSING)
    await desk.books(open_one, booked_cash_out(2, Status.FAILED))
    run = await desk.run([])
    assert desk.now(open_one) == open_one
    assert await desk.breaks(run) == []
    assert run.tally.unsettled == {Age.DAYS: 1}
    assert run.is_clean


@pytest.mark.parametrize(
    ("said", "finds"),
    [
        ({"reference": None, "provider_transaction_id": None}, True),
        ({"reference": None, "provider_transaction_id": "OM-LATER"}, True),
        ({"reference": None, "provider_transaction_id": None, "msisdn": None}, False),
        ({"reference": "SOMEBODY-ELSES", "provider_transaction_id": None}, False),
        (
            {"reference": None, "provider_transaction_id": None, "at": FIRST + timedelta(days=2)},
            False,
        ),
    ],
)
async def test_a_line_that_names_no_order_is_found_by_its_likeness_inside_the_window(
    said: dict[str, Any], finds: bool
) -> None:
    desk = Desk()
    cash_out = booked_cash_out(1, Status.PROCESSING, provider_transaction_id=None)
    await desk.books(cash_out)
    run = await desk.run([line_of(cash_out, **said)])
    assert (desk.now(cash_out).status is Status.COMPLETED) is finds
    assert run.tally.matched == int(finds)
    assert (await desk.run([line_of(cash_out, **said)])).tally == run.tally


async def test_likeness_alone_fails_nothing_and_guesses_nothing() -> None:
    desk = Desk()
    twins = [booked_cash_out(n, Status.PROCESSING, provider_transaction_id=None) for n in (1, 2)]
    twins[1] = replace(twins[1], payee=twins[0].payee, amount=twins[0].amount)
    alone = booked_cash_out(3, Status.PROCESSING, provider_transaction_id=None)
    await desk.books(*twins, alone)
    nameless: dict[str, Any] = {"reference": None, "provider_transaction_id": None}
    run = await desk.run(
        [
            line_of(twins[0], **nameless),
            line_of(alone, status=Status.FAILED, word="FAILED", **nameless),
        ]
    )
    assert {desk.now(each).status for each in [*twins, alone]} == {Status.PROCESSING}
    found = await desk.breaks(run)
    assert {each.kind for each in found} == {BreakKind.MISSING_HERE, BreakKind.STATUS_DIFFERS}
    assert {each.detail for each in found} == {
        "2 cash-outs fit by number and amount; which one is not to be guessed",
        "failed there by number and amount alone: that proves nothing",
    }


NAMELESS: dict[str, Any] = {"reference": None, "provider_transaction_id": None}


def two_alike(apart: timedelta) -> list[CashOut]:
    """Return two open cash-outs of one number and amount, the second accepted so much later."""
    first, second = (
        booked_cash_out(
            n,
            Status.PROCESSING,
            provider_transaction_id=None,
            plan=Plan(Action.ASK, NOW),
        )
        for n in (1, 2)
    )
    later = first.created_at + apart
    return [first, replace(second, payee=first.payee, amount=first.amount, created_at=later)]


async def test_what_was_never_sent_is_not_what_a_payment_like_it_has_paid() -> None:
    desk = Desk()
    plan = Plan(Action.SUBMIT, NOW)
    parked = booked_cash_out(1, Status.PENDING, provider_transaction_id=None, plan=plan)
    await desk.books(parked)
    run = await desk.run([line_of(parked, **NAMELESS)])
    assert desk.now(parked) == parked
    assert [each.kind for each in await desk.breaks(run)] == [BreakKind.MISSING_HERE]


async def test_what_is_open_since_before_the_window_may_be_what_was_paid() -> None:
    desk, alike = Desk(), two_alike(timedelta(hours=30))
    await desk.books(*alike)
    run = await desk.run([line_of(alike[1], **NAMELESS)])
    assert [desk.now(each) for each in alike] == alike
    (found,) = await desk.breaks(run)
    assert found.kind is BreakKind.MISSING_HERE
    assert found.detail.startswith("2 cash-outs fit")


async def test_a_failure_by_likeness_does_not_leave_the_other_as_the_only_one() -> None:
    desk, alike = Desk(), two_alike(timedelta(hours=1))
    await desk.books(*alike)
    await desk.run([line_of(alike[0], status=Status.FAILED, word="FAILED", **NAMELESS)])
    await desk.run([line_of(alike[1], **NAMELESS)])
    assert [desk.now(each) for each in alike] == alike


async def test_equal_payments_that_were_all_made_are_matched_one_to_one() -> None:
    desk = Desk()
    first = booked_cash_out(1, provider_transaction_id=None)
    second = replace(booked_cash_out(2, provider_transaction_id=None), payee=first.payee)
    second = replace(second, amount=first.amount)
    await desk.books(first, second)
    nameless: dict[str, Any] = {"reference": None, "provider_transaction_id": None}
    lines = [line_of(each, **nameless) for each in (first, second)]
    third = sealed(replace(lines[1], at=lines[1].at + timedelta(seconds=5)))
    run = await desk.run([*lines, third])
    assert (run.tally.matched, run.tally.broken) == (2, 1)
    (left,) = await desk.breaks(run)
    assert left.kind is BreakKind.MISSING_HERE


async def test_a_rehearsal_says_the_same_and_leaves_nothing_behind() -> None:
    desk = Desk()
    open_one, absent = booked_cash_out(1, Status.PROCESSING), booked_cash_out(2)
    await desk.books(open_one, absent)
    lines = [line_of(open_one), line_of(booked_cash_out(9))]
    rehearsed = await desk.run(lines, rehearsal=True)
    seen = await desk.breaks(rehearsed)
    await desk.reconcile.discard(rehearsed)
    assert desk.now(open_one) == open_one
    assert await desk.breaks() == []
    store = desk.world.store
    assert (store.runs, store.lines, store.breaks, store.found) == ({}, {}, {}, {})
    run = await desk.run(lines)
    assert run.tally == rehearsed.tally
    assert facts(await desk.breaks(run)) == facts(seen)
    assert desk.now(open_one).status is Status.COMPLETED


async def test_what_a_rehearsal_left_is_removed_by_the_next_run() -> None:
    desk = Desk()
    await desk.run([line_of(booked_cash_out(1))], rehearsal=True)
    run = await desk.run([line_of(booked_cash_out(1))])
    assert list(desk.world.store.runs) == [run.id]
    assert {each.run_id for each in desk.world.store.breaks.values()} == {run.id}


async def test_lines_are_matched_broken_malformed_or_repeated_and_add_up() -> None:
    desk, ours = Desk(), some(3)
    await desk.books(*ours)
    lines = [line_of(each) for each in ours]
    file = MemoryStatement(
        numbered([*lines, lines[0], line_of(booked_cash_out(9)), lines[0]]),
        [Malformed(8, "the amount is not a number")],
        left_out=2,
    )
    run = await desk.reconcile(OPERATOR, ORANGE, file, period=WHOLE)
    tally = run.tally
    assert (tally.matched, tally.broken, tally.malformed, tally.repeated) == (3, 1, 1, 2)
    assert (tally.lines, tally.left_out) == (7, 2)
    again = await desk.reconcile(OPERATOR, ORANGE, file, period=WHOLE)
    assert (again.tally, again.id, again.times) == (tally, run.id, 2)
    assert not run.is_clean
    (named,) = await desk.read.malformed(OPERATOR, run.id, 10)
    assert named == Malformed(8, "the amount is not a number")


@given(st.randoms(use_true_random=False), st.integers(1, 9))
@settings(max_examples=40, deadline=None)
async def test_the_order_of_the_lines_and_the_size_of_the_pages_do_not_matter(
    chance: Random, page: int
) -> None:
    first = await _outcome(_story(), 7)
    shuffled = _story()
    chance.shuffle(shuffled)
    second = await _outcome(shuffled, page)
    assert first == second


def _story() -> list[StatementLine]:
    paid = some(6)
    lines = [line_of(each) for each in paid]
    lines += [line_of(paid[0], provider_transaction_id="OM-TWICE", at=FIRST)]
    lines += [line_of(paid[1], at=NOW - timedelta(hours=1))]
    lines += [line_of(booked_cash_out(7), status=Status.FAILED, word="FAILED", at=FIRST)]
    lines += [line_of(booked_cash_out(7), provider_transaction_id="OM-7B")]
    lines += [line_of(paid[2], kind=LineKind.REVERSAL, provider_transaction_id="OM-BACK")]
    return [*lines, line_of(booked_cash_out(8)), lines[3], line_of(booked_cash_out(50))]


async def _outcome(lines: list[StatementLine], page: int) -> object:
    desk = Desk(ReconcileRules(margin=timedelta(0), page=page))
    open_ones = [
        booked_cash_out(number, Status.PROCESSING, provider_transaction_id=None)
        for number in (7, 8)
    ]
    await desk.books(*some(6), *open_ones)
    run = await desk.run(lines)
    found = await desk.breaks(run)
    told = sorted((each.kind, each.digest, str(each.cash_out_id)) for each in found)
    states = {each.id: (each.status, each.review) for each in desk.world.store.cash_outs.values()}
    again = await desk.run(lines)
    assert again.tally == run.tally
    kept = sorted((each.kind, each.digest, str(each.cash_out_id)) for each in found)
    assert kept == told
    assert states == {
        each.id: (each.status, each.review) for each in desk.world.store.cash_outs.values()
    }
    return told, states, replace(run.tally, told=0)


async def test_the_same_movement_in_two_statements_is_no_duplicate() -> None:
    desk, ours = Desk(), some(2)
    await desk.books(*ours)
    await desk.run([line_of(each) for each in ours])
    other_words = [line_of(each, word="SUCCESS") for each in ours]
    run = await desk.run(other_words)
    assert (run.tally.matched, run.tally.broken) == (2, 0)


async def test_a_second_payment_in_a_later_statement_is_a_duplicate_there_alone() -> None:
    desk, ours = Desk(), some(1)
    await desk.books(*ours)
    first = await desk.run([line_of(ours[0])])
    later = [line_of(ours[0], provider_transaction_id="OM-TWICE")]
    second = await desk.run(later)
    assert [each.kind for each in await desk.breaks(second)] == [BreakKind.DUPLICATE]
    repeated = await desk.run([line_of(ours[0])])
    assert (repeated.tally, await desk.breaks(first)) == (first.tally, [])


async def test_a_break_is_resolved_by_a_later_statement_that_agrees() -> None:
    desk, ours = Desk(), some(2)
    await desk.books(*ours)
    await desk.run([line_of(ours[0])])
    (missing,) = await desk.breaks()
    assert (missing.kind, missing.state) == (BreakKind.MISSING_THERE, BreakState.OPEN)
    run = await desk.run([line_of(ours[1], number=9)])
    (resolved,) = await desk.breaks()
    assert (resolved.id, resolved.state) == (missing.id, BreakState.RESOLVED)
    assert run.is_clean


async def test_only_what_lies_wholly_in_the_period_is_missing_there() -> None:
    desk = Desk(ReconcileRules(margin=timedelta(seconds=30)))
    ours = some(100)
    await desk.books(*ours)
    period = Period(FIRST, FIRST + timedelta(seconds=101))
    run = await desk.reconcile(OPERATOR, ORANGE, MemoryStatement([]), period=period)
    missing = {each.cash_out_id for each in await desk.breaks(run)}
    # Accepted from 30 seconds in, and ended 20 seconds later, 30 seconds before the end.
    assert missing == {each.id for each in ours if 30 <= each.id.int <= 51}


async def test_what_ended_after_midnight_is_looked_for_in_both_days_statements() -> None:
    desk = Desk()
    across = booked_cash_out(1)
    assert across.completed_at is not None
    await desk.books(across)
    midnight = across.created_at + timedelta(seconds=10)
    days = [Period(FIRST - timedelta(days=1), midnight), Period(midnight, NOW)]
    stranger = booked_cash_out(99, Status.FAILED)
    days_lines = [
        [line_of(stranger, at=each.since, status=Status.FAILED, word="FAILED")] for each in days
    ]
    runs = [
        await desk.reconcile(OPERATOR, ORANGE, MemoryStatement(lines), period=each)
        for lines, each in zip(days_lines, days, strict=True)
    ]
    missing = [
        [each.cash_out_id for each in await desk.breaks(run) if each.line is None] for run in runs
    ]
    assert missing == [[], [across.id]]
