"""What schemathesis does to our requests, and what it asks of our answers besides its own checks.

Drawn at random a cash-out is never taken and a webhook never signed, so whatever lies behind would
not be reached: every second well-formed request is made sound here. Which one it is depends on the
request alone, so a seed repeats it.
"""

import hashlib
import hmac
import json
import os
import re
import time
import zlib
from collections.abc import Mapping
from typing import Any, Final

import schemathesis
from schemathesis.generation.meta import CoverageScenario
from schemathesis.specs.openapi import stateful

CASH_OUT: Final = "/api/payments/cash-out"
QUOTE: Final = "/api/payments/quote"
PROGRESS: Final = "/api/payments/cash-out/{cash_out_id}/events"
KEY: Final = "Idempotency-Key"
WEBHOOK: Final = "/api/payments/webhook/{provider}"
SOUND: Final = (
    {"provider": "orange_money", "currency": "XOF", "providerAccountId": "+2250700000001"},
    {"provider": "orange_money", "currency": "XOF", "providerAccountId": "00225 0700000129"},
    {"provider": "orange_money", "currency": "USD", "providerAccountId": "+243840000089"},
    {"provider": "afrimoney", "currency": "SLE", "providerAccountId": "+23277000001"},
    {"provider": "afrimoney", "currency": "USD", "providerAccountId": "+23277000119"},
)
"""Corridors, and numbers that the sandbox pays at once, never, or not at all."""
AMOUNTS: Final = {"XOF": (600, "601", 1_000), "USD": (1, "1.01", 2.5), "SLE": (50, "50.5", 60)}
WORDS: Final = ("SUCCESSFUL", "PENDING", "FAILED", "completed", "cancelled", "\u202e?")
NAMES: Final = ("Awa Koné", "Nguyễn Thị Ánh", "李小龍", "O'Brien-Ñandú")
EXACT: Final = frozenset({"amount", "reference", "page", "limit", "status", "Idempotency-Key"})
"""Fields of which the document says everything. Of the others JSON Schema cannot: that characters
are visible in Unicode's sense, that a cursor is one's own, that a date exists."""
UNAVAILABLE: Final = 503


BEGINNING: Final = f"POST {CASH_OUT}"
"""What a walk along the links begins with."""


def _is_a_beginning(operation: Any, _node: object, _produced: object) -> bool:  # noqa: ANN401
    return bool(operation.label == BEGINNING)


# Left to itself it begins with cancelling ids that are nobody's: it takes the wallet of a cash-out
# for something that another operation has to make first, and there is none. That links are
# followed is asserted by the test, so a version without this function is noticed.
vars(stateful)["is_likely_root_transition"] = _is_a_beginning


def _drawn(*of: object) -> int:
    return zlib.crc32(repr(of).encode("utf-8", "surrogatepass"))


def _is_well_formed(case: Any) -> bool:  # noqa: ANN401 -- schemathesis has no type for it
    return case.meta is None or bool(case.meta.generation.mode.is_positive)


def _lacks_a_header(case: Any) -> bool:  # noqa: ANN401
    """Tell whether a header was left out on purpose: any other that is set would bring it back."""
    phase = case.meta and case.meta.phase.data
    return getattr(phase, "scenario", None) == CoverageScenario.MISSING_PARAMETER


@schemathesis.hook
def before_call(_context: Any, case: Any, _kwargs: Any) -> None:  # noqa: ANN401
    """Make every second well-formed cash-out, price and webhook a sound one."""
    if case.operation.path == PROGRESS and not _lacks_a_header(case):
        # A stream of what never ends would be all that this run sees.
        case.headers = {**(case.headers or {}), "Prefer": "wait=0"}
        return
    if not _is_well_formed(case):
        return
    chance = _drawn(case.body, case.query, case.headers)
    if case.operation.path == WEBHOOK:
        _sign(case, chance)
    elif chance % 2 and case.operation.path == CASH_OUT and isinstance(case.body, dict):
        case.body = {**case.body, **_sound(chance // 2), "providerAccountName": _name(chance)}
        if chance % 3:
            case.body["walletId"] = f"wallet-{chance % 5}"
        if chance % 5:
            # The keys of the coverage phase are few: most of them were used for something else.
            case.headers = {k: v for k, v in (case.headers or {}).items() if k != KEY}
    elif chance % 2 and case.operation.path == QUOTE:
        case.query = {**(case.query or {}), **_sound(chance // 2)}


def _sound(chance: int) -> dict[str, Any]:
    corridor = SOUND[chance % len(SOUND)]
    amounts = AMOUNTS[corridor["currency"]]
    return {**corridor, "amount": amounts[chance // 7 % len(amounts)]}


def _name(chance: int) -> str:
    return NAMES[chance // 5 % len(NAMES)]


def _sign(case: Any, chance: int) -> None:  # noqa: ANN401
    """Send three of four bodies as their provider would; half of those say what webhooks say."""
    if not chance % 4 or not isinstance(case.body, Mapping):
        return
    is_orange = bool(chance & 4)
    named = "externalId" if is_orange else "externalReference"
    body = dict(case.body)
    if chance & 8:
        body |= {"transactionId": f"T-{chance % 50}", "status": WORDS[chance % len(WORDS)]}
        body[named] = f"CASH-{chance % 50:08d}"
    # What is sent of it; were the body bytes, it would count as one that is no object.
    raw = json.dumps(body).encode()
    case.body = body
    case.path_parameters = {"provider": "orange_money" if is_orange else "afrimoney"}
    signed = _orange(raw) if is_orange else _afrimoney(body.get(named))
    case.headers = {**(case.headers or {}), **signed}


def _orange(raw: bytes) -> dict[str, str]:
    return {"X-Signature": _hmac("ORANGE_MONEY_WEBHOOK_SECRET", raw)}


def _afrimoney(reference: object) -> dict[str, str]:
    stamp = str(time.time_ns() // 1_000_000)
    named = reference if isinstance(reference, str) else ""
    text = f"{os.environ['AFRIMONEY_API_KEY']}{stamp}{named}".encode("utf-8", "replace")
    return {"X-Timestamp": stamp, "X-Signature": _hmac("AFRIMONEY_API_SECRET", text)}


def _hmac(setting: str, message: bytes) -> str:
    return hmac.new(os.environ[setting].encode(), message, hashlib.sha256).hexdigest()


@schemathesis.check
def codes_are_documented(_ctx: Any, response: Any, case: Any) -> None:  # noqa: ANN401
    """Hold every error against the examples of its status: its code must be one of them."""
    if response.status_code < 400 or response.status_code == 405:
        return
    answers = case.operation.definition.raw["responses"]
    documented = answers.get(str(response.status_code), {}).get("content", {})
    known = documented.get("application/json", {}).get("examples", {})
    code = response.json()["error"]["code"]
    # A path that was drawn to lead elsewhere is nobody's operation.
    elsewhere = code in {"NOT_FOUND", "UNSUPPORTED_MEDIA_TYPE", "PAYLOAD_TOO_LARGE"}
    assert code in known or elsewhere, f"{code} is not documented for {case.operation.label}"


@schemathesis.check
def errors_can_be_acted_on(_ctx: Any, response: Any, _case: Any) -> None:  # noqa: ANN401
    """Look for a sentence in every error, a time to come back in every 503 and 429."""
    if response.status_code < 400 or response.request.method == "HEAD":
        return
    error = response.json()["error"]
    assert len(error["message"]) > 10, error
    assert not re.search(r"Traceback|File \"|sqlite|SELECT ", response.text), error
    if response.status_code in {429, UNAVAILABLE}:
        assert response.headers.get("retry-after"), error


@schemathesis.check
def well_formed_is_not_called_malformed(_ctx: Any, response: Any, case: Any) -> None:  # noqa: ANN401
    """Hold what fits the schema against BAD_REQUEST, wherever the schema says everything."""
    if response.status_code != 400 or case.meta is None or not _is_well_formed(case):
        return
    error = response.json()["error"]
    blamed = {each["field"] for each in error.get("details", [])}
    assert error["code"] != "BAD_REQUEST" or not blamed & EXACT, error
