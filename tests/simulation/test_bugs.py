"""A bug that nobody waits for, or waits for no more, breaks a run all the same."""

import pytest

from application.ports import StorageUnavailable
from domain.refusals import NotFound
from entrypoints.simulation.plan import Plan
from entrypoints.simulation.process import Impatient, Process
from entrypoints.simulation.run import Run
from entrypoints.simulation.world import Invariant, pause

FAULTS = pytest.mark.parametrize(
    ("fault", "is_a_bug"),
    [(ZeroDivisionError("no"), True), (StorageUnavailable("away"), False), (NotFound(), False)],
    ids=lambda each: type(each).__name__,
)


@FAULTS
def test_a_task_that_fails_unheard_is_a_bug(
    monkeypatch: pytest.MonkeyPatch, fault: Exception, is_a_bug: bool
) -> None:
    usual = Process.start

    async def go_wrong() -> None:
        raise fault

    def start(self: Process) -> None:
        usual(self)
        self.spawn(go_wrong())

    monkeypatch.setattr(Process, "start", start)
    broken = Run(Plan(seed=1)).go().broken
    assert (broken is not None) is is_a_bug
    if broken is not None:
        assert broken.invariant is Invariant.NO_BUG
        assert "ZeroDivisionError" in broken.how


@FAULTS
def test_a_call_that_fails_when_its_caller_has_gone_is_a_bug(
    fault: Exception, is_a_bug: bool
) -> None:
    run = Run(Plan(seed=1))

    async def go_wrong_later() -> None:
        await pause(run.world, 5.0)
        raise fault

    async def story() -> None:
        process = run.fleet.start()
        with pytest.raises(Impatient):
            await process.call(go_wrong_later, 1.0)
        await pause(run.world, 10.0)

    run.world.loop.run(story())
    broken = run.world.broken
    run.world.over = True
    run.world.loop.clean()
    assert (broken is not None) is is_a_bug
    if broken is not None:
        assert broken.invariant is Invariant.NO_BUG
