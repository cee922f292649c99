"""Statements: what a provider's books say line by line, held against what ours say.

Everything here is a pure function of a line and of what our books say. What a line proves goes to
the judge as news like any other; a line that is not there proves nothing: silence is not failure.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from domain.evidence import News
from domain.money import Money
from domain.payee import Msisdn
from domain.states import ENDINGS, Status

LONGEST_DETAIL = 200
"""The most characters of a sentence about a break."""


class LineKind(StrEnum):
    """What a line tells of."""

    PAYMENT = "payment"
    REVERSAL = "reversal"
    """Money of an earlier payment that came back."""


class Rule(StrEnum):
    """By what a line was found to be about a cash-out; the strongest first."""

    THEIR_ID = "their_id"
    OUR_REFERENCE = "our_reference"
    NUMBER_AND_AMOUNT = "number_and_amount"
    """The payee's number, the amount and the time: a likeness, which never proves a failure."""


class BreakKind(StrEnum):
    """How the two books disagree."""

    MISSING_HERE = "missing_here"
    """Their books have it, ours do not."""
    MISSING_THERE = "missing_there"
    """Ours say that it was paid, and the statement of that time does not have it."""
    AMOUNT_DIFFERS = "amount_differs"
    """Another amount, currency, payee or reference than ours."""
    DUPLICATE = "duplicate"
    """A further payment for a cash-out that has one already."""
    LATE_REVERSAL = "late_reversal"
    """The money came back after it was paid."""
    STATUS_DIFFERS = "status_differs"
    """Paid there and not here, or the other way round."""


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """Where a line stands in the order in which lines are judged, whatever their order in the file.

    turn: payments that were made come first, so that an earlier failed try of the same order does
    not speak before them; reversals come last.
    """

    turn: int
    at: datetime
    digest: str


@dataclass(frozen=True, slots=True)
class StatementLine:
    """One line of a statement, in our words.

    number: where it stands in the file, from 1. digest: hex SHA-256 of `raw`, by which it is known
    again. word: the provider's status word. status: what it means, None when the word is unknown.
    msisdn: in E.164, None where it is not told in full. fee: the provider's, None if not told.
    """

    number: int
    digest: str
    kind: LineKind
    word: str
    status: Status | None
    at: datetime
    amount: Money
    fee: Money | None = None
    provider_transaction_id: str | None = None
    reference: str | None = None
    msisdn: str | None = None
    raw: bytes = field(default=b"", repr=False)

    @property
    def paid(self) -> bool:
        """Tell whether it says that money has reached a payee."""
        return self.kind is LineKind.PAYMENT and self.status is Status.COMPLETED

    @property
    def place(self) -> Place:
        """Where it stands in the order of judging."""
        turn = 2 if self.kind is LineKind.REVERSAL else int(not self.paid)
        return Place(turn, self.at, self.digest)

    @property
    def news(self) -> News:
        """What it says of one cash-out, for the judge.

        A reversal is no state of ours, and has an id of its own.
        """
        reversal = self.kind is LineKind.REVERSAL
        return News(
            word=self.word,
            status=None if reversal else self.status,
            provider_transaction_id=None if reversal else self.provider_transaction_id,
            reference=self.reference,
            amount=self.amount.decimal,
            currency=self.amount.currency.code,
            payee=self.msisdn,
            reason=f"line {self.number} of a statement",
            raw=self.raw,
        )

    def is_same_movement(self, other: "StatementLine") -> bool:
        """Tell whether both tell of one movement of money, perhaps in two statements."""
        if self.provider_transaction_id and other.provider_transaction_id:
            return self.provider_transaction_id == other.provider_transaction_id
        return self.at == other.at and self.amount == other.amount


@dataclass(frozen=True, slots=True)
class Booked:
    """What our books say of a cash-out, as far as a statement can speak of it."""

    id: UUID
    reference: str
    provider_transaction_id: str | None
    msisdn: Msisdn
    amount: Money
    status: Status
    created_at: datetime
    completed_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Match:
    """The cash-out that a line is about, and by what it was found."""

    booked: Booked
    rule: Rule


@dataclass(frozen=True, slots=True)
class Judged:
    """What became of a line.

    match: None where nothing here fits. broken: how the books disagree, None when they agree. tell:
    the judge of news has to hear it. detail: for people, nothing personal in it.
    """

    match: Match | None = None
    broken: BreakKind | None = None
    detail: str = ""
    tell: bool = False


_UNPAID = (Status.FAILED, Status.CANCELLED)


def judge_line(line: StatementLine, match: Match, *, further: bool) -> Judged:
    """Hold a line against the cash-out that it is about; further: see `is_further`."""
    booked = match.booked
    if line.kind is LineKind.REVERSAL:
        return _judge_reversal(match)
    differing = _differing(line, booked)
    if differing:
        detail = f"not ours: {' and '.join(differing)}"
        return Judged(match, BreakKind.AMOUNT_DIFFERS, detail, tell=True)
    if further:
        detail = "a further payment for this cash-out"
        return Judged(match, BreakKind.DUPLICATE, detail, tell=True)
    return _judge_status(line, match)


def is_further(line: StatementLine, booked: Booked, others: Iterable[StatementLine]) -> bool:
    """Tell whether a line is one payment too many for its cash-out.

    others: lines about the same cash-out that come before it. Where both ids are known they decide:
    what has another id than ours is a further payment, and what has ours is the payment itself,
    unless the very same is listed again.
    """
    if not line.paid:
        return False
    known, said = booked.provider_transaction_id, line.provider_transaction_id
    if known and said and known != said:
        return True
    theirs = {None, said} if known and said else None
    return any(
        other.paid and (theirs is None or other.provider_transaction_id in theirs)
        for other in others
    )


def supposing_paid(booked: Booked, paid: Iterable[StatementLine]) -> Booked:
    """Return what our books will say when the lines before have been told.

    paid: those of them that agree. The first one that was made ends an open cash-out.
    """
    first = next((line for line in paid if line.paid), None)
    if first is None or booked.status in ENDINGS:
        return booked
    known = booked.provider_transaction_id or first.provider_transaction_id
    return replace(
        booked, status=Status.COMPLETED, completed_at=first.at, provider_transaction_id=known
    )


def _judge_reversal(match: Match) -> Judged:
    if match.booked.status in _UNPAID:
        return Judged(match)
    detail = f"the money came back; the cash-out is {match.booked.status} here"
    return Judged(match, BreakKind.LATE_REVERSAL, detail, tell=True)


def _differing(line: StatementLine, booked: Booked) -> list[str]:
    same = {
        "amount": line.amount.minor == booked.amount.minor
        or line.amount.currency != booked.amount.currency,
        "currency": line.amount.currency == booked.amount.currency,
        "payee": line.msisdn is None or booked.msisdn.is_same_as(line.msisdn),
        "reference": line.reference in {None, booked.reference},
    }
    return [name for name, is_same in same.items() if not is_same]


def _judge_status(line: StatementLine, match: Match) -> Judged:
    booked, status = match.booked, line.status
    if status is None:
        detail = "the statement has a status word that its mapping does not know"
        return Judged(match, BreakKind.STATUS_DIFFERS, detail, tell=True)
    if booked.status not in ENDINGS:
        return _judge_open(status, match)
    known, said = booked.provider_transaction_id, line.provider_transaction_id
    if status is booked.status or (status in _UNPAID and booked.status in _UNPAID):
        return Judged(match, tell=known is None and said is not None and status is booked.status)
    if status in _UNPAID and known and said and known != said:
        # Another try of the same order: that it failed says nothing about the one that we know.
        return Judged(match)
    if status not in ENDINGS and booked.status is Status.COMPLETED:
        # It was true once. Whether a line says that it was paid is asked of all lines together.
        return Judged(match)
    detail = f"{status} there, {booked.status} here"
    return Judged(match, BreakKind.STATUS_DIFFERS, detail, tell=status in ENDINGS)


def _judge_open(status: Status, match: Match) -> Judged:
    if status not in ENDINGS:
        return Judged(match)
    if status in _UNPAID and match.rule is Rule.NUMBER_AND_AMOUNT:
        detail = f"{status} there by number and amount alone: that proves nothing"
        return Judged(match, BreakKind.STATUS_DIFFERS, detail)
    return Judged(match, tell=True)


MOST_WINDOW = timedelta(days=31)
"""The widest window: so far from a payment's time a cash-out may have been accepted, either way."""


@dataclass(frozen=True, slots=True)
class Window:
    """How far a payment's time may be from ours to be taken for the same.

    before: the cash-out was accepted at most so long before the payment. after: and at most so much
    after it, as clocks differ. Neither is longer than `MOST_WINDOW`, else ValueError.
    """

    before: timedelta = timedelta(hours=24)
    after: timedelta = timedelta(minutes=5)

    def __post_init__(self) -> None:
        """Refuse a wider one: matched lines near an unknown payment are kept as far as this."""
        if max(self.before, self.after) > MOST_WINDOW:
            message = f"a window is {MOST_WINDOW.days} days at most"
            raise ValueError(message)

    def has(self, line: StatementLine, booked: Booked) -> bool:
        """Tell whether the cash-out's acceptance is near enough to the line's time."""
        return -self.after <= line.at - booked.created_at <= self.before


def fits(line: StatementLine, booked: Booked, window: Window) -> bool:
    """Tell whether a line that names no order of ours may be about this cash-out by its likeness.

    Not where the line has a reference, which is then somebody else's, nor where the provider's ids
    of both are known and differ, nor where nothing was sent yet: another payment is like it then.
    What is open since before the window fits as well: it may have been parked all the while. It is
    never chosen, but keeps a younger one from being taken for the only one.
    """
    known, said = booked.provider_transaction_id, line.provider_transaction_id
    return (
        line.kind is LineKind.PAYMENT
        and line.reference is None
        and booked.status is not Status.PENDING
        and line.msisdn == booked.msisdn.e164
        and line.amount == booked.amount
        and (known is None or said is None or known == said)
        and (window.has(line, booked) or _is_open_since_before(line, booked))
    )


def _is_open_since_before(line: StatementLine, booked: Booked) -> bool:
    return booked.status not in ENDINGS and booked.created_at < line.at


def choose(line: StatementLine, fitting: Sequence[Booked], window: Window) -> Booked | None:
    """Return the one that a line is taken to be about, of those that fit and have no line yet.

    The nearest in time where all have ended the same way: then the choice moves no money. None
    where several fit and some are open: which of them was paid is not to be guessed. None as well
    outside the window.
    """
    if len({booked.status for booked in fitting}) > 1 or (
        len(fitting) > 1 and fitting[0].status not in ENDINGS
    ):
        return None
    near = (booked for booked in fitting if window.has(line, booked))
    return min(near, key=lambda each: (abs(line.at - each.created_at), each.id), default=None)


def judge_stranger(line: StatementLine, fitting: int) -> Judged:
    """Return what becomes of a line that is about nothing of ours, or not surely."""
    detail = "no cash-out of ours has this id or reference, or fits it"
    if fitting > 1:
        detail = f"{fitting} cash-outs fit by number and amount; which one is not to be guessed"
    elif line.kind is LineKind.REVERSAL:
        detail = "the reversal of a payment that is not ours"
    return Judged(None, BreakKind.MISSING_HERE, detail)
