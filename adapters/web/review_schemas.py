"""What operators send and are shown about reviews."""

from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, UnsetType

from adapters.web.schemas import Amount, Moment
from application.reviews import ReviewAction
from application.stored_webhooks import Replay
from domain.evidence import ProofKind, Resolution, ReviewReason
from domain.rulings import (
    LONGEST_PROOF,
    LONGEST_REASON,
    LONGEST_REFERENCE,
    LONGEST_TRANSACTION_ID,
    ProposalState,
)
from domain.states import Status, Verdict

Reason = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=LONGEST_REASON,
        description="Why, in words for colleagues.",
        examples=["Line 17 of the statement says that it was paid."],
    ),
]
Identity = Annotated[str, Meta(extra_json_schema={"format": "uuid"})]


class _Asked(msgspec.Struct, rename="camel", forbid_unknown_fields=True, frozen=True, kw_only=True):
    """A closed body."""


class ProofBody(_Asked, frozen=True, kw_only=True):
    """What the provider says, and where."""

    kind: ProofKind
    reference: Annotated[
        str,
        Meta(
            min_length=1,
            max_length=LONGEST_REFERENCE,
            description="The receipt's number, the statement's line, the page of the portal.",
            examples=["2026-11-24/17"],
        ),
    ]
    text: Annotated[
        str,
        Meta(max_length=LONGEST_PROOF, description="What it says, as copied."),
    ] = ""


class NewResolution(_Asked, frozen=True, kw_only=True):
    """How a review is to be settled. `proof` is required to say paid or not paid."""

    resolution: Resolution
    reason: Reason
    proof: ProofBody | UnsetType = UNSET
    provider_transaction_id: (
        Annotated[
            str,
            Meta(
                min_length=1,
                max_length=LONGEST_TRANSACTION_ID,
                description="The provider's id, where the proof names one.",
            ),
        ]
        | UnsetType
    ) = UNSET
    seen: (
        Annotated[
            str,
            Meta(
                min_length=1,
                max_length=LONGEST_TRANSACTION_ID,
                description="`seen` of the review that was looked at: refused when more is known.",
            ),
        ]
        | UnsetType
    ) = UNSET


class Note(_Asked, frozen=True, kw_only=True):
    """What somebody adds to a decision, if anything."""

    reason: Annotated[str, Meta(max_length=LONGEST_REASON)] = ""


class NeededReason(_Asked, frozen=True, kw_only=True):
    """Why something is turned down or put aside."""

    reason: Reason


class _Shown(msgspec.Struct, rename="camel", frozen=True):
    """Names in camelCase; what is UNSET is left out."""


class ProposalView(_Shown, frozen=True, kw_only=True):
    """A proposal. fourEyes: False where one person was enough and did both."""

    proposal_id: Identity
    cash_out_id: Identity
    resolution: Resolution
    reason: str
    proof: ProofBody | UnsetType = UNSET
    provider_transaction_id: str | UnsetType = UNSET
    proposed_by: str
    proposed_at: Moment
    state: ProposalState
    decided_by: str | UnsetType = UNSET
    decided_at: Moment | UnsetType = UNSET
    decided_why: str | UnsetType = UNSET
    four_eyes: bool | UnsetType = UNSET


class ReviewView(_Shown, frozen=True, kw_only=True):
    """A cash-out that waits for operators. amount is what is at risk; nobody is named in full."""

    cash_out_id: Identity
    user_id: str
    amount: Amount
    fee: Amount
    currency: str
    provider: str
    provider_account_id: Annotated[
        str, Meta(description="Masked, unless the role may see numbers.")
    ]
    provider_transaction_id: str | UnsetType = UNSET
    reference: str
    status: Status
    attempts: int
    created_at: Moment
    reason: ReviewReason | UnsetType = UNSET
    concerns: Annotated[list[str], Meta(description="All that it is about, in order.")]
    opened_at: Moment | UnsetType = UNSET
    age_seconds: int | UnsetType = UNSET
    proposal: ProposalView | UnsetType = UNSET


class ReviewSumView(_Shown, frozen=True, kw_only=True):
    """What is open and at risk of one reason, provider and currency."""

    reason: ReviewReason
    provider: str
    currency: str
    count: int
    at_risk: Amount
    oldest_at: Moment


class QueueView(_Shown, frozen=True, kw_only=True):
    """A page of the queue, the oldest first, and what all of it comes to."""

    reviews: list[ReviewView]
    sums: list[ReviewSumView]
    next_cursor: str | UnsetType = UNSET


class ReviewFileView(_Shown, frozen=True, kw_only=True):
    """One cash-out's reviews. allowedActions: what the caller may do now."""

    review: ReviewView
    seen: Annotated[str, Meta(description="To be sent along with a proposal.")]
    proposals: list[ProposalView]
    allowed_actions: list[ReviewAction]
    resolutions: list[Resolution]
    ruled: Resolution | UnsetType = UNSET
    reviewed_at: Moment | UnsetType = UNSET


class SettledView(_Shown, frozen=True, kw_only=True):
    """An approved proposal, and what became of its cash-out."""

    proposal: ProposalView
    status: Status
    needs_review: bool
    agrees: bool | UnsetType = UNSET


class OrphanView(_Shown, frozen=True, kw_only=True):
    """A webhook for which there is no cash-out: authentic, readable, and nobody's."""

    delivery_id: Identity
    provider: str
    received_at: Moment
    age_seconds: int
    reference: str
    provider_transaction_id: str | UnsetType = UNSET
    word: str
    claims: Status | UnsetType = UNSET


class OrphansView(_Shown, frozen=True, kw_only=True):
    """A page of them, the oldest first."""

    webhooks: list[OrphanView]
    next_cursor: str | UnsetType = UNSET


class ReplayedView(_Shown, frozen=True, kw_only=True):
    """What became of a webhook that was to be judged again."""

    delivery_id: Identity
    outcome: Replay
    cash_out_id: Identity | UnsetType = UNSET
    status: Status | UnsetType = UNSET
    verdict: Verdict | UnsetType = UNSET


class DismissedView(_Shown, frozen=True, kw_only=True):
    """A webhook that was put aside, by whom and why."""

    delivery_id: Identity
    dismissed_by: str
    dismissed_at: Moment
    reason: str
