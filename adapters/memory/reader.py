"""Reads over what is committed in memory."""

from collections.abc import Mapping, Sequence
from uuid import UUID

from adapters.memory.limits import MemoryLimits
from adapters.memory.outbox import MemoryOutbox
from adapters.memory.store import MemoryStore, Staging
from application.ports import (
    HistoryFilter,
    HistoryPage,
    OutboxEntry,
    Place,
    StoredEvidence,
    StoreHealth,
)
from application.queries import COUNTED_MOST, total
from domain.cash_out import CashOut
from domain.limits import Slot


class MemoryReader:
    """Implements `Reader`; it never sees what a transaction under way has written.

    counted_most: see `application.queries.total`.
    """

    def __init__(self, store: MemoryStore, *, counted_most: int = COUNTED_MOST) -> None:
        self._store = store
        self._counted_most = counted_most

    async def cash_out(self, cash_out_id: UUID) -> CashOut | None:
        """Return one cash-out with its attempts."""
        return self._store.cash_outs.get(cash_out_id)

    async def newer(self, seen: Mapping[UUID, int]) -> list[CashOut]:
        """Return those of these cash-outs whose version is past the one that was seen."""
        found = (self._store.cash_outs.get(each) for each in seen)
        return [each for each in found if each is not None and each.version > seen[each.id]]

    async def history(
        self, which: HistoryFilter, limit: int, *, page: int = 1, behind: Place | None = None
    ) -> HistoryPage:
        """Return a page by number, or the page behind a place; newest first."""
        matching = [each for each in self._store.cash_outs.values() if _matches(each, which)]
        matching.sort(key=lambda each: (each.created_at, each.id), reverse=True)
        rest = matching[(page - 1) * limit :] if behind is None else _behind(matching, behind)
        counted = min(len(matching), self._counted_most)
        before = (page - 1) * limit if rest and behind is None else 0
        return HistoryPage(
            tuple(rest[:limit]),
            total=total(counted, before + len(rest[: limit + 1]), self._counted_most),
            more=len(rest) > limit,
        )

    async def evidence(self, cash_out_id: UUID) -> list[StoredEvidence]:
        """Return everything that was learnt about a cash-out, in order."""
        return [
            StoredEvidence(
                sequence=piece.sequence,
                source=piece.source,
                at=piece.at,
                verdict=piece.verdict,
                kind=piece.kind,
                word=piece.word,
                status=piece.status,
                detail=piece.detail,
                attempt=piece.attempt,
                digest=piece.digest,
                entered=piece.entered,
                told=piece.told,
                events=piece.events if piece.hash else None,
                hash=piece.hash,
            )
            for piece in self._store.evidence.get(cash_out_id, ())
        ]

    async def used(self, slots: Sequence[Slot]) -> dict[Slot, int]:
        """Return what is used of limit counters."""
        return await MemoryLimits(Staging(self._store)).used(slots)

    async def events_after(self, position: int, limit: int) -> list[OutboxEntry]:
        """Return events behind a position; -n begins with the newest n."""
        return await MemoryOutbox(Staging(self._store)).after(position, limit)

    async def health(self) -> StoreHealth:
        """Return that all is well, and the oldest event not yet told."""
        oldest = await MemoryOutbox(Staging(self._store)).oldest_waiting()
        return StoreHealth(reachable=True, schema="current", oldest_event=oldest)


def _matches(cash_out: CashOut, which: HistoryFilter) -> bool:
    return (
        cash_out.user_id == which.user_id
        and which.status in {None, cash_out.status}
        and which.provider in {None, cash_out.provider}
        and which.wallet_id in {None, cash_out.wallet_id}
        and (which.start is None or cash_out.created_at >= which.start)
        and (which.end is None or cash_out.created_at < which.end)
    )


def _behind(matching: Sequence[CashOut], place: Place) -> list[CashOut]:
    edge = (place.created_at, place.id)
    return [each for each in matching if (each.created_at, each.id) < edge]
