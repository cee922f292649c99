"""A break says what each of the two books has of it, and how old that is."""

from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

import pytest

from domain.breaks import AGES, Age, Break, BreakState, Finder, age_of
from domain.runs import Period, Phase, Progress, Run, RunState, Searched, Tally
from domain.statements import MOST_WINDOW, BreakKind, Judged, Match, Rule
from tests.statement_books import booked_cash_out, booked_of, line_of
from tests.strategies import NOW, ORANGE

OURS = booked_cash_out(1)
BOOKED = booked_of(OURS)
LINE = line_of(OURS, number=4)
RUN = Run(UUID(int=8), ORANGE, "d" * 64, "a.csv", NOW, "olga")
BREAK_ID = UUID(int=9)
MARGIN = timedelta(hours=2)
TICK = timedelta(microseconds=1)


@pytest.mark.parametrize(
    ("ago", "age"),
    [
        (timedelta(days=-1), Age.FRESH),
        (timedelta(days=1) - TICK, Age.FRESH),
        (timedelta(days=1), Age.DAYS),
        (timedelta(days=3), Age.WEEK),
        (timedelta(days=7) - TICK, Age.WEEK),
        (timedelta(days=7), Age.OLDER),
    ],
)
def test_a_break_is_as_old_as_the_movement_of_money(ago: timedelta, age: Age) -> None:
    assert age_of(NOW - ago, NOW) is age
    found = Finder(RUN.id, ORANGE, "s", NOW).without_line(BREAK_ID, BOOKED)
    assert replace(found, at=NOW - ago).age(NOW) is age
    assert len(AGES) == 3


def test_a_line_that_is_a_break_is_told_with_both_sides() -> None:
    judged = Judged(Match(BOOKED, Rule.THEIR_ID), BreakKind.AMOUNT_DIFFERS, "not ours: amount")
    found = RUN.finder(NOW).in_line(BREAK_ID, BreakKind.AMOUNT_DIFFERS, LINE, judged)
    assert found == Break(
        id=BREAK_ID,
        key=f"{ORANGE} amount_differs {LINE.digest}",
        provider=ORANGE,
        kind=BreakKind.AMOUNT_DIFFERS,
        run_id=RUN.id,
        found_at=NOW,
        at=LINE.at,
        detail="not ours: amount",
        digest=LINE.digest,
        line=4,
        cash_out_id=OURS.id,
        reference=OURS.reference,
        provider_transaction_id=OURS.provider_transaction_id,
        here=OURS.amount,
        there=LINE.amount,
    )
    nameless = replace(LINE, reference=None)
    same = RUN.finder(NOW).in_line(BREAK_ID, BreakKind.AMOUNT_DIFFERS, nameless, judged)
    assert same.reference == OURS.reference


def test_a_strangers_line_has_nothing_of_ours() -> None:
    judged = Judged(None, BreakKind.MISSING_HERE, "nobody's")
    found = RUN.finder(NOW).in_line(BREAK_ID, BreakKind.MISSING_HERE, LINE, judged)
    assert (found.cash_out_id, found.here, found.there) == (None, None, LINE.amount)
    assert (found.reference, found.at) == (LINE.reference, LINE.at)
    nameless = replace(LINE, reference=None)
    found = RUN.finder(NOW).in_line(BREAK_ID, BreakKind.MISSING_HERE, nameless, judged)
    assert found.reference is None


def test_what_the_statement_does_not_have_is_told_with_our_side() -> None:
    found = RUN.finder(NOW).without_line(BREAK_ID, BOOKED)
    assert OURS.completed_at is not None
    assert found == Break(
        id=BREAK_ID,
        key=f"{ORANGE} missing_there {OURS.id}",
        provider=ORANGE,
        kind=BreakKind.MISSING_THERE,
        run_id=RUN.id,
        found_at=NOW,
        at=OURS.completed_at,
        detail="paid here, and no line of the statement is about it",
        cash_out_id=OURS.id,
        reference=OURS.reference,
        provider_transaction_id=OURS.provider_transaction_id,
        here=OURS.amount,
    )
    undated = RUN.finder(NOW).without_line(BREAK_ID, replace(BOOKED, completed_at=None))
    assert undated.at == OURS.created_at


def test_an_explanation_takes_the_place_of_an_earlier_one() -> None:
    found = RUN.finder(NOW).without_line(BREAK_ID, BOOKED)
    first = found.explained("asked them", "olga", NOW)
    second = first.explained("they paid", "ama", NOW + TICK)
    assert second == replace(
        found,
        state=BreakState.EXPLAINED,
        note="they paid",
        changed_by="ama",
        changed_at=NOW + TICK,
    )


def test_the_breaks_of_a_rehearsal_are_its_own() -> None:
    assert RUN.finder(NOW) == Finder(RUN.id, ORANGE, ORANGE, NOW)
    assert replace(RUN, rehearsal=True).finder(NOW) == Finder(RUN.id, ORANGE, str(RUN.id), NOW)


@pytest.mark.parametrize(
    ("state", "tally", "is_clean"),
    [
        (RunState.FINISHED, Tally(matched=9, breaks={BreakKind.DUPLICATE: 1}), True),
        (RunState.FINISHED, Tally(open_breaks=1), False),
        (RunState.FINISHED, Tally(malformed=1), False),
        (RunState.RUNNING, Tally(matched=9), False),
        (RunState.STOPPED, Tally(matched=9), False),
    ],
)
def test_a_run_is_clean_once_it_read_every_line_and_left_no_open_break(
    state: RunState, tally: Tally, *, is_clean: bool
) -> None:
    run = replace(RUN, state=state, tally=tally, progress=Progress(Phase.COMPARING))
    assert run.is_clean is is_clean


def test_lines_are_what_tells_of_payments_or_could_not_be_read() -> None:
    tally = Tally(matched=1, broken=20, malformed=300, repeated=4_000, left_out=50_000)
    assert tally.lines == 4_321


# ---------------------------------------------------------------------------- the span


def _period(hours: float) -> Period:
    return Period(NOW, NOW + timedelta(hours=hours))


def test_a_span_is_inside_the_period_by_the_margin() -> None:
    until = NOW + timedelta(hours=22)
    assert Searched.of(_period(24), MARGIN) == Searched(NOW + MARGIN, until, until + TICK)


@pytest.mark.parametrize(("hours", "since"), [(-9, -9), (9, 0)])
def test_an_earlier_statement_that_reaches_up_to_it_lengthens_the_span(
    hours: int, since: int
) -> None:
    covered = NOW + timedelta(hours=hours)
    found = Searched.of(_period(24), MARGIN, covered)
    assert found.since == NOW + timedelta(hours=since) + MARGIN
    assert found.until == NOW + timedelta(hours=22)


def _befores(searched: Searched) -> list[tuple[datetime, datetime]]:
    found = list(searched.slices())
    assert {each.until for each in found} <= {searched.until}
    return [(each.since, each.before) for each in found]


def test_slices_follow_each_other_to_the_end_of_the_span() -> None:
    whole = Searched.of(_period(2.5), timedelta(0))
    hour = timedelta(hours=1)
    assert _befores(whole) == [
        (NOW, NOW + hour),
        (NOW + hour, NOW + 2 * hour),
        (NOW + 2 * hour, NOW + 2.5 * hour + TICK),
    ]


def test_there_is_a_most_to_how_many_slices_there_are() -> None:
    found = _befores(Searched.of(_period(4_000), timedelta(0)))
    assert len(found) in {2_000, 2_001}
    assert found[0][1] - found[0][0] == timedelta(hours=2)
    assert _befores(Searched(NOW, NOW, NOW)) == []


def test_an_unknown_payment_may_be_about_a_cash_out_within_the_widest_window() -> None:
    unknown = replace(
        Finder(RUN.id, ORANGE, "s", NOW).without_line(BREAK_ID, BOOKED),
        kind=BreakKind.MISSING_HERE,
        reference=None,
        there=OURS.amount,
        at=NOW,
    )
    for side in (1, -1):
        edge = NOW + side * MOST_WINDOW
        assert unknown.may_be_of(ORANGE, OURS.amount, edge)
        assert not unknown.may_be_of(ORANGE, OURS.amount, edge + side * TICK)
