"""The cash-out: what a user asked for, how far it got, and how news changes it.

Everything here is a pure function from a cash-out and a fact to a Change: the new cash-out, the
events that tell of it, the evidence that caused it. The shell stores a Change in one transaction.
"""

from dataclasses import dataclass, field, fields, replace
from datetime import datetime
from enum import StrEnum
from operator import attrgetter
from typing import TypedDict, Unpack
from uuid import UUID

from domain.attempts import Attempt, OutcomeKind
from domain.cases import NO_CASE, PROVES, Case, concern_of
from domain.chain import GENESIS
from domain.event_facts import facts_of, resolved_facts
from domain.events import ANNOUNCES, Event, EventType, Facts, event
from domain.evidence import Evidence, ReviewReason, Source
from domain.failures import CANCELLED_BY_USER, CANCELLED_FOR_USER, FAILURES, FailureCode
from domain.limits import Windows
from domain.money import Money
from domain.payee import Payee
from domain.refusals import TooLateToCancel
from domain.seals import digest_of_body, digest_of_told, hash_of, seal_of
from domain.states import ENDINGS, Status, Verdict, judge


class Action(StrEnum):
    """What a worker is to do with a cash-out when it is due."""

    SUBMIT = "submit"
    ASK = "ask"


@dataclass(frozen=True, slots=True)
class Plan:
    """The next action and when it is due. The cash-out is its own job: there is no other queue."""

    action: Action
    due_at: datetime


@dataclass(frozen=True, slots=True)
class Lease:
    """A worker's hold on a due cash-out: nobody else takes it before `until`."""

    token: UUID
    until: datetime


@dataclass(frozen=True, slots=True)
class CashOut:
    """One order to pay `amount` to `payee`; the user pays `amount + fee`.

    version counts stored changes. events and pieces count the events and evidence so far; chain is
    the hash of the newest piece, empty where none of them is chained. asked counts status queries
    since the last attempt, asked_at is the latest. not_found_at is when the question was asked to
    which the provider last said that it knows nothing, None once somebody said otherwise. claim is
    the furthest state that an unproven webhook claimed, and at least `processing` once the provider
    has spoken of it; claimed_at is when that was last said. contradicted: another ending than ours
    was reported at some time. case: what its reviews were about, and what was ruled. trace: the
    context of the request that it came by, so that others can follow it; nothing is decided by it.
    """

    id: UUID
    user_id: str
    wallet_id: str
    provider: str
    amount: Money
    fee: Money
    tariff_version: str
    payee: Payee
    reference: str
    reference_given: bool
    created_at: datetime
    updated_at: datetime
    status: Status = Status.PENDING
    provider_transaction_id: str | None = None
    failure_code: FailureCode | None = None
    failure_reason: str | None = None
    review: ReviewReason | None = None
    contradicted: bool = False
    case: Case = NO_CASE
    completed_at: datetime | None = None
    plan: Plan | None = None
    lease: Lease | None = None
    attempts: tuple[Attempt, ...] = ()
    asked: int = 0
    asked_at: datetime | None = None
    not_found_at: datetime | None = None
    claim: Status | None = None
    claimed_at: datetime | None = None
    version: int = 1
    events: int = 0
    pieces: int = 0
    chain: str = GENESIS
    trace: str | None = None

    @property
    def total(self) -> Money:
        """What the user pays."""
        return self.amount + self.fee

    @property
    def ended(self) -> bool:
        """Tell whether the state is final."""
        return self.status in ENDINGS

    @property
    def needs_review(self) -> bool:
        """Tell whether a human has to look."""
        return self.review is not None

    @property
    def review_at(self) -> datetime | None:
        """When the open review was raised; None without one."""
        return (self.case.opened_at or self.updated_at) if self.review is not None else None

    @property
    def waits_since(self) -> datetime:
        """When waiting for its end began: taken, or last left to wait by operators."""
        return max(self.created_at, self.case.reviewed_at or self.created_at)

    @property
    def windows(self) -> Windows:
        """The counters it was reserved in: given back into these, whenever that happens."""
        return Windows.of(self.user_id, self.provider, self.amount.currency.code, self.created_at)

    def holds(self, token: UUID | None) -> bool:
        """Tell whether this token is the present lease."""
        return self.lease is not None and token is not None and self.lease.token == token


# The fields of a cash-out in their order: what `replace` does for twice the price.
_all_of = attrgetter(*(each.name for each in fields(CashOut)))


@dataclass(frozen=True, slots=True)
class Change:
    """A cash-out before and after, and what is written with it. `frees` gives limits back.

    cause: the id of the request or delivery that brought it about, for the log; it is not stored.
    """

    before: CashOut
    after: CashOut
    events: tuple[Event, ...] = ()
    evidence: tuple[Evidence, ...] = ()
    verdict: Verdict = Verdict.NOTED
    cause: str = ""

    @property
    def frees(self) -> bool:
        """Tell whether this change ends the cash-out unpaid."""
        unpaid = {Status.FAILED, Status.CANCELLED}
        return self.after.status in unpaid and self.before.status not in unpaid


class Changed(TypedDict, total=False):
    """What a change may touch; everything else was settled when the cash-out was accepted."""

    status: Status
    provider_transaction_id: str | None
    failure_code: FailureCode | None
    failure_reason: str | None
    review: ReviewReason | None
    contradicted: bool
    case: Case
    completed_at: datetime | None
    plan: Plan | None
    lease: Lease | None
    attempts: tuple[Attempt, ...]
    asked: int
    asked_at: datetime | None
    not_found_at: datetime | None
    claim: Status | None
    claimed_at: datetime | None
    version: int
    events: int
    pieces: int
    chain: str
    updated_at: datetime


@dataclass(slots=True)
class Draft:
    """A change being made: the cash-out so far and what has been said about it.

    after: a copy that belongs to the draft alone until `finish` hands it out.
    """

    before: CashOut
    now: datetime
    after: CashOut = field(init=False)
    events: list[Event] = field(default_factory=list)
    evidence: list[Evidence] = field(default_factory=list)
    verdict: Verdict = Verdict.NOTED

    def __post_init__(self) -> None:
        """Start from the cash-out as it is."""
        self.after = CashOut(*_all_of(self.before))

    def set(self, **changed: Unpack[Changed]) -> None:
        """Change the cash-out so far."""
        for name, value in changed.items():
            # A new copy for each step would be most of what recording costs: nobody has this one.
            object.__setattr__(self.after, name, value)

    def move(
        self, status: Status, *, code: FailureCode | None = None, reason: str | None = None
    ) -> Verdict:
        """Have the judge decide about a proven state, enter it if it may be, return the verdict.

        A contradiction changes no state: it is told once and waits for a human. What operators
        have ruled is contradicted by whatever says otherwise, also by what agrees with our state.
        """
        verdict = judge(self.after.status, status)
        if verdict is Verdict.MOVE:
            self._enter(status, code, reason)
        elif verdict is Verdict.CONTRADICTION:
            self._contradict(status)
        elif self.after.ended and self.after.case.is_disputed_by(status):
            verdict = Verdict.CONTRADICTION
            self.call_human(ReviewReason.CONTRADICTION, status)
        return verdict

    def _contradict(self, status: Status) -> None:
        case = self.after.case
        told = self.after.contradicted and case.reviewed_at is None
        if self._is_news(concern_of(ReviewReason.CONTRADICTION, status)) and not (
            told or case.tells_contradiction
        ):
            self.set(contradicted=True)
            self.announce(EventType.CONTRADICTED, reported=status)
        self.call_human(ReviewReason.CONTRADICTION, status)

    def _is_news(self, concern: str) -> bool:
        """Tell whether operators have not ruled on this yet, or look at it now."""
        return self.after.review is not None or concern not in self.after.case.settled

    def _enter(self, status: Status, code: FailureCode | None, reason: str | None) -> None:
        unpaid = status in {Status.FAILED, Status.CANCELLED}
        if status is Status.FAILED:
            code = code or FailureCode.UNSPECIFIED
        why = reason or (FAILURES[code].english if code else None)
        ended = status in ENDINGS
        self.set(
            status=status,
            failure_code=code if unpaid else None,
            failure_reason=why if unpaid else None,
            completed_at=self.now if ended else None,
            plan=None if ended else self.after.plan,
            lease=None if ended else self.after.lease,
        )
        self.announce(ANNOUNCES[status])

    def call_human(self, reason: ReviewReason, about: str = "") -> None:
        """Raise a review, unless one is open already or operators have ruled on this very news."""
        concern = concern_of(reason, about)
        if not self._is_news(concern):
            return
        self.set(case=self.after.case.raised(concern, self.now))
        if self.after.review is None:
            self.set(review=reason)
            self.announce(EventType.NEEDS_REVIEW)

    def close_answered(self) -> None:
        """Close a review that asked for nothing but an ending, once the cash-out has one."""
        review, case = self.after.review, self.after.case
        by_time = review is ReviewReason.UNKNOWN_TOO_LONG and case.is_about_time
        if review is None or not by_time or self.before.ended or not self.after.ended:
            return
        self.set(review=None, case=case.answered())
        facts = resolved_facts(review, PROVES[self.after.status], self.after.status)
        self.announce(EventType.REVIEW_RESOLVED, ruled=facts)

    def announce(
        self, kind: EventType, *, reported: Status | None = None, ruled: Facts | None = None
    ) -> None:
        """Add an event with the facts that its type carries; `ruled`: what a ruling adds."""
        sequence = self.after.events + 1
        self.set(events=sequence)
        facts = {**facts_of(kind, self.after, reported), **(ruled or {})}
        # Last, as in every event.
        facts["reference"] = self.after.reference
        after = self.after
        self.events.append(event(kind, after.id, sequence, self.now, facts, after.trace))

    def leave(self, piece: Evidence) -> None:
        """Add the piece of evidence that caused this change, when all else of it is said.

        It is given its place, what it brought about and its links; it is the draft's until then.
        """
        before, after = self.before, self.after
        self.set(pieces=after.pieces + 1)
        new = before.pieces == 0 and before.events == 0
        brought: tuple[tuple[str, object], ...] = (
            ("sequence", after.pieces),
            ("entered", after.status if new or after.status is not before.status else None),
            ("told", tuple(each.type for each in self.events)),
            ("told_digest", digest_of_told([digest_of_body(each.body) for each in self.events])),
            ("events", after.events),
            ("seal", seal_of(after)),
        )
        for name, value in brought:
            object.__setattr__(piece, name, value)
        object.__setattr__(piece, "hash", hash_of(piece, before.chain))
        self.set(chain=piece.hash)
        self.evidence.append(piece)

    def note(
        self,
        source: Source,
        kind: str,
        verdict: Verdict,
        *,
        attempt: int | None = None,
        detail: str = "",
    ) -> None:
        """Leave evidence of what was decided here or by the user, not learnt from a provider."""
        place, cash_out_id = self.before.pieces + 1, self.before.id
        moved = Verdict.MOVE if verdict is Verdict.MOVE else Verdict.NOTED
        self.leave(
            Evidence(
                cash_out_id, place, source, self.now, moved, kind, attempt=attempt, detail=detail
            )
        )

    def finish(self) -> Change:
        """Return the change; the version and the time of change move only when something did."""
        if self.after != self.before:
            self.set(version=self.before.version + 1, updated_at=self.now)
        events, evidence = tuple(self.events), tuple(self.evidence)
        return Change(self.before, self.after, events, evidence, self.verdict)


def accept(cash_out: CashOut, cause: str = "") -> Change:
    """Return the first change of a new cash-out: due at once, and told to others."""
    draft = Draft(cash_out, cash_out.created_at)
    draft.announce(EventType.INITIATED)
    draft.set(plan=Plan(Action.SUBMIT, cash_out.created_at))
    draft.note(Source.SERVICE, "Accepted", Verdict.MOVE)
    events, evidence = tuple(draft.events), tuple(draft.evidence)
    return Change(cash_out, draft.after, events, evidence, Verdict.MOVE, cause)


def begin_attempt(cash_out: CashOut, now: datetime, lease: Lease) -> Change:
    """Return the change that must be committed before the first byte of a submit leaves."""
    draft = Draft(cash_out, now)
    attempt = Attempt(len(cash_out.attempts) + 1, cash_out.reference, now)
    draft.set(
        attempts=(*cash_out.attempts, attempt),
        lease=lease,
        asked=0,
        not_found_at=None,
        # If this process dies before it learns the answer, the next worker asks and never sends.
        plan=Plan(Action.ASK, now),
    )
    moved = draft.move(Status.PROCESSING)
    draft.note(Source.SERVICE, "Begun", moved, attempt=attempt.number)
    return draft.finish()


def ask_instead(cash_out: CashOut, now: datetime) -> Change:
    """Return the change of a plan to send into one to ask: sending is not allowed as things are."""
    draft = Draft(cash_out, now)
    draft.set(plan=Plan(Action.ASK, now), lease=None)
    return draft.finish()


def hold(cash_out: CashOut, lease: Lease) -> Change:
    """Return the change by which a worker takes a due cash-out into its hands."""
    after = replace(cash_out, lease=lease, version=cash_out.version + 1)
    return Change(cash_out, after)


def cancel(cash_out: CashOut, now: datetime, operator: str | None = None) -> Change:
    """Withdraw a cash-out of which provably nothing is on the wire; raise TooLateToCancel.

    operator: who does it in place of the user.
    """
    sent = any(attempt.settled is not OutcomeKind.UNSENT for attempt in cash_out.attempts)
    # A claim may be true whatever the provider denied since: its answers can be behind.
    claimed = cash_out.claim is not None or cash_out.provider_transaction_id is not None
    on_the_wire = sent or claimed
    if cash_out.ended or on_the_wire or cash_out.lease is not None:
        raise TooLateToCancel(cash_out.status)
    draft = Draft(cash_out, now)
    draft.verdict = draft.move(
        Status.CANCELLED, reason=CANCELLED_FOR_USER if operator else CANCELLED_BY_USER
    )
    draft.close_answered()
    source = Source.OPERATOR if operator else Source.USER
    draft.note(source, "Cancelled", draft.verdict, detail=operator or "")
    return draft.finish()
