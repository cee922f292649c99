"""From a timeline to its answer."""

from collections.abc import Callable

from msgspec import UNSET

from adapters.web.schemas import amount
from adapters.web.timeline_schemas import (
    DoubtView,
    EntryView,
    NextView,
    ProofView,
    RiskView,
    TimelineView,
    ToldView,
    WaitingProposalView,
)
from adapters.web.views import moment
from application.masking import unnumbered
from application.timeline import Entry, Proof, Said, Timeline
from domain.rulings import Proposal

Say = Callable[[Said], str]


def timeline_view(timeline: Timeline, language: str, *, in_full: bool = True) -> TimelineView:
    """Return a timeline in `en` or `fr`. in_full: for who may see what may be numbers."""

    def say(said: Said) -> str:
        return said.in_language(language)

    cash_out, at_risk, then = timeline.cash_out, timeline.at_risk, timeline.next
    return TimelineView(
        cash_out_id=str(cash_out.id),
        reference=cash_out.reference if in_full else unnumbered(cash_out.reference),
        status=cash_out.status,
        summary=say(timeline.summary),
        needs_review=cash_out.needs_review,
        at=moment(timeline.now),
        entries=[_entry(each, say) for each in timeline.entries],
        uncertain=[DoubtView(doubt=each.doubt, text=say(each.said)) for each in timeline.uncertain],
        next=NextView(
            step=then.step, at=moment(then.at) if then.at else UNSET, text=say(then.said)
        ),
        at_risk=RiskView(
            risk=at_risk.risk,
            amount=amount(at_risk.amount),
            currency=at_risk.amount.currency.code,
            text=say(at_risk.said),
        ),
        allowed_actions=list(timeline.allowed_actions),
        review_at=moment(timeline.review_at) if timeline.review_at else UNSET,
        proposal=_proposal(timeline.proposal) if timeline.proposal else UNSET,
    )


def _entry(entry: Entry, say: Say) -> EntryView:
    told = [
        ToldView(type=each.type, sequence=UNSET if each.sequence is None else each.sequence)
        for each in entry.told
    ]
    return EntryView(
        at=moment(entry.at),
        who=entry.who,
        what=entry.what,
        text=say(entry.said),
        state=entry.state or UNSET,
        reported_state=entry.reported or UNSET,
        attempt=UNSET if entry.attempt is None else entry.attempt,
        events=told or UNSET,
        evidence=_proof(entry.proof) if entry.proof else UNSET,
    )


def _proof(proof: Proof) -> ProofView:
    return ProofView(
        sequence=proof.sequence,
        source=proof.source,
        kind=proof.kind,
        verdict=proof.verdict,
        word=proof.word,
        detail=proof.detail,
        digest=proof.digest,
        hash=proof.hash,
    )


def _proposal(proposal: Proposal) -> WaitingProposalView:
    return WaitingProposalView(
        resolution_id=str(proposal.id),
        resolution=proposal.resolution,
        reason=proposal.reason,
        proposed_by=proposal.proposed_by,
        proposed_at=moment(proposal.proposed_at),
    )
