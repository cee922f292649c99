"""The books of the store in memory: nothing else runs while a snapshot of it is taken."""

from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from hashlib import sha256
from itertools import islice
from uuid import UUID

from adapters.memory.store import MemoryStore
from application.ports.books import ForeignKey, KeptEntry, Shelf, Span, WrongCounter
from domain.cash_out import CashOut
from domain.evidence import RAW_LIMIT, Evidence
from domain.limits import Counted, Slot
from domain.seals import digest_of_body
from domain.states import Status
from domain.verification import Folder, KeptEvent, KeptPiece

_NONE = Counted(0, 0)
_UNPAID = {Status.FAILED, Status.CANCELLED}


class MemorySnapshot:
    """Implements `Snapshot`; its methods never wait, so the moment is that of a call."""

    key = ""

    def __init__(self, store: MemoryStore) -> None:
        self._store = store
        self._events: dict[UUID, list[KeptEvent]] = defaultdict(list)
        for position in sorted(store.events):
            event = store.events[position]
            if not event.type.startswith("cash_out."):
                continue
            kept = KeptEvent(event.sequence, event.type, digest_of_body(event.body))
            self._events[event.cash_out_id].append(kept)

    async def spans(self, size: int) -> list[Span]:
        """Return all cash-outs in spans of so many, in the order of their ids."""
        ids = sorted(self._store.cash_outs)
        groups = (ids[start : start + size] for start in range(0, len(ids), size))
        return [Span(group[0], group[-1], len(group)) for group in groups]

    async def chained_since(self) -> datetime | None:
        """Return when the first cash-out was taken whose first piece has a link."""
        firsts = (pieces[0] for pieces in self._store.evidence.values() if pieces)
        return min((piece.at for piece in firsts if piece.hash), default=None)

    async def shelf(self, span: Span) -> Shelf:
        """Return all that is stored of the cash-outs of a span, in the order of their ids."""
        return self.whole(span)

    def whole(self, span: Span | None = None) -> Shelf:
        """Return all that is stored, or what is in a span."""
        ids = sorted(self._store.cash_outs)
        if span is not None:
            ids = [each for each in ids if span.first <= each <= span.last]
        readable = [each for each in ids if each not in self._store.unreadable]
        return Shelf(
            [self._folder(self._store.cash_outs[each]) for each in readable],
            [each for each in ids if each in self._store.unreadable],
        )

    def _folder(self, cash_out: CashOut) -> Folder:
        pieces = [_kept(each) for each in self._store.evidence.get(cash_out.id, ())]
        events = sorted(self._events.get(cash_out.id, ()), key=lambda event: event.sequence)
        return Folder(cash_out, pieces, events)

    async def wrong_counters(self, limit: int) -> list[WrongCounter]:
        """Return counters that are not the sum of what is in them, or not within their cap."""
        counted: dict[Slot, int] = defaultdict(int)
        for cash_out in self._store.cash_outs.values():
            if cash_out.status not in _UNPAID:
                for slot in (cash_out.windows.day, cash_out.windows.month):
                    counted[slot] += cash_out.amount.minor
        kept = dict(self._store.counters.items())
        every = (
            (slot, kept.get(slot, _NONE), counted.get(slot, 0))
            for slot in sorted({*kept, *counted})
        )
        wrong = (
            WrongCounter(slot, here.used, amount, here.cap)
            for slot, here, amount in every
            if here.used != amount or not 0 <= here.used <= here.cap
        )
        return list(islice(wrong, limit))

    async def foreign_keys(self, limit: int) -> list[ForeignKey]:
        """Return idempotency keys that do not lead to a cash-out of their user."""
        found: list[ForeignKey] = []
        for (user_id, key), cash_out_id in self._store.keys.items():
            cash_out = self._store.cash_outs.get(cash_out_id)
            if cash_out is None or cash_out.user_id != user_id:
                found.append(ForeignKey(user_id, key, cash_out_id))
        return found[:limit]

    async def stray_events(self, limit: int) -> list[UUID]:
        """Return the ids of cash-outs that events tell of and that do not exist."""
        strays = (each for each in sorted(self._events) if each not in self._store.cash_outs)
        return list(islice(strays, limit))

    async def changed_deliveries(self, limit: int) -> list[UUID]:
        """Return the ids of kept webhooks whose body is not the one of their digest."""
        changed = (
            delivery_id
            for delivery_id, kept in self._store.deliveries.items()
            if _digest_of(kept.delivery.raw) != kept.delivery.digest
        )
        return list(islice(changed, limit))

    async def entries(self, after: int, limit: int) -> list[KeptEntry]:
        """Return entries of the operators' log behind a sequence, in order."""
        log = self._store.operators_log
        found = islice((log[each] for each in sorted(log) if each > after), limit)
        return [
            KeptEntry(
                logged.sequence,
                logged.entry.at,
                logged.entry.operator,
                logged.entry.action,
                logged.entry.subject,
                logged.entry.written_facts,
                logged.previous,
                logged.hash,
            )
            for logged in found
        ]


def _kept(piece: Evidence) -> KeptPiece:
    if len(piece.raw) >= RAW_LIMIT:
        return KeptPiece(piece)
    return KeptPiece(piece, _digest_of(piece.raw))


def _digest_of(raw: bytes) -> str:
    return sha256(raw).hexdigest() if raw else ""


class MemoryBooks:
    """Implements `Books`."""

    def __init__(self, store: MemoryStore) -> None:
        self._store = store

    @asynccontextmanager
    async def open(self, key: str = "") -> AsyncIterator[MemorySnapshot]:
        """Open the present moment; raise LookupError for a key: there are none here."""
        if key:
            message = "a store in memory has no snapshots that others can open"
            raise LookupError(message)
        yield MemorySnapshot(self._store)
