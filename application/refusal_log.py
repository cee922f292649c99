"""Refused sign-ins on their way into the operators' log: written beside the answers, not before.

Whether a refusal is an entry depends on whether there is such an account. If it were written before
the answer, how long that takes would tell strangers which accounts there are.
"""

import asyncio
from collections import deque
from dataclasses import asdict, dataclass, field
from datetime import timedelta
from typing import Final

from application.ports import (
    SILENCE,
    AuditEntry,
    Clock,
    Conflict,
    Journal,
    Overloaded,
    StorageUnavailable,
    Units,
)
from application.ports.audit import Fact
from application.refused_sign_ins import RefusedSignIns

EVERY: Final = timedelta(seconds=1)
"""How long an entry waits at most for being written, where the store is there."""
MOST_WAITING: Final = 100
"""Entries. While so many wait, a refusal is counted as one that no entry tells of."""
NOBODY: Final = "-"
"""Who is told of where there is no such account. No account can be called so."""


@dataclass(slots=True)
class RefusalLog:
    """Notes refusals in memory; `run` writes them, in bunches, until `stop`."""

    units: Units
    clock: Clock
    journal: Journal = SILENCE
    refused: RefusedSignIns = field(default_factory=RefusedSignIns)
    _waiting: deque[AuditEntry] = field(default_factory=deque)
    _nap: asyncio.Future[None] | None = None
    _ended: bool = False

    def note(self, account: str | None, address: str, *, waits: bool) -> None:
        """Note a refusal; nothing is written yet. account: None where there is none.

        What was typed for a name stays out of the log: now and then it is the password.
        """
        name, full = account or NOBODY, len(self._waiting) >= MOST_WAITING
        noted = self.refused.note(name, self.clock.elapsed(), waits=waits, full=full)
        if noted is None:
            return
        facts: dict[str, Fact] = {"address": address, **asdict(noted)}
        entry = AuditEntry(self.clock.now(), name, "session.refused", name, facts)
        self._waiting.append(entry)

    async def write(self) -> None:
        """Write what waits; raise Conflict, Overloaded or StorageUnavailable, and it waits on."""
        entries = list(self._waiting)
        if not entries:
            return
        async with self.units.begin() as unit:
            for entry in entries:
                await unit.audit.append(entry)
        for _ in entries:
            self._waiting.popleft()

    async def run(self) -> None:
        """Write what waits, again and again; after `stop` once more, and be over."""
        ended = False
        while not ended:
            ended = await self._pause()
            try:
                await self.write()
            except (Conflict, Overloaded, StorageUnavailable) as fault:
                self.journal.fault("refused sign-ins", fault)

    def stop(self) -> None:
        """Have `run` write what waits and end."""
        self._ended = True
        if self._nap is not None:
            self._nap.cancel()

    async def _pause(self) -> bool:
        """Wait; tell whether it is over, which ends the pause at once."""
        if not self._ended:
            self._nap = asyncio.ensure_future(self.clock.sleep(EVERY))
            await asyncio.wait({self._nap})
        return self._ended
