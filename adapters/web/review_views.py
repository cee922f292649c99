"""From reviews and proposals to answers. Numbers are masked unless the caller may see them."""

from datetime import datetime

from msgspec import UNSET

from adapters.web.review_schemas import (
    DismissedView,
    OrphanView,
    ProofBody,
    ProposalView,
    ReplayedView,
    ReviewFileView,
    ReviewSumView,
    ReviewView,
    SettledView,
)
from adapters.web.schemas import amount
from adapters.web.views import moment
from application.callers import Caller, Permission
from application.ports import Delivery, Dismissal, ReviewSum
from application.reviews import ReviewFile
from application.rule_on_reviews import Settled
from application.stored_webhooks import Replayed
from domain.cash_out import CashOut
from domain.event_facts import agrees
from domain.evidence import Doorbell, News
from domain.rulings import Proposal, ProposalState
from domain.states import Status


def review_view(
    cash_out: CashOut, waiting: Proposal | None, caller: Caller, now: datetime
) -> ReviewView:
    """Return a cash-out that waits for operators, as this caller may see it."""
    number, opened_at = cash_out.payee.msisdn, cash_out.review_at
    return ReviewView(
        cash_out_id=str(cash_out.id),
        user_id=caller.reads(cash_out.user_id),
        amount=amount(cash_out.amount),
        fee=amount(cash_out.fee),
        currency=cash_out.amount.currency.code,
        provider=cash_out.provider,
        provider_account_id=number.e164 if caller.may(Permission.SEE_NUMBERS) else number.masked,
        provider_transaction_id=cash_out.provider_transaction_id or UNSET,
        reference=caller.reads_name(cash_out.reference),
        status=cash_out.status,
        attempts=len(cash_out.attempts),
        created_at=moment(cash_out.created_at),
        reason=cash_out.review or UNSET,
        concerns=[concern(each) for each in cash_out.case.concerns],
        opened_at=moment(opened_at) if opened_at else UNSET,
        age_seconds=_age(opened_at, now) if opened_at else UNSET,
        proposal=proposal_view(waiting) if waiting else UNSET,
    )


def concern(name: str) -> str:
    """Return what a review is about: its reason, and the state that was claimed, if one was."""
    reason, _, about = name.partition(":")
    return f"{reason}: {about}" if about in set(Status) else reason


def proposal_view(proposal: Proposal) -> ProposalView:
    """Return a proposal with all that was written."""
    proof, decided = proposal.proof, proposal.decided_at
    return ProposalView(
        proposal_id=str(proposal.id),
        cash_out_id=str(proposal.cash_out_id),
        resolution=proposal.resolution,
        reason=proposal.reason,
        proof=ProofBody(kind=proof.kind, reference=proof.reference, text=proof.text)
        if proof
        else UNSET,
        provider_transaction_id=proposal.provider_transaction_id or UNSET,
        proposed_by=proposal.proposed_by,
        proposed_at=moment(proposal.proposed_at),
        state=proposal.state,
        decided_by=proposal.decided_by or UNSET,
        decided_at=moment(decided) if decided else UNSET,
        decided_why=proposal.decided_why or UNSET,
        four_eyes=proposal.four_eyes if proposal.state is ProposalState.APPROVED else UNSET,
    )


def file_view(found: ReviewFile, caller: Caller, now: datetime) -> ReviewFileView:
    """Return all that there is to one cash-out's reviews."""
    case = found.cash_out.case
    return ReviewFileView(
        review=review_view(found.cash_out, found.waiting, caller, now),
        seen=found.seen,
        proposals=[proposal_view(each) for each in found.proposals],
        allowed_actions=list(found.actions),
        resolutions=list(found.resolutions),
        ruled=case.ruled or UNSET,
        reviewed_at=moment(case.reviewed_at) if case.reviewed_at else UNSET,
    )


def sum_view(total: ReviewSum) -> ReviewSumView:
    """Return what is open of one kind."""
    return ReviewSumView(
        reason=total.reason,
        provider=total.provider,
        currency=total.at_risk.currency.code,
        count=total.count,
        at_risk=amount(total.at_risk),
        oldest_at=moment(total.oldest_at),
    )


def settled_view(settled: Settled) -> SettledView:
    """Return what an approval led to."""
    cash_out, agreed = (
        settled.cash_out,
        agrees(settled.proposal.resolution, settled.cash_out.status),
    )
    return SettledView(
        proposal=proposal_view(settled.proposal),
        status=cash_out.status,
        needs_review=cash_out.needs_review,
        agrees=UNSET if agreed is None else agreed,
    )


def orphan_view(delivery: Delivery, caller: Caller, now: datetime) -> OrphanView:
    """Return a webhook of nobody's, without its body, as this caller may see it."""
    lookup, finding = delivery.lookup, delivery.finding
    return OrphanView(
        delivery_id=str(delivery.id),
        provider=delivery.provider,
        received_at=moment(delivery.received_at),
        age_seconds=_age(delivery.received_at, now),
        reference=caller.reads_name(lookup.reference) if lookup else "",
        provider_transaction_id=(lookup.provider_transaction_id if lookup else None) or UNSET,
        word=finding.word if finding else "",
        claims=_claimed(finding) or UNSET,
    )


def replayed_view(replayed: Replayed) -> ReplayedView:
    """Return what became of a webhook that was to be judged again."""
    cash_out = replayed.cash_out
    return ReplayedView(
        delivery_id=str(replayed.delivery.id),
        outcome=replayed.outcome,
        cash_out_id=str(cash_out.id) if cash_out else UNSET,
        status=cash_out.status if cash_out else UNSET,
        verdict=replayed.verdict or UNSET,
    )


def dismissed_view(dismissal: Dismissal) -> DismissedView:
    """Return who put a webhook aside."""
    return DismissedView(
        delivery_id=str(dismissal.delivery_id),
        dismissed_by=dismissal.operator,
        dismissed_at=moment(dismissal.at),
        reason=dismissal.reason,
    )


def _claimed(finding: News | Doorbell | None) -> Status | None:
    if finding is None:
        return None
    return finding.status if isinstance(finding, News) else finding.claim


def _age(since: datetime, now: datetime) -> int:
    return max(0, int((now - since).total_seconds()))
