"""A worker that starts: what it has to know before it sends."""

from collections import deque
from datetime import timedelta

import pytest

from adapters.memory.faults import Trouble, TroubledUnits
from adapters.memory.units import MemoryUnits
from application.steer_providers import SteerProviders
from domain.measures import Tally
from domain.standings import Route
from tests.application.at_work import passes, running
from tests.application.wiring import ADMIN, World
from tests.strategies import NOW, ORANGE

pytestmark = pytest.mark.anyio


async def test_a_worker_that_starts_knows_what_a_person_closed_before_it_sends(
    world: World,
) -> None:
    """After a restore the providers are closed while nothing runs, and then the workers start."""
    cash_out = await world.taken()
    one = world.one
    steer = SteerProviders(
        one.units, world.catalogue, one.board, world.clock, one.signals, one.journal
    )
    await steer.close(ADMIN, Route(ORANGE), "restored")
    async with running(world, world.another().worker):
        await passes(world, timedelta(seconds=6))
        assert world.provider.calls == []
        assert world.now(cash_out).attempts == ()


async def test_nothing_is_sent_before_the_standings_could_be_read(world: World) -> None:
    await world.taken()
    worker = world.one.worker
    assert worker.health is not None
    readable = worker.health.units
    away = TroubledUnits(MemoryUnits(world.store), deque([Trouble.AWAY] * 100))
    worker.health.units = away
    async with running(world, worker):
        await passes(world, timedelta(seconds=6))
        assert world.provider.calls == []
        assert away.opened > 1
        worker.health.units = readable
        await passes(world, timedelta(seconds=2))
        assert [name for name, _ in world.provider.calls] == ["disburse"]


async def test_what_is_known_to_be_open_is_sent_though_no_look_at_health_ever_ends_well(
    world: World,
) -> None:
    """A bug in the judgement, or what a later version measured: a restart sends all the same."""
    await world.taken()
    worker = world.one.worker
    # A moment without a zone cannot be compared with ours: each look fails at it.
    world.store.measured[Route(ORANGE), NOW.replace(tzinfo=None)] = Tally(accepted=1)
    async with running(world, worker):
        await passes(world, timedelta(seconds=6))
        assert {type(fault) for _, fault in world.one.journal.faults} == {TypeError}
        assert [name for name, _ in world.provider.calls][:1] == ["disburse"]
