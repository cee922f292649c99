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
NOTHING, TICK = timedelta(0), timedelta(microseconds=1)
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
        (Tally(accepted=20, unsent=80), State.DELAYED, Reason.SUCCESS),
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


def test_the_bucket_in_which_the_window_begins_still_counts() -> None:
    assert NOW - POLICY.window == POLICY.start_of(NOW - POLICY.window)
    oldest = bucket(Tally(unknown=100), POLICY.window)
    assert judged(WELL, [oldest], NOW, POLICY)[0] is State.CLOSED


def test_a_single_slow_answer_is_no_recovery() -> None:
    slow = bucket(Tally(accepted=3, latency=(0,) * 8 + (1, 0)))
    assert judged(parked(), [slow], NOW, POLICY)[0] is State.DELAYED


def test_tallies_of_different_histograms_are_not_added() -> None:
    with pytest.raises(ValueError, match="shorter"):
        Tally() + Tally(latency=(1,))


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


def test_a_few_bad_probes_tell_what_is_wrong_with_what_is_parked_now() -> None:
    """A graver state needs more of them; the same one, or a lesser, does not."""
    slow = bucket(Tally(accepted=5, unsent=5))
    assert judged(parked(), [slow], NOW, POLICY) == (State.DELAYED, Reason.SUCCESS)
    closed = parked(State.CLOSED)
    assert judged(closed, [slow], NOW, POLICY) == (State.DELAYED, Reason.SUCCESS)


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


def test_what_takes_as_long_as_a_bound_is_still_under_it() -> None:
    for place, bound in enumerate(BOUNDS_MS):
        at = timedelta(milliseconds=bound)
        assert (bin_of(at), bin_of(at + TICK)) == (place, place + 1)


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


def spread(*tallies: Tally) -> set[Route]:
    """Return what is condemned when the corridors of a provider count these."""
    routes = [Route("orange_money", "GN", f"C{number:02d}") for number, _ in enumerate(tallies)]
    buckets = [bucket(each, route=route) for route, each in zip(routes, tallies, strict=True)]
    return {each.route for each in evaluated({}, routes, buckets, [], NOW, POLICY)}


def test_most_corridors_are_more_than_half_of_those_in_use_and_two_at_least() -> None:
    bad, good = Tally(unknown=30), Tally(accepted=5)
    assert WHOLE not in spread(bad, bad, good, good)
    assert WHOLE in spread(bad, bad, good)
    assert WHOLE not in spread(bad)
    assert WHOLE in spread(bad, bad, Tally(), Tally())


def test_trouble_that_is_thin_everywhere_is_the_providers() -> None:
    assert spread(*[Tally(unknown=1)] * 30) == {WHOLE}


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


BUCKETS = "a window has at least one bucket, and recent is not longer"
UNKNOWN = "shares of unknown outcomes rise from recovers to delays to closes"
SUCCESS = "shares of success fall from recovers to delays to closes"
SLOW = "latency recovers below the line where it delays"
SAMPLES = "samples are counted from 1"
LOOKS = "looks come more often than a process is given up"


@pytest.mark.parametrize(
    ("fault", "says"),
    [
        ({"bucket": NOTHING}, BUCKETS),
        ({"bucket": POLICY.recent + TICK}, BUCKETS),
        ({"recent": POLICY.window + TICK}, BUCKETS),
        ({"window": POLICY.keep + TICK}, BUCKETS),
        ({"unknown_recovers": -1}, UNKNOWN),
        ({"unknown_delays": 10}, UNKNOWN),
        ({"unknown_closes": 20}, UNKNOWN),
        ({"unknown_closes": 101}, UNKNOWN),
        ({"success_recovers": 101}, SUCCESS),
        ({"success_recovers": 70}, SUCCESS),
        ({"success_delays": 20}, SUCCESS),
        ({"success_closes": -1}, SUCCESS),
        ({"latency_recovers": NOTHING}, SLOW),
        ({"latency_recovers": timedelta(seconds=10)}, SLOW),
        ({"recovery_samples": 0}, SAMPLES),
        ({"samples": 2}, SAMPLES),
        ({"look": NOTHING}, LOOKS),
        ({"look": timedelta(seconds=7)}, LOOKS),
        ({"samples": 0, "look": NOTHING}, f"{SAMPLES}; {LOOKS}"),
    ],
)
def test_lines_that_contradict_each_other_are_refused(fault: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=r"recovers|recent|samples|looks") as refused:
        replace(POLICY, **fault)
    assert str(refused.value) == says


@pytest.mark.parametrize(
    "lines",
    [
        {"bucket": POLICY.recent},
        {"recent": POLICY.window},
        {"window": POLICY.keep},
        {"unknown_recovers": 0, "unknown_closes": 100},
        {"success_recovers": 100, "success_closes": 0},
        {"recovery_samples": 1},
        {"samples": 3},
        {"look": timedelta(seconds=1), "alive": timedelta(seconds=3)},
    ],
)
def test_lines_that_only_just_agree_are_taken(lines: dict[str, Any]) -> None:
    assert replace(POLICY, **lines) != POLICY


def test_all_processes_agree_on_where_a_bucket_begins() -> None:
    """Buckets are stored by it: one that moved would be counted twice."""
    odd = replace(POLICY, bucket=timedelta(seconds=7))
    start = odd.start_of(NOW)
    assert start == NOW - timedelta(seconds=4)
    assert odd.start_of(start + timedelta(seconds=7) - TICK) == start
    assert odd.start_of(start + timedelta(seconds=7)) == start + timedelta(seconds=7)


@pytest.mark.parametrize(
    ("tally", "state"),
    [
        (Tally(accepted=90, unknown=10), State.OPERATIONAL),
        (Tally(accepted=89, unknown=11), State.DELAYED),
        (Tally(accepted=85, unsent=15), State.OPERATIONAL),
        (Tally(accepted=84, unsent=16), State.DELAYED),
        (Tally(completed=84, failed=16), State.DELAYED),
        (Tally(accepted=99, unsent=1, latency=(0,) * 5 + (50, 0, 0, 0, 0)), State.OPERATIONAL),
        (Tally(accepted=99, unsent=1, latency=(0,) * 6 + (50, 0, 0, 0)), State.DELAYED),
    ],
)
def test_a_recovery_reaches_every_line_of_the_way_back(tally: Tally, state: State) -> None:
    assert judged(parked(), [bucket(tally)], NOW, POLICY)[0] is state


def test_a_provider_that_is_parked_is_judged_by_all_its_corridors() -> None:
    known = {WHOLE: Standing(WHOLE, State.DELAYED, Reason.AMBIGUITY, LONG_AGO, 1)}
    closed = (State.CLOSED, Reason.AMBIGUITY)
    found = changes([], known, bucket(Tally(unknown=30)))
    assert found == {HERE: closed, WHOLE: closed}, "one bad corridor keeps what is parked parked"


def test_what_a_person_shut_keeps_no_other_from_being_judged() -> None:
    known = {HERE: parked(State.CLOSED, Reason.BY_HAND)}
    bad = bucket(Tally(unknown=30), route=THERE)
    assert changes([], known, bad) == {THERE: (State.CLOSED, Reason.AMBIGUITY)}


def test_what_a_process_sees_itself_is_news_also_of_what_is_closed() -> None:
    known = {HERE: parked(State.CLOSED, Reason.AMBIGUITY)}
    bad = bucket(Tally(unknown=30))
    seen = [report(1, here=Reason.FLOAT_EMPTY)]
    assert changes(seen, known, bad) == {HERE: (State.CLOSED, Reason.FLOAT_EMPTY)}
    known = {HERE: parked(State.CLOSED, Reason.CIRCUIT_OPEN)}
    assert changes(seen, known, bad) == {HERE: (State.CLOSED, Reason.FLOAT_EMPTY)}
