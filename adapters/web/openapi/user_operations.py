"""The operations that help a user along: the price, the limits, and progress as it happens."""

from typing import Any, Final

import msgspec

from adapters.web.cash_outs import LIMITS
from adapters.web.headers import LONGEST_WAIT_S
from adapters.web.openapi import examples
from adapters.web.openapi.pieces import (
    REF,
    REQUEST_ID,
    Json,
    Operation,
    answer,
    enveloped,
    parameter,
)
from adapters.web.progress import PROGRESS, STATE
from adapters.web.schemas import CashOutView, OwnLimitsView, Success
from adapters.web.streams import message
from domain.events import ANNOUNCES, EventType

_LAST_SEEN: Final = parameter(
    "header",
    "Last-Event-ID",
    {"type": "string", "examples": ["2-5"]},
    "The id of the last message that was received: nothing is told again, nothing is left out."
    " Anything else than such an id is ignored.",
)
_SHORTER: Final = parameter(
    "header",
    "Prefer",
    {"type": "string", "examples": ["wait=25"]},
    f"`wait=N`: end the stream after N seconds (at most {LONGEST_WAIT_S}), for what is between us"
    " and cannot hold it for longer.",
)
_HOW: Final = """\
Server-sent events. The first message is the present state, at once; then comes one for each change,
until the cash-out has ended and the stream with it. `data` is the cash-out as `getCashOut` returns
it in `data`: the newest message replaces all before it, and changes that come close together may
come as one. `event` is the type of the event that told of a new state (an ending always has it),
else `status`. A comment keeps the connection alive every 15 s; after 10 minutes the stream ends,
and who comes back with Last-Event-ID goes on where it was. Who fetches nothing for 30 s is cut off.
"""


def user_operations(identity: Json, language: Json, errors: tuple[str, ...]) -> list[Operation]:
    """Return the operations; identity and language: the parameters that others have as well."""
    limits = enveloped({"limits": [examples.LIMIT_LINE]})
    return [
        Operation(
            method="get",
            path=LIMITS,
            name="listLimits",
            summary="List one's own limits: used, left, and when they start anew",
            description="A line for each currency of each provider. Nothing is reserved.",
            answers={200: answer("Every limit.", REF[Success[OwnLimitsView]], limits)},
            errors=("UNAUTHORIZED", "SERVICE_UNAVAILABLE"),
        ),
        Operation(
            method="get",
            path=PROGRESS,
            name="followCashOut",
            summary="Follow one cash-out to its ending",
            description=_HOW,
            parameters=(identity, _LAST_SEEN, _SHORTER, language),
            answers={200: _stream(), 204: _nothing_more()},
            errors=("RATE_LIMITED", *errors),
        ),
    ]


def _stream() -> Json:
    ended: dict[str, Any] = {**examples.CASH_OUT, "status": "completed", "attempts": 1}
    told = message(EventType.COMPLETED, "3-4", msgspec.json.encode(ended))
    return {
        "description": "The cash-out, message by message.",
        "headers": {"X-Request-Id": REQUEST_ID},
        "content": {
            "text/event-stream": {
                "schema": _MESSAGE,
                "example": told.decode(),
            }
        },
    }


def _nothing_more() -> Json:
    return {
        "description": "It has ended, and Last-Event-ID says that the ending is known: do not come"
        " back.",
        "headers": {"X-Request-Id": REQUEST_ID},
    }


_MESSAGE: Final[Json] = {
    "type": "object",
    "description": "One message of the stream.",
    "required": ["event", "id", "data"],
    "properties": {
        "event": {
            "type": "string",
            "enum": [STATE, *(str(each) for each in ANNOUNCES.values()), EventType.NEEDS_REVIEW],
        },
        "id": {"type": "string", "pattern": r"^\d{1,9}-\d{1,9}$"},
        "data": {
            "type": "string",
            "contentMediaType": "application/json",
            "contentSchema": {"$ref": f"#/components/schemas/{CashOutView.__name__}"},
        },
    },
}
