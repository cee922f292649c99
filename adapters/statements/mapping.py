"""Mappings: how one provider writes its statements, as the configuration says it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, tzinfo
from enum import StrEnum
from typing import Annotated, Final, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from domain.money import Currency, currency
from domain.payee import COUNTRIES, NumberFormat
from domain.refusals import CurrencyNotSupported
from domain.statements import LineKind
from domain.states import Status

ISO: Final = "iso"
"""The date format of ISO 8601."""

_Name = Annotated[str, msgspec.Meta(min_length=1, max_length=128)]
_Column = _Name | Annotated[int, msgspec.Meta(ge=1, le=64)]


class StatusWord(StrEnum):
    """What a status word of a provider can mean in a statement."""

    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"
    PROCESSING = "processing"
    REVERSED = "reversed"
    """The money came back: the line tells of a reversal, whatever its kind says."""


class KindWord(StrEnum):
    """What a kind word of a provider can mean."""

    PAYMENT = "payment"
    REVERSAL = "reversal"
    OTHER = "other"
    """No movement of a payout: a fee, a top-up of the float. The line is left out."""


class ColumnsTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`[providers.ID.statement.columns]`: names from the header, or numbers from 1.

    at: when the money moved. transaction_id: the provider's. reference: ours. fee: the provider's.
    """

    at: _Column
    amount: _Column
    status: _Column
    transaction_id: _Column | None = None
    reference: _Column | None = None
    msisdn: _Column | None = None
    currency: _Column | None = None
    fee: _Column | None = None
    kind: _Column | None = None


class StatementTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`[providers.ID.statement]`.

    skip: lines before the header, or with `header = false` before the first record. footers: lines
    that begin like this are no records. date_format: `iso`, or like `%d/%m/%Y %H:%M`. time_zone: of
    times that are written without one. numbers, country: how numbers are written; the country's ISO
    code is needed for national ones. currency: of all lines, where no column tells it. signed:
    amounts of money that left the float carry a minus.
    """

    columns: ColumnsTable
    statuses: dict[_Name, StatusWord]
    kinds: dict[_Name, KindWord] = {}
    encoding: Literal["utf-8", "latin-1", "cp1252"] = "utf-8"
    delimiter: Annotated[str, msgspec.Meta(min_length=1, max_length=1)] = ","
    decimal: Literal[".", ","] = "."
    thousands: Literal["", ".", ",", " ", "'"] = ""
    skip: Annotated[int, msgspec.Meta(ge=0, le=100)] = 0
    header: bool = True
    footers: tuple[_Name, ...] = ()
    date_format: _Name = ISO
    time_zone: _Name = "UTC"
    numbers: NumberFormat = NumberFormat.E164_DIGITS
    country: str = ""
    currency: str = ""
    signed: bool = False


@dataclass(frozen=True, slots=True)
class StatementMapping:
    """A table that was checked. calling_code: put before national numbers, else empty."""

    table: StatementTable
    zone: tzinfo
    calling_code: str
    currency: Currency | None
    statuses: Mapping[str, StatusWord]
    kinds: Mapping[str, KindWord]

    @classmethod
    def of(cls, table: StatementTable) -> "StatementMapping":
        """Return the mapping; raise ValueError saying what does not fit together."""
        columns = table.columns
        if columns.transaction_id is None and columns.reference is None and columns.msisdn is None:
            raise ValueError("columns: name transaction_id, reference or msisdn")
        if columns.currency is None and not table.currency:
            raise ValueError("name columns.currency, or one currency for all lines")
        if (columns.kind is None) != (not table.kinds):
            raise ValueError("columns.kind and kinds go together")
        if table.decimal == table.thousands or table.delimiter in {'"', "\r", "\n"}:
            raise ValueError("delimiter, decimal and thousands cannot be told apart")
        if not table.header and any(isinstance(each, str) for each in _named(columns)):
            raise ValueError("without a header, columns are numbers from 1")
        national = table.numbers is NumberFormat.NATIONAL
        if national and table.country not in COUNTRIES:
            raise ValueError("national numbers need the country's ISO code")
        try:
            of = currency(table.currency) if table.currency else None
        except CurrencyNotSupported as refused:
            raise ValueError(f"currency: {refused.message}") from None
        return cls(
            table=table,
            zone=_zone(table.time_zone),
            calling_code=COUNTRIES[table.country].calling_code if national else "",
            currency=of,
            statuses={word.casefold(): means for word, means in table.statuses.items()},
            kinds={word.casefold(): means for word, means in table.kinds.items()},
        )


STATUS_OF: Final[Mapping[StatusWord, Status]] = {
    StatusWord.COMPLETED: Status.COMPLETED,
    StatusWord.FAILED: Status.FAILED,
    StatusWord.CANCELLED: Status.CANCELLED,
    StatusWord.PROCESSING: Status.PROCESSING,
}
"""What a status word means as a state of a cash-out; a reversal is none."""

KIND_OF: Final[Mapping[KindWord, LineKind]] = {
    KindWord.PAYMENT: LineKind.PAYMENT,
    KindWord.REVERSAL: LineKind.REVERSAL,
}


def _named(columns: ColumnsTable) -> list[str | int]:
    found = (getattr(columns, name) for name in columns.__struct_fields__)
    return [each for each in found if each is not None]


def _zone(name: str) -> tzinfo:
    if name == "UTC":
        # Needs no table of zones, which slim images leave out.
        return UTC
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"time_zone: there is no {name} here") from None
