"""The operations of operators: the review queue, proposals, decisions, stored webhooks."""

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from adapters.web.cursors import LONGEST_CURSOR
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
from adapters.web.queries import LARGEST_PAGE
from adapters.web.review_schemas import (
    DismissedView,
    NeededReason,
    NewResolution,
    Note,
    OrphansView,
    ProposalView,
    QueueView,
    ReplayedView,
    ReviewFileView,
    SettledView,
)
from adapters.web.reviews import (
    APPROVE,
    DISMISS,
    OLDEST_MINUTES,
    ONE_REVIEW,
    ORPHANS,
    REJECT,
    REPLAY,
    RESOLUTIONS,
    REVIEWS,
    USUAL_QUEUE_PAGE,
    WITHDRAW,
)
from adapters.web.schemas import Success
from adapters.web.texts import LONGEST_WORD
from domain.evidence import ReviewReason

_COMMON: Final = ("FORBIDDEN", "UNAUTHORIZED", "SERVICE_UNAVAILABLE")
_BODY: Final = ("BAD_REQUEST", "INVALID_RULING", "PAYLOAD_TOO_LARGE", "UNSUPPORTED_MEDIA_TYPE")
_PROPOSING: Final = (
    "OWN_CASH_OUT",
    "NO_OPEN_REVIEW",
    "PROPOSAL_ALREADY_OPEN",
    "REVIEW_CHANGED",
    "NOTHING_TO_WAIT_FOR",
    "PROVIDER_ID_CONFLICT",
)
_APPROVING: Final = (
    "PROPOSAL_ALREADY_DECIDED",
    "PROPOSER_CANNOT_APPROVE",
    "OWN_CASH_OUT",
    "NO_OPEN_REVIEW",
    "REVIEW_CHANGED",
    "PROVIDER_ID_CONFLICT",
)
_CASH_OUT_ID: Final = "019ab0c4-7a1e-7c3f-9d52-6f0f4f1f2a3b"
_ASKED: Final[dict[str, Any]] = {
    "resolution": "paid",
    "reason": "Line 17 of the statement says that it was paid.",
    "proof": {"kind": "statement_line", "reference": "2026-11-24/17", "text": "MP-1 1500 XOF OK"},
    "seen": "5b1f0c2f9a77",
}
_PROPOSAL: Final[dict[str, Any]] = {
    "proposalId": "4f9b7f0a-7c3c-4a0e-9d3e-0f4d4f1f2a3b",
    "cashOutId": _CASH_OUT_ID,
    **{name: value for name, value in _ASKED.items() if name != "seen"},
    "proposedBy": "olga",
    "proposedAt": "2026-11-24T08:10:00.000Z",
    "state": "proposed",
}
_DECISION: Final = {"decidedBy": "amadou", "decidedAt": "2026-11-24T08:20:00.000Z"}
_REVIEW: Final[dict[str, Any]] = {
    "cashOutId": _CASH_OUT_ID,
    "userId": "user-1",
    "amount": 1500,
    "fee": 600,
    "currency": "XOF",
    "provider": "orange_money",
    "providerAccountId": "+225*****789",
    "providerTransactionId": "MP-1",
    "reference": "CASH-MFRGGZDFMZTWQ2LKNNWG23TPOA",
    "status": "failed",
    "attempts": 1,
    "createdAt": "2026-11-23T10:15:30.000Z",
    "reason": "contradiction",
    "concerns": ["contradiction: completed"],
    "openedAt": "2026-11-23T11:00:00.000Z",
    "ageSeconds": 3600,
    "proposal": _PROPOSAL,
}
_SUM: Final[dict[str, Any]] = {
    "reason": "contradiction",
    "provider": "orange_money",
    "currency": "XOF",
    "count": 1,
    "atRisk": 1500,
    "oldestAt": "2026-11-23T11:00:00.000Z",
}
_FILE: Final[dict[str, Any]] = {
    "review": _REVIEW,
    "seen": "5b1f0c2f9a77",
    "proposals": [_PROPOSAL],
    "allowedActions": ["approve", "reject"],
    "resolutions": ["paid", "not_paid"],
}
_ORPHAN: Final[dict[str, Any]] = {
    "deliveryId": "6d0f4f1f-7c3c-4a0e-9d3e-7f0a4f9b2a3b",
    "provider": "orange_money",
    "receivedAt": "2026-11-23T10:20:00.000Z",
    "ageSeconds": 600,
    "reference": "CASH-OF-SOMEBODY",
    "providerTransactionId": "MP-2",
    "word": "SUCCESS",
    "claims": "completed",
}
_PAGE: Final = (
    parameter("query", "limit", whole(1, LARGEST_PAGE, USUAL_QUEUE_PAGE)),
    parameter("query", "cursor", string(LONGEST_CURSOR), "A nextCursor of the same list."),
)
_FILTERS: Final = (
    parameter("query", "reason", {"type": "string", "enum": [str(each) for each in ReviewReason]}),
    parameter("query", "provider", string(LONGEST_WORD)),
    parameter(
        "query",
        "olderThanMinutes",
        {"type": "integer", "minimum": 0, "maximum": OLDEST_MINUTES},
        "Only what has been waiting for longer.",
    ),
)


def review_operations(identity: Json) -> list[Operation]:
    """Return the operations; identity: the parameter of a cash-out's id."""
    return [*_reading(identity), *_deciding(identity), *_webhooks()]


def _reading(identity: Json) -> list[Operation]:
    queue = {"reviews": [_REVIEW], "sums": [_SUM]}
    return [
        _operation(
            "get",
            REVIEWS,
            "listReviews",
            "For viewers: what waits for operators, the oldest first",
            _shows("A page.", Success[QueueView], queue),
            ("BAD_REQUEST",),
            parameters=(*_FILTERS, *_PAGE),
        ),
        _operation(
            "get",
            ORPHANS,
            "listOrphans",
            "For viewers: webhooks for which there is no cash-out, the oldest first",
            _shows("A page.", Success[OrphansView], {"webhooks": [_ORPHAN]}),
            ("BAD_REQUEST",),
            parameters=_PAGE,
        ),
        _operation(
            "get",
            ONE_REVIEW,
            "getReview",
            "For viewers: one cash-out's reviews, proposals, and what the caller may do",
            _shows("The review.", Success[ReviewFileView], _FILE),
            ("NOT_FOUND",),
            parameters=(identity,),
        ),
    ]


def _deciding(identity: Json) -> list[Operation]:
    settled = {
        "proposal": {**_PROPOSAL, **_DECISION, "state": "approved", "fourEyes": True},
        "status": "failed",
        "needsReview": False,
        "agrees": False,
    }
    return [
        _operation(
            "post",
            RESOLUTIONS,
            "proposeResolution",
            "For operators: propose how a review is settled",
            {201: answer("Proposed.", REF[Success[ProposalView]], enveloped(_PROPOSAL))},
            ("NOT_FOUND", *_PROPOSING, *_BODY),
            parameters=(identity,),
            body=json_body(REF[NewResolution], _ASKED),
            description="Changes no cash-out. Saying paid or not paid takes the provider's proof.",
        ),
        _operation(
            "post",
            APPROVE,
            "approveResolution",
            "For approvers: settle a review as somebody else proposed",
            _shows("Settled.", Success[SettledView], settled),
            ("NOT_FOUND", *_APPROVING, *_BODY),
            parameters=(_id_of("proposal_id"),),
            body=_may_say(Note),
            description="Judged, stored, told and logged in one transaction. An open cash-out is"
            " completed or failed by it; one that has ended stays as it is, and"
            " `cash_out.review_resolved` tells whether the ruling agrees.",
        ),
        _operation(
            "post",
            REJECT,
            "rejectResolution",
            "For approvers: turn a proposal down",
            _shows("Rejected.", Success[ProposalView], _decided("rejected", "amadou")),
            ("NOT_FOUND", "PROPOSAL_ALREADY_DECIDED", *_BODY),
            parameters=(_id_of("proposal_id"),),
            body=json_body(REF[NeededReason], {"reason": "Line 17 is of another cash-out."}),
        ),
        _operation(
            "post",
            WITHDRAW,
            "withdrawResolution",
            "For its proposer: take a proposal back",
            _shows("Withdrawn.", Success[ProposalView], _decided("withdrawn", "olga")),
            ("NOT_FOUND", "PROPOSAL_ALREADY_DECIDED", *_BODY),
            parameters=(_id_of("proposal_id"),),
            body=_may_say(Note),
        ),
    ]


def _webhooks() -> list[Operation]:
    replayed = {
        "deliveryId": _ORPHAN["deliveryId"],
        "outcome": "judged",
        "cashOutId": _CASH_OUT_ID,
        "status": "completed",
        "verdict": "move",
    }
    dismissed = {
        "deliveryId": _ORPHAN["deliveryId"],
        "dismissedBy": "olga",
        "dismissedAt": "2026-11-24T08:10:00.000Z",
        "reason": "A test of theirs.",
    }
    return [
        _operation(
            "post",
            REPLAY,
            "replayWebhook",
            "For operators: have a stored webhook judged again",
            _shows("What became of it.", Success[ReplayedView], replayed),
            ("NOT_FOUND", "UNREADABLE_WEBHOOK"),
            parameters=(_id_of("delivery_id"),),
            description="Any number of times makes no difference: what was judged is not judged"
            " again.",
        ),
        _operation(
            "post",
            DISMISS,
            "dismissWebhook",
            "For operators: put a webhook aside that is nobody's",
            _shows("Put aside; it is kept.", Success[DismissedView], dismissed),
            ("NOT_FOUND", "ALREADY_MATCHED", *_BODY),
            parameters=(_id_of("delivery_id"),),
            body=json_body(REF[NeededReason], {"reason": "A test of theirs."}),
        ),
    ]


def _operation(
    method: str,
    path: str,
    name: str,
    summary: str,
    answers: dict[int, Json],
    errors: Sequence[str],
    **more: Any,  # noqa: ANN401 -- fields of an operation
) -> Operation:
    return Operation(
        method=method,
        path=path,
        name=name,
        summary=summary,
        answers=answers,
        errors=(*errors, *_COMMON),
        tag="reviews",
        **more,
    )


def _shows(what: str, view: Any, example: Json) -> dict[int, Json]:  # noqa: ANN401 -- a type
    return {200: answer(what, REF[view], enveloped(example))}


def _decided(state: str, by: str) -> Json:
    why = {"decidedWhy": "Line 17 is of another cash-out."}
    return {**_PROPOSAL, **_DECISION, **why, "decidedBy": by, "state": state}


def _may_say(body: type[msgspec.Struct]) -> Json:
    return {**json_body(REF[body], {"reason": "Seen it on the portal too."}), "required": False}


def _id_of(name: str) -> Json:
    return parameter("path", name, {"type": "string", "format": "uuid"}, required=True)
