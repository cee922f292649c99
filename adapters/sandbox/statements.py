"""Statements: what the ledger has, as each provider would write it, also with planted breaks.

Planted breaks are drawn by a seed, each for a payout of its own, and told beside the statement.
"""

import csv
import io
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from random import Random
from types import MappingProxyType
from typing import Any, Final

from adapters.sandbox.corridors import AFRIMONEY, ORANGE_MONEY
from adapters.sandbox.ledger import Payout

MOST_PLANTED: Final = 1_000
"""The most breaks of one kind that can be asked for."""
_LATER: Final = timedelta(minutes=7)


class Plant(StrEnum):
    """The kinds of breaks that can be planted, by the names that a reconciliation gives them."""

    MISSING_HERE = "missing_here"
    MISSING_THERE = "missing_there"
    AMOUNT_DIFFERS = "amount_differs"
    DUPLICATE = "duplicate"
    LATE_REVERSAL = "late_reversal"
    STATUS_DIFFERS = "status_differs"


class Said(StrEnum):
    """What a line says became of the money."""

    PAID = "paid"
    FAILED = "failed"
    REVERSED = "reversed"


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a statement, before it is written. `msisdn` is E.164 digits."""

    at: datetime
    transaction_id: str
    reference: str
    msisdn: str
    amount: Decimal
    currency: str
    said: Said = Said.PAID


@dataclass(frozen=True, slots=True)
class Planted:
    """A break that was planted: its kind, and by what a reconciliation has to name it."""

    kind: Plant
    reference: str
    transaction_id: str


class TooFewPayouts(Exception):
    """There are fewer payouts than breaks to be planted. needed, there: how many."""

    def __init__(self, needed: int, there: int) -> None:
        super().__init__(f"{needed} breaks need as many payouts, and there are {there}")


def rows_of(
    payouts: Iterable[Payout],
    provider: str,
    since: datetime | None = None,
    until: datetime | None = None,
) -> list[Row]:
    """Return what the provider's books have: what it paid, and what it took back."""
    rows: list[Row] = []
    for payout in payouts:
        if payout.provider != provider:
            continue
        paid = Row(
            payout.executed_at,
            payout.transaction_id,
            payout.reference,
            payout.msisdn,
            payout.amount,
            payout.currency,
        )
        rows.append(paid)
        if payout.reversed_at is not None:
            rows.append(_taken_back(paid, payout.reversed_at))
    return [
        row
        for row in rows
        if (since is None or row.at >= since) and (until is None or row.at < until)
    ]


def _taken_back(paid: Row, at: datetime) -> Row:
    return replace(paid, at=at, transaction_id=f"{paid.transaction_id}-R", said=Said.REVERSED)


def plant(
    rows: Sequence[Row], wanted: Mapping[Plant, int], seed: int
) -> tuple[list[Row], list[Planted]]:
    """Return the rows with so many breaks of each kind, and the list of them.

    The same rows, counts and seed give the same breaks. Raises TooFewPayouts.
    """
    taken_back = {row.reference for row in rows if row.said is Said.REVERSED}
    sound = [
        place
        for place, row in enumerate(rows)
        if row.said is Said.PAID and row.reference not in taken_back
    ]
    needed = sum(count for kind, count in wanted.items() if kind is not Plant.MISSING_HERE)
    strangers = wanted.get(Plant.MISSING_HERE, 0)
    if needed > len(sound) or (strangers and not sound):
        raise TooFewPayouts(max(needed, 1), len(sound))
    chance = Random(seed)  # noqa: S311 -- repeatable on purpose
    chosen = iter(chance.sample(sound, needed))
    changed: dict[int, list[Row]] = {}
    planted: list[Planted] = []
    for kind in Plant:
        for number in range(wanted.get(kind, 0)):
            stranger = kind is Plant.MISSING_HERE
            place = chance.choice(sound) if stranger else next(chosen)
            row = _stranger(rows[place], seed, number) if stranger else rows[place]
            made = _BREAKS[kind](row)
            changed.setdefault(place, [rows[place]])
            changed[place] = [*changed[place], *made] if stranger else list(made)
            planted.append(Planted(kind, row.reference, (made or (row,))[-1].transaction_id))
    result = [each for place, row in enumerate(rows) for each in changed.get(place, [row])]
    return result, planted


def _stranger(near: Row, seed: int, number: int) -> Row:
    """Return a payment that nobody here asked for, at about the time of another."""
    name = f"{seed:04d}-{number:06d}"
    return replace(
        near,
        at=near.at + timedelta(seconds=1),
        transaction_id=f"STRANGE-{name}",
        reference=f"NOBODYS-{name}",
    )


_BREAKS: Final[Mapping[Plant, Callable[[Row], tuple[Row, ...]]]] = MappingProxyType(
    {
        Plant.MISSING_HERE: lambda row: (row,),
        Plant.MISSING_THERE: lambda _: (),
        Plant.AMOUNT_DIFFERS: lambda row: (replace(row, amount=row.amount + 1),),
        Plant.DUPLICATE: lambda row: (
            row,
            replace(row, at=row.at + _LATER, transaction_id=f"{row.transaction_id}-D"),
        ),
        Plant.LATE_REVERSAL: lambda row: (row, _taken_back(row, row.at + _LATER)),
        Plant.STATUS_DIFFERS: lambda row: (replace(row, said=Said.FAILED),),
    }
)
"""What a sound payout becomes."""


@dataclass(frozen=True, slots=True)
class _Layout:
    """How a provider writes. A mapping in the configuration reads it back."""

    preamble: tuple[str, ...]
    header: tuple[str, ...]
    delimiter: str
    cells: Callable[[Row], tuple[str, ...]]
    footer: str = ""


_FRENCH: Final = {Said.PAID: "SUCCESSFUL", Said.FAILED: "FAILED", Said.REVERSED: "REVERSED"}
_ENGLISH: Final = {Said.PAID: "completed", Said.FAILED: "failed", Said.REVERSED: "reversed"}


def _orange(row: Row) -> tuple[str, ...]:
    kind = "REVERSAL" if row.said is Said.REVERSED else "CASHIN"
    amount = f"{row.amount:f}".replace(".", ",")
    at = row.at.strftime("%d/%m/%Y %H:%M:%S")
    said = _FRENCH[row.said]
    ids = (row.transaction_id, row.reference, row.msisdn)
    return (at, kind, *ids, amount, "0", row.currency, said)


def _afrimoney(row: Row) -> tuple[str, ...]:
    kind = "reversal" if row.said is Said.REVERSED else "disbursement"
    at = row.at.isoformat(timespec="seconds").replace("+00:00", "Z")
    ids = (row.transaction_id, row.reference, row.msisdn)
    return (*ids, f"{row.amount:f}", "0", row.currency, _ENGLISH[row.said], kind, at)


_LAYOUTS: Final[Mapping[str, _Layout]] = MappingProxyType(
    {
        ORANGE_MONEY: _Layout(
            preamble=("Orange Money;Partner statement",),
            header=(
                *("Date", "Type", "Transaction ID", "External ID", "MSISDN"),
                *("Amount", "Fee", "Currency", "Status"),
            ),
            delimiter=";",
            cells=_orange,
            footer="TOTAL",
        ),
        AFRIMONEY: _Layout(
            preamble=(),
            header=(
                *("transactionId", "externalReference", "phoneNumber", "amount", "fee"),
                *("currency", "status", "type", "completedAt"),
            ),
            delimiter=",",
            cells=_afrimoney,
        ),
    }
)


def written(rows: Iterable[Row], provider: str) -> Iterator[str]:
    """Yield the file line by line, each with its end; KeyError for a provider it does not have."""
    layout = _LAYOUTS[provider]
    yield from (f"{line}\r\n" for line in layout.preamble)
    yield _record(layout.header, layout.delimiter)
    count = 0
    for row in rows:
        count += 1
        yield _record(layout.cells(row), layout.delimiter)
    if layout.footer:
        yield _record((layout.footer, str(count)), layout.delimiter)


def planted_view(planted: Sequence[Planted]) -> list[dict[str, Any]]:
    """Return what was planted, for JSON."""
    return [asdict(each) for each in planted]


def _record(cells: Sequence[str], delimiter: str) -> str:
    text = io.StringIO()
    csv.writer(text, delimiter=delimiter).writerow(cells)
    return text.getvalue()
