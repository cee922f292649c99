"""Verification: whether what is stored of a cash-out agrees with itself, piece by piece.

Pure: a folder with all that is stored of one cash-out goes in, flaws come out. What changes without
evidence and follows from none (lease, version) takes no part; all else that is wrong has a name.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final, NamedTuple
from uuid import UUID

from domain.attempts import OutcomeKind
from domain.cash_out import CashOut
from domain.chain import GENESIS
from domain.events import ANNOUNCES, EventType
from domain.evidence import Evidence, Source
from domain.seals import digest_of_told, hash_of, seal_of
from domain.states import ENDINGS, TRANSITIONS, Status
from domain.timers import wrong_answers, wrong_plan


class FlawKind(StrEnum):
    """What is wrong."""

    UNREADABLE = "unreadable"
    """It has words that this version does not know."""
    EVIDENCE_MISSING = "evidence_missing"
    EVIDENCE_CHANGED = "evidence_changed"
    """A piece is not what was hashed, or not behind the one that it was chained to."""
    RAW_CHANGED = "raw_changed"
    """A raw body is not the one of the digest that was taken of it."""
    UNSEALED = "unsealed"
    """A piece without a link, where every piece has one."""
    CHAIN_HEAD = "chain_head"
    """The cash-out does not keep the hash of its newest piece."""
    FACTS_CHANGED = "facts_changed"
    """The cash-out is not as its newest piece left it."""
    STATE = "state"
    """Its state is not the one that the evidence moved it into."""
    ATTEMPT = "attempt"
    """An attempt disagrees with the evidence, or with the state."""
    TOTAL = "total"
    EVENT_MISSING = "event_missing"
    EVENT_CHANGED = "event_changed"
    EVENT_SURPLUS = "event_surplus"
    ENDING_EVENT = "ending_event"
    """An ended cash-out has not told of exactly one ending, or an open one of any."""
    PLAN = "plan"
    CLAIM = "claim"
    ASKED = "asked"
    DENIED = "denied"
    """For these four see `domain.timers`: no seal covers them, and they follow from the pieces."""
    COUNTER = "counter"
    """A limit counter is not the sum of its cash-outs, or not within its cap."""
    FOREIGN_KEY = "foreign_key"
    """An idempotency key leads to another user's cash-out, or to none."""
    STRAY_EVENT = "stray_event"
    """An event of a cash-out that does not exist."""
    DELIVERY_CHANGED = "delivery_changed"
    LOG_MISSING = "log_missing"
    LOG_CHANGED = "log_changed"


@dataclass(frozen=True, slots=True)
class Flaw:
    """One thing that is wrong: where, and what was expected and found, with nothing personal.

    subject: the id of a cash-out, or the masked name of a counter, key or entry.
    """

    kind: FlawKind
    subject: str
    expected: str
    found: str


class KeptPiece(NamedTuple):
    """A piece as it is stored. raw_digest: of its raw body, None where that was cut."""

    piece: Evidence
    raw_digest: str | None = None


class KeptEvent(NamedTuple):
    """An event that is still in the outbox. digest: hex SHA-256 of its body."""

    sequence: int
    type: str
    digest: str


@dataclass(frozen=True, slots=True)
class Folder:
    """All that is stored of one cash-out, its pieces and events in order."""

    cash_out: CashOut
    pieces: Sequence[KeptPiece]
    events: Sequence[KeptEvent]

    @property
    def is_sealed(self) -> bool:
        """Tell whether its newest piece has a link: all are from before chains otherwise."""
        return bool(self.pieces) and bool(self.pieces[-1].piece.hash)


_HASH_SHOWN: Final = 12
_ENDING_EVENTS: Final = frozenset(ANNOUNCES[status] for status in ENDINGS)
_PROVES: Final = frozenset(
    {Source.SUBMIT, Source.WEBHOOK, Source.STATUS_QUERY, Source.OPERATOR, Source.STATEMENT}
)


def flaws_of(
    folder: Folder,
    *,
    must_be_sealed: bool = True,
    kept_from: datetime | None = None,
    planned_by: datetime | None = None,
) -> Iterator[Flaw]:
    """Yield everything that is wrong with a folder.

    must_be_sealed: it was taken since there are chains, so that a piece without a link is a flaw.
    kept_from: events from then on have been pruned nowhere; None where that is not known.
    planned_by: beyond it nothing is planned; None where that is not known.
    """
    yield from _flaws_of_chain(folder, must_be_sealed=must_be_sealed)
    yield from _flaws_of_facts(folder)
    yield from _flaws_of_state(folder)
    yield from _flaws_of_attempts(folder)
    yield from _flaws_of_timers(folder, planned_by)
    yield from _flaws_of_events(folder, kept_from)


def _flaw(kind: FlawKind, cash_out_id: UUID, expected: object, found: object) -> Flaw:
    return Flaw(kind, str(cash_out_id), str(expected), str(found))


def _flaws_of_chain(folder: Folder, *, must_be_sealed: bool) -> Iterator[Flaw]:
    """Walk the chain from its first link; a gap is told once, and the walk goes on behind it."""
    cash_out, previous, place = folder.cash_out, GENESIS, 0
    for kept in folder.pieces:
        piece, place = kept.piece, place + 1
        if piece.sequence != place:
            missing = _span(place, piece.sequence - 1)
            yield _flaw(FlawKind.EVIDENCE_MISSING, cash_out.id, missing, f"piece {piece.sequence}")
            place = piece.sequence
        elif not piece.hash:
            if must_be_sealed or previous:
                found = f"piece {place} without a link"
                yield _flaw(FlawKind.UNSEALED, cash_out.id, "a link", found)
        elif (made := hash_of(piece, previous)) != piece.hash:
            shown = f"piece {place}: {made[:_HASH_SHOWN]}"
            yield _flaw(FlawKind.EVIDENCE_CHANGED, cash_out.id, shown, piece.hash[:_HASH_SHOWN])
        if kept.raw_digest is not None and kept.raw_digest != piece.digest:
            shown = f"piece {place}: {piece.digest[:_HASH_SHOWN]}"
            yield _flaw(FlawKind.RAW_CHANGED, cash_out.id, shown, kept.raw_digest[:_HASH_SHOWN])
        previous = piece.hash
    if place != cash_out.pieces:
        kind = FlawKind.EVIDENCE_MISSING if place < cash_out.pieces else FlawKind.CHAIN_HEAD
        yield _flaw(kind, cash_out.id, f"{cash_out.pieces} pieces", f"{place} pieces")
    if previous != cash_out.chain:
        last, head = previous[:_HASH_SHOWN] or "none", cash_out.chain[:_HASH_SHOWN] or "none"
        yield _flaw(FlawKind.CHAIN_HEAD, cash_out.id, f"newest link {last}", f"kept {head}")


def _span(first: int, last: int) -> str:
    return f"piece {first}" if first == last else f"pieces {first} to {last}"


def _flaws_of_facts(folder: Folder) -> Iterator[Flaw]:
    cash_out = folder.cash_out
    if cash_out.fee.currency != cash_out.amount.currency or cash_out.amount.minor <= 0:
        yield _flaw(FlawKind.TOTAL, cash_out.id, "an amount and its fee", "none to add up")
    if not folder.is_sealed or folder.pieces[-1].piece.sequence != cash_out.pieces:
        return
    seal, made = folder.pieces[-1].piece.seal, seal_of(cash_out)
    if seal != made:
        expected = f"sealed {seal[:_HASH_SHOWN]} by piece {cash_out.pieces}"
        yield _flaw(FlawKind.FACTS_CHANGED, cash_out.id, expected, made[:_HASH_SHOWN])


def _flaws_of_state(folder: Folder) -> Iterator[Flaw]:
    """Follow the moves from the first piece on; what is older than chains says too little."""
    cash_out, state = folder.cash_out, None
    for kept in folder.pieces:
        piece = kept.piece
        if not piece.hash:
            return
        if piece.entered is None:
            continue
        first = state is None and piece.entered is Status.PENDING
        if not first and (state is None or piece.entered not in TRANSITIONS[state]):
            found = f"piece {piece.sequence}: {state or 'nothing'} -> {piece.entered}"
            yield _flaw(FlawKind.STATE, cash_out.id, "a move that may be", found)
        state = piece.entered
        if state is Status.COMPLETED and piece.source not in _PROVES:
            found = f"piece {piece.sequence} from {piece.source}"
            yield _flaw(FlawKind.STATE, cash_out.id, "proof that it was paid", found)
    if state is not None and state is not cash_out.status:
        yield _flaw(FlawKind.STATE, cash_out.id, state, cash_out.status)


def _flaws_of_attempts(folder: Folder) -> Iterator[Flaw]:
    cash_out, attempts = folder.cash_out, folder.cash_out.attempts
    numbers = [each.number for each in attempts]
    if numbers != list(range(1, len(attempts) + 1)):
        yield _flaw(FlawKind.ATTEMPT, cash_out.id, f"attempts 1 to {len(attempts)}", numbers)
    if cash_out.status is Status.PENDING and attempts:
        yield _flaw(FlawKind.ATTEMPT, cash_out.id, "pending without attempts", len(attempts))
    for kept in folder.pieces:
        if not kept.piece.hash:
            return
    begun = {each.piece.attempt for each in folder.pieces if each.piece.kind == "Begun"}
    if begun != set(numbers):
        yield _flaw(FlawKind.ATTEMPT, cash_out.id, f"begun {sorted(map(str, begun))}", numbers)
    yield from _flaws_of_outcomes(folder)


def _flaws_of_outcomes(folder: Folder) -> Iterator[Flaw]:
    """Compare how each attempt ended with what the answers said that were recorded for it."""
    answers: dict[int | None, set[str]] = {}
    looked_up = False
    for kept in folder.pieces:
        piece = kept.piece
        looked_up = looked_up or piece.source is Source.STATUS_QUERY
        if piece.kind == "Outcome":
            word = piece.detail.partition(":")[0].partition(" ")[0]
            answers.setdefault(piece.attempt, set()).add(word)
    for attempt in folder.cash_out.attempts:
        said = answers.get(attempt.number, set())
        lost = looked_up and attempt.outcome is OutcomeKind.UNKNOWN
        if attempt.outcome is None or attempt.outcome in said or lost:
            continue
        expected = f"attempt {attempt.number}: {' or '.join(sorted(said)) or 'open'}"
        yield _flaw(FlawKind.ATTEMPT, folder.cash_out.id, expected, attempt.outcome)


def _flaws_of_timers(folder: Folder, planned_by: datetime | None) -> Iterator[Flaw]:
    """Compare what no seal covers with the pieces, where all of them are there and chained."""
    cash_out = folder.cash_out
    plan = wrong_plan(cash_out, planned_by)
    if plan is not None:
        yield _flaw(FlawKind(plan.timer), cash_out.id, plan.expected, plan.found)
    pieces = [kept.piece for kept in folder.pieces if kept.piece.hash]
    if not len(pieces) == len(folder.pieces) == cash_out.pieces:
        return
    for wrong in wrong_answers(cash_out, pieces):
        yield _flaw(FlawKind(wrong.timer), cash_out.id, wrong.expected, wrong.found)


def _flaws_of_events(folder: Folder, kept_from: datetime | None) -> Iterator[Flaw]:
    """Compare the outbox with what the pieces told; its beginning may have been pruned."""
    cash_out, kept = folder.cash_out, folder.events
    told = _told_by(folder)
    here = {event.sequence: event for event in kept}
    oldest = kept[0].sequence if kept else cash_out.events + 1
    first = min(oldest, _first_since(folder, kept_from))
    for sequence in range(first, cash_out.events + 1):
        if sequence not in here:
            there = f"{len(kept)} events from {first} on"
            yield _flaw(FlawKind.EVENT_MISSING, cash_out.id, f"event {sequence}", there)
    for event in kept:
        if event.sequence > cash_out.events:
            most = f"{cash_out.events} events"
            yield _flaw(FlawKind.EVENT_SURPLUS, cash_out.id, most, f"event {event.sequence}")
        elif told.get(event.sequence, event.type) != event.type:
            expected = f"event {event.sequence}: {told[event.sequence]}"
            yield _flaw(FlawKind.EVENT_CHANGED, cash_out.id, expected, event.type)
    yield from _flaws_of_bodies(folder, here)
    yield from _flaws_of_endings(folder, told)


def _first_since(folder: Folder, kept_from: datetime | None) -> int:
    """Return the first event that cannot have been pruned; one behind the last without any."""
    for kept in folder.pieces:
        piece = kept.piece
        if piece.told and kept_from is not None and piece.at >= kept_from:
            return piece.events - len(piece.told) + 1
    return folder.cash_out.events + 1


def _told_by(folder: Folder) -> dict[int, str]:
    told: dict[int, str] = {}
    for kept in folder.pieces:
        piece = kept.piece
        told |= enumerate(piece.told, piece.events - len(piece.told) + 1)
    return told


def _flaws_of_bodies(folder: Folder, here: dict[int, KeptEvent]) -> Iterator[Flaw]:
    for kept in folder.pieces:
        piece = kept.piece
        if not piece.told or not piece.hash:
            continue
        first = piece.events - len(piece.told) + 1
        kept_here = [here[each] for each in range(first, piece.events + 1) if each in here]
        if len(kept_here) < len(piece.told):
            continue
        made = digest_of_told([event.digest for event in kept_here])
        if made != piece.told_digest:
            expected = f"event {first}: {piece.told_digest[:_HASH_SHOWN]}"
            yield _flaw(FlawKind.EVENT_CHANGED, folder.cash_out.id, expected, made[:_HASH_SHOWN])


def _flaws_of_endings(folder: Folder, told: dict[int, str]) -> Iterator[Flaw]:
    """Expect one ending told of an ended cash-out, none of an open one."""
    cash_out = folder.cash_out
    known = {**told, **{event.sequence: event.type for event in folder.events}}
    endings = [kind for kind in known.values() if kind in _ENDING_EVENTS]
    if len(known) < cash_out.events and not endings:
        return  # pruned, and from before pieces said what they told
    expected = [ANNOUNCES[cash_out.status]] if cash_out.ended else list[EventType]()
    if endings != expected:
        wanted = expected[0] if expected else "no ending"
        yield _flaw(FlawKind.ENDING_EVENT, cash_out.id, wanted, ", ".join(endings) or "none")
