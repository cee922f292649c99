"""The operations by which a person closes a provider or corridor, and opens it again."""

from typing import Any, Final

from adapters.web.openapi.pieces import (
    REF,
    Operation,
    answer,
    enveloped,
    json_body,
    parameter,
    string,
)
from adapters.web.schemas import SteeredView, Success
from adapters.web.steering import CLOSE, OPEN, Steering
from adapters.web.texts import LONGEST_WORD

_ASKED: Final[dict[str, Any]] = {
    "country": "GN",
    "currency": "GNF",
    "reason": "maintenance announced for tonight",
}
_STEERED: Final[dict[str, Any]] = {
    "provider": "orange_money",
    "country": "GN",
    "currency": "GNF",
    "state": "CLOSED",
    "since": "2026-11-23T10:15:30.000Z",
    "changed": True,
}
_ERRORS: Final = (
    "BAD_REQUEST",
    "INVALID_PROVIDER",
    "CURRENCY_NOT_SUPPORTED",
    "INVALID_STEERING",
    "FORBIDDEN",
    "NOT_FOUND",
    "PAYLOAD_TOO_LARGE",
    "UNSUPPORTED_MEDIA_TYPE",
    "UNAUTHORIZED",
    "SERVICE_UNAVAILABLE",
)


def provider_operations() -> list[Operation]:
    """Return the operations; both are for administrators."""
    opened = {**_STEERED, "state": "OPERATIONAL"}
    return [
        _operation(
            CLOSE,
            "closeProvider",
            "For administrators: send nothing there any more",
            "What is taken waits and can be cancelled; what is on the wire is followed to its end."
            " Nobody but a person opens it again.",
            _STEERED,
        ),
        _operation(
            OPEN,
            "openProvider",
            "For administrators: send there again",
            "What has waited is let through step by step. It opens just what is named: what is"
            " closed by hand around it or within it stays closed.",
            opened,
        ),
    ]


def _operation(
    path: str, name: str, summary: str, description: str, example: dict[str, Any]
) -> Operation:
    return Operation(
        method="post",
        path=path,
        name=name,
        summary=summary,
        description=description,
        tag="providers",
        parameters=(parameter("path", "provider", string(LONGEST_WORD), required=True),),
        body=json_body(REF[Steering], _ASKED),
        answers={
            200: answer("How it is now.", REF[Success[SteeredView]], enveloped(example)),
        },
        errors=_ERRORS,
    )
