"""What a timeline looks like: what happened, what is not known, what comes next, what to do."""

from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, UnsetType

from adapters.web.schemas import Amount, Moment
from application.timeline import Act, Doubt, Risk, Step, What, Who
from domain.states import Status, Verdict

Sentence = Annotated[str, Meta(description="Safe to show the payee, in the language asked for.")]


class _Answer(msgspec.Struct, rename="camel", frozen=True):
    """Names in camelCase; what is UNSET is left out."""


class ToldView(_Answer, frozen=True, kw_only=True):
    """An event that others were told; `sequence` counts the cash-out's events from 1."""

    type: str
    sequence: int | UnsetType = UNSET


class ProofView(_Answer, frozen=True, kw_only=True):
    """The piece of evidence behind an entry: for operators only."""

    sequence: int
    source: Annotated[str, Meta(description="The door that it came through.")]
    kind: str
    verdict: Annotated[
        str, Meta(extra_json_schema={"enum": [str(each) for each in Verdict], "type": "string"})
    ]
    word: Annotated[str, Meta(description="The provider's own word.")]
    detail: str
    digest: Annotated[str, Meta(description="Hex SHA-256 of the raw body; empty without one.")]
    hash: Annotated[str, Meta(description="The link in the chain; empty before there were any.")]


class EntryView(_Answer, frozen=True, kw_only=True):
    """One thing that happened. `state` is what the cash-out became by it."""

    at: Moment
    who: Who
    what: What
    text: Sentence
    state: Status | UnsetType = UNSET
    reported_state: Status | UnsetType = UNSET
    attempt: int | UnsetType = UNSET
    events: list[ToldView] | UnsetType = UNSET
    evidence: ProofView | UnsetType = UNSET


class DoubtView(_Answer, frozen=True, kw_only=True):
    """One thing that is not known now."""

    doubt: Doubt
    text: Sentence


class NextView(_Answer, frozen=True, kw_only=True):
    """What happens next; `at` is left out where no time is set."""

    step: Step
    at: Moment | UnsetType = UNSET
    text: Sentence


class RiskView(_Answer, frozen=True, kw_only=True):
    """The money that may have moved, or still move, otherwise than our record says."""

    risk: Risk
    amount: Amount
    currency: str
    text: Sentence


class WaitingProposalView(_Answer, frozen=True, kw_only=True):
    """What an operator proposed and another is to approve."""

    resolution_id: Annotated[str, Meta(extra_json_schema={"format": "uuid"})]
    resolution: str
    reason: str
    proposed_by: str
    proposed_at: Moment


class TimelineView(_Answer, frozen=True, kw_only=True):
    """The story of one cash-out, for its owner or for operators."""

    cash_out_id: Annotated[str, Meta(extra_json_schema={"format": "uuid"})]
    reference: str
    status: Status
    summary: Sentence
    needs_review: bool
    at: Annotated[Moment, Meta(description="As of when this is told.")]
    entries: list[EntryView]
    uncertain: list[DoubtView]
    next: NextView
    at_risk: RiskView
    allowed_actions: list[Act]
    review_at: Annotated[
        Moment | UnsetType, Meta(description="When a person is called if it is still open then.")
    ] = UNSET
    proposal: WaitingProposalView | UnsetType = UNSET
