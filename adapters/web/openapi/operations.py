"""The operations: one row for each method of each path, with its answers and error codes."""

from typing import Final

from adapters.web.cash_outs import CANCEL, CASH_OUTS, ONE_CASH_OUT, QUOTE
from adapters.web.catalogue import PROVIDERS
from adapters.web.cursors import LONGEST_CURSOR
from adapters.web.headers import LONGEST_WAIT_S
from adapters.web.health import HEALTH, READY
from adapters.web.new_cash_out import PLAIN_DECIMAL, NewCashOut
from adapters.web.openapi import examples
from adapters.web.openapi.pieces import (
    REF,
    Json,
    Operation,
    answer,
    enveloped,
    json_body,
    parameter,
    string,
    whole,
)
from adapters.web.openapi.provider_operations import provider_operations
from adapters.web.openapi.review_operations import review_operations
from adapters.web.openapi.statement_operations import statement_operations
from adapters.web.openapi.timeline_operations import timeline_operations
from adapters.web.openapi.user_operations import user_operations
from adapters.web.parts import SERVICE_NAME
from adapters.web.queries import LARGEST_PAGE, LAST_PAGE, USUAL_PAGE
from adapters.web.schemas import (
    CashOutView,
    HistoryView,
    Liveness,
    NotReady,
    ProvidersView,
    QuoteView,
    ReadinessView,
    Success,
    WebhookView,
)
from adapters.web.texts import LONGEST_KEY, LONGEST_WALLET_ID, LONGEST_WORD
from adapters.web.webhooks import WEBHOOK
from domain.states import Status

_STORED: Final = ("SERVICE_UNAVAILABLE",)
_SIGNED_IN: Final = ("UNAUTHORIZED",)
_OWN: Final = ("NOT_FOUND", "FORBIDDEN")


def operations() -> list[Operation]:
    """Return every operation of the API."""
    return [
        _request_cash_out(),
        *_reading_operations(),
        *user_operations(_ID, _LANGUAGE, (*_OWN, *_SIGNED_IN, *_STORED)),
        *timeline_operations(_ID, _LANGUAGE, (*_OWN, *_SIGNED_IN, *_STORED)),
        *_provider_operations(),
        *provider_operations(),
        *review_operations(_ID),
        *statement_operations(),
        *_health_operations(),
    ]


def _request_cash_out() -> Operation:
    asked = {**enveloped(examples.CASH_OUT), "message": "Cash out request initiated"}
    ended = {**examples.CASH_OUT, "status": "completed", "attempts": 1}
    schema = REF[Success[CashOutView]]
    return Operation(
        method="post",
        path=CASH_OUTS,
        name="requestCashOut",
        summary="Take a cash-out",
        description="Decided in this order: token, shape, provider, corridor, amount, limits."
        " Stored in one transaction before anything is sent.",
        parameters=(_KEY, _PREFER, _LANGUAGE),
        body=json_body(REF[NewCashOut], examples.NEW_CASH_OUT),
        answers={
            202: answer("Taken.", schema, asked, _TAKEN_HEADERS, _THEN),
            200: answer(
                "Taken and ended, within the preferred wait.",
                schema,
                {**asked, "data": ended},
                _TAKEN_HEADERS,
                _THEN,
            ),
        },
        errors=(*_TAKING_ERRORS, *_SIGNED_IN, *_STORED),
    )


def _reading_operations() -> list[Operation]:
    one = enveloped(examples.CASH_OUT)
    return [
        Operation(
            method="get",
            path=CASH_OUTS,
            name="listCashOuts",
            summary="List one's own cash-outs, newest first",
            parameters=(*_HISTORY, _LANGUAGE),
            answers={200: answer("A page.", REF[Success[HistoryView]], _HISTORY_EXAMPLE)},
            errors=("BAD_REQUEST", *_SIGNED_IN, *_STORED),
        ),
        Operation(
            method="get",
            path=ONE_CASH_OUT,
            name="getCashOut",
            summary="Read one cash-out",
            description="Returns what is stored and never waits for a provider.",
            parameters=(_ID, _LANGUAGE),
            answers={
                200: answer("The cash-out.", REF[Success[CashOutView]], one, links=_FROM_READING)
            },
            errors=(*_OWN, *_SIGNED_IN, *_STORED),
        ),
        Operation(
            method="post",
            path=CANCEL,
            name="cancelCashOut",
            summary="Cancel what is provably not on the wire",
            parameters=(_ID, _LANGUAGE),
            answers={
                200: answer("Cancelled.", REF[Success[CashOutView]], one, links=_FROM_CANCELLING)
            },
            errors=(*_OWN, "TOO_LATE_TO_CANCEL", *_SIGNED_IN, *_STORED),
        ),
        Operation(
            method="get",
            path=QUOTE,
            name="quoteCashOut",
            summary="Ask what a cash-out would cost",
            parameters=_QUOTE,
            answers={200: answer("The price.", REF[Success[QuoteView]], enveloped(examples.QUOTE))},
            errors=(*_PRICE_ERRORS, *_SIGNED_IN, *_STORED),
        ),
    ]


def _provider_operations() -> list[Operation]:
    listed = enveloped({"providers": [examples.PROVIDER]})
    known = {"success": True, "cashOutId": examples.CASH_OUT["cashOutId"], "status": "completed"}
    return [
        Operation(
            method="get",
            path=PROVIDERS,
            name="listProviders",
            summary="List providers, corridors, fees and limits, and how they are",
            description="`availability` is what this process knew a moment ago. Cash-outs are taken"
            " all the same: where it is not OPERATIONAL they wait, and can be cancelled.",
            tag="providers",
            parameters=(_LANGUAGE,),
            answers={200: answer("All providers.", REF[Success[ProvidersView]], listed)},
            errors=_SIGNED_IN,
        ),
        Operation(
            method="post",
            path=WEBHOOK,
            name="receiveWebhook",
            summary="For providers: tell news, signed over the raw body",
            tag="providers",
            public=True,
            parameters=(parameter("path", "provider", string(LONGEST_WORD), required=True),),
            body={
                "required": True,
                "content": {"application/json": {"schema": {"type": "object"}}},
            },
            answers={
                200: answer("Kept.", REF[Success[WebhookView]], enveloped(known)),
            },
            errors=(
                "INVALID_SIGNATURE",
                "INVALID_PROVIDER",
                "INVALID_WEBHOOK",
                "PAYLOAD_TOO_LARGE",
                "UNSUPPORTED_MEDIA_TYPE",
                *_STORED,
            ),
        ),
    ]


def _health_operations() -> list[Operation]:
    alive = {"status": "ok", "service": SERVICE_NAME, "timestamp": examples.CASH_OUT["createdAt"]}
    return [
        Operation(
            method="get",
            path=HEALTH,
            name="health",
            summary="Liveness; not in the envelope",
            tag="health",
            public=True,
            answers={200: answer("The process lives.", REF[Liveness], alive)},
        ),
        Operation(
            method="get",
            path=READY,
            name="ready",
            summary="Readiness: the state of each dependency",
            description="503 without the database or with an old schema. Without the broker it is"
            " degraded: events wait and nothing else does. How providers are is told and changes"
            " nothing.",
            tag="health",
            public=True,
            answers={
                200: answer(
                    "Ready, or degraded.",
                    REF[Success[ReadinessView]],
                    enveloped(examples.READINESS),
                ),
                503: answer("Cannot work.", REF[NotReady], _NOT_READY_EXAMPLE),
            },
        ),
    ]


_TAKEN_HEADERS: Final[Json] = {
    "Location": {"schema": {"type": "string"}, "description": "Where to read it."},
    "Idempotent-Replayed": {
        "schema": {"type": "string", "const": "true"},
        "description": "An earlier request had made this cash-out.",
    },
    "Preference-Applied": {
        "schema": {"type": "string"},
        "description": "The wait that was granted.",
    },
}
_THIS: Final[Json] = {"cash_out_id": "$response.body#/data/cashOutId"}
_READ: Final[Json] = {
    "operationId": "getCashOut",
    "parameters": _THIS,
    "description": "Read what became of it.",
}
_CANCEL: Final[Json] = {
    "operationId": "cancelCashOut",
    "parameters": _THIS,
    "description": "Cancel it while nothing is on the wire.",
}
_OF_WALLET: Final[Json] = {
    "operationId": "listCashOuts",
    "parameters": {"walletId": "$response.body#/data/walletId"},
    "description": "List the cash-outs of the same wallet.",
}
_THEN: Final[Json] = {"Read": _READ, "Cancel": _CANCEL, "History": _OF_WALLET}
_FROM_READING: Final[Json] = {"Cancel": _CANCEL, "History": _OF_WALLET}
_FROM_CANCELLING: Final[Json] = {"Read": _READ}
_KEY: Final = parameter(
    "header",
    "Idempotency-Key",
    {**string(LONGEST_KEY), "pattern": "^[!-~]+$"},
    "Same key and body: the same cash-out, however often it is sent. Never expires.",
)
_PREFER: Final = parameter(
    "header",
    "Prefer",
    {"type": "string", "examples": ["wait=10"]},
    f"`wait=N`: wait up to N seconds (at most {LONGEST_WAIT_S}) for the first answer (RFC 7240).",
)
_LANGUAGE: Final = parameter(
    "header",
    "Accept-Language",
    {"type": "string", "examples": ["fr"]},
    "`statusDetail` and `failureReason` come in English, or in French where it is preferred.",
)
_ID: Final = parameter("path", "cash_out_id", {"type": "string", "format": "uuid"}, required=True)
_DATE: Final[Json] = {"type": "string", "examples": ["2026-11-23", "2026-11-23T10:15:00Z"]}
_HISTORY: Final = (
    parameter("query", "status", {"type": "string", "enum": [str(each) for each in Status]}),
    parameter("query", "provider", string(LONGEST_WORD)),
    parameter("query", "walletId", string(LONGEST_WALLET_ID)),
    parameter("query", "startDate", _DATE, "A bare date is that whole day in UTC."),
    parameter("query", "endDate", _DATE, "Included; a bare date is that whole day in UTC."),
    parameter("query", "page", whole(1, LAST_PAGE, 1)),
    parameter("query", "limit", whole(1, LARGEST_PAGE, USUAL_PAGE)),
    parameter(
        "query",
        "cursor",
        string(LONGEST_CURSOR),
        "A nextCursor, instead of page: as quick at any depth.",
    ),
)
_QUOTE: Final = (
    parameter("query", "provider", string(LONGEST_WORD), required=True),
    parameter("query", "currency", {"type": "string", "pattern": "^[A-Z]{3}$"}, required=True),
    parameter("query", "amount", {"type": "string", "pattern": PLAIN_DECIMAL}, required=True),
    parameter("query", "providerAccountId", string(LONGEST_WORD)),
)
_PRICE_ERRORS: Final = (
    "BAD_REQUEST",
    "INVALID_PROVIDER",
    "INVALID_AMOUNT",
    "CURRENCY_NOT_SUPPORTED",
    "INVALID_ACCOUNT",
    "AMOUNT_BELOW_MINIMUM",
    "AMOUNT_ABOVE_MAXIMUM",
)
_TAKING_ERRORS: Final = (
    *_PRICE_ERRORS,
    "DAILY_LIMIT_EXCEEDED",
    "MONTHLY_LIMIT_EXCEEDED",
    "IDEMPOTENCY_KEY_REUSED",
    "IDEMPOTENCY_KEY_IN_USE",
    "DUPLICATE_REFERENCE",
    "PAYLOAD_TOO_LARGE",
    "UNSUPPORTED_MEDIA_TYPE",
    "RATE_LIMITED",
)
_HISTORY_EXAMPLE: Final = enveloped(
    {
        "cashOuts": [examples.CASH_OUT],
        "pagination": {"totalItems": 1, "totalPages": 1, "currentPage": 1, "itemsPerPage": 10},
    }
)
_NOT_READY_EXAMPLE: Final[Json] = {
    "success": False,
    "error": {
        "code": "NOT_READY",
        "message": "This instance cannot take cash-outs now: its database is away or its schema"
        " is old.",
        "details": [{"field": "database", "message": "down"}],
    },
    "data": {
        **examples.READINESS,
        "status": "unavailable",
        "database": "down",
        "schema": "unknown",
    },
}
