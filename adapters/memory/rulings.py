"""Proposals and the review queue in memory."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from adapters.memory.store import MemoryStore, Staging
from application.ports import (
    MOST_COUNTED,
    MOST_PROPOSALS,
    Conflict,
    Delivery,
    Dismissal,
    KeptDelivery,
    OpenReview,
    QueueFilter,
    QueuePlace,
    ReviewSum,
)
from domain.cash_out import CashOut
from domain.evidence import Source
from domain.money import Money
from domain.rulings import Proposal


class MemoryRulings:
    """Implements `Rulings`."""

    def __init__(self, staging: Staging) -> None:
        self._now = staging

    async def add(self, proposal: Proposal) -> None:
        """Store a new proposal; raise Conflict when one waits for its cash-out already."""
        if await self.open_of(proposal.cash_out_id) is not None:
            raise self._conflict("a proposal waits already")
        self._now.proposals.put(proposal.id, proposal)
        own = self._now.proposals_of.get(proposal.cash_out_id) or ()
        self._now.proposals_of.put(proposal.cash_out_id, (*own, proposal.id))

    async def get(self, proposal_id: UUID) -> Proposal | None:
        """Return one, or None."""
        return self._now.proposals.get(proposal_id)

    async def open_of(self, cash_out_id: UUID) -> Proposal | None:
        """Return the proposal that waits for this cash-out, or None."""
        own = self._now.proposals_of.get(cash_out_id) or ()
        found = (self._now.proposals.get(each) for each in own)
        return next((each for each in found if each is not None and each.is_open), None)

    async def decide(self, proposal: Proposal) -> None:
        """Store what became of a proposal; raise Conflict when it does not wait any more."""
        stored = self._now.proposals.get(proposal.id)
        if stored is None or not stored.is_open:
            raise self._conflict("a proposal was decided meanwhile")
        self._now.proposals.put(proposal.id, proposal)

    async def delivery(self, delivery_id: UUID) -> KeptDelivery | None:
        """Return a stored webhook, or None."""
        kept = self._now.deliveries.get(delivery_id)
        if kept is None:
            return None
        return KeptDelivery(
            replace(kept.delivery, cash_out_id=kept.cash_out_id),
            self._now.dismissed.get(delivery_id),
        )

    async def judged(self, cash_out_id: UUID, digest: str) -> bool:
        """Tell whether a webhook with this body was judged for a cash-out."""
        pieces = self._now.evidence.get(cash_out_id) or ()
        return any(each.source is Source.WEBHOOK and each.digest == digest for each in pieces)

    async def dismiss(self, dismissal: Dismissal) -> None:
        """Put a webhook aside; does nothing when that was done before."""
        if self._now.dismissed.get(dismissal.delivery_id) is None:
            self._now.dismissed.put(dismissal.delivery_id, dismissal)

    def _conflict(self, why: str) -> Conflict:
        # As in a database, a transaction that met a conflict cannot be committed any more.
        self._now.broken = True
        return Conflict(why)


class MemoryReviewReader:
    """Implements `ReviewReader` over what is committed."""

    def __init__(self, store: MemoryStore) -> None:
        self._store = store

    async def queue(
        self, which: QueueFilter, limit: int, behind: QueuePlace | None = None
    ) -> list[OpenReview]:
        """Return open reviews, the oldest first."""
        found = [each for each in self._in_order() if _matches(each, which, behind)]
        waiting = {
            each.cash_out_id: each for each in self._store.proposals.values() if each.is_open
        }
        return [OpenReview(each, waiting.get(each.id)) for each in found[:limit]]

    async def sums(self) -> list[ReviewSum]:
        """Return what is open by reason, provider and currency, of the MOST_COUNTED oldest."""
        found: dict[tuple[str, str, str], ReviewSum] = {}
        for each in self._in_order()[:MOST_COUNTED]:
            reason, opened_at = each.review, each.review_at
            if reason is None or opened_at is None:
                continue
            key = (reason, each.provider, each.amount.currency.code)
            so_far = found.get(key)
            nothing = Money(0, each.amount.currency)
            found[key] = ReviewSum(
                reason,
                each.provider,
                so_far.count + 1 if so_far else 1,
                (so_far.at_risk if so_far else nothing) + each.amount,
                so_far.oldest_at if so_far else opened_at,
            )
        return [found[key] for key in sorted(found)]

    async def proposals(self, cash_out_id: UUID) -> list[Proposal]:
        """Return the proposals of a cash-out, the newest first."""
        own = [
            self._store.proposals[each] for each in self._store.proposals_of.get(cash_out_id, ())
        ]
        newest = sorted(own, key=lambda each: (each.proposed_at, each.id), reverse=True)
        return newest[:MOST_PROPOSALS]

    async def orphans(
        self, received_before: datetime, limit: int, behind: QueuePlace | None = None
    ) -> list[Delivery]:
        """Return readable webhooks of nobody's that were not put aside, the oldest first."""
        kept = (self._store.deliveries[each].delivery for each in self._store.unmatched)
        found = [
            each
            for each in kept
            if each.id not in self._store.dismissed
            and each.received_at < received_before
            and _is_behind(each.received_at, each.id, behind)
        ]
        return sorted(found, key=lambda each: (each.received_at, each.id))[:limit]

    def _in_order(self) -> list[CashOut]:
        found: Iterable[tuple[datetime, UUID, CashOut]] = (
            (each.review_at, each.id, each)
            for each in self._store.cash_outs.values()
            if each.review_at is not None
        )
        return [row[2] for row in sorted(found, key=lambda row: row[:2])]


def _matches(cash_out: CashOut, which: QueueFilter, behind: QueuePlace | None) -> bool:
    opened_at = cash_out.review_at
    return (
        opened_at is not None
        and which.reason in {None, cash_out.review}
        and which.provider in {None, cash_out.provider}
        and (which.opened_before is None or opened_at < which.opened_before)
        and _is_behind(opened_at, cash_out.id, behind)
    )


def _is_behind(at: datetime, identity: UUID, place: QueuePlace | None) -> bool:
    return place is None or (at, identity) > (place.at, place.id)
