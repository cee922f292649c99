"""What happened, told from the evidence: an entry for each piece, in order."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final

from application.ports import StoredEvidence
from application.timeline import Entry, Proof, Said, Told, What, Who
from application.timeline_words import (
    CANCELLED_FOR,
    HAPPENED,
    LEFT_TO_WAIT,
    SENT_AGAIN,
    STATEMENT,
    STATES,
    UNKNOWN_STATE,
    filled,
    reason_of,
)
from domain.attempts import Attempt, OutcomeKind
from domain.cash_out import CashOut
from domain.evidence import Resolution, Source
from domain.failures import FailureCode
from domain.states import Status, Verdict

IN_THEIR_WORDS: Final = frozenset({"News", "Ruling"})
"""Pieces whose detail is a sentence of a provider or operator: a payee's name may be in it."""
_WHO: Final = {
    Source.USER: Who.USER,
    Source.SERVICE: Who.SERVICE,
    Source.CLOCK: Who.CLOCK,
    Source.OPERATOR: Who.OPERATOR,
}
_WHAT: Final = {
    "Accepted": What.ACCEPTED,
    "Begun": What.SENT,
    "Cancelled": What.CANCELLED,
    "News": What.REPORTED,
    "NotFound": What.NOT_FOUND,
    "NoAnswer": What.SILENT,
    "Doorbell": What.RUNG,
    "Overdue": What.OVERDUE,
    "Ruling": What.RULED,
}
_ENDED: Final = {
    OutcomeKind.ACCEPTED: What.TAKEN,
    OutcomeKind.REFUSED: What.DECLINED,
    OutcomeKind.UNSENT: What.NOT_TAKEN,
    OutcomeKind.UNKNOWN: What.NO_ANSWER,
}
_RULED: Final = {
    Resolution.PAID: STATES[Status.COMPLETED],
    Resolution.NOT_PAID: STATES[Status.FAILED],
    Resolution.KEEP_WAITING: LEFT_TO_WAIT,
}
_FOR_THE_OWNER: Final = {
    What.ACCEPTED,
    What.SENT,
    What.TAKEN,
    What.DECLINED,
    What.NOT_TAKEN,
    What.NO_ANSWER,
    What.OVERDUE,
    What.CANCELLED,
    What.RULED,
}


def entries_of(
    cash_out: CashOut, pieces: Sequence[StoredEvidence], *, full: bool, names: bool = True
) -> tuple[Entry, ...]:
    """Return what happened, oldest first.

    full: everything, with proofs; otherwise what the owner may see, without. names: also what
    others wrote in their own words, where a name may be. What is older than
    its evidence (taken or begun before those left any) is told from the cash-out itself.
    """
    told = [_entry(cash_out, each) for each in pieces]
    if not names:
        told = [_without_words(each) for each in told]
    older = _before_evidence(cash_out, pieces)
    if older:
        # Where none is missing the order is that of the pieces, whatever clocks they were dated by.
        told = sorted([*older, *told], key=lambda entry: entry.at)
    if full:
        return tuple(told)
    return tuple(_for_the_owner(each) for each in told if _is_for_the_owner(each))


def _without_words(entry: Entry) -> Entry:
    if entry.proof is None or entry.proof.kind not in IN_THEIR_WORDS:
        return entry
    return replace(entry, proof=replace(entry.proof, detail=""))


def _before_evidence(cash_out: CashOut, pieces: Sequence[StoredEvidence]) -> list[Entry]:
    kinds = {piece.kind for piece in pieces}
    begun = {piece.attempt for piece in pieces if piece.kind == "Begun"}
    older: list[Entry] = []
    if "Accepted" not in kinds:
        said = HAPPENED[What.ACCEPTED]
        older.append(Entry(cash_out.created_at, Who.SERVICE, What.ACCEPTED, said, Status.PENDING))
    for attempt in cash_out.attempts:
        if attempt.number not in begun:
            said = _sent(attempt.number)
            older.append(
                Entry(attempt.started_at, Who.SERVICE, What.SENT, said, attempt=attempt.number)
            )
    return older


def _entry(cash_out: CashOut, piece: StoredEvidence) -> Entry:
    what = _what(piece)
    reported = Status(piece.status) if piece.status else None
    return Entry(
        at=piece.at,
        who=_who(piece),
        what=what,
        said=_SAYS.get(what, _plainly)(cash_out, piece),
        state=_entered(cash_out, piece),
        reported=reported,
        attempt=piece.attempt,
        told=_told(piece),
        proof=Proof(
            sequence=piece.sequence,
            source=piece.source,
            kind=piece.kind,
            verdict=piece.verdict,
            word=piece.word,
            detail=piece.detail,
            digest=piece.digest,
            hash=piece.hash,
        ),
    )


def _who(piece: StoredEvidence) -> Who:
    known = Source(piece.source) if piece.source in set(Source) else Source.SERVICE
    return _WHO.get(known, Who.PROVIDER)


def _what(piece: StoredEvidence) -> What:
    if piece.kind == "Outcome":
        return _ENDED[_outcome(piece)]
    return _WHAT.get(piece.kind, What.OTHER)


def _outcome(piece: StoredEvidence) -> OutcomeKind:
    """Return how the attempt ended: the first word of the detail, which is ours."""
    word = piece.detail.partition(":")[0].partition(" ")[0]
    return OutcomeKind(word) if word in set(OutcomeKind) else OutcomeKind.UNKNOWN


def _entered(cash_out: CashOut, piece: StoredEvidence) -> Status | None:
    if piece.entered is not None:
        return Status(piece.entered)
    if not piece.hash and piece.verdict == Verdict.MOVE:
        # From before pieces said so: a move is into what was reported, or into how it ended.
        return Status(piece.status) if piece.status else cash_out.status
    return None


def _told(piece: StoredEvidence) -> tuple[Told, ...]:
    first = None if piece.events is None else piece.events - len(piece.told) + 1
    return tuple(
        Told(kind, None if first is None else first + place)
        for place, kind in enumerate(piece.told)
    )


def _plainly(_: CashOut, piece: StoredEvidence) -> Said:
    return HAPPENED[_what(piece)]


def _sent(number: int) -> Said:
    return SENT_AGAIN if number > 1 else HAPPENED[What.SENT]


def _says_cancelled(_: CashOut, piece: StoredEvidence) -> Said:
    return HAPPENED[What.CANCELLED] if piece.source == Source.USER else CANCELLED_FOR


def _says_sent(_: CashOut, piece: StoredEvidence) -> Said:
    return _sent(piece.attempt or 1)


def _says_why(cash_out: CashOut, piece: StoredEvidence) -> Said:
    return filled(HAPPENED[_what(piece)], reason=reason_of(_code(cash_out.attempts, piece)))


def _says_state(_: CashOut, piece: StoredEvidence) -> Said:
    sentence = STATEMENT if piece.source == Source.STATEMENT else HAPPENED[_what(piece)]
    state = STATES[Status(piece.status)] if piece.status else UNKNOWN_STATE
    return filled(sentence, state=state)


def _says_ruling(_: CashOut, piece: StoredEvidence) -> Said:
    known = piece.word in set(Resolution)
    state = _RULED[Resolution(piece.word)] if known else UNKNOWN_STATE
    return filled(HAPPENED[What.RULED], state=state)


_SAYS: Final[dict[What, Callable[[CashOut, StoredEvidence], Said]]] = {
    What.CANCELLED: _says_cancelled,
    What.SENT: _says_sent,
    What.DECLINED: _says_why,
    What.NOT_TAKEN: _says_why,
    What.REPORTED: _says_state,
    What.RUNG: _says_state,
    What.RULED: _says_ruling,
}


def _code(attempts: Sequence[Attempt], piece: StoredEvidence) -> FailureCode | None:
    found = (each.code for each in attempts if each.number == piece.attempt)
    return next(found, None)


def _is_for_the_owner(entry: Entry) -> bool:
    return entry.state is not None or entry.what in _FOR_THE_OWNER


def _for_the_owner(entry: Entry) -> Entry:
    return Entry(
        at=entry.at,
        who=entry.who,
        what=entry.what,
        said=entry.said,
        state=entry.state,
        attempt=entry.attempt,
    )
