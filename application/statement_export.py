"""Breaks as CSV, for spreadsheets: no cell of it is ever taken for a formula."""

import csv
import io
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Final

from domain.breaks import Break
from domain.money import Money

COLUMNS: Final = (
    "break",
    "kind",
    "state",
    "age",
    "at",
    "reference",
    "provider_transaction_id",
    "cash_out",
    "here",
    "here_currency",
    "there",
    "there_currency",
    "line",
    "detail",
    "note",
    "changed_by",
)
_FORMULAS: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "|")
"""What spreadsheets may take for the beginning of a formula."""


def csv_of(breaks: Iterable[Break], now: datetime, *, header: bool = True) -> Iterator[str]:
    """Yield lines with their ends; the header first, unless this goes on where another ended."""
    if header:
        yield _record(COLUMNS)
    for each in breaks:
        yield _record(_cells(each, now))


def safe_cell(text: str) -> str:
    """Return a cell's text, with an apostrophe before what would begin a formula."""
    return f"'{text}" if text.startswith(_FORMULAS) else text


def _cells(known: Break, now: datetime) -> tuple[str, ...]:
    return (
        str(known.id),
        known.kind,
        known.state,
        known.age(now),
        known.at.isoformat(),
        known.reference or "",
        known.provider_transaction_id or "",
        str(known.cash_out_id or ""),
        *_money(known.here),
        *_money(known.there),
        "" if known.line is None else str(known.line),
        known.detail,
        known.note or "",
        known.changed_by or "",
    )


def _money(money: Money | None) -> tuple[str, str]:
    return ("", "") if money is None else (money.plain, money.currency.code)


def _record(cells: Iterable[str]) -> str:
    text = io.StringIO()
    csv.writer(text, quoting=csv.QUOTE_ALL).writerow([safe_cell(each) for each in cells])
    return text.getvalue()
