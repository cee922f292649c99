"""What events tell of a cash-out: the facts of each type, in the order of the contract."""

from typing import TYPE_CHECKING

from domain.cases import RULED_AS
from domain.events import EventType, Facts
from domain.evidence import Resolution, ReviewReason
from domain.states import Status

if TYPE_CHECKING:
    from domain.cash_out import CashOut


def facts_of(kind: EventType, cash_out: "CashOut", reported: Status | None) -> Facts:
    """Return what an event of this type tells; its reference is added last."""
    facts: Facts = {
        "userId": cash_out.user_id,
        "walletId": cash_out.wallet_id,
        "amount": cash_out.amount,
        "currency": cash_out.amount.currency.code,
        "fee": cash_out.fee,
        "provider": cash_out.provider,
    }
    if kind is EventType.INITIATED:
        facts["providerAccountId"] = cash_out.payee.msisdn.e164
    else:
        facts["providerTransactionId"] = cash_out.provider_transaction_id
    if kind in {EventType.FAILED, EventType.CANCELLED}:
        facts["failureReason"] = cash_out.failure_reason
        facts["failureCode"] = cash_out.failure_code
    if kind is EventType.CONTRADICTED:
        facts["status"] = cash_out.status
        facts["reportedStatus"] = reported
    if kind is EventType.NEEDS_REVIEW:
        facts["status"] = cash_out.status
        facts["reviewReason"] = cash_out.review
    return facts


def resolved_facts(
    review: ReviewReason, resolution: Resolution, status: Status, by: str | None = None
) -> Facts:
    """Return what is told of a resolved review; by: the id of the proposal, None for the news."""
    return {
        "status": status,
        "reviewReason": review,
        "resolution": resolution,
        "resolutionId": by,
        "agrees": agrees(resolution, status),
    }


def agrees(resolution: Resolution, status: Status) -> bool | None:
    """Tell whether a resolution says what the ending says; None where it says nothing about it."""
    return status in RULED_AS[resolution] if RULED_AS[resolution] else None
