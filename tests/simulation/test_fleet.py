"""The simulated processes: what becomes of them when faults are over."""

from entrypoints.simulation.plan import Plan
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
