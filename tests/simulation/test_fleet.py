"""The simulated processes: how faults are counted, and what becomes of them afterwards."""

from domain.standings import Route
from entrypoints.simulation.plan import FaultKind, Plan
from entrypoints.simulation.run import Run
from entrypoints.simulation.world import pause


def test_healing_wakes_a_process_that_was_frozen_while_it_was_told_to_stop() -> None:
    run = Run(Plan(seed=1))

    async def story() -> None:
        process = run.fleet.start()
        process.freeze()
        stopping = run.world.spawn(run.fleet.restart_gently(process))
        await pause(run.world, 1.0)
        assert not stopping.done()
        run.fleet.heal()
        await stopping

    run.world.loop.run(story())
    assert run.world.elapsed < 60.0
    assert [each.name for each in run.fleet.alive] == ["p2"]
    run.world.over = True
    run.world.loop.clean()


def test_a_crash_and_a_pause_count_when_they_strike_and_not_when_they_are_called_off() -> None:
    run = Run(Plan(seed=1))

    async def story() -> None:
        spared, dying, pausing = (run.fleet.start() for _ in range(3))
        spared.fuse = 1_000
        dying.fuse = 1
        pausing.fuse, pausing.pause_s = 1, 5.0
        await pause(run.world, 0.5)
        assert not spared.dead
        assert dying.dead
        assert pausing.paused
        run.fleet.heal()

    run.world.loop.run(story())
    run.world.over = True
    run.world.loop.clean()
    assert run.world.faults.struck == {FaultKind.CRASH: 1, FaultKind.PAUSE: 1}


def test_an_order_that_a_frozen_process_wakes_up_with_is_its_own() -> None:
    """Its operator lost patience and asked another process meanwhile."""
    run = Run(Plan(seed=1, health=True))
    route = Route(next(iter(run.world.catalogue.providers)))

    async def story() -> None:
        frozen = run.fleet.start()
        frozen.freeze()
        steering = run.world.spawn(run.weather._steer(route, close=True))
        await pause(run.world, 1.0)
        run.fleet.alive.remove(frozen)
        run.fleet.start()
        await steering
        frozen.thaw()
        await pause(run.world, 1.0)

    run.world.loop.run(story())
    faults = [*run.world.loop.faults, *run.world.loop.unheard()]
    run.world.over = True
    run.world.loop.clean()
    assert run.store.rows.standings[route].shut
    assert (run.world.broken, faults) == (None, [])


def test_a_drawn_crash_is_no_crash_yet() -> None:
    run = Run(Plan(seed=1, rates={FaultKind.CRASH: 1_000}))

    async def story() -> None:
        process = run.fleet.start()
        await pause(run.world, 0.1)
        run.weather._crash()
        assert process.fuse
        assert not run.world.faults.struck

    run.world.loop.run(story())
    run.world.over = True
    run.world.loop.clean()
