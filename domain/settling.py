"""Settling: what a ruling of operators does to a cash-out. It is news like any other to the judge.

An open cash-out is moved by it, as by a provider's proof. One that has ended stays as it is, and
others are told whether the ruling agrees. Either way the review is closed, and only then.
"""

import json
from collections.abc import Iterator
from hashlib import sha256

from domain.attempts import OutcomeKind
from domain.cases import RULED_AS, concern_of
from domain.cash_out import CashOut, Draft
from domain.event_facts import agrees, resolved_facts
from domain.events import EventType
from domain.evidence import Outcome, Resolution, ReviewReason, Ruling
from domain.failures import FailureCode
from domain.states import Status, Verdict


def settle(draft: Draft, ruling: Ruling, *, id_taken: bool) -> Verdict:
    """Close the open review by a ruling, move the cash-out if it is open; return the verdict.

    Without an open review, or with a provider's transaction id that cannot be this one's, it
    changes nothing.
    """
    review, said_id = draft.after.review, ruling.provider_transaction_id
    if review is None:
        return Verdict.NOTED
    if id_taken or has_other_id(draft.after, said_id):
        return Verdict.MISMATCH
    # What was known before it moves: the draft's cash-out changes under our hands.
    known = tuple(_known(draft.after))
    if said_id is not None:
        draft.set(provider_transaction_id=said_id)
    verdict = _move(draft, ruling.resolution)
    case = draft.after.case.resolved(ruling.resolution, draft.now, known=known)
    draft.set(review=None, case=case)
    status, by = draft.after.status, str(ruling.proposal_id)
    facts = resolved_facts(review, ruling.resolution, status, by)
    draft.announce(EventType.REVIEW_RESOLVED, ruled=facts)
    return verdict


def has_other_id(cash_out: CashOut, said: str | None) -> bool:
    """Tell whether the provider told us another transaction id than this one."""
    known = cash_out.provider_transaction_id
    return said is not None and known is not None and said != known


def _move(draft: Draft, resolution: Resolution) -> Verdict:
    """Enter the state that the ruling proves, where no other has been proven yet."""
    status = draft.after.status
    if not RULED_AS[resolution]:
        return Verdict.NOTED
    if draft.after.ended:
        return Verdict.STALE if agrees(resolution, status) else Verdict.CONTRADICTION
    proven = RULED_AS[resolution][0]
    code = FailureCode.CONFIRMED_NOT_PAID if proven is Status.FAILED else None
    return draft.move(proven, code=code)


def _known(cash_out: CashOut) -> Iterator[str]:
    """Yield what is no news after the ruling, besides what the review is about."""
    kinds = {attempt.outcome for attempt in cash_out.attempts}
    has_it = OutcomeKind.ACCEPTED in kinds or cash_out.claim is not None
    if has_it or cash_out.provider_transaction_id is not None:
        # That the provider has it was known, and operators ruled all the same.
        yield concern_of(ReviewReason.CONTRADICTION, Status.PROCESSING)
    if cash_out.contradicted and not cash_out.case.concerns:
        # Raised before concerns were noted: it was about the other ending, whichever that was.
        for status in (Status.COMPLETED, Status.FAILED, Status.CANCELLED):
            if status is not cash_out.status:
                yield concern_of(ReviewReason.CONTRADICTION, status)
    if cash_out.claim is not None:
        yield concern_of(ReviewReason.DOORBELL_DISAGREES, cash_out.claim)
    if cash_out.not_found_at is not None:
        yield concern_of(ReviewReason.UNKNOWN_TOO_LONG, NOT_FOUND)


NOT_FOUND = "not_found"
"""What a review is about when the provider knows nothing and sending again is not safe."""


def object_to(draft: Draft, outcome: Outcome) -> Verdict:
    """Compare the end of a submit that said nothing of the state with what was ruled meanwhile."""
    status = _MEANS.get(outcome.kind)
    if status is None or not draft.after.ended or not draft.after.case.is_disputed_by(status):
        return draft.verdict
    draft.call_human(ReviewReason.CONTRADICTION, status)
    return Verdict.CONTRADICTION


_MEANS = {OutcomeKind.ACCEPTED: Status.PROCESSING, OutcomeKind.REFUSED: Status.FAILED}


def raw_of(ruling: Ruling) -> bytes:
    """Return a ruling as JSON, as it is kept with the evidence."""
    proof = ruling.proof
    facts = {
        "resolutionId": str(ruling.proposal_id),
        "resolution": ruling.resolution,
        "reason": ruling.reason,
        "proof": proof and {"kind": proof.kind, "reference": proof.reference, "text": proof.text},
        "providerTransactionId": ruling.provider_transaction_id,
        "proposedBy": ruling.proposed_by,
        "approvedBy": ruling.approved_by,
        "fourEyes": ruling.four_eyes,
    }
    return json.dumps(facts, ensure_ascii=False, separators=(",", ":")).encode(
        "utf-8", "surrogatepass"
    )


def digest_of(raw: bytes) -> str:
    """Return the hex SHA-256 of a ruling as it is kept."""
    return sha256(raw).hexdigest()


def sentence_of(ruling: Ruling) -> str:
    """Return who ruled and why, in a line."""
    who = f"proposed by {ruling.proposed_by}, approved by {ruling.approved_by}"
    eyes = "" if ruling.four_eyes else " (one person is enough here)"
    proof = f"; {ruling.proof.kind} {ruling.proof.reference}" if ruling.proof else ""
    return f"{who}{eyes}: {ruling.reason}{proof}"
