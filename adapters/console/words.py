"""How the console writes things: money, moments, spans, states, numbers."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

from adapters.console.markup import Html
from application.timeline import Who
from domain.evidence import ProofKind, Resolution, ReviewReason
from domain.money import CURRENCIES, Money
from domain.standings import Reason
from domain.statements import BreakKind
from domain.states import Status

_UNITS: Final = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))
_MOST_UNITS: Final = 2
_SIZES: Final = (("GB", 1 << 30), ("MB", 1 << 20), ("kB", 1 << 10))

STATUS_WORDS: Final[Mapping[Status, str]] = {
    Status.PENDING: "Pending",
    Status.PROCESSING: "Processing",
    Status.COMPLETED: "Completed",
    Status.FAILED: "Failed",
    Status.CANCELLED: "Cancelled",
}
"""The public states as badges write them."""

ANSWERS: Final[Mapping[Status, str]] = {
    Status.PENDING: "Not yet: nothing proves that anything was sent.",
    Status.PROCESSING: "Not known yet: the provider has it, or may have it.",
    Status.COMPLETED: "Yes. The provider has proven it.",
    Status.FAILED: "No. It is proven that nothing was paid.",
    Status.CANCELLED: "No. It was cancelled, and it is certain that nothing was paid.",
}
"""Was it paid?"""

REVIEW_WORDS: Final[Mapping[ReviewReason, str]] = {
    ReviewReason.CONTRADICTION: "The provider contradicts itself",
    ReviewReason.UNKNOWN_TOO_LONG: "Unknown for too long",
    ReviewReason.ECHO_MISMATCH: "Amount or payee differs",
    ReviewReason.REFERENCE_CONFLICT: "Our reference was used for something else",
    ReviewReason.PROVIDER_ID_CONFLICT: "Their id belongs to another cash-out",
    ReviewReason.UNRECOGNISED_AFTER_ENDING: "An unknown word after the ending",
    ReviewReason.DOORBELL_DISAGREES: "A webhook claims what nobody proves",
}
"""Why a human is called."""


RESOLUTION_WORDS: Final[Mapping[Resolution, str]] = {
    Resolution.PAID: "Paid",
    Resolution.NOT_PAID: "Not paid",
    Resolution.KEEP_WAITING: "Keep waiting",
}
PROOF_WORDS: Final[Mapping[ProofKind, str]] = {
    ProofKind.PROVIDER_RECEIPT: "A receipt of the provider",
    ProofKind.STATEMENT_LINE: "A line of its statement",
    ProofKind.PROVIDER_PORTAL: "What its portal shows",
}
BREAK_WORDS: Final[Mapping[BreakKind, str]] = {
    BreakKind.MISSING_HERE: "Not in our books",
    BreakKind.MISSING_THERE: "Not in theirs",
    BreakKind.AMOUNT_DIFFERS: "Amount differs",
    BreakKind.DUPLICATE: "Paid twice",
    BreakKind.LATE_REVERSAL: "Came back later",
    BreakKind.STATUS_DIFFERS: "Ending differs",
}
REASON_WORDS: Final[Mapping[Reason, str]] = {
    Reason.AMBIGUITY: "too many unknown outcomes",
    Reason.SUCCESS: "too few succeed",
    Reason.LATENCY: "too slow",
    Reason.CIRCUIT_OPEN: "it does not answer",
    Reason.FLOAT_EMPTY: "our float is empty",
    Reason.CREDENTIALS: "our credentials are refused",
    Reason.BY_HAND: "closed",
    Reason.SWITCHED_OFF: "switched off by configuration",
}
"""Why a provider or corridor is not operational; who closed it by hand follows."""
WHO_WORDS: Final[Mapping[Who, str]] = {
    Who.USER: "User",
    Who.SERVICE: "Service",
    Who.PROVIDER: "Provider",
    Who.OPERATOR: "Operators",
    Who.CLOCK: "Clock",
}


def money(amount: Money) -> str:
    """Return an amount for people: `1,500,000 XOF`, `10.50 USD`."""
    return f"{minor(amount.minor, amount.currency.code)} {amount.currency.code}"


def minor(units: int, code: str) -> str:
    """Return minor units in major ones, with separators and all decimals of the currency."""
    exponent = CURRENCIES[code].exponent
    whole, cents = divmod(abs(units), 10**exponent)
    tail = f".{cents:0{exponent}d}" if exponent else ""
    return f"{'-' if units < 0 else ''}{whole:,}{tail}"


def count(number: int) -> str:
    """Return a number with separators."""
    return f"{number:,}"


def size(number: int) -> str:
    """Return bytes as people say them: `512 bytes`, `1.2 MB`, rounded down."""
    for unit, least in _SIZES:
        if number >= least:
            tenths = number * 10 // least
            return (
                f"{tenths // 10:,}.{tenths % 10} {unit}"
                if tenths % 10
                else f"{tenths // 10:,} {unit}"
            )
    return plural(number, "byte")


def plural(number: int, one: str, many: str = "") -> str:
    """Return a number with its noun: `1 event`, `2,000 events`."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def span(duration: timedelta) -> str:
    """Return a span in its two largest units: `3 min 5 s`, `2 d 4 h`, `0 s`."""
    left = max(0, int(duration.total_seconds()))
    parts: list[str] = []
    for seconds, unit in _UNITS:
        whole, left = divmod(left, seconds)
        if whole or (parts and len(parts) < _MOST_UNITS and whole):
            parts.append(f"{whole} {unit}")
        if len(parts) == _MOST_UNITS:
            break
    return " ".join(parts) or "0 s"


def ago(at: datetime, now: datetime) -> str:
    """Return a moment as people say it: `5 min ago`, `in 20 s`, `just now`."""
    passed = now - at
    if abs(passed) < timedelta(seconds=1):
        return "just now"
    largest = span(abs(passed)).partition(" ")
    unit = largest[2].partition(" ")[0]
    told = f"{largest[0]} {unit}"
    return f"{told} ago" if passed > timedelta(0) else f"in {told}"


def moment(at: datetime) -> str:
    """Return a moment in UTC to the second."""
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")


def clock(at: datetime) -> str:
    """Return the time of day in UTC to the minute."""
    return at.astimezone(UTC).strftime("%H:%M")


def when(at: datetime | None, now: datetime) -> Html:
    """Return a moment as HTML: relative, with the exact one beside it."""
    if at is None:
        return Html('<span class="soft">never</span>')
    return Html.of(
        '<time datetime="{iso}"><span class="exact">{exact}<span class="zone"> UTC</span></span>'
        ' <span class="ago">{ago}</span></time>',
        iso=at.astimezone(UTC).isoformat(),
        exact=moment(at),
        ago=ago(at, now),
    )


def since(at: datetime | None, now: datetime) -> Html:
    """Return how long ago a moment was, with the exact one to be read out and hovered."""
    if at is None:
        return Html('<span class="soft">never</span>')
    return Html.of(
        '<time datetime="{iso}" title="{exact} UTC">{ago}</time>',
        iso=at.astimezone(UTC).isoformat(),
        exact=moment(at),
        ago=ago(at, now),
    )


def short(identity: UUID) -> str:
    """Return the end of an id, where those of one moment differ."""
    return f"…{str(identity)[-8:]}"


def percent(part: int, whole: int) -> str:
    """Return a share with one decimal, rounded down: 100 % means all of them."""
    if not whole:
        return "-"
    permille = part * 1_000 // whole
    return f"{permille // 10}.{permille % 10} %"


def took(milliseconds: int) -> str:
    """Return a bound of durations: `≤ 250 ms`, `≤ 3 s`; 0 is longer than the longest."""
    if milliseconds == 0:
        return "> 1 d"
    within = timedelta(milliseconds=milliseconds)
    return f"≤ {milliseconds} ms" if within < timedelta(seconds=1) else f"≤ {span(within)}"
