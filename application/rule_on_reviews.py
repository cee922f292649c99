"""Ruling on reviews: one operator proposes, another approves, and the judge takes it as news.

Each of these is one transaction under the cash-out's lock, with its entry in the operators' log.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar
from uuid import UUID

from application.callers import Caller, Permission
from application.ports import AuditEntry, Chance, Clock, Conflict, Units
from application.ports.audit import Fact
from application.ports.storage import Unit
from application.record_news import MOST_TRIES, Arrival, Batch, RecordNews
from domain.cash_out import CashOut
from domain.evidence import Proof
from domain.refusals import Forbidden, NotFound
from domain.rulings import (
    Proposal,
    ProposalState,
    Resolution,
    approve,
    check_proposal,
    check_written,
    gist,
    reject,
    report_of,
    withdraw,
)

Done = TypeVar("Done")


@dataclass(frozen=True, slots=True)
class AskedResolution:
    """What an operator writes. seen: the gist of what was looked at, None where nobody knows it.

    provider_transaction_id: the provider's, where the proof names one.
    """

    resolution: Resolution
    reason: str
    proof: Proof | None = None
    provider_transaction_id: str | None = None
    seen: str | None = None


@dataclass(frozen=True, slots=True)
class Settled:
    """An approved proposal, and its cash-out as it is then."""

    proposal: Proposal
    cash_out: CashOut


@dataclass(frozen=True, slots=True)
class ProposeResolution:
    """Proposes how an open review is to be settled."""

    units: Units
    clock: Clock
    chance: Chance

    async def __call__(self, caller: Caller, cash_out_id: UUID, asked: AskedResolution) -> Proposal:
        """Return the proposal; raise Forbidden, NotFound or a refusal of `domain.rulings`."""
        caller.must(Permission.PROPOSE)
        return await _persistently(lambda: self._propose(caller, cash_out_id, asked))

    async def _propose(self, caller: Caller, cash_out_id: UUID, asked: AskedResolution) -> Proposal:
        async with self.units.begin() as unit:
            cash_out = await _locked(unit, cash_out_id)
            proposal = self._proposal(caller, cash_out, asked)
            check_written(proposal)
            check_proposal(
                proposal,
                cash_out,
                await unit.rulings.open_of(cash_out_id),
                id_taken=await _is_anothers(unit, cash_out, asked.provider_transaction_id),
                seen=asked.seen,
            )
            await unit.rulings.add(proposal)
            await unit.audit.append(_entry("review.proposed", caller, proposal, cash_out))
        return proposal

    def _proposal(self, caller: Caller, cash_out: CashOut, asked: AskedResolution) -> Proposal:
        return Proposal(
            id=self.chance.token(),
            cash_out_id=cash_out.id,
            version=cash_out.version,
            seen=gist(cash_out),
            resolution=asked.resolution,
            reason=asked.reason,
            proposed_by=caller.name,
            proposed_at=self.clock.now(),
            proof=asked.proof,
            provider_transaction_id=asked.provider_transaction_id,
        )


@dataclass(frozen=True, slots=True)
class ApproveResolution:
    """Approves a proposal: in one transaction it is judged, stored, told and logged.

    four_eyes: whoever proposed it cannot approve. Where that is off, they can, and the operators'
    log and the evidence say so.
    """

    units: Units
    clock: Clock
    news: RecordNews
    four_eyes: bool = True

    async def __call__(self, caller: Caller, proposal_id: UUID, why: str = "") -> Settled:
        """Return what it led to; raise Forbidden, NotFound or a refusal of `domain.rulings`."""
        caller.must(Permission.APPROVE)
        settled, batch = await _persistently(lambda: self._approve(caller, proposal_id, why))
        self.news.tell(batch)
        return settled

    async def _approve(self, caller: Caller, proposal_id: UUID, why: str) -> tuple[Settled, Batch]:
        async with self.units.begin() as unit:
            proposal, cash_out = await _locked_proposal(unit, proposal_id)
            approved = approve(
                proposal,
                cash_out,
                caller.name,
                self.clock.now(),
                four_eyes=self.four_eyes,
                why=why,
                id_taken=await _is_anothers(unit, cash_out, proposal.provider_transaction_id),
            )
            arrival = Arrival(cash_out.provider, report_of(approved), cash_out_id=cash_out.id)
            batch = await self.news.within(unit, [arrival])
            await unit.rulings.decide(approved)
            after = batch.current[cash_out.id]
            await unit.audit.append(_entry("review.approved", caller, approved, after))
        return Settled(approved, after), batch


@dataclass(frozen=True, slots=True)
class RejectResolution:
    """Rejects a proposal: the review stays open."""

    units: Units
    clock: Clock

    async def __call__(self, caller: Caller, proposal_id: UUID, why: str) -> Proposal:
        """Return the proposal as it is then; raise Forbidden, NotFound or a refusal."""
        caller.must(Permission.APPROVE)

        def decide(proposal: Proposal) -> Proposal:
            return reject(proposal, caller.name, self.clock.now(), why)

        return await _persistently(
            lambda: _decide(self.units, caller, proposal_id, "review.rejected", decide)
        )


@dataclass(frozen=True, slots=True)
class WithdrawResolution:
    """Takes a proposal back: its proposer alone may."""

    units: Units
    clock: Clock

    async def __call__(self, caller: Caller, proposal_id: UUID, why: str = "") -> Proposal:
        """Return the proposal as it is then; raise Forbidden, NotFound or a refusal."""
        caller.must(Permission.PROPOSE)

        def decide(proposal: Proposal) -> Proposal:
            if proposal.proposed_by != caller.name:
                message = "This proposal is somebody else's: it can be rejected, not withdrawn."
                raise Forbidden(message)
            return withdraw(proposal, self.clock.now(), why)

        return await _persistently(
            lambda: _decide(self.units, caller, proposal_id, "review.withdrawn", decide)
        )


async def _decide(
    units: Units,
    caller: Caller,
    proposal_id: UUID,
    action: str,
    decide: Callable[[Proposal], Proposal],
) -> Proposal:
    async with units.begin() as unit:
        proposal, cash_out = await _locked_proposal(unit, proposal_id)
        decided = decide(proposal)
        await unit.rulings.decide(decided)
        await unit.audit.append(_entry(action, caller, decided, cash_out))
    return decided


async def _persistently(work: Callable[[], Awaitable[Done]]) -> Done:
    """Do it again where somebody got in between; each try sees what they did."""
    for _ in range(MOST_TRIES - 1):
        try:
            return await work()
        except Conflict:
            continue
    return await work()


async def _locked(unit: Unit, cash_out_id: UUID) -> CashOut:
    found = (await unit.cash_outs.lock([cash_out_id])).get(cash_out_id)
    if found is None:
        raise NotFound
    return found


async def _locked_proposal(unit: Unit, proposal_id: UUID) -> tuple[Proposal, CashOut]:
    """Return a proposal as it is while its cash-out is locked; raise NotFound."""
    named = await unit.rulings.get(proposal_id)
    if named is None:
        raise NotFound("proposal")
    cash_out = await _locked(unit, named.cash_out_id)
    # Read again: whoever held the lock before us may have decided it.
    return await unit.rulings.get(proposal_id) or named, cash_out


async def _is_anothers(unit: Unit, cash_out: CashOut, said: str | None) -> bool:
    """Tell whether a provider's transaction id belongs to another cash-out."""
    if said is None:
        return False
    owners = await unit.cash_outs.owners([(cash_out.provider, said)])
    return owners.get((cash_out.provider, said), cash_out.id) != cash_out.id


def _entry(action: str, caller: Caller, proposal: Proposal, cash_out: CashOut) -> AuditEntry:
    """Return the entry of the operators' log; what people wrote stays with the proposal."""
    facts: dict[str, Fact] = {
        "proposal": str(proposal.id),
        "resolution": proposal.resolution,
        "status": cash_out.status,
        "proposedBy": proposal.proposed_by,
        "proof": proposal.proof.kind if proposal.proof else None,
    }
    if proposal.state is ProposalState.APPROVED:
        facts["fourEyes"] = proposal.four_eyes
    at = proposal.decided_at or proposal.proposed_at
    return AuditEntry(at, caller.name, action, str(cash_out.id), facts)
