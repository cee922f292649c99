"""The gate: what is parked waits, probes are few, queues come back by a ramp, others go on."""

from datetime import timedelta

import pytest

from adapters.memory.gateway import MemoryProvider
from application.board import Board, corridors_of
from application.gate import Errand, Gate, GatePolicy, Passage
from application.lanes import Lane
from domain.attempts import OutcomeKind
from domain.evidence import Outcome
from domain.failures import FailureCode
from domain.standings import Reason, Route, Standing, State
from tests.strategies import NOW, a_provider

AT = timedelta(hours=1)
SECOND = timedelta(seconds=1)
POLICY = GatePolicy()
PROVIDER = a_provider()
WHOLE = Route(PROVIDER.id)
ROUTES = corridors_of(PROVIDER)
HERE, THERE = ROUTES[0], ROUTES[1]
OTHERS = tuple(each for each in ROUTES if each != HERE)
ANSWERED = Outcome(OutcomeKind.ACCEPTED)
SILENT = Outcome(OutcomeKind.UNKNOWN)
EMPTY = Outcome(OutcomeKind.UNSENT, FailureCode.FLOAT_INSUFFICIENT)
WRONG_NUMBER = Outcome(OutcomeKind.REFUSED, FailureCode.RECIPIENT_NOT_FOUND)


def a_lane() -> Lane:
    return Lane(PROVIDER, MemoryProvider(), board=Board())


def show(lane: Lane, *standings: Standing) -> None:
    lane.board.show(standings, NOW)


def parked(
    route: Route, state: State = State.DELAYED, reason: Reason = Reason.AMBIGUITY
) -> Standing:
    return Standing(route, state, reason, NOW, 1)


def send(
    lane: Lane, passage: Passage, at: timedelta, outcome: Outcome | None, route: Route = HERE
) -> Errand:
    errand = Errand(route, passage.probe)
    lane.submits_begin(1, at, [errand])
    if outcome is not None:
        lane.submit_ended(outcome, at, errand)
    return errand


def probes(lane: Lane, at: timedelta) -> list[Passage]:
    return [each for each in lane.passages(at) if each.probe is not None]


def test_there_are_corridors_to_tell_apart() -> None:
    assert len(ROUTES) >= 3


def test_while_all_is_well_one_claim_takes_everything() -> None:
    assert a_lane().passages(AT) == (Passage(32),)


def test_a_parked_corridor_is_left_out_and_the_others_go_on() -> None:
    lane = a_lane()
    show(lane, parked(HERE))
    assert lane.passages(AT) == [Passage(32, OTHERS), Passage(1, (HERE,), HERE)]


def test_a_whole_provider_that_is_parked_lets_probes_through_and_nothing_else() -> None:
    lane = a_lane()
    show(lane, parked(WHOLE))
    assert lane.passages(AT) == [Passage(1, None, WHOLE)]


@pytest.mark.parametrize("reason", [Reason.BY_HAND, Reason.SWITCHED_OFF])
@pytest.mark.parametrize("state", [State.DELAYED, State.CLOSED])
def test_nothing_is_sent_to_what_a_person_closed(reason: Reason, state: State) -> None:
    lane = a_lane()
    show(lane, parked(HERE, state, reason))
    assert lane.passages(AT) == [Passage(32, OTHERS)]
    assert not lane.is_open(AT, HERE), "what was begun before is not sent either"
    assert lane.is_open(AT, THERE)
    show(lane, parked(WHOLE, state, reason))
    assert lane.passages(AT) == []
    assert not lane.is_open(AT, THERE)


def test_a_country_that_a_person_closed_is_closed_in_all_its_currencies() -> None:
    lane = a_lane()
    show(lane, parked(Route(HERE.provider, HERE.country), State.CLOSED, Reason.BY_HAND))
    (usual,) = lane.passages(AT)
    assert usual.only == tuple(each for each in ROUTES if each.country != HERE.country)


def test_probes_of_what_is_delayed_are_few_and_far_between() -> None:
    lane = a_lane()
    show(lane, parked(HERE))
    (first,) = probes(lane, AT)
    send(lane, first, AT, None)
    assert probes(lane, AT + POLICY.every - SECOND) == [], "one every five seconds"
    (second,) = probes(lane, AT + POLICY.every)
    send(lane, second, AT + POLICY.every, None)
    assert probes(lane, AT + 9 * POLICY.every) == [], "and two in flight at most"


def test_what_is_closed_is_probed_by_one() -> None:
    lane = a_lane()
    show(lane, parked(HERE, State.CLOSED))
    (first,) = probes(lane, AT)
    errand = send(lane, first, AT, None)
    assert probes(lane, AT + 5 * POLICY.closed_every) == []
    lane.submit_ended(SILENT, AT + SECOND, errand)
    assert probes(lane, AT + POLICY.closed_every - SECOND) == []
    assert len(probes(lane, AT + POLICY.closed_every)) == 1


def test_a_probe_of_one_corridor_that_fails_opens_no_circuit_for_the_others() -> None:
    lane = a_lane()
    show(lane, parked(HERE))
    for number in range(10):
        at = AT + number * POLICY.every
        (probe,) = probes(lane, at)
        send(lane, probe, at, SILENT)
    assert lane.circuit.failures == 0
    assert lane.trips(AT) == {}


def test_what_comes_back_is_let_through_by_a_ramp_and_the_others_are_not_held_up() -> None:
    lane = a_lane()
    show(lane, parked(HERE))
    lane.passages(AT)
    show(lane, Standing(HERE, State.OPERATIONAL, None, NOW, 2))
    assert lane.passages(AT) == [Passage(32, OTHERS), Passage(2, (HERE,))]
    rooms, at = [], AT
    for _ in range(5):
        passages = lane.passages(at)
        own = [each for each in passages if each.only == (HERE,)]
        rooms.append(own[0].room if own else None)
        send(lane, passages[-1], at, ANSWERED)
        at += POLICY.ramp.every
    assert rooms == [2, 4, 8, 16, None]
    assert lane.passages(at) == (Passage(32),), "as if nothing had been"


def test_a_ramp_counts_what_is_in_flight() -> None:
    lane = a_lane()
    show(lane, parked(HERE))
    lane.passages(AT)
    show(lane)
    passages = lane.passages(AT)
    first = send(lane, passages[-1], AT, None)
    assert lane.passages(AT)[-1] == Passage(1, (HERE,))
    send(lane, passages[-1], AT, None)
    assert lane.passages(AT) == [Passage(30, OTHERS)]
    lane.submit_abandoned(first)
    assert lane.passages(AT)[-1] == Passage(1, (HERE,))


def test_a_ramp_waits_for_the_answer_to_what_is_in_flight() -> None:
    lane = a_lane()
    show(lane, parked(HERE))
    lane.passages(AT)
    show(lane)
    errand = send(lane, lane.passages(AT)[-1], AT, None)
    later = AT + POLICY.ramp.every
    assert lane.passages(later)[-1] == Passage(1, (HERE,))
    lane.submit_ended(ANSWERED, later, errand)
    assert lane.passages(later)[-1] == Passage(4, (HERE,))


def test_bad_news_takes_a_ramp_back_at_once() -> None:
    lane = a_lane()
    show(lane, parked(HERE))
    lane.passages(AT)
    show(lane)
    send(lane, lane.passages(AT)[-1], AT, ANSWERED)
    later = AT + POLICY.ramp.every
    assert lane.passages(later)[-1].room == 4
    send(lane, lane.passages(later)[-1], later, WRONG_NUMBER)
    assert lane.passages(later)[-1].room == 4, "a wrong number says nothing of the provider"
    send(lane, lane.passages(later)[-1], later, SILENT)
    assert lane.passages(later)[-1].room == 2


def test_after_its_circuit_has_closed_a_provider_is_let_through_by_a_ramp() -> None:
    lane = a_lane()
    for _ in range(5):
        send(lane, Passage(1), AT, SILENT)
    assert lane.passages(AT) == ()
    assert lane.trips(AT) == {WHOLE: Reason.CIRCUIT_OPEN}
    later = AT + timedelta(seconds=30)
    (probe,) = lane.passages(later)
    assert probe.room == 1
    send(lane, probe, later, ANSWERED)
    assert lane.trips(later) == {}
    assert lane.passages(later) == [Passage(2)]


def test_credentials_that_are_refused_are_told_apart_from_silence() -> None:
    lane = a_lane()
    refused = Outcome(OutcomeKind.UNSENT, FailureCode.PROVIDER_AUTH, trips=True)
    send(lane, Passage(1), AT, refused)
    assert lane.trips(AT) == {WHOLE: Reason.CREDENTIALS}


def test_an_empty_float_parks_its_corridor_here_at_once_and_a_probe_finds_it_filled() -> None:
    lane = a_lane()
    send(lane, Passage(1), AT, EMPTY)
    assert lane.passages(AT) == (Passage(32),), "one amount may have been too large"
    send(lane, Passage(1), AT, EMPTY)
    assert lane.trips(AT) == {HERE: Reason.FLOAT_EMPTY}
    assert lane.passages(AT) == [Passage(32, OTHERS)]
    assert not lane.is_open(AT, HERE), "what was begun before waits too"
    assert lane.circuit.failures == 0, "the provider answers: it is our money that is missing"
    later = AT + POLICY.closed_every
    (probe,) = probes(lane, later)
    send(lane, probe, later, EMPTY)
    assert probes(lane, later) == []
    again = later + POLICY.closed_every
    (probe,) = probes(lane, again)
    send(lane, probe, again, ANSWERED)
    assert lane.trips(again) == {}
    assert lane.passages(again)[-1] == Passage(2, (HERE,)), "and the queue comes by a ramp"


def test_the_half_open_circuits_probe_goes_to_what_is_not_parked_first() -> None:
    lane = a_lane()
    for _ in range(5):
        send(lane, Passage(1), AT, SILENT, THERE)
    show(lane, parked(HERE))
    usual, probe = lane.passages(AT + timedelta(seconds=30))
    assert (usual.room, usual.only) == (1, OTHERS)
    assert probe.probe == HERE


def test_what_is_told_about_an_open_circuit_grows_old() -> None:
    lane = a_lane()
    for _ in range(5):
        send(lane, Passage(1), AT, SILENT)
    assert lane.trips(AT + timedelta(minutes=5) - SECOND)
    assert not lane.trips(AT + timedelta(minutes=5))


def test_a_gate_holds_nothing_back_of_a_corridor_that_is_in_no_configuration() -> None:
    gate = Gate(PROVIDER)
    retired = Errand(Route(PROVIDER.id, "SN", "XOF"))
    gate.begun(retired, AT)
    gate.ended(retired, ANSWERED, AT)
    assert gate.in_flight[retired.route] == 0
    assert gate.passages(AT, 5, 32) == (Passage(5),)
