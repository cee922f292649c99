"""A payment that nobody could tell us of is no mistake of ours; one that was told is in review."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from adapters.sandbox.corridors import AFRIMONEY, ORANGE_MONEY
from domain.evidence import ReviewReason
from domain.states import Status
from entrypoints.simulation.courier import Post
from entrypoints.simulation.fleet import Fleet
from entrypoints.simulation.plan import Plan
from entrypoints.simulation.run import Run
from entrypoints.simulation.world import Invariant

PROVIDERS = pytest.mark.parametrize("provider", [ORANGE_MONEY, AFRIMONEY])


def refusing(monkeypatch: pytest.MonkeyPatch, is_refused: Callable[[bytes], bool]) -> None:
    """Have webhooks answered as one that speaks of another time than our clocks."""
    usual = Fleet.deliver

    async def deliver(self: Fleet, post: Post) -> int | None:
        return 401 if is_refused(post.raw) else await usual(self, post)

    monkeypatch.setattr(Fleet, "deliver", deliver)


def taken_back(provider: str) -> Run:
    """Return a run of one cash-out whose provider pays what it had called failed."""
    return Run(Plan(seed=1, scenarios=((provider, "304"),)))


def tells_of_payment(raw: bytes) -> bool:
    return b'"SUCCESSFUL"' in raw or b'"completed"' in raw


@PROVIDERS
def test_what_is_paid_after_it_was_called_failed_is_in_review(provider: str) -> None:
    run = taken_back(provider)
    assert run.go().broken is None
    (kept,) = run.store.rows.cash_outs.values()
    assert (kept.status, kept.review) == (Status.FAILED, ReviewReason.CONTRADICTION)


@PROVIDERS
def test_what_no_webhook_could_tell_of_breaks_nothing(
    provider: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    refusing(monkeypatch, tells_of_payment)
    run = taken_back(provider)
    assert run.go().broken is None
    (kept,) = run.store.rows.cash_outs.values()
    assert (kept.status, kept.review) == (Status.FAILED, None)
    assert run.side.engine.ledger.count(kept.reference) == 1


@PROVIDERS
def test_what_a_webhook_told_and_nobody_heard_breaks_the_run(
    provider: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = taken_back(provider)
    usual = run.rest.faults

    def deaf() -> list[tuple[Invariant, str]]:
        (kept,) = run.store.rows.cash_outs.values()
        run.store.rows.cash_outs[kept.id] = replace(kept, review=None)
        return list(usual())

    monkeypatch.setattr(type(run.rest), "faults", lambda _: iter(deaf()))
    broken = run.go().broken
    assert broken is not None
    assert broken.invariant is Invariant.FAILED_MEANS_UNPAID
