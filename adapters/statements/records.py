"""Records: one line of a CSV file as a line of a statement, or what is wrong with it."""

import csv
import hashlib
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from adapters.statements.mapping import (
    ISO,
    KIND_OF,
    STATUS_OF,
    KindWord,
    StatementMapping,
    StatusWord,
)
from application.ports.statements import Malformed, UnreadableStatement
from domain.money import Currency, Money, currency, read_amount
from domain.refusals import CurrencyNotSupported, InvalidAmount
from domain.statements import LineKind, StatementLine

LONGEST_ID: Final = 128
LONGEST_WORD: Final = 64
_GROUP: Final = 3
"""Digits between two separators of thousands."""
_FIRST, _LAST = datetime(1970, 1, 2, tzinfo=UTC), datetime(9000, 1, 1, tzinfo=UTC)
_E164 = re.compile(r"[1-9]\d{7,14}", re.ASCII)
_ZERO = re.compile(r"0{1,15}(?:\.0{1,15})?", re.ASCII)
_HIDDEN: Final = frozenset("*xX•#")
"""Characters by which providers hide the middle of a number."""
_SPACES: Final = str.maketrans("", "", " \u00a0\u202f")
_BETWEEN: Final = str.maketrans("", "", " -.()\u00a0")


class _Wrong(Exception):
    """What is wrong with a record; it repeats nothing of it."""


@dataclass(frozen=True, slots=True)
class RecordReader:
    """Reads records whose columns are at these places, from 0."""

    mapping: StatementMapping
    places: Mapping[str, int]
    fields_most: int

    @classmethod
    def of(
        cls, mapping: StatementMapping, header: Sequence[str] | None, fields_most: int
    ) -> "RecordReader":
        """Find the columns in the header; raise UnreadableStatement for one that is not there."""
        columns = mapping.table.columns
        names = [_known_as(name) for name in header or ()]
        places: dict[str, int] = {}
        for field in columns.__struct_fields__:
            wanted: str | int | None = getattr(columns, field)
            if isinstance(wanted, int):
                places[field] = wanted - 1
            elif wanted is not None:
                if names.count(_known_as(wanted)) != 1:
                    raise UnreadableStatement(
                        f"the header has to have the column {wanted!r}, once:"
                        " is this the provider's file, and does its mapping fit?"
                    )
                places[field] = names.index(_known_as(wanted))
        return cls(mapping, places, fields_most)

    def read(self, number: int, raw: bytes) -> StatementLine | Malformed | None:
        """Return what a line says; None for what is no payment by its kind."""
        try:
            cells = cells_of(raw, self.mapping, self.fields_most)
            return self._line(number, raw, cells)
        except _Wrong as wrong:
            return Malformed(number, str(wrong))

    def _line(self, number: int, raw: bytes, cells: Sequence[str]) -> StatementLine | None:
        kind = self._kind(cells)
        if kind is KindWord.OTHER:
            return None
        word = self._text(cells, "status", LONGEST_WORD)
        means = self.mapping.statuses.get(word.casefold())
        reversal = kind is KindWord.REVERSAL or means is StatusWord.REVERSED
        of = self._currency(cells)
        line = StatementLine(
            number=number,
            digest=hashlib.sha256(raw).hexdigest(),
            kind=LineKind.REVERSAL if reversal else KIND_OF[kind],
            word=word,
            status=STATUS_OF.get(means) if means else None,
            at=self._moment(cells),
            amount=self._amount(cells, of),
            fee=self._fee(cells, of),
            provider_transaction_id=self._text(cells, "transaction_id", LONGEST_ID) or None,
            reference=self._text(cells, "reference", LONGEST_ID) or None,
            msisdn=self._msisdn(cells),
            raw=raw,
        )
        if not (line.provider_transaction_id or line.reference or line.msisdn):
            raise _Wrong("it names neither an id nor a reference nor a number")
        return line

    def _text(self, cells: Sequence[str], field: str, longest: int) -> str:
        """Return a cell without the spaces around it; empty where there is no such column."""
        place = self.places.get(field)
        if place is None:
            return ""
        if place >= len(cells):
            raise _Wrong(f"{field}: the line has only {len(cells)} columns")
        text = cells[place].strip()
        if len(text) > longest:
            raise _Wrong(f"{field}: longer than {longest} characters")
        if not text.isprintable() and any(unicodedata.category(each) == "Cc" for each in text):
            raise _Wrong(f"{field}: has control characters")
        return text

    def _kind(self, cells: Sequence[str]) -> KindWord:
        if "kind" not in self.places:
            return KindWord.PAYMENT
        kind = self.mapping.kinds.get(self._text(cells, "kind", LONGEST_WORD).casefold())
        if kind is None:
            raise _Wrong("kind: a word that the mapping does not know")
        return kind

    def _currency(self, cells: Sequence[str]) -> Currency:
        if "currency" not in self.places and self.mapping.currency is not None:
            return self.mapping.currency
        try:
            return currency(self._text(cells, "currency", LONGEST_WORD).upper())
        except CurrencyNotSupported:
            raise _Wrong("currency: none that is paid here") from None

    def _moment(self, cells: Sequence[str]) -> datetime:
        text, form = self._text(cells, "at", LONGEST_WORD), self.mapping.table.date_format
        try:
            read = datetime.fromisoformat(text) if form == ISO else datetime.strptime(text, form)  # noqa: DTZ007 -- the zone follows
            at = (read if read.tzinfo else read.replace(tzinfo=self.mapping.zone)).astimezone(UTC)
        except (ValueError, OverflowError):
            raise _Wrong("at: not a time as the mapping's date_format has it") from None
        if not _FIRST <= at <= _LAST:
            raise _Wrong("at: a time that cannot be")
        return at

    def _plain(self, cells: Sequence[str], field: str) -> str:
        """Return a number as we write it: without separators, with a point.

        What is not grouped as the mapping says is refused: 10,5 must not be read as 105.
        """
        table = self.mapping.table
        text = self._text(cells, field, LONGEST_WORD)
        text = text.removeprefix("-") if table.signed else text
        whole, point, tail = text.partition(table.decimal)
        if table.thousands:
            whole = whole.translate(_SPACES) if table.thousands == " " else whole
            groups = whole.split(table.thousands)
            if any(len(group) != _GROUP for group in groups[1:]) or len(groups[0]) > (
                _GROUP if len(groups) > 1 else LONGEST_WORD
            ):
                raise _Wrong(f"{field}: its digits are not grouped as the mapping says")
            whole = "".join(groups)
        if not (whole + tail).isdigit() and text:
            raise _Wrong(f"{field}: not a number as the mapping has it")
        return f"{whole}.{tail}" if point else whole

    def _amount(self, cells: Sequence[str], of: Currency) -> Money:
        try:
            return read_amount(self._plain(cells, "amount"), of)
        except InvalidAmount:
            raise _Wrong(
                f"amount: not a positive number with at most {of.exponent} decimals"
            ) from None

    def _fee(self, cells: Sequence[str], of: Currency) -> Money | None:
        text = self._plain(cells, "fee")
        if not text or _ZERO.fullmatch(text):
            return Money(0, of) if text else None
        try:
            return read_amount(text, of)
        except InvalidAmount:
            raise _Wrong(f"fee: not a number with at most {of.exponent} decimals") from None

    def _msisdn(self, cells: Sequence[str]) -> str | None:
        text = self._text(cells, "msisdn", LONGEST_WORD)
        if not text or not _HIDDEN.isdisjoint(text):
            return None
        digits = text.translate(_BETWEEN).removeprefix("+")
        if not self.mapping.calling_code:
            digits = digits.removeprefix("00")
        digits = self.mapping.calling_code + digits
        if not _E164.fullmatch(digits):
            raise _Wrong("msisdn: not a number as the mapping has it")
        return f"+{digits}"


def cells_of(raw: bytes, mapping: StatementMapping, fields_most: int) -> list[str]:
    """Return the cells of a line. A record is one line: a quoted cell cannot go on in the next."""
    try:
        text = raw.decode(mapping.table.encoding)
        (cells,) = csv.reader([text], delimiter=mapping.table.delimiter, strict=True)
    except UnicodeDecodeError:
        raise _Wrong(f"not text in {mapping.table.encoding}") from None
    except (csv.Error, ValueError):
        raise _Wrong("its quotes or delimiters cannot be read") from None
    if len(cells) > fields_most:
        raise _Wrong(f"more than {fields_most} columns")
    return cells


def header_of(raw: bytes, mapping: StatementMapping, fields_most: int) -> list[str]:
    """Return the names in a header line; raise UnreadableStatement."""
    try:
        return cells_of(raw, mapping, fields_most)
    except _Wrong as wrong:
        raise UnreadableStatement(f"the header cannot be read: {wrong}") from None


def _known_as(name: str) -> str:
    return " ".join(name.split()).casefold()
