"""The simulator finds what is planted: without that, its silence would mean nothing."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from adapters.memory.limits import MemoryLimits
from application.relay_events import RelayEvents
from application.submit_cash_out import SubmitCashOut
from domain import attempts, record
from domain.attempts import Capabilities, Decision, NextStep
from domain.evidence import Doorbell, News
from domain.failures import FailureCode
from domain.states import Verdict
from entrypoints.simulation.plan import FaultKind, Reduction, drawn
from entrypoints.simulation.run import Run
from entrypoints.simulation.shrink import shrink
from entrypoints.simulation.world import Broken, Invariant

MOST_SEEDS = 400

Plant = Callable[[pytest.MonkeyPatch], None]


def no_grace(patch: pytest.MonkeyPatch) -> None:
    """Send again as soon as the provider knows nothing, whatever it promises."""
    real = attempts.decide

    def hasty(*arguments: object, **facts: object) -> Decision:
        decision = real(*arguments, **facts)  # type: ignore[arg-type]
        return replace(decision, step=NextStep.SEND) if decision.step is NextStep.ASK else decision

    patch.setattr("domain.planning.decide", hasty)


def no_lease_check(patch: pytest.MonkeyPatch) -> None:
    """Send without looking whether the lease still holds."""
    patch.setattr(SubmitCashOut, "lease_is_too_short", lambda _, begun: begun is None)


def trusted_doorbells(patch: pytest.MonkeyPatch) -> None:
    """Believe what a webhook claims whose signature does not cover it."""
    real = record._as_proven

    def trusting(report: record.Report, *rest: object) -> record.Report:
        rings = report.finding
        if isinstance(rings, Doorbell) and rings.claim is not None:
            its_id = rings.provider_transaction_id
            news = News(rings.word, rings.claim, its_id, rings.reference)
            return replace(report, finding=news)
        return real(report, *rest)  # type: ignore[arg-type]

    patch.setattr(record, "_as_proven", trusting)


def kept_limits(patch: pytest.MonkeyPatch) -> None:
    """Forget to give back what a failed cash-out had reserved."""

    async def forget(_: MemoryLimits, __: object) -> None: ...

    patch.setattr(MemoryLimits, "give_back", forget)


def marked_too_soon(patch: pytest.MonkeyPatch) -> None:
    """Mark events as told whether or not the broker took them."""

    async def careless(relay: RelayEvents) -> int:
        async with relay.units.begin() as unit:
            entries = await unit.outbox.waiting(relay.largest)
            await unit.outbox.mark_sent([each.position for each in entries], relay.clock.now())
        await relay.publisher.publish(entries)
        return len(entries)

    patch.setattr(RelayEvents, "__call__", careless)


def endings_overwritten(patch: pytest.MonkeyPatch) -> None:
    """Let the latest news win, as the old service did."""
    patch.setattr("domain.cash_out.judge", lambda now, said: _latest(now is said))


def _latest(same: bool) -> Verdict:
    return Verdict.STALE if same else Verdict.MOVE


def silence_is_failure(patch: pytest.MonkeyPatch) -> None:
    """Take an unanswered submit for a refused one."""
    real = attempts.decide

    def hopeless(
        tries: list[attempts.Attempt], capabilities: Capabilities, **facts: object
    ) -> Decision:
        if tries and tries[-1].outcome is attempts.OutcomeKind.UNKNOWN:
            return Decision(NextStep.FAIL, code=FailureCode.PROVIDER_UNAVAILABLE)
        return real(tries, capabilities, **facts)  # type: ignore[arg-type]

    patch.setattr("domain.planning.decide", hopeless)


PLANTED: list[tuple[Plant, set[Invariant]]] = [
    (no_grace, {Invariant.SENT_AGAIN_ONLY_WHEN_SAFE}),
    (no_lease_check, {Invariant.SENT_UNDER_A_LEASE}),
    (trusted_doorbells, {Invariant.COMPLETED_MEANS_PAID, Invariant.FAILED_MEANS_UNPAID}),
    (kept_limits, {Invariant.LIMITS_HOLD}),
    (marked_too_soon, {Invariant.ONE_ENDING_ONE_EVENT}),
    (endings_overwritten, {Invariant.ENDINGS_ARE_FINAL, Invariant.NO_BUG}),
    (silence_is_failure, {Invariant.FAILED_MEANS_UNPAID}),
]


def first_failure() -> tuple[int, Broken]:
    """Return the first seed in which something is broken."""
    for seed in range(1, MOST_SEEDS + 1):
        broken = Run(drawn(seed)).go().broken
        if broken is not None:
            return seed, broken
    pytest.fail(f"not found within {MOST_SEEDS} seeds")


@pytest.mark.parametrize(
    ("plant", "expected"), PLANTED, ids=[plant.__name__ for plant, _ in PLANTED]
)
def test_a_planted_bug_is_found(
    plant: Plant, expected: set[Invariant], monkeypatch: pytest.MonkeyPatch
) -> None:
    plant(monkeypatch)
    _, broken = first_failure()
    assert broken.invariant in expected


def test_a_failing_seed_is_made_smaller(monkeypatch: pytest.MonkeyPatch) -> None:
    kept_limits(monkeypatch)
    seed, broken = first_failure()
    plan = drawn(seed)
    smallest = shrink(plan, broken)
    smaller = plan.reduced(smallest)
    assert len(smaller.places) < len(plan.places)
    assert len(smaller.rates) <= len(plan.rates)
    found = Run(smaller).go().broken
    assert found is not None
    assert found.invariant is broken.invariant


def test_a_smaller_run_is_told_as_options() -> None:
    faults = frozenset({FaultKind.PAUSE, FaultKind.CRASH})
    by = Reduction(users=1, cash_outs=4, without=faults, skip=frozenset({2, 0}))
    assert by.options() == "--without crash,pause --skip 0,2 --users 1 --cash-outs 4"
