"""Watching health: measured by many, judged by one, told to all, and read without waiting."""

from dataclasses import replace
from datetime import timedelta

import pytest

from adapters.memory.faults import Trouble
from adapters.memory.gateway import Manner
from application.board import corridors_of
from application.callers import Caller, Role
from application.ports import StorageUnavailable, Work
from application.ports.health import UnreadableStandings
from application.steer_providers import SteerProviders
from domain.health import HealthPolicy
from domain.refusals import Forbidden
from domain.standings import Reason, Route, Standing, State
from domain.states import Status
from tests.application.wiring import ADMIN, USER, World
from tests.strategies import NOW, ORANGE, a_request

pytestmark = pytest.mark.anyio

WHOLE = Route(ORANGE)
SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)


async def sent(world: World, number: int, manner: Manner) -> None:
    world.provider.manner = lambda _: manner
    users = [f"u-{world.clock.elapsed()}-{each}" for each in range(number)]
    await world.one.take_requests([a_request(user_id=each) for each in users])
    lane = world.one.lane
    for begun in await world.one.submit.begin(lane, number):
        await world.one.submit.send(lane, begun)


def states(world: World) -> list[tuple[str, State, Reason | None]]:
    return [(str(each.route), each.state, each.reason) for each in world.one.journal.standings]


def steering(world: World) -> SteerProviders:
    one = world.one
    return SteerProviders(
        one.units, world.catalogue, one.board, world.clock, one.signals, one.journal
    )


async def test_while_nothing_is_sent_nothing_is_written(world: World) -> None:
    for _ in range(5):
        assert await world.one.health() == 0
    assert not world.store.measured
    assert not world.store.reports
    assert not world.store.leases


async def test_what_was_sent_is_counted_and_written_down_once(world: World) -> None:
    await sent(world, 3, Manner.PAYS_AT_ONCE)
    await world.one.health()
    await world.one.health()
    (tally,) = world.store.measured.values()
    assert (tally.accepted, tally.completed, sum(tally.latency)) == (3, 3, 3)


async def test_what_two_processes_see_is_judged_together(world: World) -> None:
    world.health_policy = replace(HealthPolicy(), samples=6)
    first, second = world.another(), world.another()
    world.provider.manner = lambda _: Manner.TAKEN_IN_SILENCE
    await first.take_requests([a_request(user_id=f"u-{each}") for each in range(8)])
    for process in (first, second):
        for begun in await process.submit.begin(process.lane, 4):
            await process.submit.send(process.lane, begun)
    assert await first.health() == 0, "four are too few"
    assert await second.health() == 0, "the first one judges, as long as it lives"
    assert await first.health() == 1
    route = corridors_of(world.catalogue.providers[ORANGE])[0]
    assert second.board.standing(route).state is State.OPERATIONAL, "it has not looked yet"
    await second.health()
    assert first.board.standings == second.board.standings
    (standing,) = second.board.standings.values()
    assert (standing.state, standing.reason) == (State.CLOSED, Reason.AMBIGUITY)
    assert len(first.journal.standings + second.journal.standings) == 1, "told by one"


async def test_a_change_and_its_event_are_one_transaction(world: World) -> None:
    await sent(world, 5, Manner.UNREACHABLE)
    world.trouble(Trouble.COMMIT_LOST)
    with pytest.raises(StorageUnavailable):
        await world.one.health()
    assert not world.store.standings
    await world.one.health()
    assert states(world) == [(ORANGE, State.CLOSED, Reason.CIRCUIT_OPEN)]
    (event,) = [each for each in world.store.events.values() if each.cash_out_id == WHOLE.id]
    assert (event.type, event.sequence) == ("provider.health_changed", 1)


async def test_one_machine_with_a_bad_line_closes_nothing_for_the_others(world: World) -> None:
    other = world.another()
    await sent(world, 5, Manner.UNREACHABLE)
    world.provider.manner = lambda _: Manner.PAYS_AT_ONCE
    await other.take_requests([a_request(user_id=f"other-{each}") for each in range(5)])
    for begun in await other.submit.begin(other.lane, 5):
        await other.submit.send(other.lane, begun)
    await other.health()
    await world.one.health()
    assert states(world) == []
    assert world.one.lane.passages(world.clock.elapsed()) == (), "its own circuit is open"
    assert other.lane.passages(world.clock.elapsed())


async def test_an_outage_is_waited_out_and_nobody_fails_for_it(world: World) -> None:
    """Whoever is probed with meanwhile spends no retry, however long it lasts."""
    await sent(world, 5, Manner.UNREACHABLE)
    await world.one.take_requests([a_request(user_id=f"later-{each}") for each in range(10)])
    for _ in range(240):
        world.clock.advance(30 * SECOND)
        await world.one.worker.step()
    found = list(world.store.cash_outs.values())
    assert not [each for each in found if each.ended]
    probed = [each for each in found if len(each.attempts) > 4]
    assert probed, "the outage was long enough to matter"
    assert states(world)[0] == (ORANGE, State.CLOSED, Reason.CIRCUIT_OPEN)
    world.provider.manner = lambda _: Manner.PAYS_AT_ONCE
    await world.rest()
    assert {each.status for each in world.store.cash_outs.values()} == {Status.COMPLETED}
    assert len(world.provider.ledger) == 15
    assert not [each for each in world.one.board.standings.values() if each.parked]


async def test_what_waits_holds_its_limits_and_gives_them_back_when_it_is_cancelled(
    world: World,
) -> None:
    await steering(world).close(ADMIN, WHOLE, "planned")
    waiting = await world.taken()
    await world.one.worker.step()
    assert world.now(waiting).status is Status.PENDING
    assert world.used(waiting)[0] > 0
    await world.one.cancel(USER, waiting.id)
    assert world.used(waiting) == (0, 0)
    assert not world.provider.calls


async def test_what_waits_for_too_long_is_overdue_like_anything_else(world: World) -> None:
    await steering(world).close(ADMIN, WHOLE, "planned")
    waiting = await world.taken()
    world.clock.advance(world.policy.review_after + SECOND)
    await world.one.worker.step()
    assert world.now(waiting).needs_review
    assert world.now(waiting).status is Status.PENDING


async def test_asking_goes_on_whoever_closed_the_provider(world: World) -> None:
    cash_out = await world.sent()
    assert world.now(cash_out).status is Status.PROCESSING
    await steering(world).close(ADMIN, WHOLE, "planned")
    world.clock.advance(MINUTE)
    await world.one.worker.step()
    assert [name for name, _ in world.provider.calls].count("look_up") > 0


async def test_only_an_administrator_steers(world: World) -> None:
    for role in set(Role) - {Role.ADMIN}:
        with pytest.raises(Forbidden):
            await steering(world).close(Caller("joe", role), WHOLE, "planned")
    assert not world.store.standings


async def test_nobody_but_a_person_opens_what_a_person_closed(world: World) -> None:
    await steering(world).close(ADMIN, WHOLE, "planned")
    for _ in range(20):
        world.clock.advance(MINUTE)
        await world.one.health()
    assert states(world) == [(ORANGE, State.CLOSED, Reason.BY_HAND)]
    done = await steering(world).open(ADMIN, WHOLE, "over")
    assert (done.changed, done.standing.version) == (True, 2)
    again = await steering(world).open(ADMIN, WHOLE, "over")
    assert (again.changed, again.standing.version) == (False, 2)


async def test_steering_is_tried_again_when_somebody_else_was_first(world: World) -> None:
    world.trouble(Trouble.CONFLICT)
    assert (await steering(world).close(ADMIN, WHOLE, "planned")).changed


async def test_old_measures_are_removed(world: World) -> None:
    await sent(world, 1, Manner.PAYS_AT_ONCE)
    await world.one.health()
    assert len(world.store.measured) == 1
    world.clock.advance(world.health_policy.keep + MINUTE)
    await sent(world, 1, Manner.PAYS_AT_ONCE)
    await world.one.health()
    assert len(world.store.measured) == 1


async def test_a_standing_that_cannot_be_read_is_closed_and_told_once(world: World) -> None:
    """By a later version, before ours was put back: whether it is open is not known here."""
    one, route = world.one, Route(ORANGE)
    foreign = Standing(route, State.CLOSED, Reason.BY_HAND, NOW, 1, unread="DRAINING")
    world.store.standings[route] = foreign
    for _ in range(3):
        await one.health()
    assert one.board.standing(route).shut
    ((where, fault),) = one.journal.faults
    assert (where, type(fault)) == (Work.HEALTH, UnreadableStandings)
    assert str(fault) == f"{ORANGE}: DRAINING"
    await steering(world).close(ADMIN, route, "as it was meant")
    assert world.store.standings[route].unread == "", "closed by hand, in words of ours"
    await one.health()
    world.store.standings[route] = replace(foreign, version=3)
    await one.health()
    assert len(one.journal.faults) == 2, "told when it comes again"
