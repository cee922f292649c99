"""Orange Money on the wire: paths, bodies, words, as data."""

from decimal import Decimal
from typing import Final

import msgspec

from adapters.provider_kit.strict_json import (
    NotReadable,
    finite,
    identifier,
    read_object,
    shaped,
)
from adapters.provider_kit.vocabulary import Vocabulary
from adapters.provider_kit.wording import clean, told, word
from application.ports import Order
from domain.evidence import News
from domain.states import Status

SUBMIT_PATH: Final = "/v1/cash-out"
STATUS_PATH: Final = "/v1/transactions/"
ACCEPTED: Final = 202
TOKEN_FORM: Final = b"grant_type=client_credentials"
TOKEN_LIFETIME_S: Final = 3600
"""How long a token holds when the provider does not say."""
LONGEST_TOKEN_LIFETIME_S: Final = 86_400

WORDS: Final = {
    "SUCCESSFUL": Status.COMPLETED,
    "PENDING": Status.PROCESSING,
    "FAILED": Status.FAILED,
    "REJECTED": Status.FAILED,
    "CANCELLED": Status.CANCELLED,
}
NOTE: Final = "Digital Money System cash out"


class _Amount(msgspec.Struct, frozen=True):
    value: msgspec.Raw
    currency: str


class _Party(msgspec.Struct, frozen=True):
    partyIdType: str  # noqa: N815 -- the field's name on the wire
    partyId: str  # noqa: N815


class _Submit(msgspec.Struct, frozen=True):
    amount: _Amount
    payee: _Party
    payerMessage: str  # noqa: N815
    payeeNote: str  # noqa: N815
    externalId: str  # noqa: N815


class _AmountTold(msgspec.Struct, frozen=True):
    value: Decimal
    currency: str


class _PartyTold(msgspec.Struct, frozen=True):
    partyId: str  # noqa: N815


class Transaction(msgspec.Struct, frozen=True):
    """What an answer to a submit, a status or a webhook says; everything may be absent."""

    status: str | None = None
    reason: str | None = None
    transactionId: str | None = None  # noqa: N815
    externalId: str | None = None  # noqa: N815
    amount: _AmountTold | None = None
    payee: _PartyTold | None = None


class _Granted(msgspec.Struct, frozen=True):
    access_token: str
    token_type: str = "Bearer"  # noqa: S105 -- a scheme, not a secret
    expires_in: Decimal | None = None


def submit_body(order: Order) -> bytes:
    """Return the body of a submit; the amount is a plain JSON number."""
    return msgspec.json.encode(
        _Submit(
            _Amount(msgspec.Raw(order.amount.plain.encode()), order.amount.currency.code),
            _Party("MSISDN", order.account),
            clean(f"Cash out to {order.payee.name}"),
            NOTE,
            order.reference,
        )
    )


def read_transaction(raw: bytes) -> Transaction:
    """Return what a body says of a transaction; raise NotReadable."""
    return shaped(read_object(raw), Transaction)


def news_of(told_: Transaction, vocabulary: Vocabulary, *, unless_told: Status | None) -> News:
    """Return news in our words; without a status word it means `unless_told`.

    Raises NotReadable when an id or an amount cannot be one, or a status is needed and absent.
    """
    if not told_.status and unless_told is None:
        raise NotReadable("status")
    said = word(told_.status or "")
    amount = told_.amount
    return News(
        word=said,
        status=vocabulary.status_of(said) if said else unless_told,
        provider_transaction_id=identifier(told_.transactionId, "transactionId"),
        reference=identifier(told_.externalId, "externalId"),
        amount=finite(amount.value, "amount") if amount else None,
        currency=amount.currency if amount else None,
        payee=told_.payee.partyId if told_.payee else None,
        code=vocabulary.code_of(told_.reason),
        reason=told(told_.reason),
    )


def read_grant(raw: bytes) -> tuple[str, int]:
    """Return a token and the seconds for which it holds; raise NotReadable.

    `expires_in` may be absent, or a numeric string.
    """
    granted = shaped(read_object(raw), _Granted)
    lifetime = granted.expires_in
    token = granted.access_token
    if not token.isascii() or not token.isprintable() or " " in token or not token:
        raise NotReadable("access_token")
    if granted.token_type.casefold() != "bearer":
        raise NotReadable("token_type")
    if lifetime is None:
        return token, TOKEN_LIFETIME_S
    if not lifetime.is_finite() or lifetime <= 0:
        raise NotReadable("expires_in")
    # Compared before it is converted: as an integer, 1e999999 takes half a minute and a megabyte.
    return token, int(min(lifetime, Decimal(LONGEST_TOKEN_LIFETIME_S))) or 1
