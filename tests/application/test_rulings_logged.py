"""What the operators' log says of each decision about a review, and what those are told."""

from uuid import UUID

import pytest

from application.callers import Caller, Role
from application.ports import AuditEntry
from application.rule_on_reviews import AskedResolution
from domain.cash_out import CashOut
from domain.evidence import Proof, ProofKind, Resolution
from domain.refusals import Forbidden, NotFound
from domain.ruling_refusals import ProviderIdConflict
from domain.rulings import Proposal
from domain.states import Status
from tests.application.wiring import World

pytestmark = pytest.mark.anyio

OLGA = Caller("olga", Role.OPERATOR)
AMADOU = Caller("amadou", Role.APPROVER)
PROOF = Proof(ProofKind.STATEMENT_LINE, "2026-11-24/17", "1500 XOF")


async def contradicted(world: World, user_id: str = "user-1") -> CashOut:
    """Return a completed cash-out of which the provider said later that it failed."""
    cash_out = await world.sent(user_id=user_id)
    for word in (Status.COMPLETED, Status.FAILED):
        await world.ring_true(cash_out, word)
    return world.now(cash_out)


async def proposed(world: World, cash_out: CashOut, said: str | None = None) -> Proposal:
    asked = AskedResolution(Resolution.PAID, "as the statement says", PROOF, said)
    return await world.one.desk.propose(OLGA, cash_out.id, asked)


def entries(world: World) -> list[AuditEntry]:
    return [logged.entry for _, logged in sorted(world.store.operators_log.items())]


def an_entry(
    world: World, who: str, action: str, proposal: Proposal, **more: str | bool | None
) -> AuditEntry:
    facts = {
        "proposal": str(proposal.id),
        "resolution": "paid",
        "status": "completed",
        "proposedBy": "olga",
        "proof": "statement_line",
    }
    at, subject = world.clock.now(), str(proposal.cash_out_id)
    return AuditEntry(at, who, action, subject, {**facts, **more})


async def test_a_proposal_is_dated_and_logged_with_what_it_says(world: World) -> None:
    cash_out = await contradicted(world)
    proposal = await proposed(world, cash_out, cash_out.provider_transaction_id)
    assert proposal.proposed_at == world.clock.now()
    assert proposal.reason == "as the statement says"
    assert proposal.provider_transaction_id == cash_out.provider_transaction_id
    assert entries(world) == [an_entry(world, "olga", "review.proposed", proposal)]


async def test_an_approval_is_logged_with_what_it_led_to(world: World) -> None:
    cash_out = await contradicted(world)
    proposal = await proposed(world, cash_out)
    settled = await world.one.desk.approve(AMADOU, proposal.id, "seen it too")
    assert settled.proposal.decided_why == "seen it too"
    assert settled.proposal.decided_at == world.clock.now()
    assert world.store.proposals[proposal.id] == settled.proposal
    assert settled.cash_out == world.now(cash_out)
    found = an_entry(world, "amadou", "review.approved", proposal, fourEyes=True)
    assert entries(world)[1] == found


async def test_without_a_word_an_approval_has_no_reason(world: World) -> None:
    proposal = await proposed(world, await contradicted(world))
    settled = await world.one.desk.approve(AMADOU, proposal.id)
    assert settled.proposal.decided_why == ""


async def test_a_rejection_is_logged_by_who_rejects(world: World) -> None:
    proposal = await proposed(world, await contradicted(world))
    gone = await world.one.desk.reject(AMADOU, proposal.id, "another line")
    assert (gone.decided_by, gone.decided_at) == ("amadou", world.clock.now())
    assert entries(world)[1] == an_entry(world, "amadou", "review.rejected", proposal)
    assert world.store.proposals[proposal.id] == gone


async def test_a_withdrawal_is_its_proposers_alone(world: World) -> None:
    proposal = await proposed(world, await contradicted(world))
    with pytest.raises(Forbidden) as refused:
        await world.one.desk.withdraw(AMADOU, proposal.id)
    assert str(refused.value) == (
        "This proposal is somebody else's: it can be rejected, not withdrawn."
    )
    gone = await world.one.desk.withdraw(OLGA, proposal.id)
    assert (gone.decided_by, gone.decided_at, gone.decided_why) == (
        "olga",
        world.clock.now(),
        "",
    )
    assert entries(world)[1:] == [an_entry(world, "olga", "review.withdrawn", proposal)]


async def test_what_is_not_found_is_named(world: World) -> None:
    with pytest.raises(NotFound) as missing:
        await world.one.desk.approve(AMADOU, UUID(int=404))
    assert str(missing.value) == str(NotFound("proposal"))


async def test_an_id_that_is_another_cash_outs_is_refused_by_both(world: World) -> None:
    other = await contradicted(world, "user-2")
    cash_out = await contradicted(world)
    assert other.provider_transaction_id != cash_out.provider_transaction_id
    with pytest.raises(ProviderIdConflict):
        await proposed(world, cash_out, other.provider_transaction_id)
    assert entries(world) == []
