"""Targets: webhooks. Unsigned they prove nothing; properly signed they are read or refused."""

import hashlib
import hmac
import json
from datetime import UTC, datetime
from typing import Final

from adapters.provider_kit.wiring import ProviderGateway
from adapters.providers import afrimoney, orange_money
from adapters.sql.rows import finding_from_text, finding_to_text
from application.ports import Authentic, Unauthentic, Unreadable
from tests.adapters.providers.given import AFRIMONEY, ORANGE, SECRETS, wired
from tests.fuzz.target import Target, joined, parts, require

NOW: Final = datetime(2026, 11, 23, 10, 0, tzinfo=UTC)
TIMESTAMP: Final = str(int(NOW.timestamp() * 1000))
_NOWHERE: Final = "http://127.0.0.1:1"
_SIGNED_BY_US: Final = b"signed"

_orange = orange_money.build(wired(_NOWHERE, ORANGE))
_afrimoney = afrimoney.build(wired(_NOWHERE, AFRIMONEY))


def hmac_hex(secret: str, message: bytes) -> str:
    """Return a signature, computed apart from the code under test."""
    return hmac.new(secret.encode(), message, hashlib.sha256).hexdigest()


def _latin(raw: bytes) -> str:
    # As header values reach us.
    return raw.decode("latin-1")


def _orange_webhook(data: bytes) -> bool:
    given, raw = parts(data, 2)
    genuine = hmac_hex(SECRETS["webhook_secret"], raw)
    signature = genuine if given == _SIGNED_BY_US else _latin(given)
    headers = [("X-Signature", signature)]
    return _read(_orange, headers, raw, "externalId", genuine=signature == genuine)


def _afrimoney_webhook(data: bytes) -> bool:
    given, stamp, raw = parts(data, 3)
    timestamp = TIMESTAMP if stamp == _SIGNED_BY_US else _latin(stamp)
    body = _object_of(raw)
    named = body.get("externalReference") if isinstance(body, dict) else ""
    signed = f"{SECRETS['api_key']}{timestamp}{named if isinstance(named, str) else ''}"
    genuine = hmac_hex(SECRETS["api_secret"], signed.encode("utf-8", "replace"))
    signature = genuine if given == _SIGNED_BY_US else _latin(given)
    headers = [("X-Timestamp", timestamp), ("X-Signature", signature)]
    in_time = timestamp.isascii() and timestamp.isdigit() and len(timestamp) == len(TIMESTAMP)
    genuine_now = signature == genuine and in_time
    if body is None and given == _SIGNED_BY_US:
        # What is no JSON to anybody has no reference: it is signed as one without a name.
        genuine_now = False
    return _read(_afrimoney, headers, raw, "externalReference", genuine=genuine_now)


def _read(
    gateway: ProviderGateway,
    headers: list[tuple[str, str]],
    raw: bytes,
    names_it: str,
    *,
    genuine: bool,
) -> bool:
    reading = gateway.read_webhook(headers, raw, NOW)
    require(isinstance(reading, Authentic | Unauthentic | Unreadable), "a reading of another kind")
    if not isinstance(reading, Authentic):
        return False
    require(genuine, "authentic, and nobody signed it")
    finding = reading.news
    body = json.loads(raw)
    require(isinstance(body, dict), "authentic, and no object")
    require(finding.reference == body[names_it], "another reference than the body's")
    require(finding.provider_transaction_id == body["transactionId"], "another id than the body's")
    written = finding_to_text(finding)
    require("\x00" not in written and written.isascii(), "what it says cannot be stored")
    require(finding_from_text(written) == finding, "what is stored is not what it says")
    return True


def _object_of(raw: bytes) -> object:
    try:
        return json.loads(raw)
    except (ValueError, RecursionError):
        return None


def _body(**fields: object) -> bytes:
    return json.dumps(fields, ensure_ascii=False).encode()


_ORANGE_BODIES: Final = (
    _body(transactionId="OM-7F3A", status="SUCCESSFUL", externalId="CASH-1700000000000-0042"),
    _body(
        transactionId="OM-7F3A",
        status="FAILED",
        externalId="CASH-1700000000000-0042",
        reason="Account not found",
        amount={"value": 1500, "currency": "XOF"},
        payee={"partyId": "2250700000789"},
    ),
    _body(transactionId="OM-1", status="PENDING", externalId="ORDER-2026-000123", amount=1500.5),
)
_AFRIMONEY_BODIES: Final = (
    _body(transactionId="AM-1", status="completed", externalReference="CASH-1700000000000-0042"),
    _body(
        transactionId="AM-1",
        status="error",
        externalReference="CASH-1700000000000-0042",
        failureReason="insufficient funds",
        amount="1500.50",
        currency="SLE",
        recipient={"phoneNumber": "23277000789"},
    ),
)
_UNREADABLE: Final = (
    b"",
    b"[]",
    b'{"transactionId":"OM-1"}',
    b'{"transactionId":"OM-1","transactionId":"OM-1","status":"x","externalId":"y"}',
    b'{"transactionId":"OM-1","status":"\\ud800","externalId":"y","externalReference":"y"}',
    b'\xef\xbb\xbf{"transactionId":"OM-1","status":"x","externalId":"y"}',
)

TARGETS: Final = (
    Target(
        "orange_webhook",
        _orange_webhook,
        [joined(_SIGNED_BY_US, body) for body in _ORANGE_BODIES],
        [
            *(joined(_SIGNED_BY_US, body) for body in _UNREADABLE),
            *(joined(b"0" * 64, body) for body in _ORANGE_BODIES),
        ],
    ),
    Target(
        "afrimoney_webhook",
        _afrimoney_webhook,
        [joined(_SIGNED_BY_US, _SIGNED_BY_US, body) for body in _AFRIMONEY_BODIES],
        [
            *(joined(_SIGNED_BY_US, _SIGNED_BY_US, body) for body in _UNREADABLE),
            *(joined(_SIGNED_BY_US, b"1700000000000", body) for body in _AFRIMONEY_BODIES),
            *(joined(b"0" * 64, _SIGNED_BY_US, body) for body in _AFRIMONEY_BODIES),
        ],
    ),
)
