"""Lanes: room for calls, a circuit that opens, one probe, and silence where it is asked for."""

from datetime import timedelta

import pytest

from adapters.memory.gateway import Manner, MemoryProvider
from application.lanes import Circuit, CircuitState, Lane, Tempo
from domain.attempts import OutcomeKind
from domain.evidence import Outcome
from domain.failures import FailureCode
from domain.states import Status
from tests.application.wiring import World
from tests.strategies import a_provider, a_request

AT = timedelta(seconds=100)
REST = timedelta(seconds=30)
SPAN = timedelta(milliseconds=500)
ANSWERED = Outcome(OutcomeKind.ACCEPTED)
REFUSED = Outcome(OutcomeKind.REFUSED, FailureCode.NAME_MISMATCH)
DECLINED = Outcome(OutcomeKind.UNSENT, FailureCode.FLOAT_INSUFFICIENT)
UNREACHABLE = Outcome(OutcomeKind.UNSENT, FailureCode.PROVIDER_UNAVAILABLE)
SILENT = Outcome(OutcomeKind.UNKNOWN)
OUR_FAULT = Outcome(OutcomeKind.UNSENT, FailureCode.PROVIDER_AUTH, trips=True)


def a_lane(**fields: int) -> Lane:
    return Lane(a_provider(), MemoryProvider(), **fields)  # type: ignore[arg-type]


def one_call(lane: Lane, outcome: Outcome, at: timedelta = AT) -> None:
    lane.submits_begin(1, at)
    lane.submit_ended(outcome, at)


@pytest.mark.parametrize("outcome", [UNREACHABLE, SILENT])
def test_the_circuit_opens_after_so_many_submits_in_a_row_without_an_answer(
    outcome: Outcome,
) -> None:
    lane = a_lane()
    for _ in range(4):
        one_call(lane, outcome)
        assert lane.circuit.state(AT) is CircuitState.CLOSED
    one_call(lane, outcome)
    assert lane.circuit.state(AT) is CircuitState.OPEN
    assert lane.room_for_submits(AT) == 0
    assert lane.room_for_queries() == 16, "asking goes on"


@pytest.mark.parametrize("outcome", [ANSWERED, REFUSED, DECLINED])
def test_any_answer_begins_the_count_anew(outcome: Outcome) -> None:
    lane = a_lane()
    for _ in range(3):
        for _ in range(4):
            one_call(lane, SILENT)
        assert lane.circuit.state(AT) is CircuitState.CLOSED
        one_call(lane, outcome)
        assert lane.circuit == Circuit()


def test_a_fault_of_our_configuration_opens_it_at_once() -> None:
    lane = a_lane()
    one_call(lane, OUR_FAULT)
    assert lane.circuit.state(AT) is CircuitState.OPEN


def test_after_its_rest_exactly_one_probe_may_pass_and_decides() -> None:
    lane = a_lane()
    one_call(lane, OUR_FAULT)
    later = AT + REST
    assert lane.room_for_submits(later - timedelta(microseconds=1)) == 0
    assert lane.circuit.state(later) is CircuitState.HALF_OPEN
    assert lane.room_for_submits(later) == 1
    lane.submits_begin(1, later)
    assert lane.room_for_submits(later) == 0, "the probe is on its way"
    lane.submit_ended(SILENT, later)
    assert lane.circuit.state(later) is CircuitState.OPEN
    much_later = later + REST
    one_call(lane, ANSWERED, much_later)
    assert lane.circuit.state(much_later) is CircuitState.CLOSED
    assert lane.room_for_submits(much_later) == 32


def test_a_probe_that_was_not_made_frees_its_place() -> None:
    lane = a_lane()
    one_call(lane, OUR_FAULT)
    lane.submits_begin(1, AT + REST)
    lane.submit_abandoned()
    assert lane.room_for_submits(AT + REST) == 1
    assert lane.submits == 0
    assert lane.circuit == Circuit(failures=5, opened_at=AT), "as if it had not begun"


def test_beginning_nothing_starts_no_probe() -> None:
    lane = a_lane()
    one_call(lane, OUR_FAULT)
    lane.submits_begin(0, AT + REST)
    assert lane.room_for_submits(AT + REST) == 1


def test_room_is_what_is_not_in_flight() -> None:
    lane = a_lane(most_submits=3, most_queries=2)
    lane.submits_begin(2, AT)
    assert lane.room_for_submits(AT) == 1
    lane.submits_begin(2, AT)
    assert lane.room_for_submits(AT) == 0
    lane.queries = 3
    assert lane.room_for_queries() == 0


def ends(lane: Lane, number: int, at: timedelta) -> None:
    lane.submits_begin(number, at)
    for _ in range(number):
        lane.submit_ended(ANSWERED, at)


def test_as_many_are_begun_ahead_as_were_answered_in_the_last_half_second() -> None:
    lane = a_lane(most_submits=4)
    ends(lane, 10, AT)
    assert lane.room_for_submits(AT) == 4, "the span is not over"
    assert lane.room_for_submits(AT + SPAN) == 4 + 10
    assert lane.room_for_submits(AT + 2 * SPAN) == 4, "that was long ago"


def test_what_waits_for_its_turn_is_used_up_to_the_half_before_more_is_begun() -> None:
    lane = a_lane(most_submits=4)
    ends(lane, 10, AT)
    now = AT + SPAN
    lane.submits_begin(lane.room_for_submits(now), now)
    room = []
    for _ in range(5):
        lane.submit_ended(ANSWERED, now)
        room.append(lane.room_for_submits(now))
    assert room == [0, 0, 0, 0, 5], "in one batch, once five of ten are left"


def test_there_is_a_most_to_what_is_begun_ahead() -> None:
    lane = a_lane(most_submits=4, most_ahead=7)
    ends(lane, 50, AT)
    assert lane.room_for_submits(AT + SPAN) == 4 + 7


def test_a_half_open_circuit_lets_one_be_begun_whatever_was_answered_of_late() -> None:
    lane = a_lane(most_submits=4)
    ends(lane, 10, AT + REST)
    lane.circuit.ended(OUR_FAULT, AT)
    assert lane.circuit.state(AT + REST + SPAN) is CircuitState.HALF_OPEN
    assert lane.room_for_submits(AT + REST + SPAN) == 1


def test_a_provider_that_asks_for_silence_gets_it_as_a_whole() -> None:
    lane = a_lane()
    slow_down = Outcome(OutcomeKind.UNSENT, FailureCode.RATE_LIMITED, retry_after_s=60)
    one_call(lane, slow_down)
    one_call(lane, Outcome(OutcomeKind.UNSENT, FailureCode.RATE_LIMITED, retry_after_s=5))
    assert lane.room_for_submits(AT + timedelta(seconds=59)) == 0
    assert lane.room_for_submits(AT + timedelta(seconds=60)) == 32


def test_a_retry_after_of_one_cash_out_does_not_pause_the_lane() -> None:
    lane = a_lane()
    one_call(lane, Outcome(OutcomeKind.UNSENT, FailureCode.FLOAT_INSUFFICIENT, retry_after_s=60))
    assert lane.room_for_submits(AT) == 32


def test_the_defaults_are_written_out() -> None:
    assert (Circuit().threshold, Circuit().rest) == (5, REST)
    assert (Tempo().span, a_lane().most_ahead) == (SPAN, 100)


@pytest.mark.anyio
async def test_during_an_outage_few_attempts_are_made_and_nothing_fails_before_its_retries(
    world: World,
) -> None:
    world.provider.manner = lambda _: Manner.UNREACHABLE
    await world.one.take_requests([a_request(user_id=f"u-{number}") for number in range(40)])
    world.one.lane.most_submits = 5
    for _ in range(12):
        await world.one.worker.step()
        world.clock.advance(timedelta(seconds=5))
    assert len(world.provider.calls) == 6, "five, then the circuit was open but for one probe"
    world.provider.manner = lambda _: Manner.PAYS_AT_ONCE
    await world.rest()
    assert {each.status for each in world.store.cash_outs.values()} == {Status.COMPLETED}
    assert len(world.provider.ledger) == 40
