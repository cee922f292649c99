"""Two books to be reconciled: cash-outs of ours, and the lines of a provider's statement."""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from adapters.memory.statements import booked
from application.ports import Units
from domain.cash_out import CashOut, Change
from domain.money import Money
from domain.payee import Msisdn, Payee
from domain.statements import Booked, LineKind, StatementLine
from domain.states import ENDINGS, Status
from tests.strategies import NOW, ORANGE, XOF, a_cash_out

FIRST: Final = NOW - timedelta(days=2)
"""When the first cash-out of these books was accepted; each later one follows after a second."""
_AT_ONCE: Final = 1_000


def booked_cash_out(number: int, status: Status = Status.COMPLETED, **fields: Any) -> CashOut:  # noqa: ANN401 -- handed on to a dataclass
    """Return the cash-out of this number, which its provider has paid unless said otherwise."""
    accepted = FIRST + timedelta(seconds=number)
    ended = status in ENDINGS
    usual: dict[str, Any] = {
        "id": UUID(int=number),
        "reference": f"CASH-BOOKS-{number:08d}",
        "amount": Money(1_000 + number % 97 * 5, XOF),
        "payee": Payee(Msisdn(f"+22507{number:08d}", "CI"), "Awa Koné"),
        "created_at": accepted,
        "updated_at": accepted,
        "status": status,
        "provider": ORANGE,
        "provider_transaction_id": f"OM-{number:08d}",
        "completed_at": accepted + timedelta(seconds=20) if ended else None,
        "failure_code": "UNSPECIFIED" if status is Status.FAILED else None,
        "plan": None,
        "events": 0,
        "pieces": 0,
        "version": 1,
    }
    return a_cash_out(**{**usual, **fields})


def line_of(cash_out: CashOut, number: int = 0, **fields: Any) -> StatementLine:  # noqa: ANN401 -- as above
    """Return the line that agrees with a paid cash-out, with these fields in place of its own."""
    usual: dict[str, Any] = {
        "number": number or cash_out.id.int,
        "digest": "",
        "kind": LineKind.PAYMENT,
        "word": "SUCCESSFUL",
        "status": Status.COMPLETED,
        "at": cash_out.created_at + timedelta(seconds=10),
        "amount": cash_out.amount,
        "provider_transaction_id": cash_out.provider_transaction_id,
        "reference": cash_out.reference,
        "msisdn": cash_out.payee.msisdn.e164,
    }
    return sealed(StatementLine(**{**usual, **fields}))


def sealed(line: StatementLine) -> StatementLine:
    """Return a line with the raw text that says the same, and its digest."""
    said = (line.kind, line.word, line.at.isoformat(), line.amount, line.reference)
    raw = f"{said}{line.provider_transaction_id}{line.msisdn}".encode()
    return replace(line, raw=raw, digest=hashlib.sha256(raw).hexdigest())


def numbered(lines: Iterable[StatementLine]) -> list[StatementLine]:
    """Return lines as they stand in a file in this order, from line 2 on."""
    return [replace(line, number=number) for number, line in enumerate(lines, start=2)]


async def keep(units: Units, cash_outs: Sequence[CashOut]) -> None:
    """Store cash-outs as they are."""
    for start in range(0, len(cash_outs), _AT_ONCE):
        async with units.begin() as unit:
            some = cash_outs[start : start + _AT_ONCE]
            await unit.cash_outs.add([Change(each, each) for each in some], [])


def end_of(cash_outs: Sequence[CashOut]) -> datetime:
    """Return a moment behind everything that happened to these."""
    return max(each.completed_at or each.created_at for each in cash_outs) + timedelta(seconds=1)


def booked_of(cash_out: CashOut) -> Booked:
    """Return what our books say of a cash-out."""
    return booked(cash_out)
