"""The operation that explains a cash-out."""

from typing import Any, Final

from adapters.web.openapi.pieces import REF, Json, Operation, answer, enveloped
from adapters.web.schemas import Success
from adapters.web.timeline import TIMELINE
from adapters.web.timeline_schemas import TimelineView

_HOW: Final = (
    "What happened in order, what is not known now, what comes next and when, what it could still"
    " cost, and what the one who asks may do. Its owner is told what is safe to show; operators"
    " are told everything, with the evidence. Nothing is changed and nobody is asked by reading it."
)
_EXAMPLE: Final[dict[str, Any]] = {
    "cashOutId": "019ab0c4-7a1e-7c3f-9d52-6f0f4f1f2a3b",
    "reference": "CASH-MFRGGZDFMZTWQ2LKNNWG23TPOA",
    "status": "processing",
    "summary": "With the provider, and not proven either way yet.",
    "needsReview": False,
    "at": "2026-11-23T10:15:40.000Z",
    "entries": [
        {
            "at": "2026-11-23T10:15:30.000Z",
            "who": "service",
            "what": "accepted",
            "text": "The request was accepted.",
            "state": "pending",
        },
        {
            "at": "2026-11-23T10:15:30.100Z",
            "who": "service",
            "what": "sent",
            "text": "It was sent to the provider.",
            "state": "processing",
            "attempt": 1,
        },
    ],
    "uncertain": [{"doubt": "outcome", "text": "Whether the payee has the money."}],
    "next": {
        "step": "ask",
        "at": "2026-11-23T10:15:45.000Z",
        "text": "We ask the provider at 10:15:45 UTC.",
    },
    "atRisk": {
        "risk": "may_be_paid",
        "amount": 1500,
        "currency": "XOF",
        "text": "1500 XOF may have been paid, or may be paid yet.",
    },
    "allowedActions": [],
    "reviewAt": "2026-11-24T10:15:30.000Z",
}


def timeline_operations(identity: Json, language: Json, errors: tuple[str, ...]) -> list[Operation]:
    """Return the operation; identity and language: the parameters that others have as well."""
    schema = REF[Success[TimelineView]]
    return [
        Operation(
            method="get",
            path=TIMELINE,
            name="explainCashOut",
            summary="Explain one cash-out: its story, and how it stands",
            description=_HOW,
            parameters=(identity, language),
            answers={200: answer("The timeline.", schema, enveloped(_EXAMPLE))},
            errors=errors,
        )
    ]
