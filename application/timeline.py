"""The timeline of one cash-out: a value that says what happened, and how it stands now.

Operators are given all of it. The owner is given what is safe to show: no raw words, no digests,
nobody's name; see `application/explain.py` for who gets which.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from domain.cash_out import CashOut
from domain.money import Money
from domain.rulings import Proposal
from domain.states import Status


@dataclass(frozen=True, slots=True)
class Said:
    """One sentence that is safe to show the payee, in both languages."""

    english: str
    french: str

    def in_language(self, language: str) -> str:
        """Return it in French for `fr`, in English for any other."""
        return self.french if language == "fr" else self.english


class Who(StrEnum):
    """Whose doing an entry is."""

    USER = "user"
    SERVICE = "service"
    PROVIDER = "provider"
    OPERATOR = "operator"
    CLOCK = "clock"


class What(StrEnum):
    """What happened, as a word that stays."""

    ACCEPTED = "accepted"
    SENT = "sent"
    TAKEN = "taken"
    DECLINED = "declined"
    NOT_TAKEN = "not_taken"
    NO_ANSWER = "no_answer"
    REPORTED = "reported"
    NOT_FOUND = "not_found"
    SILENT = "silent"
    RUNG = "rung"
    OVERDUE = "overdue"
    CANCELLED = "cancelled"
    RULED = "ruled"
    OTHER = "other"
    """A piece of evidence of a later version."""


@dataclass(frozen=True, slots=True)
class Told:
    """An event that an entry caused. type: such as `cash_out.completed`. sequence: 1.. or None."""

    type: str
    sequence: int | None


@dataclass(frozen=True, slots=True)
class Proof:
    """What only operators see of an entry.

    source: the door that it came through. verdict: what the judge made of it. word: the provider's
    own. digest: hex SHA-256 of the raw body. hash: the link in the chain, empty without one.
    """

    sequence: int
    source: str
    kind: str
    verdict: str
    word: str = ""
    detail: str = ""
    digest: str = ""
    hash: str = ""


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that happened.

    state: what the cash-out became by it, None where it stayed what it was. reported: the state
    that somebody spoke of. attempt: the number of the try at the provider that it belongs to.
    proof: None for the owner, and where it is told from the cash-out itself, without evidence.
    """

    at: datetime
    who: Who
    what: What
    said: Said
    state: Status | None = None
    reported: Status | None = None
    attempt: int | None = None
    told: tuple[Told, ...] = ()
    proof: Proof | None = None


class Doubt(StrEnum):
    """What is not known now."""

    OUTCOME = "outcome"
    """It was sent, and nobody has proven what became of it."""
    ANSWER = "answer"
    """The call is under way, or whoever made it is gone."""
    DENIED = "denied"
    """The provider says that it knows nothing, which proves nothing yet."""
    CLAIM = "claim"
    """Somebody at the door says how it ended; only a question to the provider proves it."""
    CONTRADICTION = "contradiction"
    """Another ending than ours was reported."""
    MISMATCH = "mismatch"
    """The provider speaks of another amount, payee, reference or id than ours."""


@dataclass(frozen=True, slots=True)
class Uncertain:
    """One thing that is not known now."""

    doubt: Doubt
    said: Said


class Step(StrEnum):
    """What happens next."""

    SEND = "send"
    SEND_AGAIN = "send_again"
    ANSWER = "answer"
    """A call is under way; its answer comes by `at`, or somebody else takes over."""
    ASK = "ask"
    OPERATOR = "operator"
    """Nothing happens by itself: a person decides."""
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class Next:
    """What happens next and when; `at` is None where no time is set."""

    step: Step
    at: datetime | None
    said: Said


class Risk(StrEnum):
    """What it could still cost."""

    NONE = "none"
    MAY_BE_PAID = "may_be_paid"
    """It is open and was sent: the payee may have the money, or get it."""
    PAID_AFTER_ALL = "paid_after_all"
    """Our record says that nothing was paid, and somebody says that it was."""
    NOT_PAID_AFTER_ALL = "not_paid_after_all"
    """Our record says that it was paid, and somebody says that it was not."""


@dataclass(frozen=True, slots=True)
class AtRisk:
    """The money that may have moved, or still move, otherwise than our record says."""

    risk: Risk
    amount: Money
    said: Said


class Act(StrEnum):
    """What the one who asks may do now."""

    CANCEL = "cancel"
    RESOLVE_PAID = "resolve_paid"
    RESOLVE_NOT_PAID = "resolve_not_paid"
    KEEP_WAITING = "keep_waiting"
    APPROVE = "approve"
    REJECT = "reject"
    WITHDRAW = "withdraw"


@dataclass(frozen=True, slots=True)
class Timeline:
    """What happened to a cash-out, in order, and how it stands at `now`.

    full: all of it is here, as for operators; otherwise what is safe to show its owner. summary:
    where it is, in a sentence. review_at: when a person is called if it is still open then.
    proposal: the operators' proposal that waits for approval; never for the owner.
    """

    cash_out: CashOut
    now: datetime
    full: bool
    summary: Said
    entries: tuple[Entry, ...]
    uncertain: tuple[Uncertain, ...]
    next: Next
    at_risk: AtRisk
    allowed_actions: tuple[Act, ...]
    review_at: datetime | None = None
    proposal: Proposal | None = None

    @property
    def id(self) -> UUID:
        """The cash-out's id."""
        return self.cash_out.id
