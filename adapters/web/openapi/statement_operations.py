"""The operations of reconciliation: statements, runs and breaks."""

from typing import Any, Final

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
from adapters.web.review_schemas import NeededReason
from adapters.web.schemas import Success
from adapters.web.statement_views import BreakView, RunsView, RunView, RunWithBreaksView
from adapters.web.statements import (
    CSV,
    EXPLAIN,
    LONGEST_NAME,
    ONE_STATEMENT,
    STATEMENTS,
    USUAL_PAGE,
)
from adapters.web.texts import LONGEST_WORD
from domain.breaks import BreakState
from domain.statements import BreakKind

_COMMON: Final = ("FORBIDDEN", "UNAUTHORIZED", "SERVICE_UNAVAILABLE")
_RUN: Final[dict[str, Any]] = {
    "runId": "019ab0c4-7a1e-7c3f-9d52-6f0f4f1f2a3b",
    "provider": "orange_money",
    "state": "finished",
    "fileName": "orange-2026-11-22.csv",
    "fileDigest": "0d4a1185e1a0d4a0f4f1f2a3b6f0f4f1f2a3b0d4a1185e1a0d4a0f4f1f2a3b6f",
    "startedAt": "2026-11-23T06:00:00.000Z",
    "startedBy": "olga",
    "finishedAt": "2026-11-23T06:00:21.000Z",
    "periodSince": "2026-11-22T00:00:00.000Z",
    "periodUntil": "2026-11-23T00:00:00.000Z",
    "times": 1,
    "tally": {
        "lines": 4,
        "matched": 2,
        "broken": 1,
        "malformed": 1,
        "repeated": 0,
        "leftOut": 3,
        "settled": 1,
        "told": 1,
        "missingThere": 0,
        "unsettled": {"0-1 d": 1},
        "breaks": {"missing_here": 1},
        "money": [
            {"currency": "XOF", "matched": 3000, "broken": 1500, "missingThere": 0, "fees": 0}
        ],
    },
    "openBreaks": 1,
}
_BEGUN: Final[dict[str, Any]] = {
    **{name: value for name, value in _RUN.items() if name != "finishedAt"},
    "state": "running",
    "tally": {
        **{name: 0 for name, value in _RUN["tally"].items() if isinstance(value, int)},
        "unsettled": {},
        "breaks": {},
        "money": [],
    },
    "openBreaks": 0,
}
_BREAK: Final[dict[str, Any]] = {
    "breakId": "4f9b7f0a-7c3c-4a0e-9d3e-0f4d4f1f2a3b",
    "provider": "orange_money",
    "kind": "missing_here",
    "state": "open",
    "age": "0-1 d",
    "at": "2026-11-22T14:03:11.000Z",
    "foundAt": "2026-11-23T06:00:20.000Z",
    "detail": "no cash-out of ours has this id or reference, or fits it",
    "line": 17,
    "reference": "SOMEBODY-ELSES-1",
    "providerTransactionId": "OM-000412",
    "there": {"amount": 1500, "currency": "XOF"},
}
_EXPLAINED: Final[dict[str, Any]] = {
    **_BREAK,
    "state": "explained",
    "note": "Paid from the provider's portal by our treasury.",
    "changedBy": "olga",
    "changedAt": "2026-11-23T08:00:00.000Z",
}
_MALFORMED: Final = {"line": 21, "reason": "amount: not a positive number with at most 0 decimals"}
_PAGE: Final = (
    parameter("query", "limit", whole(1, LARGEST_PAGE, USUAL_PAGE)),
    parameter("query", "cursor", string(LONGEST_CURSOR), "A nextCursor of the same list."),
)
_DATE: Final[Json] = {"type": "string", "examples": ["2026-11-22", "2026-11-22T00:00:00Z"]}
_PROVIDER: Final = parameter(
    "path", "which", string(LONGEST_WORD), "The provider's id.", required=True
)
_RUN_ID: Final = parameter(
    "path", "which", {"type": "string", "format": "uuid"}, "The run's id.", required=True
)
_BREAK_ID: Final = parameter(
    "path", "break_id", {"type": "string", "format": "uuid"}, required=True
)


def statement_operations() -> list[Operation]:
    """Return the operations."""
    return [_send_in(), _list(), _read(), _explain()]


def _send_in() -> Operation:
    location: Json = {
        "Location": {"schema": {"type": "string"}, "description": "Where to read the run."}
    }
    return Operation(
        method="post",
        path=ONE_STATEMENT,
        name="receiveStatement",
        summary="Send in a provider's statement, to be reconciled in the background",
        tag="statements",
        description="The body is the file itself; its size and how long it may take are limits of"
        " this route alone. One statement of a provider at a time. The same file again goes on"
        " with the same run and changes nothing. For operators.",
        parameters=(
            _PROVIDER,
            parameter("query", "from", _DATE, "When its period begins; otherwise its first line."),
            parameter("query", "until", _DATE, "When it ends; a bare date is that whole day."),
            parameter("query", "name", string(LONGEST_NAME), "What the file is called."),
        ),
        body={"required": True, "content": {CSV: {"schema": {"type": "string"}}}},
        answers={202: answer("Begun.", REF[Success[RunView]], enveloped(_BEGUN), location)},
        errors=(
            "BAD_REQUEST",
            "INVALID_PROVIDER",
            "INVALID_STATEMENT",
            "RECONCILIATION_RUNNING",
            "PAYLOAD_TOO_LARGE",
            "UNSUPPORTED_MEDIA_TYPE",
            *_COMMON,
        ),
    )


def _list() -> Operation:
    return Operation(
        method="get",
        path=STATEMENTS,
        name="listStatements",
        summary="List the statements that were reconciled, newest first",
        tag="statements",
        parameters=(parameter("query", "provider", string(LONGEST_WORD)), *_PAGE),
        answers={200: answer("A page.", REF[Success[RunsView]], enveloped({"runs": [_RUN]}))},
        errors=("BAD_REQUEST", *_COMMON),
    )


def _read() -> Operation:
    example = enveloped({"run": _RUN, "breaks": [_BREAK], "malformed": [_MALFORMED]})
    shown = answer("The run, and a page of its breaks.", REF[Success[RunWithBreaksView]], example)
    shown["content"][CSV] = {"schema": {"type": "string"}}
    states = {"type": "string", "enum": [str(each) for each in BreakState]}
    kinds = {"type": "string", "enum": [str(each) for each in BreakKind]}
    return Operation(
        method="get",
        path=ONE_STATEMENT,
        name="getStatement",
        summary="Read what a statement came to, with its breaks",
        tag="statements",
        description="With `Accept: text/csv`: all of its breaks as a file for spreadsheets.",
        parameters=(
            _RUN_ID,
            parameter("query", "state", states),
            parameter("query", "kind", kinds),
            *_PAGE,
        ),
        answers={200: shown},
        errors=("BAD_REQUEST", "NOT_FOUND", *_COMMON),
    )


def _explain() -> Operation:
    asked = {"reason": _EXPLAINED["note"]}
    return Operation(
        method="post",
        path=EXPLAIN,
        name="explainBreak",
        summary="Note why the books disagree",
        tag="statements",
        description="Nothing else changes: no state, and no money. For operators.",
        parameters=(_BREAK_ID,),
        body=json_body(REF[NeededReason], asked),
        answers={200: answer("Explained.", REF[Success[BreakView]], enveloped(_EXPLAINED))},
        errors=(
            "BAD_REQUEST",
            "INVALID_NOTE",
            "NOT_FOUND",
            "PAYLOAD_TOO_LARGE",
            "UNSUPPORTED_MEDIA_TYPE",
            *_COMMON,
        ),
    )
