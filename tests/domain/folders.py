"""Folders of cash-outs that agree with themselves, and what somebody does to them: for tests."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import timedelta
from typing import Any

from domain.cash_out import CashOut, Change, cancel
from domain.chain import GENESIS
from domain.evidence import Evidence
from domain.seals import digest_of_body, hash_of, seal_of
from domain.verification import Folder, KeptEvent, KeptPiece, flaws_of
from tests.contracts.books import ACCEPTED, REFUSED, answered, begun, told_paid
from tests.contracts.stores import a_new
from tests.strategies import NOW

Step = Callable[[CashOut], Change]
LATEST = NOW + timedelta(days=400)


def accepted(cash_out: CashOut) -> Change:
    return answered(cash_out, ACCEPTED)


def refused(cash_out: CashOut) -> Change:
    return answered(cash_out, REFUSED)


def lived(*steps: Step) -> Folder:
    """Return all that is stored of a cash-out that lived through these steps."""
    changes = [a_new()]
    for step in steps:
        changes.append(step(changes[-1].after))
    pieces = [kept(piece) for change in changes for piece in change.evidence]
    events = [
        KeptEvent(each.sequence, each.type, digest_of_body(each.body))
        for change in changes
        for each in change.events
    ]
    return Folder(changes[-1].after, pieces, events)


def kept(piece: Evidence) -> KeptPiece:
    """Return a piece as it is stored: without a raw body there is nothing to compare."""
    return KeptPiece(piece, piece.digest or None)


STORIES: dict[str, tuple[Step, ...]] = {
    "taken": (),
    "sent": (begun, accepted),
    "paid": (begun, accepted, told_paid),
    "cancelled": (lambda one: cancel(one, NOW),),
    "failed": (begun, refused),
}


def edited(folder: Folder, number: int, **changed: Any) -> Folder:  # noqa: ANN401 -- of a piece
    """Return the folder with one piece edited by somebody who cannot make hashes."""
    pieces = [
        KeptPiece(replace(each.piece, **changed), each.raw_digest)
        if each.piece.sequence == number
        else each
        for each in folder.pieces
    ]
    return replace(folder, pieces=pieces)


def without(folder: Folder, *numbers: int) -> Folder:
    """Return the folder without these pieces."""
    pieces = [each for each in folder.pieces if each.piece.sequence not in numbers]
    return replace(folder, pieces=pieces)


def without_events(folder: Folder, *numbers: int) -> Folder:
    """Return the folder without these events."""
    return replace(folder, events=[e for e in folder.events if e.sequence not in numbers])


def changed(folder: Folder, **fields: Any) -> Folder:  # noqa: ANN401 -- of a cash-out
    """Return the folder with another cash-out."""
    return replace(folder, cash_out=replace(folder.cash_out, **fields))


def resealed(folder: Folder) -> Folder:
    """Return the folder with every seal and hash made anew, by somebody who can."""
    pieces: list[KeptPiece] = []
    chain = GENESIS
    for place, each in enumerate(folder.pieces, start=1):
        seal = seal_of(folder.cash_out) if place == len(folder.pieces) else each.piece.seal
        piece = replace(each.piece, seal=seal)
        pieces.append(KeptPiece(replace(piece, hash=hash_of(piece, chain)), each.raw_digest))
        chain = pieces[-1].piece.hash
    return replace(folder, pieces=pieces, cash_out=replace(folder.cash_out, chain=chain))


def unlinked(folder: Folder) -> Folder:
    """Return the folder as it was before there were chains."""
    pieces = [
        KeptPiece(replace(each.piece, seal="", hash=""), each.raw_digest) for each in folder.pieces
    ]
    return replace(changed(folder, chain=""), pieces=pieces)


def said_of(folder: Folder, **how: Any) -> list[tuple[str, str, str]]:  # noqa: ANN401 -- as it asks
    """Return kind, expectation and finding of every flaw; all are told of this cash-out."""
    flaws = list(flaws_of(folder, **{"planned_by": LATEST, **how}))
    assert {each.subject for each in flaws} <= {str(folder.cash_out.id)}
    return [(each.kind, each.expected, each.found) for each in flaws]


def short(digests: Iterable[str]) -> list[str]:
    """Return as much of each digest as is shown."""
    return [each[:12] for each in digests]
