"""How a cash-out stands: what is uncertain, what comes next, what it could cost, who may act."""

from collections.abc import Callable
from datetime import datetime
from typing import Final

from application.callers import Caller, Permission
from application.timeline import Act, AtRisk, Doubt, Next, Risk, Said, Step, Uncertain
from application.timeline_words import (
    DOUBTS,
    LOOKED_AT,
    RISKS,
    STEPS,
    SUMMARIES,
    filled,
    reason_of,
    when,
)
from domain.attempts import Capabilities, OutcomeKind
from domain.cash_out import Action, CashOut, cancel
from domain.corridors import Policy
from domain.evidence import Resolution, ReviewReason
from domain.money import Money
from domain.refusals import TooLateToCancel
from domain.rulings import Proposal
from domain.states import ENDINGS, Status

_MISMATCHES: Final = {
    ReviewReason.ECHO_MISMATCH,
    ReviewReason.REFERENCE_CONFLICT,
    ReviewReason.PROVIDER_ID_CONFLICT,
}
_DISPUTES: Final = {
    ReviewReason.CONTRADICTION,
    ReviewReason.UNRECOGNISED_AFTER_ENDING,
    ReviewReason.DOORBELL_DISAGREES,
}


def summary_of(cash_out: CashOut) -> Said:
    """Return where it is, in a sentence."""
    said = filled(SUMMARIES[cash_out.status], reason=reason_of(cash_out.failure_code))
    if not cash_out.needs_review:
        return said
    return Said(said.english + LOOKED_AT.english, said.french + LOOKED_AT.french)


def doubts_of(cash_out: CashOut) -> tuple[Uncertain, ...]:
    """Return what is not known now, the gravest first."""
    holds: dict[Doubt, bool] = {
        Doubt.CONTRADICTION: cash_out.ended and cash_out.review in _DISPUTES,
        Doubt.MISMATCH: cash_out.review in _MISMATCHES,
        Doubt.OUTCOME: not cash_out.ended and _may_be_paid(cash_out),
        Doubt.ANSWER: not cash_out.ended and _is_under_way(cash_out),
        Doubt.CLAIM: _is_only_claimed(cash_out),
        Doubt.DENIED: not cash_out.ended and cash_out.not_found_at is not None,
    }
    return tuple(Uncertain(doubt, DOUBTS[doubt]) for doubt, is_so in holds.items() if is_so)


def _may_be_paid(cash_out: CashOut) -> bool:
    """Tell whether anything of it can have reached the provider."""
    sent = any(each.settled is not OutcomeKind.UNSENT for each in cash_out.attempts)
    return sent or cash_out.claim is not None or cash_out.provider_transaction_id is not None


def _is_under_way(cash_out: CashOut) -> bool:
    return any(each.outcome is None for each in cash_out.attempts)


def _is_only_claimed(cash_out: CashOut) -> bool:
    claim = cash_out.claim
    return claim in ENDINGS and claim is not cash_out.status and cash_out.case.ruled is None


def next_of(cash_out: CashOut, now: datetime) -> Next:
    """Return what happens next, and when."""
    step, at = _step(cash_out, now)
    said = filled(STEPS[step], when=when(at or now, now))
    return Next(step, at, said)


def _step(cash_out: CashOut, now: datetime) -> tuple[Step, datetime | None]:
    plan, lease = cash_out.plan, cash_out.lease
    if lease is not None and lease.until > now and not cash_out.ended:
        return Step.ANSWER, lease.until
    if plan is not None and plan.action is Action.SUBMIT:
        return (Step.SEND_AGAIN if cash_out.attempts else Step.SEND), plan.due_at
    if plan is not None:
        return Step.ASK, plan.due_at
    if cash_out.needs_review or not cash_out.ended:
        return Step.OPERATOR, None
    return Step.NOTHING, None


def risk_of(cash_out: CashOut, capabilities: Capabilities | None) -> AtRisk:
    """Return what may have been paid, or be paid, otherwise than our record says.

    capabilities: what the provider promises, None where it is known no more. With one that pays a
    reference once, however often it is sent, it is the amount; otherwise once for each attempt
    that may have got through.
    """
    risk = _risk(cash_out)
    times = _times(cash_out, capabilities) if risk is Risk.MAY_BE_PAID else 1
    at_risk = 0 if risk is Risk.NONE else cash_out.amount.minor * times
    amount = Money(at_risk, cash_out.amount.currency)
    return AtRisk(risk, amount, filled(RISKS[risk], amount=str(amount)))


def _risk(cash_out: CashOut) -> Risk:
    if not cash_out.ended:
        return Risk.MAY_BE_PAID if _may_be_paid(cash_out) else Risk.NONE
    says_paid = cash_out.status is Status.COMPLETED
    ruled = cash_out.case.ruled
    disputed = cash_out.review in _DISPUTES | _MISMATCHES
    if says_paid and (disputed or ruled is Resolution.NOT_PAID):
        return Risk.NOT_PAID_AFTER_ALL
    if not says_paid and (disputed or ruled is Resolution.PAID):
        return Risk.PAID_AFTER_ALL
    return Risk.NONE


def _times(cash_out: CashOut, capabilities: Capabilities | None) -> int:
    if capabilities is not None and capabilities.idempotent_submit:
        return 1
    kinds = {OutcomeKind.ACCEPTED, OutcomeKind.UNKNOWN}
    return max(1, sum(each.settled in kinds for each in cash_out.attempts))


def review_at_of(cash_out: CashOut, policy: Policy) -> datetime | None:
    """Return when a person is called if it is still open then; None where one is, or it ended."""
    if cash_out.ended or cash_out.needs_review:
        return None
    return cash_out.waits_since + policy.review_after


def acts_of(
    cash_out: CashOut, caller: Caller, proposal: Proposal | None, now: datetime
) -> tuple[Act, ...]:
    """Return what this caller may do now; proposal: the one that waits for approval."""
    owns = cash_out.user_id == caller.user_id
    may_cancel = owns or caller.may(Permission.CANCEL_ANY)
    proposes = cash_out.needs_review and not owns and caller.may(Permission.PROPOSE)
    waits = proposal is not None
    own = proposal is not None and proposal.proposed_by == caller.name
    decides = waits and not owns and caller.may(Permission.APPROVE)
    holds: dict[Act, Callable[[], bool]] = {
        Act.CANCEL: lambda: may_cancel and _can_be_cancelled(cash_out, now),
        Act.RESOLVE_PAID: lambda: proposes and not waits,
        Act.RESOLVE_NOT_PAID: lambda: proposes and not waits,
        Act.KEEP_WAITING: lambda: proposes and not waits and not cash_out.ended,
        Act.APPROVE: lambda: decides and not own,
        Act.REJECT: lambda: decides and not own,
        Act.WITHDRAW: lambda: own and caller.may(Permission.PROPOSE),
    }
    return tuple(act for act, is_allowed in holds.items() if is_allowed())


def _can_be_cancelled(cash_out: CashOut, now: datetime) -> bool:
    try:
        cancel(cash_out, now)
    except TooLateToCancel:
        return False
    return True
