"""The vocabulary of scenarios: what a provider may answer, do, say and announce."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from adapters.sandbox.corridors import PROVIDERS


class Word(StrEnum):
    """What a provider says of a transaction; each protocol spells it its own way."""

    PENDING = "pending"
    SUCCESS = "success"
    FAILED = "failed"
    CANCELLED = "cancelled"
    SETTLING = "settling"
    REVERSED = "reversed"


class Manner(StrEnum):
    """How a submit is answered."""

    ACCEPT = "accept"
    ACCEPT_BLANK = "accept, telling neither id nor state"
    REFUSE = "refuse, creating nothing"
    SILENCE = "no answer for a long time"
    RESET = "reset the connection"
    SERVER_ERROR = "500"
    UNAVAILABLE = "503 with Retry-After"
    TOO_MANY = "429 with Retry-After"
    GARBAGE = "the right code with a body that is not JSON"
    WRONG_CODE = "another 2xx than the documented one"
    HTML = "a web page with 200"
    CONFLICT = "409"
    CREDENTIALS_EXPIRED = "401, expired"


class Moment(StrEnum):
    """When a step of the course happens, counted from the submit; the profile has the seconds."""

    NOW = "now"
    SETTLED = "settled"
    SLOW = "slow"
    LATE = "late"


class Ending(StrEnum):
    """Where a correct client comes to rest."""

    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"
    REVIEW = "review"
    OPEN = "open"


@dataclass(frozen=True, slots=True)
class Expected:
    """An ending and, where the ending has one, our failure code."""

    ending: Ending
    code: str | None = None


@dataclass(frozen=True, slots=True)
class Refusal:
    """A provider's refusal: the HTTP status, its own code, its sentence."""

    status: int
    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Turn:
    """How one submit is answered; `records`: the provider has taken the order all the same."""

    manner: Manner = Manner.ACCEPT
    records: bool = True
    retry_after_s: int | None = None
    after_webhooks: bool = False


@dataclass(frozen=True, slots=True)
class Hook:
    """One webhook of a step.

    `says` None repeats the step's word; the first `bad_signatures` sendings are forged.
    """

    says: Word | None = None
    copies: int = 1
    bad_signatures: int = 0
    stranger: bool = False
    pretty: bool = False


@dataclass(frozen=True, slots=True)
class Step:
    """One change in a transaction's life. `word` None leaves the state alone (a webhook only)."""

    moment: Moment
    word: Word | None = None
    pays: bool = False
    reverses: bool = False
    reason: str | None = None
    hooks: tuple[Hook, ...] = (Hook(),)


PAYS: Final = (Step(Moment.SETTLED, Word.SUCCESS, pays=True),)
ACCEPTS: Final = Turn()
COMPLETES: Final = (Expected(Ending.COMPLETED),)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """One row.

    `ends` lists every correct ending, the usual one first; `notes` is what differs for a provider.
    """

    suffix: str
    title: str
    story: str
    ends: tuple[Expected, ...] = COMPLETES
    turns: tuple[Turn, ...] = ()
    then: Turn = ACCEPTS
    course: tuple[Step, ...] = PAYS
    refusals: Mapping[str, Refusal] = field(default_factory=dict)
    waits_for_float: bool = False
    another_payee: bool = False
    echoes_another_amount: bool = False
    providers: tuple[str, ...] = PROVIDERS
    notes: Mapping[str, str] = field(default_factory=dict)

    @property
    def expected(self) -> Expected:
        """Return the usual ending."""
        return self.ends[0]

    def turn(self, number: int) -> Turn:
        """Return how the `number`-th submit of one reference is answered, counted from 1."""
        return self.turns[number - 1] if number <= len(self.turns) else self.then

    @property
    def pays(self) -> int:
        """Return how many payouts a correct client sees the ledger execute: 0 or 1."""
        return int(
            any(step.pays for step in self.course) and self.then.records and not self.another_payee
        )
