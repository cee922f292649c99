"""Examples of the OpenAPI document: every error as it really looks, and a cash-out."""

from datetime import UTC, datetime
from typing import Any, Final

from adapters.web.problems import (
    Problem,
    bad_request,
    broken,
    overloaded,
    rate_limited,
    refused,
    too_large,
    unauthorized,
    unavailable,
    unsupported_media_type,
)
from domain.breaks import LONGEST_NOTE
from domain.health_refusals import InvalidSteering
from domain.money import CURRENCIES, Money
from domain.refusals import (
    AmountAboveMaximum,
    AmountBelowMinimum,
    CurrencyNotSupported,
    DailyLimitExceeded,
    DuplicateReference,
    Forbidden,
    IdempotencyKeyInUse,
    IdempotencyKeyReused,
    InvalidAccount,
    InvalidAmount,
    InvalidProvider,
    InvalidSignature,
    InvalidWebhook,
    MonthlyLimitExceeded,
    NotFound,
    Refusal,
    TooLateToCancel,
)
from domain.ruling_refusals import PLAIN_REFUSALS, InvalidRuling
from domain.statement_refusals import InvalidNote, InvalidStatement, ReconciliationRunning

_MIDNIGHT: Final = datetime(2026, 11, 24, tzinfo=UTC)
_DECEMBER: Final = datetime(2026, 12, 1, tzinfo=UTC)


def _xof(francs: int) -> Money:
    return Money(francs, CURRENCIES["XOF"])


_REFUSALS: Final[tuple[Refusal, ...]] = (
    InvalidProvider("mpesa", ["afrimoney", "orange_money"]),
    CurrencyNotSupported("SLL", replaced_by="SLE"),
    InvalidAccount("Give a mobile number in international form, like +2250700000789."),
    InvalidAmount("XOF is paid with at most 0 decimals."),
    AmountBelowMinimum("The smallest cash-out here is 600 XOF.", limit=_xof(600)),
    AmountAboveMaximum("The largest cash-out here is 3000000 XOF.", limit=_xof(3_000_000)),
    DailyLimitExceeded(
        "The limit for a UTC day is 6000000 XOF; 1200 XOF is left.",
        limit=_xof(6_000_000),
        left=_xof(1_200),
        resets_at=_MIDNIGHT,
    ),
    MonthlyLimitExceeded(
        "The limit for a UTC month is 30000000 XOF; 0 XOF is left.",
        limit=_xof(30_000_000),
        left=_xof(0),
        resets_at=_DECEMBER,
    ),
    IdempotencyKeyReused(["amount"]),
    IdempotencyKeyInUse(),
    DuplicateReference(),
    NotFound(),
    Forbidden(),
    TooLateToCancel("processing"),
    InvalidSignature(),
    InvalidWebhook(["transactionId"]),
    InvalidSteering("country", "Orange Money pays in: CM, CI, ML."),
    InvalidStatement("There is no mapping for this provider's statements in the configuration."),
    ReconciliationRunning("orange_money"),
    InvalidNote(LONGEST_NOTE),
    InvalidRuling([("proof", "Name what the provider says: a receipt, a line, its portal.")]),
    *(each() for each in PLAIN_REFUSALS),
)


def problems() -> dict[str, Problem]:
    """Return an example of every error, by its code."""
    found = [refused(each) for each in _REFUSALS]
    found += [
        bad_request([("walletId", "Required."), ("color", "Unknown field: leave it out.")]),
        unauthorized(),
        too_large(65_536),
        unsupported_media_type("Send JSON, with `Content-Type: application/json`."),
        rate_limited(3),
        overloaded(),
        unavailable(),
        broken(),
    ]
    return {each.code: each for each in found}


NEW_CASH_OUT: Final[dict[str, Any]] = {
    "walletId": "wallet-1",
    "amount": 1500,
    "currency": "XOF",
    "provider": "orange_money",
    "providerAccountId": "+2250700000789",
    "providerAccountName": "Awa Koné",
}
CASH_OUT: Final[dict[str, Any]] = {
    "cashOutId": "019ab0c4-7a1e-7c3f-9d52-6f0f4f1f2a3b",
    "userId": "user-1",
    "walletId": "wallet-1",
    "amount": 1500,
    "currency": "XOF",
    "fee": 600,
    "totalAmount": 2100,
    "provider": "orange_money",
    "providerAccountId": "+2250700000789",
    "providerAccountName": "Awa Koné",
    "reference": "CASH-MFRGGZDFMZTWQ2LKNNWG23TPOA",
    "status": "pending",
    "statusDetail": "Accepted. It goes to the provider now.",
    "attempts": 0,
    "needsReview": False,
    "createdAt": "2026-11-23T10:15:30.000Z",
    "updatedAt": "2026-11-23T10:15:30.000Z",
}
_LIMITS: Final[dict[str, Any]] = {
    "minAmount": 1,
    "maxAmount": 5000,
    "dailyLimit": 10000,
    "monthlyLimit": 50000,
    "currency": "USD",
}
PROVIDER: Final[dict[str, Any]] = {
    "id": "orange_money",
    "name": "Orange Money",
    "supportedCountries": ["Côte d'Ivoire"],
    "limits": _LIMITS,
    "corridors": [
        {
            "country": "CI",
            "name": "Côte d'Ivoire",
            "currencies": ["USD"],
            "tariffs": [
                {
                    "currency": "USD",
                    "limits": _LIMITS,
                    "fee": {"percent": 2, "minimum": 1},
                    "step": 0.01,
                }
            ],
            "available": True,
            "availability": [
                {
                    "currency": "USD",
                    "state": "OPERATIONAL",
                    "detail": "Orange Money in Côte d'Ivoire pays as usual.",
                }
            ],
        }
    ],
    "available": True,
    "availability": {"state": "OPERATIONAL"},
}
_DAILY: Final[dict[str, Any]] = {
    "limit": 6000000,
    "used": 0,
    "remaining": 6000000,
    "resetsAt": "2026-11-24T00:00:00.000Z",
}
_MONTHLY: Final[dict[str, Any]] = {
    "limit": 30000000,
    "used": 1500,
    "remaining": 29998500,
    "resetsAt": "2026-12-01T00:00:00.000Z",
}
QUOTE: Final[dict[str, Any]] = {
    "provider": "orange_money",
    "country": "CI",
    "amount": 1500,
    "fee": 600,
    "totalAmount": 2100,
    "currency": "XOF",
    "tariffVersion": "orange_money-2026-11",
    "availability": "OPERATIONAL",
    "daily": _DAILY,
    "monthly": _MONTHLY,
}
LIMIT_LINE: Final[dict[str, Any]] = {
    "provider": "orange_money",
    "currency": "XOF",
    "available": True,
    "minAmount": 600,
    "maxAmount": 3000000,
    "daily": _DAILY,
    "monthly": _MONTHLY,
}
READINESS: Final[dict[str, Any]] = {
    "status": "ready",
    "database": "up",
    "schema": "current",
    "broker": "up",
    "outboxBacklogSeconds": 0,
    "providers": {
        each: {"state": "OPERATIONAL", "parked": {}} for each in ("orange_money", "afrimoney")
    },
}
