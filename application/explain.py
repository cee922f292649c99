"""Explain: what happened to a cash-out and how it stands; all of it, or what its owner may see."""

from dataclasses import dataclass
from uuid import UUID

from application.callers import Caller, Permission
from application.ports import Clock, Reader
from application.ports.reviews import ReviewReader
from application.reviews import seen_by
from application.timeline import Timeline
from application.timeline_entries import entries_of
from application.timeline_outlook import (
    acts_of,
    doubts_of,
    next_of,
    review_at_of,
    risk_of,
    summary_of,
)
from domain.cash_out import CashOut
from domain.corridors import Catalogue, Policy
from domain.refusals import NotFound
from domain.rulings import Proposal


@dataclass(frozen=True, slots=True)
class Explain:
    """Reads a cash-out with its evidence and tells its story. It changes and asks nothing."""

    reader: Reader
    reviews: ReviewReader
    catalogue: Catalogue
    policy: Policy
    clock: Clock

    async def __call__(self, caller: Caller, cash_out_id: UUID) -> Timeline:
        """Return the timeline; raise NotFound, or Forbidden to who may not see it.

        Who may see all is given the full one, also of a cash-out of their own.
        """
        found = await self.reader.cash_out(cash_out_id)
        if found is None:
            raise NotFound
        caller.must_own(found)
        full = caller.may(Permission.SEE_ALL)
        pieces = await self.reader.evidence(cash_out_id)
        proposal = await self._waiting(found) if full else None
        now = self.clock.now()
        provider = self.catalogue.providers.get(found.provider)
        return Timeline(
            cash_out=found,
            now=now,
            full=full,
            summary=summary_of(found),
            entries=entries_of(found, pieces, full=full, names=caller.may(Permission.SEE_NUMBERS)),
            uncertain=doubts_of(found),
            next=next_of(found, now),
            at_risk=risk_of(found, provider.capabilities if provider else None),
            allowed_actions=acts_of(found, caller, proposal, now),
            review_at=review_at_of(found, self.policy),
            proposal=seen_by(caller, proposal),
        )

    async def _waiting(self, cash_out: CashOut) -> Proposal | None:
        """Return the proposal that waits for approval, if any."""
        if not cash_out.needs_review:
            return None
        proposals = await self.reviews.proposals(cash_out.id)
        return next((each for each in proposals if each.is_open), None)
