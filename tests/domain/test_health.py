"""Health: few samples never condemn, a wrong number harms no provider, and every way has a back."""

from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.attempts import OutcomeKind
from domain.evidence import Outcome
from domain.failures import FAILURES, FailureCode, Fault
from domain.health import HealthPolicy, ProcessReport, evaluated, judged
from domain.measures import (
    BOUNDS_MS,
    Bucket,
    Sample,
    Tally,
    bin_of,
    is_bad,
    sample_of,
    total,
)
from domain.standings import GRAVITY, Reason, Route, Standing, State, effective
from tests.strategies import NOW

POLICY = HealthPolicy()
HERE = Route("orange_money", "GN", "GNF")
THERE = Route("orange_money", "ML", "XOF")
WHOLE = Route("orange_money")
WELL = Standing(HERE)
LONG_AGO = NOW - timedelta(hours=1)
LATEST = POLICY.start_of(NOW)
counts = st.integers(0, 60)
tallies = st.builds(
    Tally,
    accepted=counts,
    refused=counts,
    unsent=counts,
    unknown=counts,
    completed=counts,
    failed=counts,
    ours=counts,
    latency=st.lists(counts, min_size=len(BOUNDS_MS) + 1, max_size=len(BOUNDS_MS) + 1).map(tuple),
)
standings = st.builds(
    lambda state, ago: Standing(HERE, state, None, NOW - timedelta(seconds=ago), 1),
    st.sampled_from(State),
    st.integers(0, 7_200),
).map(lambda each: replace(each, reason=Reason.AMBIGUITY) if each.parked else each)


def bucket(tally: Tally, age: timedelta = timedelta(0), route: Route = HERE) -> Bucket:
    return Bucket(route, POLICY.start_of(NOW - age), tally)


def parked(state: State = State.DELAYED, reason: Reason = Reason.AMBIGUITY) -> Standing:
    return Standing(HERE, state, reason, LONG_AGO, 1)


def quick(number: int) -> tuple[int, ...]:
    return (number, *[0] * len(BOUNDS_MS))


@given(tally=tallies)
def test_fewer_samples_than_the_least_never_condemn(tally: Tally) -> None:
    few = replace(
        tally,
        **{name: min(getattr(tally, name), 4) for name in ("accepted", "refused", "unsent")},
        unknown=min(tally.unknown, 4),
        completed=min(tally.completed, 9),
        failed=min(tally.failed, 9),
        latency=tuple(min(each, 1) for each in tally.latency),
    )
    assert judged(WELL, [bucket(few)], NOW, POLICY) == (State.OPERATIONAL, None)


@given(before=standings, ours=counts, refused=counts)
def test_wrong_numbers_and_our_own_faults_condemn_nobody_however_many(
    before: Standing, ours: int, refused: int
) -> None:
    found, _ = judged(before, [bucket(Tally(ours=ours, refused=refused))], NOW, POLICY)
    assert GRAVITY[found] <= GRAVITY[before.state]


@pytest.mark.parametrize("code", FailureCode)
def test_a_refusal_counts_against_a_provider_only_where_the_fault_is_its_own(
    code: FailureCode,
) -> None:
    sample = sample_of(Outcome(OutcomeKind.REFUSED, code))
    assert is_bad(sample) is (FAILURES[code].fault is Fault.PROVIDER)


@pytest.mark.parametrize(
    ("outcome", "sample"),
    [
        (Outcome(OutcomeKind.ACCEPTED), Sample.ACCEPTED),
        (Outcome(OutcomeKind.UNKNOWN), Sample.UNKNOWN),
        (Outcome(OutcomeKind.REFUSED, FailureCode.RECIPIENT_NOT_FOUND), Sample.REFUSED),
        (Outcome(OutcomeKind.REFUSED, FailureCode.EXPIRED), Sample.FAILED),
        (Outcome(OutcomeKind.REFUSED), Sample.FAILED),
        (Outcome(OutcomeKind.UNSENT, FailureCode.PROVIDER_UNAVAILABLE), Sample.UNSENT),
        (Outcome(OutcomeKind.UNSENT, FailureCode.RATE_LIMITED), Sample.UNSENT),
        (Outcome(OutcomeKind.UNSENT, FailureCode.FLOAT_INSUFFICIENT), Sample.OURS),
        (Outcome(OutcomeKind.UNSENT, FailureCode.PROVIDER_AUTH, trips=True), Sample.OURS),
    ],
)
def test_each_outcome_has_its_count(outcome: Outcome, sample: Sample) -> None:
    assert sample_of(outcome) is sample


@pytest.mark.parametrize(
    ("tally", "state", "reason"),
    [
        (Tally(accepted=80, unknown=19, latency=quick(99)), State.OPERATIONAL, None),
        (Tally(accepted=80, unknown=20, latency=quick(99)), State.DELAYED, Reason.AMBIGUITY),
        (Tally(accepted=40, unknown=60, latency=quick(99)), State.CLOSED, Reason.AMBIGUITY),
        (Tally(accepted=70, unsent=30), State.OPERATIONAL, None),
        (Tally(accepted=69, unsent=31), State.DELAYED, Reason.SUCCESS),
        (Tally(accepted=19, unsent=81), State.CLOSED, Reason.SUCCESS),
        (Tally(accepted=99, completed=69, failed=31), State.DELAYED, Reason.SUCCESS),
        (Tally(accepted=99, completed=1, failed=9), State.OPERATIONAL, None),
        (Tally(accepted=50, latency=(0,) * 7 + (50, 0, 0)), State.DELAYED, Reason.LATENCY),
        (Tally(accepted=50, latency=(0,) * 6 + (50, 0, 0, 0)), State.OPERATIONAL, None),
    ],
)
def test_the_lines_are_where_they_are_said_to_be(
    tally: Tally, state: State, reason: Reason | None
) -> None:
    assert judged(WELL, [bucket(tally)], NOW, POLICY) == (state, reason)


def test_what_is_older_than_the_window_is_forgotten() -> None:
    bad = Tally(unknown=100)
    assert (
        judged(WELL, [bucket(bad, POLICY.window + POLICY.bucket)], NOW, POLICY)[0] == "OPERATIONAL"
    )
    assert judged(WELL, [bucket(bad, POLICY.window - POLICY.bucket)], NOW, POLICY)[0] == "CLOSED"


def test_what_was_before_it_came_back_does_not_count_again() -> None:
    since = LATEST + timedelta(seconds=1)
    back = Standing(HERE, State.OPERATIONAL, None, since, 2)
    now = LATEST + 2 * POLICY.bucket
    bad = [Bucket(HERE, LATEST, Tally(unknown=100))]
    assert judged(back, bad, now, POLICY) == (State.OPERATIONAL, None)
    again = [Bucket(HERE, LATEST + POLICY.bucket, Tally(unknown=100))]
    assert judged(back, again, now, POLICY)[0] is State.CLOSED


def test_a_few_good_probes_are_a_recovery_and_fewer_are_none() -> None:
    old = bucket(Tally(unknown=50), 4 * POLICY.bucket)
    good = [bucket(Tally(accepted=n, latency=quick(n))) for n in range(4)]
    assert judged(parked(), [old, good[2]], NOW, POLICY) == (State.DELAYED, Reason.AMBIGUITY)
    assert judged(parked(), [old, good[3]], NOW, POLICY) == (State.OPERATIONAL, None)


def test_between_the_lines_it_stays_as_it_is() -> None:
    between = Tally(accepted=85, unknown=15, latency=quick(100))
    assert judged(WELL, [bucket(between)], NOW, POLICY)[0] is State.OPERATIONAL
    assert judged(parked(), [bucket(between)], NOW, POLICY)[0] is State.DELAYED
    closed = parked(State.CLOSED)
    assert judged(closed, [bucket(between)], NOW, POLICY)[0] is State.CLOSED


def test_a_few_bad_probes_do_not_close_what_is_delayed() -> None:
    few, many = Tally(unknown=POLICY.samples - 1), Tally(unknown=POLICY.samples)
    assert judged(parked(), [bucket(few)], NOW, POLICY)[0] is State.DELAYED
    assert judged(parked(), [bucket(many)], NOW, POLICY)[0] is State.CLOSED


def test_nothing_is_called_well_before_it_was_parked_for_a_while() -> None:
    just_now = replace(parked(), since=NOW - POLICY.hold + timedelta(seconds=1))
    good = [bucket(Tally(accepted=50, latency=quick(50)))]
    assert judged(just_now, good, NOW, POLICY)[0] is State.DELAYED
    assert judged(replace(just_now, since=NOW - POLICY.hold), good, NOW, POLICY)[0] == "OPERATIONAL"


@given(state=st.sampled_from([State.DELAYED, State.CLOSED]))
def test_what_nobody_has_used_for_a_whole_window_is_not_kept_parked(state: State) -> None:
    assert judged(parked(state), [], NOW, POLICY) == (State.OPERATIONAL, None)


@given(a=tallies, b=tallies)
def test_what_two_processes_count_is_their_sum(a: Tally, b: Tally) -> None:
    both = total([bucket(a), bucket(b)])
    assert both == a + b == b + a
    assert both.submits == a.submits + b.submits
    assert sum(both.latency) == sum(a.latency) + sum(b.latency)
    assert 0 <= both.unknown_percent() <= 100 >= both.success_percent() >= 0


@given(ms=st.integers(0, 100_000))
def test_a_submit_is_in_the_first_bin_that_it_fits_in(ms: int) -> None:
    place = bin_of(timedelta(milliseconds=ms))
    bounds = (*BOUNDS_MS, 1_000_000)
    assert ms <= bounds[place]
    assert place == 0 or ms > bounds[place - 1]


def test_the_95th_of_a_hundred_is_told_by_its_bound() -> None:
    assert Tally().p95_ms is None
    assert Tally(latency=(95, 5, *[0] * 8)).p95_ms == 100
    assert Tally(latency=(94, 6, *[0] * 8)).p95_ms == 250
    assert Tally(latency=(*[0] * 9, 1)).p95_ms == 60_000


def report(number: int, **trips: Reason) -> ProcessReport:
    routes = {"whole": WHOLE, "here": HERE}
    told = {routes[name]: reason for name, reason in trips.items()}
    return ProcessReport(UUID(int=number), NOW, ("orange_money",), told)


def changes(
    reports: list[ProcessReport], known: dict[Route, Standing] | None = None, *buckets: Bucket
) -> dict[Route, tuple[State, Reason | None]]:
    found = evaluated(known or {}, [HERE, THERE], buckets, reports, NOW, POLICY)
    return {each.route: (each.state, each.reason) for each in found}


def test_a_provider_is_closed_by_circuits_only_when_all_who_send_agree() -> None:
    tripped = report(1, whole=Reason.CIRCUIT_OPEN)
    assert changes([tripped]) == {WHOLE: (State.CLOSED, Reason.CIRCUIT_OPEN)}
    assert changes([tripped, report(2)]) == {}, "a bad line of one machine closes nothing"
    silent = replace(report(2), at=NOW - POLICY.alive)
    assert changes([tripped, silent]) == {WHOLE: (State.CLOSED, Reason.CIRCUIT_OPEN)}


def test_an_empty_float_closes_its_corridor_whoever_sees_it() -> None:
    seen = [report(1, here=Reason.FLOAT_EMPTY), report(2)]
    assert changes(seen) == {HERE: (State.CLOSED, Reason.FLOAT_EMPTY)}


def test_what_a_process_saw_is_over_when_none_sees_it_any_more() -> None:
    known = {HERE: parked(State.CLOSED, Reason.FLOAT_EMPTY)}
    assert changes([report(1)], known) == {HERE: (State.OPERATIONAL, None)}
    assert changes([report(1, here=Reason.FLOAT_EMPTY)], known) == {}, "no news"


def test_a_persons_decision_is_left_alone() -> None:
    known = {HERE: parked(State.CLOSED, Reason.BY_HAND)}
    assert changes([report(1, here=Reason.FLOAT_EMPTY)], known) == {}
    assert changes([], known, bucket(Tally(accepted=100, latency=quick(100)))) == {}


def test_a_provider_is_condemned_by_trouble_in_most_corridors_and_not_by_one_dead_one() -> None:
    dead = Tally(unknown=30)
    assert changes([], None, bucket(dead), bucket(Tally(accepted=5), route=THERE)) == {
        HERE: (State.CLOSED, Reason.AMBIGUITY)
    }
    thin = Tally(unknown=12)
    assert changes([], None, bucket(thin), bucket(thin, route=THERE)) == {
        WHOLE: (State.CLOSED, Reason.AMBIGUITY)
    }, "few in each, enough in all"


def test_which_of_two_lines_was_crossed_is_no_news() -> None:
    known = {HERE: parked(State.DELAYED, Reason.LATENCY)}
    assert changes([], known, bucket(Tally(accepted=70, unknown=30))) == {}


def test_every_change_has_the_next_version_and_its_moment() -> None:
    (first,) = evaluated({}, [HERE], [bucket(Tally(unknown=99))], [], NOW, POLICY)
    assert (first.version, first.since) == (1, NOW)
    later = NOW + timedelta(hours=1)
    (second,) = evaluated({HERE: first}, [HERE], [], [], later, POLICY)
    assert (second.version, second.since, second.state) == (2, later, State.OPERATIONAL)


def test_the_gravest_of_a_route_and_the_wider_ones_counts() -> None:
    country = Route("orange_money", "GN")
    shut = Standing(country, State.CLOSED, Reason.BY_HAND, NOW, 1)
    closed = Standing(WHOLE, State.CLOSED, Reason.CIRCUIT_OPEN, NOW, 1)
    known = {WHOLE: closed, country: shut, HERE: Standing(HERE, State.DELAYED, Reason.LATENCY)}
    assert effective(known, HERE) == shut
    assert effective(known, THERE) == closed
    assert effective({}, HERE) == Standing(HERE)


@pytest.mark.parametrize(
    "fault",
    [
        {"unknown_delays": 5},
        {"unknown_closes": 15},
        {"success_recovers": 60},
        {"recent": timedelta(hours=1)},
        {"samples": 1},
        {"latency_recovers": timedelta(seconds=10)},
        {"look": timedelta(seconds=10)},
    ],
)
def test_lines_that_contradict_each_other_are_refused(fault: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"recovers|recent|samples|latency|looks"):
        replace(POLICY, **fault)
