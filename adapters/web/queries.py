"""Query strings: known names once each, every fault told at once."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Final, TypeVar
from urllib.parse import parse_qsl

from adapters.web.cursors import BadCursor, Cursor, read_cursor
from adapters.web.problems import Detail, bad_request
from adapters.web.strict_json import printable_name
from adapters.web.texts import LONGEST_WALLET_ID, LONGEST_WORD, Visible, Word, WrongText
from application.ports import HistoryFilter
from domain.states import Status

LARGEST_PAGE: Final = 100
USUAL_PAGE: Final = 10
LAST_PAGE: Final = 1_000_000
"""Page numbers end here: reading far is what the cursor is for."""
_MOST_PARAMETERS: Final = 20
_DAY_LENGTH: Final = len("2026-11-23")
_JUST_BEHIND: Final = timedelta(microseconds=1)
# The first and last day leave room for zones and for the day behind.
_FIRST, _LAST = datetime(1970, 1, 1, tzinfo=UTC), datetime(9000, 1, 1, tzinfo=UTC)

Value = TypeVar("Value")


@dataclass(slots=True)
class Query:
    """A query string being read; faults collect until `check`."""

    values: dict[str, str]
    faults: list[Detail] = field(default_factory=list)

    @classmethod
    def of(cls, raw: bytes, known: tuple[str, ...]) -> "Query":
        """Read `a=1&b=2`: names not in `known`, brackets and repeated names are faults."""
        try:
            pairs = parse_qsl(
                raw.decode("ascii"),
                keep_blank_values=True,
                strict_parsing=bool(raw),
                errors="strict",
                max_num_fields=_MOST_PARAMETERS,
            )
        except (ValueError, UnicodeDecodeError):
            message = "The query string cannot be read."
            raise bad_request([("query", message)], message) from None
        query = cls({})
        for name, value in pairs:
            if name not in known:
                message = f"Unknown parameter. Known: {', '.join(known)}."
                query.faults.append((printable_name(name), message))
            elif name in query.values:
                query.faults.append((name, "Give it once."))
            query.values.setdefault(name, value)
        return query

    def get(self, name: str, read: Callable[[str], Value]) -> Value | None:
        """Return a parameter as `read` understands it, None when absent or at fault."""
        if name not in self.values:
            return None
        try:
            return read(self.values[name])
        except WrongText as wrong:
            self.faults.append((name, wrong.message))
            return None

    def require(self, name: str, read: Callable[[str], str]) -> str:
        """Return a parameter that must be there; empty when it is at fault."""
        if name not in self.values:
            self.faults.append((name, "Required."))
        return self.get(name, read) or ""

    def check(self) -> None:
        """Raise Problem BAD_REQUEST if anything was wrong."""
        if self.faults:
            raise bad_request(self.faults)


HISTORY_PARAMETERS: Final = (
    "status",
    "provider",
    "walletId",
    "startDate",
    "endDate",
    "page",
    "limit",
    "cursor",
)


@dataclass(frozen=True, slots=True)
class PageAsked:
    """Which page of which history: by cursor where there is one, by number else."""

    which: HistoryFilter
    limit: int
    page: int
    cursor: Cursor | None


def read_history_query(raw: bytes, user_id: str, providers: frozenset[str]) -> PageAsked:
    """Return what is asked for; raise Problem BAD_REQUEST with every fault."""
    query = Query.of(raw, HISTORY_PARAMETERS)
    start = query.get("startDate", from_moment)
    end = query.get("endDate", to_moment)
    if start is not None and end is not None and start >= end:
        query.faults.append(("endDate", "Must not be before startDate."))
    which = HistoryFilter(
        user_id,
        status=query.get("status", _status),
        provider=query.get("provider", one_of(providers)),
        wallet_id=query.get("walletId", Visible(LONGEST_WALLET_ID)),
        start=start,
        end=end,
    )
    page = query.get("page", whole_number(1, LAST_PAGE))
    limit = query.get("limit", whole_number(1, LARGEST_PAGE))
    cursor = query.get("cursor", lambda text: cursor_of(text, user_id))
    if "page" in query.values and "cursor" in query.values:
        query.faults.append(("cursor", "Give page or cursor, not both."))
    query.check()
    return PageAsked(which, limit or USUAL_PAGE, cursor.page if cursor else page or 1, cursor)


@dataclass(frozen=True, slots=True)
class QuoteAsked:
    """What a price is asked for; account: the payee's number, if the corridor matters."""

    provider: str
    currency: str
    amount: str
    account: str | None


QUOTE_PARAMETERS: Final = ("provider", "currency", "amount", "providerAccountId")


def read_quote_query(raw: bytes) -> QuoteAsked:
    """Return what is asked for; raise Problem BAD_REQUEST with every fault."""
    query = Query.of(raw, QUOTE_PARAMETERS)
    word = Word(LONGEST_WORD)
    asked = QuoteAsked(
        provider=query.require("provider", word),
        currency=query.require("currency", word),
        amount=query.require("amount", word),
        account=query.get("providerAccountId", _number),
    )
    query.check()
    return asked


def _status(text: str) -> Status:
    try:
        return Status(text)
    except ValueError:
        raise WrongText(f"Use one of: {', '.join(Status)}.") from None


def one_of(choices: frozenset[str]) -> Callable[[str], str]:
    """Return a reader of one of these words."""

    def read(text: str) -> str:
        if text not in choices:
            raise WrongText(f"Use one of: {', '.join(sorted(choices))}.")
        return text

    return read


def whole_number(lowest: int, highest: int) -> Callable[[str], int]:
    """Return a reader of whole numbers in a range."""

    def read(text: str) -> int:
        digits = text.isascii() and text.isdigit() and len(text) <= len(str(highest))
        if not digits or not lowest <= int(text) <= highest:
            raise WrongText(f"Use a whole number from {lowest} to {highest}.")
        return int(text)

    return read


def _number(text: str) -> str:
    # An unencoded + arrives as a space; for a phone number there is no doubt what was meant.
    return Word(LONGEST_WORD)(f"+{text[1:]}" if text.startswith(" ") else text)


def cursor_of(text: str, user_id: str) -> Cursor:
    """Return the cursor that a text is; raise WrongText for one that is not this user's."""
    try:
        return read_cursor(text, user_id)
    except BadCursor:
        message = "Use a nextCursor of your own list, unchanged, or start without one."
        raise WrongText(message) from None


def from_moment(text: str) -> datetime:
    """Return the first moment that is meant."""
    day = _day(text)
    return datetime.combine(day, time(), UTC) if day else _moment(text)


def to_moment(text: str) -> datetime:
    """Return the first moment that is no longer meant: a day is meant as a whole."""
    day = _day(text)
    if day:
        return datetime.combine(day, time(), UTC) + timedelta(days=1)
    return _moment(text) + _JUST_BEHIND


_WRONG_DATE: Final = "Use an ISO 8601 date or time, like 2026-11-23 or 2026-11-23T10:15:00Z."


def _day(text: str) -> date | None:
    if len(text) != _DAY_LENGTH:
        return None
    return _moment(f"{text}T00:00:00Z").date()


def _moment(text: str) -> datetime:
    # An unencoded + arrives as a space: `T10:15:00 01:00` cannot mean anything else.
    written = text if "T" not in text else text.replace(" ", "+")
    try:
        if not text.isascii() or text[4:5] != "-" or "T" not in text:
            raise WrongText(_WRONG_DATE)
        at = datetime.fromisoformat(written)
        at = at.replace(tzinfo=at.tzinfo or UTC).astimezone(UTC)
    except (ValueError, OverflowError):
        raise WrongText(_WRONG_DATE) from None
    if not _FIRST <= at <= _LAST:
        raise WrongText(_WRONG_DATE)
    return at
