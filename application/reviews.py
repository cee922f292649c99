"""Reviews as operators read them: what waits, what is at risk, and what each of them may do."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from enum import StrEnum
from typing import overload
from uuid import UUID

from application.callers import Caller, Permission
from application.masking import HIDDEN
from application.ports import (
    MOST_LISTED,
    Clock,
    Delivery,
    OpenReview,
    QueueFilter,
    QueuePlace,
    Reader,
    ReviewReader,
    ReviewSum,
)
from domain.cash_out import CashOut
from domain.evidence import Proof
from domain.persons import is_same_person
from domain.refusals import NotFound
from domain.rulings import Proposal, Resolution, gist

ORPHANS_REST = timedelta(minutes=5)
"""A webhook that came before its cash-out is matched by itself: only then it is a case."""


class ReviewAction(StrEnum):
    """What an operator may do about a review now."""

    PROPOSE = "propose"
    APPROVE = "approve"
    REJECT = "reject"
    WITHDRAW = "withdraw"


@dataclass(frozen=True, slots=True)
class QueuePage:
    """A page of the queue, oldest first. behind: where the next page begins, None on the last."""

    reviews: tuple[OpenReview, ...]
    behind: QueuePlace | None


@dataclass(frozen=True, slots=True)
class OrphanPage:
    """A page of webhooks of nobody's, oldest first. behind: as in QueuePage."""

    deliveries: tuple[Delivery, ...]
    behind: QueuePlace | None


@dataclass(frozen=True, slots=True)
class ReviewFile:
    """All that there is to one cash-out's reviews.

    seen: what a proposal rests on, to be sent along with it. proposals: newest first. actions:
    what the caller may do now. resolutions: how its review may be resolved, none without one.
    """

    cash_out: CashOut
    seen: str
    proposals: tuple[Proposal, ...]
    actions: tuple[ReviewAction, ...]
    resolutions: tuple[Resolution, ...]

    @property
    def waiting(self) -> Proposal | None:
        """The proposal that waits for approval."""
        return next((each for each in self.proposals if each.is_open), None)


@overload
def seen_by(caller: Caller, proposal: Proposal) -> Proposal: ...
@overload
def seen_by(caller: Caller, proposal: Proposal | None) -> Proposal | None: ...
def seen_by(caller: Caller, proposal: Proposal | None) -> Proposal | None:
    """Return a proposal without what people wrote, for who may not see numbers and names.

    A payee's may be in it: a line of a statement is copied as it is.
    """
    if proposal is None or caller.may(Permission.SEE_NUMBERS):
        return proposal
    proof = proposal.proof
    return replace(
        proposal,
        reason=HIDDEN,
        proof=_without_words(caller, proof) if proof else None,
        decided_why=HIDDEN if proposal.decided_why else "",
    )


def _without_words(caller: Caller, proof: Proof) -> Proof:
    text = HIDDEN if proof.text else ""
    return replace(proof, reference=caller.reads(proof.reference), text=text)


@dataclass(frozen=True, slots=True)
class ListReviews:
    """Reads the review queue; every method raises Forbidden without SEE_ALL.

    four_eyes: see ApproveResolution.
    """

    reader: ReviewReader
    cash_outs: Reader
    clock: Clock
    four_eyes: bool = True

    async def __call__(
        self,
        caller: Caller,
        which: QueueFilter | None = None,
        limit: int = 50,
        behind: QueuePlace | None = None,
    ) -> QueuePage:
        """Return a page of open reviews, the oldest first."""
        caller.must(Permission.SEE_ALL)
        limit = min(limit, MOST_LISTED)
        found = await self.reader.queue(which or QueueFilter(), limit + 1, behind)
        shown = [replace(each, proposal=seen_by(caller, each.proposal)) for each in found[:limit]]
        last = found[limit - 1 : limit]
        return QueuePage(tuple(shown), _place(last[0].cash_out) if len(found) > limit else None)

    async def sums(self, caller: Caller) -> Sequence[ReviewSum]:
        """Return what is open and at risk, by reason, provider and currency."""
        caller.must(Permission.SEE_ALL)
        return await self.reader.sums()

    async def orphans(
        self, caller: Caller, limit: int = 50, behind: QueuePlace | None = None
    ) -> OrphanPage:
        """Return a page of webhooks for which there is no cash-out, the oldest first."""
        caller.must(Permission.SEE_ALL)
        limit = min(limit, MOST_LISTED)
        before = self.clock.now() - ORPHANS_REST
        found = await self.reader.orphans(before, limit + 1, behind)
        last = found[limit - 1] if len(found) > limit else None
        place = QueuePlace(last.received_at, last.id) if last is not None else None
        return OrphanPage(tuple(found[:limit]), place)

    async def one(self, caller: Caller, cash_out_id: UUID) -> ReviewFile:
        """Return one cash-out with its proposals; raise NotFound."""
        caller.must(Permission.SEE_ALL)
        cash_out = await self.cash_outs.cash_out(cash_out_id)
        if cash_out is None:
            raise NotFound
        proposals = await self.reader.proposals(cash_out_id)
        waiting = next((each for each in proposals if each.is_open), None)
        return ReviewFile(
            cash_out,
            gist(cash_out),
            tuple(seen_by(caller, each) for each in proposals),
            tuple(self._actions(caller, cash_out, waiting)),
            tuple(_resolutions(cash_out)),
        )

    def _actions(
        self, caller: Caller, cash_out: CashOut, waiting: Proposal | None
    ) -> list[ReviewAction]:
        own = is_same_person(cash_out.user_id, caller.name)
        settled = cash_out.review is None
        mine = waiting is not None and waiting.proposed_by == caller.name
        alone = waiting is not None and is_same_person(waiting.proposed_by, caller.name)
        fresh = waiting is not None and not settled and waiting.seen == gist(cash_out)
        proposes, approves = caller.may(Permission.PROPOSE), caller.may(Permission.APPROVE)
        allowed = {
            ReviewAction.PROPOSE: proposes and not settled and waiting is None and not own,
            ReviewAction.APPROVE: approves and fresh and not own and not (alone and self.four_eyes),
            ReviewAction.REJECT: approves and waiting is not None,
            ReviewAction.WITHDRAW: proposes and mine,
        }
        return [action for action, may in allowed.items() if may]


def _place(cash_out: CashOut) -> QueuePlace | None:
    at = cash_out.review_at
    return QueuePlace(at, cash_out.id) if at is not None else None


def _resolutions(cash_out: CashOut) -> list[Resolution]:
    if cash_out.review is None:
        return []
    return [
        each for each in Resolution if each is not Resolution.KEEP_WAITING or not cash_out.ended
    ]
