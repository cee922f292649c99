"""AfriMoney's webhooks: a signature over key, timestamp and reference, not over state or amount.

The headers of our own submit would sign one as well, so a webhook proves nothing: it is a doorbell.
"""

import re
from collections.abc import Sequence
from datetime import datetime
from typing import Final

from adapters.provider_kit.signing import is_signed, only_header, sha256_hex
from adapters.provider_kit.strict_json import NotReadable, read_object, require, shaped
from adapters.provider_kit.vocabulary import Vocabulary
from adapters.providers.afrimoney.wire import Disbursement, milliseconds, news_of, signed_text
from application.ports import Authentic, Unauthentic, Unreadable, WebhookReading
from domain.evidence import Doorbell

WINDOW_MS: Final = 300_000
_TIMESTAMP: Final = re.compile(r"[0-9]{13}", re.ASCII)


def read(
    headers: Sequence[tuple[str, str]],
    raw: bytes,
    now: datetime,
    *,
    api_key: str,
    secret: str,
    vocabulary: Vocabulary,
) -> WebhookReading:
    """Verify, then read. A body that names no reference is verified as one with an empty name."""
    timestamp, given = only_header(headers, "X-Timestamp"), only_header(headers, "X-Signature")
    if timestamp is None or given is None:
        return Unauthentic("not exactly one X-Timestamp and one X-Signature")
    stale = _fault_of(timestamp, now)
    if stale is not None:
        return Unauthentic(stale)
    body = _object_in(raw)
    reference = (body or {}).get("externalReference")
    named = reference if isinstance(reference, str) else ""
    if not is_signed(given, secret, signed_text(api_key, timestamp, named)):
        return Unauthentic("X-Signature is not of this reference")
    try:
        doorbell = _doorbell(body, vocabulary)
    except NotReadable as problem:
        return Unreadable(problem.fields)
    return Authentic(doorbell, replay_key=sha256_hex(f"{timestamp}{given}".encode()))


def _fault_of(timestamp: str, now: datetime) -> str | None:
    if not _TIMESTAMP.fullmatch(timestamp):
        return "X-Timestamp is not 13 digits"
    if abs(milliseconds(now) - int(timestamp)) > WINDOW_MS:
        return "X-Timestamp is not within 300 seconds"
    return None


def _doorbell(body: dict[str, object] | None, vocabulary: Vocabulary) -> Doorbell:
    if body is None:
        raise NotReadable
    require(body, ("transactionId", "externalReference"), ("status",))
    claims = news_of(shaped(body, Disbursement), vocabulary, unless_told=None)
    reference = claims.reference or ""
    return Doorbell(reference, claims.word, claims.status, claims.provider_transaction_id)


def _object_in(raw: bytes) -> dict[str, object] | None:
    try:
        return read_object(raw)
    except NotReadable:
        return None
