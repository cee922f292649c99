"""Rulings: how operators settle a review. One proposes, another approves; nobody alone, nor twice.

Every function is pure: it returns the proposal as it is then, or raises why it may not be.
"""

import unicodedata
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from domain.cases import digest_of_words
from domain.cash_out import CashOut
from domain.evidence import Proof, ProofKind, Resolution, Ruling, Source
from domain.persons import is_same_person
from domain.refusals import Refusal
from domain.reports import Report
from domain.ruling_refusals import (
    InvalidRuling,
    NoOpenReview,
    NothingToWaitFor,
    OwnCashOut,
    ProposalAlreadyDecided,
    ProposalAlreadyOpen,
    ProposerCannotApprove,
    ProviderIdConflict,
    ReviewChanged,
)
from domain.settling import digest_of, has_other_id, raw_of

LONGEST_REASON = 500
LONGEST_REFERENCE = 200
LONGEST_PROOF = 2_000
LONGEST_TRANSACTION_ID = 128


class ProposalState(StrEnum):
    """What became of a proposal. All but the first are for ever."""

    PROPOSED = "proposed"
    APPROVED = "approved"
    REJECTED = "rejected"
    WITHDRAWN = "withdrawn"


@dataclass(frozen=True, slots=True)
class Proposal:
    """How somebody wants a review to be settled, and what became of that.

    version: of the cash-out when it was proposed. seen: what was known of it then, see `gist`.
    four_eyes: False when one person did both. decided_why: 0..500 characters.
    """

    id: UUID
    cash_out_id: UUID
    version: int
    seen: str
    resolution: Resolution
    reason: str
    proposed_by: str
    proposed_at: datetime
    proof: Proof | None = None
    provider_transaction_id: str | None = None
    state: ProposalState = ProposalState.PROPOSED
    decided_by: str | None = None
    decided_at: datetime | None = None
    decided_why: str = ""
    four_eyes: bool = True

    @property
    def is_open(self) -> bool:
        """Tell whether it waits for somebody's decision."""
        return self.state is ProposalState.PROPOSED


def gist(cash_out: CashOut) -> str:
    """Return a digest of what is known of a cash-out that an operator's judgement rests on.

    It stays the same while polls bring nothing new, workers come and go and time passes.
    """
    case, attempts = cash_out.case, cash_out.attempts
    return digest_of_words(
        cash_out.status,
        cash_out.review or "",
        " ".join(case.concerns),
        " ".join(f"{each.number}={each.outcome}" for each in attempts),
        cash_out.provider_transaction_id or "",
        cash_out.claim or "",
        str(cash_out.not_found_at is not None),
        str(case.reviewed_at),
    )


def check_written(proposal: Proposal) -> None:
    """Raise InvalidRuling naming every field that is missing, too long or not to be shown."""
    faults = [(name, fault) for name, check in _CHECKS.items() if (fault := check(proposal))]
    if faults:
        raise InvalidRuling(faults)


def check_proposal(
    proposal: Proposal,
    cash_out: CashOut,
    open_one: Proposal | None,
    *,
    id_taken: bool = False,
    seen: str | None = None,
) -> None:
    """Raise the first refusal of the table that holds.

    open_one: the proposal that waits already. id_taken: the transaction id is another
    cash-out's. seen: the gist that the proposer looked at, where that is known.
    """
    _refuse_first(
        (is_same_person(cash_out.user_id, proposal.proposed_by), OwnCashOut),
        (cash_out.review is None, NoOpenReview),
        (open_one is not None, ProposalAlreadyOpen),
        (seen is not None and seen != gist(cash_out), ReviewChanged),
        (cash_out.ended and proposal.resolution is Resolution.KEEP_WAITING, NothingToWaitFor),
        (
            id_taken or has_other_id(cash_out, proposal.provider_transaction_id),
            ProviderIdConflict,
        ),
    )


def approve(
    proposal: Proposal,
    cash_out: CashOut,
    by: str,
    now: datetime,
    *,
    four_eyes: bool,
    why: str = "",
    id_taken: bool = False,
) -> Proposal:
    """Return the proposal as approved, or raise the first refusal of the table that holds.

    four_eyes: whoever proposed it may not. Otherwise they may, and the proposal says so.
    """
    alone = is_same_person(by, proposal.proposed_by)
    _refuse_first(
        (not proposal.is_open, ProposalAlreadyDecided),
        (alone and four_eyes, ProposerCannotApprove),
        (is_same_person(cash_out.user_id, by), OwnCashOut),
        (cash_out.review is None, NoOpenReview),
        (gist(cash_out) != proposal.seen, ReviewChanged),
        (
            id_taken or has_other_id(cash_out, proposal.provider_transaction_id),
            ProviderIdConflict,
        ),
    )
    decided = _decided(proposal, ProposalState.APPROVED, by, now, why)
    return replace(decided, four_eyes=not alone)


def reject(proposal: Proposal, by: str, now: datetime, why: str) -> Proposal:
    """Return the proposal as rejected; raise ProposalAlreadyDecided or InvalidRuling."""
    _refuse_first((not proposal.is_open, ProposalAlreadyDecided))
    check_why(why)
    return _decided(proposal, ProposalState.REJECTED, by, now, why)


def withdraw(proposal: Proposal, now: datetime, why: str = "") -> Proposal:
    """Return the proposal as taken back by its proposer; raise ProposalAlreadyDecided."""
    _refuse_first((not proposal.is_open, ProposalAlreadyDecided))
    return _decided(proposal, ProposalState.WITHDRAWN, proposal.proposed_by, now, why)


def check_why(why: str) -> None:
    """Raise InvalidRuling unless somebody wrote 1..500 characters."""
    fault = _text(why, 1, LONGEST_REASON)
    if fault:
        raise InvalidRuling([("reason", fault)])


def report_of(approved: Proposal) -> Report:
    """Return an approved proposal as news for the judge."""
    ruling = Ruling(
        proposal_id=approved.id,
        resolution=approved.resolution,
        reason=approved.reason,
        proposed_by=approved.proposed_by,
        approved_by=approved.decided_by or "",
        four_eyes=approved.four_eyes,
        proof=approved.proof,
        provider_transaction_id=approved.provider_transaction_id,
    )
    raw = raw_of(ruling)
    return Report(Source.OPERATOR, ruling, digest=digest_of(raw), raw=raw)


def _decided(
    proposal: Proposal, state: ProposalState, by: str, now: datetime, why: str
) -> Proposal:
    fault = _text(why, 0, LONGEST_REASON)
    if fault:
        raise InvalidRuling([("reason", fault)])
    return replace(proposal, state=state, decided_by=by, decided_at=now, decided_why=why)


def _refuse_first(*rows: tuple[bool, Callable[[], Refusal]]) -> None:
    """Raise the refusal of the first row that holds."""
    for holds, refusal in rows:
        if holds:
            raise refusal()


def _text(text: str, least: int, most: int) -> str:
    """Return what is wrong with a text that people wrote; empty when nothing is."""
    if not least <= len(text.strip()) or len(text) > most:
        return f"Write {least} to {most} characters."
    strange = any(unicodedata.category(each) in _STRANGE and each not in "\r\n\t" for each in text)
    return "Control characters cannot be stored." if strange else ""


_STRANGE = {"Cc", "Cs", "Cn"}
"""Control characters, halves of characters, and what is none: Unicode's general categories."""


def _proof(proposal: Proposal) -> str:
    if proposal.proof is None:
        waits = proposal.resolution is Resolution.KEEP_WAITING
        return "" if waits else "Name what the provider says: a receipt, a line, its portal."
    return ""


def _proof_reference(proposal: Proposal) -> str:
    return _text(proposal.proof.reference, 1, LONGEST_REFERENCE) if proposal.proof else ""


def _proof_text(proposal: Proposal) -> str:
    return _text(proposal.proof.text, 0, LONGEST_PROOF) if proposal.proof else ""


def _transaction_id(proposal: Proposal) -> str:
    said = proposal.provider_transaction_id
    return "" if said is None else _text(said, 1, LONGEST_TRANSACTION_ID)


_CHECKS: dict[str, Callable[[Proposal], str]] = {
    "reason": lambda proposal: _text(proposal.reason, 1, LONGEST_REASON),
    "proof": _proof,
    "proof.reference": _proof_reference,
    "proof.text": _proof_text,
    "providerTransactionId": _transaction_id,
}

__all__ = ["Proof", "ProofKind", "Proposal", "ProposalState", "Resolution", "Ruling"]
