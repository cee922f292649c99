"""AfriMoney on the wire: paths, signature, envelope, words, as data."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Final

import msgspec

from adapters.provider_kit.signing import hmac_sha256_hex
from adapters.provider_kit.strict_json import (
    NotReadable,
    finite,
    identifier,
    read_object,
    shaped,
)
from adapters.provider_kit.vocabulary import (
    ErrorSays,
    Vocabulary,
    is_definitive,
    said_by,
)
from adapters.provider_kit.wording import clean, told, word
from application.ports import Order
from domain.evidence import News
from domain.states import Status

SUBMIT_PATH: Final = "/api/v1/disbursements"
STATUS_PATH: Final = "/api/v1/disbursements/"
ACCEPTED: Final = 200

WORDS: Final = {
    "completed": Status.COMPLETED,
    "success": Status.COMPLETED,
    "processing": Status.PROCESSING,
    "pending": Status.PROCESSING,
    "failed": Status.FAILED,
    "error": Status.FAILED,
    "cancelled": Status.CANCELLED,
}
AMBIGUOUS: Final = "error"
"""Means failed only beside a known definitive reason: until then it is still processing."""

DESCRIPTION: Final = "Digital Money System cash out"
NAME_LENGTH: Final = 100
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class _Recipient(msgspec.Struct, frozen=True):
    phoneNumber: str  # noqa: N815 -- the field's name on the wire
    name: str


class _Submit(msgspec.Struct, frozen=True):
    amount: msgspec.Raw
    currency: str
    recipient: _Recipient
    externalReference: str  # noqa: N815
    description: str


class _RecipientTold(msgspec.Struct, frozen=True):
    phoneNumber: str | None = None  # noqa: N815


class Disbursement(msgspec.Struct, frozen=True):
    """What an answer's data or a webhook says; everything may be absent."""

    transactionId: str | None = None  # noqa: N815
    status: str | None = None
    failureReason: str | None = None  # noqa: N815
    externalReference: str | None = None  # noqa: N815
    amount: Decimal | None = None
    currency: str | None = None
    recipient: _RecipientTold | None = None


class _Envelope(msgspec.Struct, frozen=True):
    status: str
    data: Disbursement | None = None


def milliseconds(moment: datetime) -> int:
    """Return a moment as X-Timestamp has it."""
    return (moment - _EPOCH) // timedelta(milliseconds=1)


def signature(secret: str, api_key: str, timestamp: str, reference: str) -> str:
    """Return the lower-case hex signature of a request: key, timestamp in ms, reference."""
    return hmac_sha256_hex(secret, signed_text(api_key, timestamp, reference))


def signed_text(api_key: str, timestamp: str, reference: str) -> bytes:
    """Return what a signature covers; neither state nor amount is in it."""
    return f"{api_key}{timestamp}{reference}".encode()


def submit_body(order: Order) -> bytes:
    """Return the body of a submit; the amount is a plain JSON number."""
    return msgspec.json.encode(
        _Submit(
            msgspec.Raw(order.amount.plain.encode()),
            order.amount.currency.code,
            _Recipient(order.account, clean(order.payee.name, NAME_LENGTH)),
            order.reference,
            DESCRIPTION,
        )
    )


def read_envelope(raw: bytes) -> Disbursement | ErrorSays:
    """Return what a success envelope holds, or what an error envelope says; raise NotReadable."""
    body = read_object(raw)
    status = body.get("status")
    if not isinstance(status, str):
        raise NotReadable("status")
    if status.casefold() != "success":
        return said_by(body)
    return shaped(body, _Envelope).data or Disbursement()


def news_of(said: Disbursement, vocabulary: Vocabulary, *, unless_told: Status | None) -> News:
    """Return news in our words; without a status word it means `unless_told`.

    Raises NotReadable when an id or an amount cannot be one, or a status is needed and absent.
    """
    if not said.status and unless_told is None:
        raise NotReadable("status")
    code = vocabulary.code_of(said.failureReason)
    status_word = word(said.status or "")
    status = vocabulary.status_of(status_word) if status_word else unless_told
    if status_word.casefold() == AMBIGUOUS and status is Status.FAILED and not is_definitive(code):
        status = Status.PROCESSING
    return News(
        word=status_word,
        status=status,
        provider_transaction_id=identifier(said.transactionId, "transactionId"),
        reference=identifier(said.externalReference, "externalReference"),
        amount=finite(said.amount, "amount"),
        currency=said.currency,
        payee=said.recipient.phoneNumber if said.recipient else None,
        code=code,
        reason=told(said.failureReason),
    )
