"""Breaks: where the two books disagree, how old that is, and what became of it."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from domain.money import Money
from domain.statements import MOST_WINDOW, Booked, BreakKind, Judged, StatementLine

LONGEST_NOTE = 1_000
"""The most characters of an operator's explanation."""


class BreakState(StrEnum):
    """What became of a break."""

    OPEN = "open"
    EXPLAINED = "explained"
    """An operator has said why it is so; the books still disagree."""
    RESOLVED = "resolved"
    """A later statement agrees with our books."""


class Age(StrEnum):
    """How long ago the money moved; see AGES."""

    FRESH = "0-1 d"
    DAYS = "1-3 d"
    WEEK = "3-7 d"
    OLDER = "older"


AGES: tuple[tuple[timedelta, Age], ...] = (
    (timedelta(days=1), Age.FRESH),
    (timedelta(days=3), Age.DAYS),
    (timedelta(days=7), Age.WEEK),
)
"""Younger than this is that; what is in no row is OLDER."""


def age_of(at: datetime, now: datetime) -> Age:
    """Return the bucket of what happened at `at`; what lies ahead of our clock is fresh."""
    return next((age for under, age in AGES if now - at < under), Age.OLDER)


@dataclass(frozen=True, slots=True)
class Break:
    """One disagreement. However often and in however many files it is found, it is one break.

    key: what makes it the same one. digest, line: of the line that it is about, and the line's
    number in the run that found it first; None for what is missing there. at: when the money moved.
    here, there: what our books and theirs say it came to, None for the side that does not have it.
    """

    id: UUID
    key: str
    provider: str
    kind: BreakKind
    run_id: UUID
    found_at: datetime
    at: datetime
    detail: str
    digest: str | None = None
    line: int | None = None
    cash_out_id: UUID | None = None
    reference: str | None = None
    provider_transaction_id: str | None = None
    here: Money | None = None
    there: Money | None = None
    state: BreakState = BreakState.OPEN
    changed_at: datetime | None = None
    changed_by: str | None = None
    note: str | None = None

    def age(self, now: datetime) -> Age:
        """Return how old it is."""
        return age_of(self.at, now)

    def may_be_of(self, provider: str, amount: Money, accepted_at: datetime) -> bool:
        """Tell whether it is an unknown payment that may be about such a cash-out of ours."""
        return (
            (self.kind, self.reference) == (BreakKind.MISSING_HERE, None)
            and (self.provider, self.there) == (provider, amount)
            and abs(self.at - accepted_at) <= MOST_WINDOW
        )

    def explained(self, note: str, by: str, at: datetime) -> "Break":
        """Return it with an operator's explanation, in place of an earlier one."""
        explained = BreakState.EXPLAINED
        return replace(self, state=explained, note=note, changed_by=by, changed_at=at)


@dataclass(frozen=True, slots=True)
class Finder:
    """Who finds breaks: a run. scope: what their keys begin with."""

    run_id: UUID
    provider: str
    scope: str
    at: datetime

    def in_line(
        self, break_id: UUID, kind: BreakKind, line: StatementLine, judged: Judged
    ) -> Break:
        """Return the break that a line is."""
        booked = judged.match.booked if judged.match else None
        return Break(
            id=break_id,
            key=f"{self.scope} {kind} {line.digest}",
            provider=self.provider,
            kind=kind,
            run_id=self.run_id,
            found_at=self.at,
            at=line.at,
            detail=judged.detail,
            digest=line.digest,
            line=line.number,
            cash_out_id=booked.id if booked else None,
            reference=line.reference or (booked.reference if booked else None),
            provider_transaction_id=line.provider_transaction_id,
            here=booked.amount if booked else None,
            there=line.amount,
        )

    def without_line(self, break_id: UUID, booked: Booked) -> Break:
        """Return the break that a paid cash-out is which the statement does not have."""
        return Break(
            id=break_id,
            key=f"{self.scope} {BreakKind.MISSING_THERE} {booked.id}",
            provider=self.provider,
            kind=BreakKind.MISSING_THERE,
            run_id=self.run_id,
            found_at=self.at,
            at=booked.completed_at or booked.created_at,
            detail="paid here, and no line of the statement is about it",
            cash_out_id=booked.id,
            reference=booked.reference,
            provider_transaction_id=booked.provider_transaction_id,
            here=booked.amount,
        )
