"""The pieces of an OpenAPI document: operations as rows, schemas, parameters, answers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from adapters.web.new_cash_out import NewCashOut
from adapters.web.problems import ErrorAnswer
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
from adapters.web.schemas import (
    CashOutView,
    HistoryView,
    Liveness,
    NotReady,
    OwnLimitsView,
    ProvidersView,
    QuoteView,
    ReadinessView,
    SteeredView,
    Success,
    WebhookView,
)
from adapters.web.statement_views import BreakView, RunsView, RunView, RunWithBreaksView
from adapters.web.steering import Steering
from adapters.web.timeline_schemas import TimelineView

Json = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One method of one path. answers: what success looks like, by status; errors: by code."""

    method: str
    path: str
    name: str
    summary: str
    answers: Mapping[int, Json]
    errors: Sequence[str] = ()
    description: str = ""
    tag: str = "cash-outs"
    public: bool = False
    parameters: Sequence[Json] = ()
    body: Json | None = None


_TYPES: Final = (
    NewCashOut,
    Steering,
    ErrorAnswer,
    Success[CashOutView],
    Success[HistoryView],
    Success[ProvidersView],
    Success[QuoteView],
    Success[OwnLimitsView],
    Success[TimelineView],
    Success[SteeredView],
    Success[WebhookView],
    Success[ReadinessView],
    NewResolution,
    Note,
    NeededReason,
    Success[QueueView],
    Success[ReviewFileView],
    Success[ProposalView],
    Success[SettledView],
    Success[OrphansView],
    Success[ReplayedView],
    Success[DismissedView],
    Success[RunView],
    Success[RunsView],
    Success[RunWithBreaksView],
    Success[BreakView],
    Liveness,
    NotReady,
)
_TEMPLATE: Final = "#/components/schemas/{name}"
REF: Final[dict[Any, Json]] = dict(
    zip(_TYPES, msgspec.json.schema_components(_TYPES, ref_template=_TEMPLATE)[0], strict=True)
)
"""How each body is referred to."""


def schemas() -> Json:
    """Return the schemas of all bodies, by name."""
    _, found = msgspec.json.schema_components(_TYPES, ref_template=_TEMPLATE)
    # In our hands it is text; on the wire it may be either.
    found["NewCashOut"]["properties"]["amount"]["type"] = ["number", "string"]
    for schema in found.values():
        # A constant of the envelope, always sent: to msgspec a default is merely optional.
        if "success" in schema.get("properties", {}):
            schema["required"] = ["success", *schema.get("required", [])]
    return found


def enveloped(data: Json) -> Json:
    """Return an example in the envelope of success."""
    return {"success": True, "data": data}


def answer(
    description: str,
    schema: Json,
    example: Json,
    headers: Json | None = None,
    links: Json | None = None,
) -> Json:
    """Return a response with its example; links: by name, to what can be asked next."""
    found: Json = {
        "description": description,
        "headers": {"X-Request-Id": REQUEST_ID, **(headers or {})},
        "content": {"application/json": {"schema": schema, "example": example}},
    }
    return {**found, "links": links} if links else found


def json_body(schema: Json, example: Json) -> Json:
    """Return a required JSON body."""
    return {
        "required": True,
        "content": {"application/json": {"schema": schema, "example": example}},
    }


def parameter(
    place: str, name: str, schema: Json, description: str = "", *, required: bool = False
) -> Json:
    """Return a parameter; place: path, query or header."""
    found: Json = {"in": place, "name": name, "required": required, "schema": schema}
    return {**found, "description": description} if description else found


def string(longest: int) -> Json:
    """Return the schema of a text of 1 to `longest` characters."""
    return {"type": "string", "minLength": 1, "maxLength": longest}


def whole(lowest: int, highest: int, default: int) -> Json:
    """Return the schema of a whole number."""
    return {"type": "integer", "minimum": lowest, "maximum": highest, "default": default}


TEXT_HEADER: Final[Json] = {"schema": {"type": "string"}}
REQUEST_ID: Final[Json] = {
    "schema": {"type": "string", "pattern": "^[A-Za-z0-9._-]{1,64}$"},
    "description": "Taken from the request when it is well formed, else made.",
}
