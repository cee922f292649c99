"""Cases: what a cash-out's reviews were about, and what operators have ruled.

News that was before the operators when they ruled rings no second time; anything else does.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal

from domain.evidence import News, Resolution, ReviewReason
from domain.states import ENDINGS, Status

MOST_CONCERNS = 12
"""Concerns that an open review lists; what comes beyond is in the evidence alone."""
MOST_SETTLED = 36
"""Settled concerns that are remembered, the newest: what is older would ring again."""
_DIGITS = 12
_MOST_DIGITS = 100


RULED_AS: dict[Resolution, tuple[Status, ...]] = {
    Resolution.PAID: (Status.COMPLETED,),
    Resolution.NOT_PAID: (Status.FAILED, Status.CANCELLED),
    Resolution.KEEP_WAITING: (),
}
"""The endings that say the same as a resolution; the first is the one that it proves."""
PROVES: dict[Status, Resolution] = {
    ending: resolution for resolution, endings in RULED_AS.items() for ending in endings
}
"""What each ending says to the question that operators are asked."""


@dataclass(frozen=True, slots=True)
class Case:
    """The reviews of one cash-out.

    opened_at: when the open review was raised, None without one. concerns: what it is about, in
    the order it came up. settled: what operators had before them when they ruled, or what says the
    same as their ruling. ruled: their latest answer, given at `reviewed_at`.
    """

    opened_at: datetime | None = None
    concerns: tuple[str, ...] = ()
    settled: tuple[str, ...] = ()
    ruled: Resolution | None = None
    reviewed_at: datetime | None = None

    def raised(self, concern: str, now: datetime) -> "Case":
        """Return the case with one more concern of an open review."""
        # There are few contradictions, and that one is told once is seen by its being listed.
        full = len(self.concerns) >= MOST_CONCERNS and not concern.startswith(_CONTRADICTS)
        concerns = self.concerns if concern in self.concerns or full else (*self.concerns, concern)
        return replace(self, concerns=concerns, opened_at=self.opened_at or now)

    def resolved(self, resolution: Resolution, now: datetime, *, known: Iterable[str]) -> "Case":
        """Return the case with its review closed; `known`: what else is no news any more."""
        said = [concern_of(each, state) for state in RULED_AS[resolution] for each in _CLAIMS]
        newest = dict.fromkeys(reversed((*self.settled, *self.concerns, *known, *said)))
        newest.pop(OVERDUE, None)
        return Case(None, (), tuple(newest)[:MOST_SETTLED][::-1], resolution, now)

    def answered(self) -> "Case":
        """Return the case with its review closed by what was learnt, not by operators."""
        return replace(self, opened_at=None, concerns=())

    @property
    def is_about_time(self) -> bool:
        """Tell whether the open review asks for nothing but an ending, whichever it is."""
        return all(each.startswith(OVERDUE) for each in self.concerns)

    def is_disputed_by(self, status: Status) -> bool:
        """Tell whether news of this state says something else than what was ruled."""
        if self.ruled is Resolution.NOT_PAID:
            return status not in {Status.PENDING, *RULED_AS[Resolution.NOT_PAID]}
        return (
            self.ruled is Resolution.PAID and status in ENDINGS and status is not Status.COMPLETED
        )

    def about(self, what: str, claimed: Status | None) -> str:
        """Return what a mismatch is about: what does not fit, and the ending that it claims.

        An ending that says the same as the ruling adds nothing; any other one is news, also where
        the same mismatch was before the operators while the payment was pending.
        """
        ruled = RULED_AS[self.ruled] if self.ruled else ()
        return what if claimed not in ENDINGS or claimed in ruled else f"{what}:{claimed}"

    @property
    def tells_contradiction(self) -> bool:
        """Tell whether the open review is about a contradiction, among other things perhaps."""
        return any(each.startswith(_CONTRADICTS) for each in self.concerns)


NO_CASE = Case()
_CONTRADICTS = f"{ReviewReason.CONTRADICTION}:"
_CLAIMS = (ReviewReason.CONTRADICTION, ReviewReason.DOORBELL_DISAGREES)


def concern_of(reason: ReviewReason, about: str = "") -> str:
    """Return the name of a concern: a reason, and a word or digest of what it is about."""
    return f"{reason}:{about}" if about else str(reason)


OVERDUE = concern_of(ReviewReason.UNKNOWN_TOO_LONG)
"""Time alone: it comes up again however often somebody has looked."""


def echoes_of(news: News) -> str:
    """Return a digest of whom and what news says that it is about."""
    said = (news.reference, _written(news.amount), news.currency, news.payee)
    return digest_of_words(*(each or "" for each in said))


def _written(amount: Decimal | None) -> str:
    """Return an amount's digits; by its power of ten where no memory could hold them."""
    if amount is None:
        return ""
    is_money = abs(amount.adjusted()) <= _MOST_DIGITS and amount.is_finite()
    return format(amount, "f") if is_money else str(amount)


def digest_of_words(*words: str) -> str:
    """Return the first digits of the hex SHA-256 of these words, each by itself."""
    written = "".join(f"{len(each)}:{each}" for each in words)
    return hashlib.sha256(written.encode("utf-8", "surrogatepass")).hexdigest()[:_DIGITS]
