"""The operators' log in memory."""

from itertools import islice

from adapters.memory.store import MemoryStore, Staging
from application.ports import AuditEntry, LoggedEntry
from application.ports.audit import link
from domain.chain import GENESIS


class MemoryOperatorsLog:
    """Implements `OperatorsLog`."""

    def __init__(self, staging: Staging) -> None:
        self._now = staging

    async def append(self, entry: AuditEntry) -> LoggedEntry:
        """Write an entry behind the newest; return it with its link."""
        sequence = max(self._now.operators_log, default=0)
        newest = self._now.operators_log.get(sequence)
        logged = link(entry, sequence + 1, newest.hash if newest else GENESIS)
        self._now.operators_log.put(logged.sequence, logged)
        return logged

    async def last(self, subject: str) -> LoggedEntry | None:
        """Return the newest entry about a subject; nobody else appends until the end."""
        found = (
            self._now.operators_log.get(each) for each in sorted(self._now.operators_log)[::-1]
        )
        return next((each for each in found if each and each.entry.subject == subject), None)


class MemoryAuditReader:
    """Implements `AuditReader` over what is committed."""

    def __init__(self, store: MemoryStore) -> None:
        self._store = store

    async def entries(self, after: int, limit: int) -> list[LoggedEntry]:
        """Return entries behind a sequence, oldest first."""
        log = self._store.operators_log
        return [log[each] for each in islice((n for n in sorted(log) if n > after), limit)]

    async def newest(self, limit: int, *, before: int | None = None) -> list[LoggedEntry]:
        """Return entries newest first: the newest of all, or those before a sequence."""
        log = self._store.operators_log
        earlier = (n for n in sorted(log, reverse=True) if before is None or n < before)
        return [log[each] for each in islice(earlier, limit)]

    async def about(self, subject: str, limit: int) -> list[LoggedEntry]:
        """Return the newest entries about one subject, oldest first."""
        log = self._store.operators_log
        found = [log[n] for n in sorted(log) if log[n].entry.subject == subject]
        return found[-limit:]
