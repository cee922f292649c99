"""Seals: each piece of evidence vouches for the cash-out as it left it, and for the piece before.

The renderings are versioned and for ever: to change one, add a version and keep checking the old.
"""

from collections.abc import Sequence
from hashlib import sha256
from typing import TYPE_CHECKING, Final

from domain.chain import digest, encoded, maybe, maybe_moment, moment

if TYPE_CHECKING:
    from domain.attempts import Attempt
    from domain.cash_out import CashOut
    from domain.evidence import Evidence

_FACTS: Final = "cashout/facts/1"
_PIECE: Final = "cashout/piece/1"


def seal_of(cash_out: "CashOut") -> str:
    """Return the hex SHA-256 over what a cash-out was taken with, where it stands and its attempts.

    What changes without evidence takes no part: plan, lease, version and the like.
    """
    amount, number = cash_out.amount, cash_out.payee.msisdn
    parts = [
        cash_out.id.hex,
        cash_out.user_id,
        cash_out.wallet_id,
        cash_out.provider,
        str(amount.minor),
        str(cash_out.fee.minor),
        amount.currency.code,
        cash_out.tariff_version,
        number.e164,
        number.country,
        cash_out.payee.name,
        cash_out.reference,
        "given" if cash_out.reference_given else "drawn",
        moment(cash_out.created_at),
        cash_out.status,
        maybe(cash_out.provider_transaction_id),
        cash_out.failure_code or "",
        maybe(cash_out.failure_reason),
        cash_out.review or "",
        "contradicted" if cash_out.contradicted else "",
        maybe_moment(cash_out.completed_at),
        cash_out.claim or "",
        str(cash_out.events),
        str(cash_out.pieces),
    ]
    if cash_out.case.ruled is not None:
        parts += ("ruled", cash_out.case.ruled, maybe_moment(cash_out.case.reviewed_at))
    for attempt in cash_out.attempts:
        parts += _parts_of(attempt)
    return digest(_FACTS, parts)


def _parts_of(attempt: "Attempt") -> tuple[str, ...]:
    return (
        str(attempt.number),
        attempt.reference,
        moment(attempt.started_at),
        attempt.outcome or "",
        attempt.code or "",
        attempt.detail,
        maybe_moment(attempt.ended_at),
    )


def digest_of_told(digests: Sequence[str]) -> str:
    """Return the digest over events by those of their bodies, in order; empty without any."""
    return sha256(" ".join(digests).encode()).hexdigest() if digests else ""


def digest_of_body(body: str) -> str:
    """Return the hex SHA-256 of an event's body, as a database stores it."""
    return sha256(encoded(body)).hexdigest()


def hash_of(piece: "Evidence", previous: str) -> str:
    """Return the hex SHA-256 that chains a piece, its seal included, to the hash before it.

    The raw body takes part by its digest, which is over all of it.
    """
    return digest(
        _PIECE,
        (
            previous,
            piece.cash_out_id.hex,
            str(piece.sequence),
            piece.source,
            moment(piece.at),
            piece.verdict,
            piece.kind,
            piece.word,
            piece.status or "",
            piece.detail,
            "" if piece.attempt is None else str(piece.attempt),
            piece.digest,
            piece.entered or "",
            " ".join(piece.told),
            piece.told_digest,
            str(piece.events),
            piece.seal,
        ),
    )
