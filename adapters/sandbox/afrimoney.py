"""AfriMoney's protocol, strictly: signed disbursements, look-ups, and webhooks as doorbells."""

import hashlib
import hmac
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final
from urllib.parse import unquote

from adapters.sandbox.behaviour import Manner, Word
from adapters.sandbox.corridors import AFRIMONEY
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

SUBMIT_PATH: Final = "/api/v1/disbursements"
STATUS_PATH: Final = "/api/v1/disbursements/"
WORDS: Final = {
    Word.PENDING: "processing",
    Word.SUCCESS: "completed",
    Word.FAILED: "failed",
    Word.CANCELLED: "cancelled",
    Word.SETTLING: "settling",
    Word.REVERSED: "reversed",
}
_TIMESTAMP: Final = re.compile(r"[0-9]{13}")
_NAME_LENGTH: Final = 100
_DESCRIPTION_LENGTH: Final = 160
_BODY_FIELDS: Final = {"amount", "currency", "recipient", "externalReference", "description"}


def sign(secret: str, api_key: str, timestamp: str, reference: str) -> str:
    """Return the lower-case hex signature; the timestamp is in milliseconds."""
    message = f"{api_key}{timestamp}{reference}".encode()
    return hmac.new(secret.encode(), message, hashlib.sha256).hexdigest()


class AfriMoney:
    """One provider's side of the protocol."""

    name: Final = AFRIMONEY

    def __init__(self, settings: SandboxSettings) -> None:
        self._settings = settings

    def route(self, request: WireRequest) -> tuple[Endpoint, str]:
        """Return the endpoint and, for a look-up, the decoded id; raises `Rejected` (404, 405)."""
        if request.path == SUBMIT_PATH:
            return _only("POST", request, Endpoint.SUBMIT), ""
        identifier = request.path.removeprefix(STATUS_PATH)
        if identifier and identifier != request.path and "/" not in identifier:
            return _only("GET", request, Endpoint.STATUS), unquote(identifier)
        raise _rejected(404, "ROUTE_NOT_FOUND", "No such resource")

    def token(self, _request: WireRequest, _now: datetime) -> Reply:
        """Refuse: this provider has no tokens, every request is signed."""
        return _error(404, "ROUTE_NOT_FOUND", "No such resource")

    def read_order(self, request: WireRequest, now: datetime) -> Order:
        """Read a disbursement; raises `Rejected` on the first thing that is not as documented."""
        if request.media_type != "application/json":
            raise _rejected(415, "UNSUPPORTED_MEDIA_TYPE", "Send application/json")
        self._must_be_known_and_fresh(request, now)
        try:
            fields = read_object(request.body)
        except NotJson as problem:
            raise _invalid(f"The body is not JSON: {problem}") from None
        reference = fields.get("externalReference")
        self._must_be_signed(request, reference if isinstance(reference, str) else "")
        if not is_reference(reference):
            raise _invalid("externalReference is missing or malformed")
        if set(fields) - _BODY_FIELDS:
            raise _invalid("The body has unknown fields")
        if not is_plain_text(fields.get("description", ""), _DESCRIPTION_LENGTH):
            raise _invalid("description must be text of at most 160 characters")
        return self._order(str(reference), fields)

    def _order(self, reference: str, fields: Mapping[str, Any]) -> Order:
        recipient = fields.get("recipient")
        if not isinstance(recipient, dict) or set(recipient) - {"phoneNumber", "name"}:
            raise _invalid("recipient must have phoneNumber and name")
        name = recipient.get("name")
        if not name or not is_plain_text(name, _NAME_LENGTH):
            raise _invalid("recipient.name must be text of at most 100 characters")
        digits = read_msisdn(recipient.get("phoneNumber"), plus_sign=self._settings.plus_sign)
        if digits is None:
            raise _rejected(422, "INVALID_PHONE_NUMBER", "recipient.phoneNumber is not a number")
        amount = read_amount(fields.get("amount"))
        if amount is None:
            raise _invalid("amount must be a normalised JSON number")
        refused = refused_amount(AFRIMONEY, digits, amount, fields.get("currency"))
        if refused is not None:
            raise _rejected(422, refused, "The amount cannot be paid to this number")
        return Order(reference, digits, amount, str(fields["currency"]), name)

    def check_status(self, request: WireRequest, identifier: str, now: datetime) -> None:
        """Raise `Rejected` unless a look-up is as documented; it is signed over the decoded id."""
        self._must_be_known_and_fresh(request, now)
        self._must_be_signed(request, identifier)

    def answer(self, answer: Answer, _request: WireRequest) -> Reply:
        """Write the answer to a disbursement."""
        if answer.refusal is not None:
            refusal = answer.refusal
            return _error(refusal.status, refusal.code, refusal.message)
        if answer.manner is Manner.CONFLICT:
            return _error(409, "DUPLICATE_REFERENCE", "externalReference was used before")
        if answer.manner is Manner.CREDENTIALS_EXPIRED:
            return _error(401, "TIMESTAMP_EXPIRED", "X-Timestamp is too old")
        if answer.manner is Manner.ACCEPT_BLANK or answer.report is None:
            return _success(200, {})
        return _success(201 if answer.manner is Manner.WRONG_CODE else 200, _outcome(answer.report))

    def status(self, report: Report | None) -> Reply:
        """Write the answer to a look-up."""
        if report is None:
            return _error(404, "NOT_FOUND", "No such disbursement")
        order = report.order
        return _success(
            200,
            {
                **_outcome(report),
                "externalReference": order.reference,
                "amount": order.amount,
                "currency": order.currency,
                "recipient": {"phoneNumber": self._written(order.msisdn)},
            },
        )

    def error(self, status: int, code: str, message: str) -> Reply:
        """Write any other error in the provider's shape."""
        return _error(status, code, message)

    def webhook(self, announcement: Announcement) -> bytes:
        """Write a webhook's body."""
        report = announcement.report
        body: dict[str, object] = {
            **_outcome(report),
            "externalReference": report.order.reference,
        }
        if announcement.tells_amount:
            body |= {"amount": report.order.amount, "currency": report.order.currency}
        return write_json(body, pretty=announcement.hook.pretty)

    def signature(
        self, _body: bytes, reference: str, now: datetime, *, forged: bool
    ) -> tuple[tuple[str, str], ...]:
        """Sign a webhook, over key, timestamp and reference; a forged one with another secret."""
        secret = "not-the-secret" if forged else self._settings.afrimoney_signing_key
        timestamp = str(_milliseconds(now))
        signed = sign(secret, self._settings.afrimoney_api_key, timestamp, reference)
        return (("X-Timestamp", timestamp), ("X-Signature", signed))

    def _must_be_known_and_fresh(self, request: WireRequest, now: datetime) -> None:
        given_key = request.headers.get("x-api-key", "")
        if not hmac.compare_digest(given_key.encode(), self._settings.afrimoney_api_key.encode()):
            raise _rejected(401, "UNKNOWN_API_KEY", "X-API-Key is missing or unknown")
        timestamp = request.headers.get("x-timestamp", "")
        window_ms = self._settings.timestamp_window_s * 1000
        if (
            not _TIMESTAMP.fullmatch(timestamp)
            or abs(_milliseconds(now) - int(timestamp)) > window_ms
        ):
            raise _rejected(
                401, "TIMESTAMP_EXPIRED", "X-Timestamp is not the present in milliseconds"
            )

    def _must_be_signed(self, request: WireRequest, reference: str) -> None:
        settings = self._settings
        expected = sign(
            settings.afrimoney_api_secret,
            settings.afrimoney_api_key,
            request.headers.get("x-timestamp", ""),
            reference,
        )
        given = request.headers.get("x-signature", "")
        if not hmac.compare_digest(given.encode(), expected.encode()):
            raise _rejected(401, "INVALID_SIGNATURE", "X-Signature is missing or wrong")

    def _written(self, digits: str) -> str:
        return f"+{digits}" if self._settings.plus_sign else digits


def _milliseconds(instant: datetime) -> int:
    return int(instant.timestamp() * 1000)


def _only(method: str, request: WireRequest, endpoint: Endpoint) -> Endpoint:
    if request.method != method:
        refused = _error(405, "METHOD_NOT_ALLOWED", "Method not allowed")
        raise Rejected(refused.with_header("allow", method))
    return endpoint


def _outcome(report: Report) -> dict[str, object]:
    told: dict[str, object] = {
        "transactionId": report.transaction_id,
        "status": WORDS[report.word],
    }
    return told if report.reason is None else {**told, "failureReason": report.reason}


def _success(status: int, data: Mapping[str, object]) -> Reply:
    return Reply(status, write_json({"status": "success", "data": data}))


def _error(status: int, code: str, message: str) -> Reply:
    return Reply(status, write_json({"status": "error", "code": code, "message": message}))


def _rejected(status: int, code: str, message: str) -> Rejected:
    return Rejected(_error(status, code, message))


def _invalid(message: str) -> Rejected:
    return _rejected(400, "INVALID_REQUEST", message)
