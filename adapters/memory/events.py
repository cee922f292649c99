"""Events inside one process: the publisher and the stream of those who run without a broker."""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from dataclasses import dataclass, field
from uuid import UUID

import structlog

from application.ports import OutboxEntry
from domain.events import Event

KEPT_MOST = 10_000
"""Events kept for those who read from the start."""
REMEMBERED_MOST = 100_000
"""Ids by which an event that is told twice is recognised."""
BEHIND_MOST = 1_000
"""Events that may wait for one reader."""


@dataclass(slots=True)
class _Reader:
    """What waits for one reader. dropped: it fell behind and gets nothing more."""

    room: int
    waiting: deque[Event] = field(default_factory=deque)
    news: asyncio.Event = field(default_factory=asyncio.Event)
    dropped: bool = False

    def tell(self, event: Event) -> None:
        self.dropped = self.dropped or len(self.waiting) >= self.room
        if not self.dropped:
            self.waiting.append(event)
        self.news.set()


class LocalEvents:
    """A Publisher and an EventStream in one: acknowledged means that every reader was told.

    A reader that falls behind is dropped with a warning rather than served a stream with holes:
    its iteration ends. What was told is lost with the process; the outbox remembers it.
    """

    def __init__(
        self,
        *,
        kept_most: int = KEPT_MOST,
        remembered_most: int = REMEMBERED_MOST,
        behind_most: int = BEHIND_MOST,
    ) -> None:
        self._kept: deque[Event] = deque(maxlen=kept_most)
        self._remembered: dict[UUID, None] = {}
        self._remembered_most = remembered_most
        self._behind_most = behind_most
        self._readers: list[_Reader] = []

    async def publish(self, entries: Sequence[OutboxEntry]) -> list[int]:
        """Tell every reader each event that was not told before; acknowledge all of them."""
        for entry in sorted(entries, key=lambda entry: entry.position):
            if self._is_new(entry.event.id):
                self._kept.append(entry.event)
                self._tell_readers(entry.event)
        return sorted(entry.position for entry in entries)

    async def healthy(self) -> bool:
        """Return True: there is nothing here that could be away."""
        return True

    def follow(self, *, since_start: bool = False) -> AsyncIterator[Event]:
        """Return the events from this call on; `since_start`: after those that are still kept."""
        past = self._kept if since_start else ()
        reader = _Reader(self._behind_most + len(past), deque(past))
        self._readers.append(reader)
        return self._read(reader)

    async def _read(self, reader: _Reader) -> AsyncGenerator[Event, None]:
        try:
            while True:
                while reader.waiting:
                    yield reader.waiting.popleft()
                if reader.dropped:
                    return
                reader.news.clear()
                await reader.news.wait()
        finally:
            self._forget(reader)

    def _is_new(self, event_id: UUID) -> bool:
        if event_id in self._remembered:
            return False
        self._remembered[event_id] = None
        if len(self._remembered) > self._remembered_most:
            del self._remembered[next(iter(self._remembered))]
        return True

    def _tell_readers(self, event: Event) -> None:
        for reader in list(self._readers):
            reader.tell(event)
            if reader.dropped:
                self._forget(reader)
                structlog.get_logger().warning(
                    "event_reader_dropped", reason="it fell behind", waiting=len(reader.waiting)
                )

    def _forget(self, reader: _Reader) -> None:
        if reader in self._readers:
            self._readers.remove(reader)
