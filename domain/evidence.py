"""Evidence: every piece of news, kept. What was said, by which door, and what became of it."""

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from uuid import UUID

from domain.attempts import OutcomeKind
from domain.events import EventType
from domain.failures import FailureCode
from domain.states import Status, Verdict

RAW_LIMIT = 16_384
"""The most bytes of a raw body that are kept with a piece of evidence."""


class Source(StrEnum):
    """The door that news came through."""

    SUBMIT = "submit"
    WEBHOOK = "webhook"
    STATUS_QUERY = "status_query"
    USER = "user"
    CLOCK = "clock"
    SERVICE = "service"
    """Our own decisions: taking a cash-out, beginning an attempt."""
    OPERATOR = "operator"
    """A human with the role, who has proof."""
    STATEMENT = "statement"
    """A line of the provider's statement."""


@dataclass(frozen=True, slots=True)
class News:
    """What a provider says about one cash-out, in our words.

    word: the provider's own status word, as written. status: what it means, None when the word is
    unknown. The echoes (reference, amount in major units, currency, payee) are None where the
    provider did not repeat them; whatever it repeats must be ours. raw: the body that said it, for
    the evidence; it takes no part in comparisons.
    """

    word: str
    status: Status | None
    provider_transaction_id: str | None = None
    reference: str | None = None
    amount: Decimal | None = None
    currency: str | None = None
    payee: str | None = None
    code: FailureCode | None = None
    reason: str | None = None
    raw: bytes = field(default=b"", repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class NotFound:
    """The provider was asked and knows nothing of the reference or id."""

    raw: bytes = field(default=b"", repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class NoAnswer:
    """The provider was asked and nothing was learnt; `detail` is safe to log."""

    detail: str
    retry_after_s: int | None = None
    raw: bytes = field(default=b"", repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class Doorbell:
    """Authentic, but not proof: somebody who can ring for this reference claims `claim`.

    Only a status query answers it. `word` is the claim as written.
    """

    reference: str
    word: str
    claim: Status | None
    provider_transaction_id: str | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one submit ended; see OutcomeKind.

    code: why it was refused or not taken. detail: for the log, with nothing personal in it.
    news: what the answer said besides. retry_after_s: the provider asks for silence this long.
    trips: the circuit is to open at once. verify: ask for the status at once.
    """

    kind: OutcomeKind
    code: FailureCode | None = None
    detail: str = ""
    news: News | None = None
    retry_after_s: int | None = None
    trips: bool = False
    verify: bool = False
    raw: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True)
class Overdue:
    """Time alone has passed: the cash-out has been open for longer than `review_after`."""


class Resolution(StrEnum):
    """What operators answer to the one question, whether it was paid."""

    PAID = "paid"
    NOT_PAID = "not_paid"
    KEEP_WAITING = "keep_waiting"


class ProofKind(StrEnum):
    """Where operators have it from."""

    PROVIDER_RECEIPT = "provider_receipt"
    STATEMENT_LINE = "statement_line"
    PROVIDER_PORTAL = "provider_portal"


@dataclass(frozen=True, slots=True)
class Proof:
    """What operators saw at the provider: its number there, and what it says, as copied."""

    kind: ProofKind
    reference: str
    text: str = ""


@dataclass(frozen=True, slots=True)
class Ruling:
    """What operators decided about an open review, on the provider's proof brought by hand.

    four_eyes: two people were needed for it. proof: None only to keep waiting.
    """

    proposal_id: UUID
    resolution: Resolution
    reason: str
    proposed_by: str
    approved_by: str
    four_eyes: bool
    proof: Proof | None = None
    provider_transaction_id: str | None = None


Finding = Outcome | News | NotFound | NoAnswer | Doorbell | Overdue | Ruling
"""Everything that can be learnt about a cash-out."""


class ReviewReason(StrEnum):
    """Why a human is needed."""

    CONTRADICTION = "contradiction"
    UNKNOWN_TOO_LONG = "unknown_too_long"
    ECHO_MISMATCH = "echo_mismatch"
    REFERENCE_CONFLICT = "reference_conflict"
    PROVIDER_ID_CONFLICT = "provider_id_conflict"
    UNRECOGNISED_AFTER_ENDING = "unrecognised_after_ending"
    DOORBELL_DISAGREES = "doorbell_disagrees"


@dataclass(frozen=True, slots=True)
class Evidence:
    """One append-only row: what a door brought in and the verdict on it.

    kind: which finding it was. word: the provider's status word. status: what it means. digest:
    hex SHA-256 of the raw body. raw: its first RAW_LIMIT bytes. sequence: 1.. per cash-out.
    entered: the state that it moved the cash-out into. told: the events that it caused;
    told_digest: over what they say, empty without any; events: how many there were after it. seal:
    over the facts of the cash-out after it. hash: over all of this and the hash of the piece
    before; see domain/seals.py. Pieces from before there were chains have neither.
    """

    cash_out_id: UUID
    sequence: int
    source: Source
    at: datetime
    verdict: Verdict
    kind: str
    word: str = ""
    status: Status | None = None
    detail: str = ""
    attempt: int | None = None
    digest: str = ""
    raw: bytes = field(default=b"", repr=False)
    entered: Status | None = None
    told: tuple[EventType, ...] = ()
    told_digest: str = ""
    events: int = 0
    seal: str = ""
    hash: str = ""
