"""Orange Money's protocol, as strict as its gateway: tokens, cash-outs, look-ups, webhooks.

Error codes 40, 41, 42 and 60 and the 406 without `Accept` are the real gateway's; the rest is a
partner profile.
"""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any, Final
from urllib.parse import parse_qs, unquote

from adapters.sandbox.behaviour import Manner, Word
from adapters.sandbox.corridors import ORANGE_MONEY
from adapters.sandbox.faults import Endpoint
from adapters.sandbox.fields import (
    is_plain_text,
    is_reference,
    read_amount,
    read_msisdn,
    refused_amount,
)
from adapters.sandbox.settings import SandboxSettings
from adapters.sandbox.transactions import Announcement, Answer, Order, Report
from adapters.sandbox.wire import (
    NotJson,
    Rejected,
    Reply,
    WireRequest,
    read_object,
    write_json,
)

TOKEN_PATH: Final = "/oauth/v3/token"  # noqa: S105 - an address
SUBMIT_PATH: Final = "/v1/cash-out"
STATUS_PATH: Final = "/v1/transactions/"
WORDS: Final = {
    Word.PENDING: "PENDING",
    Word.SUCCESS: "SUCCESSFUL",
    Word.FAILED: "FAILED",
    Word.CANCELLED: "CANCELLED",
    Word.SETTLING: "SETTLING",
    Word.REVERSED: "REVERSED",
}
_LONG_AGO: Final = datetime.min.replace(tzinfo=UTC)
_NOTE_LENGTH: Final = 160
_MAX_TOKENS: Final = 10_000
_BODY_FIELDS: Final = {"amount", "payee", "payerMessage", "payeeNote", "externalId"}


class OrangeMoney:
    """One provider's side of the protocol. It keeps the tokens that it gave out."""

    name: Final = ORANGE_MONEY

    def __init__(self, settings: SandboxSettings, chance: Random) -> None:
        self._settings = settings
        self._chance = chance
        self._tokens: dict[str, datetime] = {}

    def route(self, request: WireRequest) -> tuple[Endpoint, str]:
        """Return the endpoint and, for a look-up, the decoded id; raises `Rejected` (404, 405)."""
        if request.path == TOKEN_PATH:
            return _only("POST", request, Endpoint.TOKEN), ""
        if request.path == SUBMIT_PATH:
            return _only("POST", request, Endpoint.SUBMIT), ""
        identifier = request.path.removeprefix(STATUS_PATH)
        if identifier and identifier != request.path and "/" not in identifier:
            return _only("GET", request, Endpoint.STATUS), unquote(identifier)
        raise _rejected(404, 60, "Resource not found")

    def token(self, request: WireRequest, now: datetime) -> Reply:
        """Give a token for client credentials; raises `Rejected` with an OAuth error otherwise."""
        _must_accept_json(request)
        if request.media_type == "application/json":
            raise _oauth_error(400, "invalid_request", "The body must be a form")
        if request.media_type != "application/x-www-form-urlencoded":
            raise _rejected(415, 65, "Unsupported media type")
        if not self._is_our_client(request.headers.get("authorization", "")):
            raise _oauth_error(401, "invalid_client", "Invalid client credentials")
        form = parse_qs(request.body.decode("ascii", "replace"), max_num_fields=20)
        if form.get("grant_type") != ["client_credentials"]:
            raise _oauth_error(400, "unsupported_grant_type", "Use client_credentials")
        lifetime_s = self._settings.token_lifetime_s
        granted = self._grant(now + timedelta(seconds=lifetime_s))
        return _json(
            200, {"token_type": "Bearer", "access_token": granted, "expires_in": lifetime_s}
        )

    def read_order(self, request: WireRequest, now: datetime) -> Order:
        """Read a cash-out; raises `Rejected` on the first thing that is not as documented."""
        _must_accept_json(request)
        self._must_be_authorised(request, now)
        if request.media_type != "application/json":
            raise _rejected(415, 65, "Unsupported media type")
        reference = request.headers.get("x-reference-id", "")
        if not is_reference(reference):
            raise _invalid("X-Reference-Id is missing or malformed")
        try:
            fields = read_object(request.body)
        except NotJson as problem:
            raise _invalid(f"The body is not JSON: {problem}") from None
        if set(fields) - _BODY_FIELDS:
            raise _invalid("The body has unknown fields")
        if fields.get("externalId") != reference:
            raise _invalid("externalId differs from X-Reference-Id")
        note = _must_be_note(fields, "payerMessage")
        _must_be_note(fields, "payeeNote")
        return self._order(reference, fields, note)

    def _order(self, reference: str, fields: dict[str, Any], note: str) -> Order:
        amount, payee = fields.get("amount"), fields.get("payee")
        if not isinstance(amount, dict) or set(amount) != {"value", "currency"}:
            raise _invalid("amount must have value and currency")
        if not isinstance(payee, dict) or set(payee) != {"partyIdType", "partyId"}:
            raise _invalid("payee must have partyIdType and partyId")
        if payee["partyIdType"] != "MSISDN":
            raise _invalid("payee.partyIdType must be MSISDN")
        digits = read_msisdn(payee["partyId"], plus_sign=self._settings.plus_sign)
        value = read_amount(amount["value"])
        if digits is None:
            raise _rejected(400, "INVALID_PHONE_NUMBER", "payee.partyId is not a number")
        if value is None:
            raise _invalid("amount.value must be a normalised JSON number")
        refused = refused_amount(ORANGE_MONEY, digits, value, amount["currency"])
        if refused is not None:
            raise _rejected(400, refused, "The amount cannot be paid to this number")
        return Order(reference, digits, value, amount["currency"], note)

    def check_status(self, request: WireRequest, _identifier: str, now: datetime) -> None:
        """Raise `Rejected` unless a look-up is as documented."""
        _must_accept_json(request)
        self._must_be_authorised(request, now)

    def answer(self, answer: Answer, request: WireRequest) -> Reply:
        """Write the answer to a cash-out."""
        if answer.refusal is not None:
            refusal = answer.refusal
            return _error(refusal.status, refusal.code, refusal.message)
        if answer.manner is Manner.CONFLICT:
            return _error(409, "DUPLICATE_REFERENCE", "X-Reference-Id was used before")
        if answer.manner is Manner.CREDENTIALS_EXPIRED:
            self._tokens[_bearer(request)] = _LONG_AGO
            return _error(401, 42, "Expired credentials")
        if answer.manner is Manner.ACCEPT_BLANK or answer.report is None:
            return Reply(202, b"", ())
        status = 200 if answer.manner is Manner.WRONG_CODE else 202
        return _json(status, _outcome(answer.report))

    def status(self, report: Report | None) -> Reply:
        """Write the answer to a look-up."""
        if report is None:
            return _error(404, "NOT_FOUND", "No such transaction")
        order = report.order
        return _json(
            200,
            {
                **_outcome(report),
                "externalId": order.reference,
                "amount": {"value": order.amount, "currency": order.currency},
                "payee": {"partyIdType": "MSISDN", "partyId": self._written(order.msisdn)},
            },
        )

    def error(self, status: int, code: str, message: str) -> Reply:
        """Write any other error in the provider's shape."""
        return _error(status, code, message)

    def webhook(self, announcement: Announcement) -> bytes:
        """Write a webhook's body."""
        report = announcement.report
        body: dict[str, object] = {**_outcome(report), "externalId": report.order.reference}
        if announcement.tells_amount:
            body["amount"] = {"value": report.order.amount, "currency": report.order.currency}
        return write_json(body, pretty=announcement.hook.pretty)

    def signature(
        self, body: bytes, _reference: str, _now: datetime, *, forged: bool
    ) -> tuple[tuple[str, str], ...]:
        """Sign a webhook over its raw body; a forged one is signed with another secret."""
        secret = "not-the-secret" if forged else self._settings.orange_money_webhook_secret
        digest = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
        return (("X-Signature", digest),)

    def _written(self, digits: str) -> str:
        return f"+{digits}" if self._settings.plus_sign else digits

    def _is_our_client(self, authorization: str) -> bool:
        scheme, _, encoded = authorization.partition(" ")
        try:
            given = base64.b64decode(encoded, validate=True)
        except binascii.Error:
            return False
        settings = self._settings
        ours = f"{settings.orange_money_client_id}:{settings.orange_money_client_secret}".encode()
        return scheme.lower() == "basic" and hmac.compare_digest(given, ours)

    def _grant(self, expires_at: datetime) -> str:
        while len(self._tokens) >= _MAX_TOKENS:
            del self._tokens[next(iter(self._tokens))]
        token = f"{self._chance.getrandbits(160):040x}"
        self._tokens[token] = expires_at
        return token

    def _must_be_authorised(self, request: WireRequest, now: datetime) -> None:
        token = _bearer(request)
        if not token:
            raise _rejected(401, 40, "Missing credentials")
        expires_at = self._tokens.get(token)
        if expires_at is None:
            raise _rejected(401, 41, "Invalid credentials")
        if expires_at <= now:
            raise _rejected(401, 42, "Expired credentials")


def _bearer(request: WireRequest) -> str:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def _only(method: str, request: WireRequest, endpoint: Endpoint) -> Endpoint:
    if request.method != method:
        raise Rejected(_error(405, 61, "Method not allowed").with_header("allow", method))
    return endpoint


def _must_accept_json(request: WireRequest) -> None:
    accepted = request.headers.get("accept", "").split(",")
    media_types = {part.partition(";")[0].strip().lower() for part in accepted}
    if "application/json" not in media_types:
        raise _rejected(406, 62, "Not acceptable: send Accept: application/json")


def _must_be_note(fields: Mapping[str, object], name: str) -> str:
    text = fields.get(name, "")
    if not is_plain_text(text, _NOTE_LENGTH):
        raise _invalid(f"{name} must be composed text of at most 160 characters")
    return str(text)


def _outcome(report: Report) -> dict[str, object]:
    told: dict[str, object] = {
        "transactionId": report.transaction_id,
        "status": WORDS[report.word],
    }
    return told if report.reason is None else {**told, "reason": report.reason}


def _json(status: int, value: Mapping[str, object]) -> Reply:
    return Reply(status, write_json(value))


def _error(status: int, code: int | str, message: str) -> Reply:
    return _json(status, {"code": code, "message": message, "description": message})


def _rejected(status: int, code: int | str, message: str) -> Rejected:
    return Rejected(_error(status, code, message))


def _invalid(message: str) -> Rejected:
    return _rejected(400, "INVALID_REQUEST", message)


def _oauth_error(status: int, error: str, description: str) -> Rejected:
    return Rejected(_json(status, {"error": error, "error_description": description}))
