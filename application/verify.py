"""Verify: whether all that is stored agrees with itself, read at one moment while others write."""

import hashlib
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, Self

from application.housekeeping import SHORTEST_RETENTION
from application.ports import Clock
from application.ports.books import Books, KeptEntry, Shelf, Snapshot, Span
from domain.chain import GENESIS, digest, log_hash
from domain.verification import Flaw, FlawKind, flaws_of

SPAN: Final = 2_000
"""Cash-outs that are read and checked together. The root is over spans of this size."""
MOST_FLAWS: Final = 1_000
"""Flaws that are named; beyond that only their number is told."""
PAGE: Final = 5_000
"""Entries of the operators' log that are read together."""
HANDOVER: Final = timedelta(hours=1)
"""How long after the first chain an older release may still have written without one."""
FURTHEST_PLAN: Final = timedelta(days=400)
"""Longer than anything waits for its next step: what is planned behind it never comes."""
_ROOT: Final = "cashout/root/1"
_SHOWN: Final = 12
_TAIL: Final = 4


@dataclass(slots=True)
class Tally:
    """What was seen. unsealed: cash-outs from before chains. heads: a digest over their heads."""

    cash_outs: int = 0
    pieces: int = 0
    events: int = 0
    unsealed: int = 0
    heads: str = ""
    flaws: list[Flaw] = field(default_factory=list)
    more: int = 0

    def note(self, flaws: Sequence[Flaw], more: int = 0) -> None:
        """Keep flaws as long as there is room, and count the rest."""
        room = max(0, MOST_FLAWS - len(self.flaws))
        self.flaws += flaws[:room]
        self.more += len(flaws[room:]) + more

    def add(self, other: "Tally") -> None:
        """Take in what was seen of another span; `heads` stays."""
        self.cash_outs += other.cash_outs
        self.pieces += other.pieces
        self.events += other.events
        self.unsealed += other.unsealed
        self.note(other.flaws, other.more)


@dataclass(frozen=True, slots=True)
class Report:
    """What a verification saw.

    root: hex SHA-256 over the newest link of every cash-out and of the operators' log: kept
    elsewhere, it tells whether a copy or a restored backup holds the same.
    """

    tally: Tally
    log_entries: int
    root: str

    @property
    def is_clean(self) -> bool:
        """Tell whether nothing is wrong."""
        return not self.tally.flaws


Progress = Callable[[int, int], None]
"""Told how many cash-outs are checked, and of how many."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """What cannot be otherwise at this moment.

    since: when the first chain began, None before. kept_from: later events have not been pruned.
    planned_by: nothing is planned beyond it.
    """

    since: datetime | None
    kept_from: datetime
    planned_by: datetime

    @classmethod
    def at(cls, now: datetime, since: datetime | None) -> Self:
        """Return what holds at a moment."""
        return cls(since, now - SHORTEST_RETENTION, now + FURTHEST_PLAN)


Crew = Callable[[str, Sequence[Span], Bounds], AsyncIterator[tuple[int, Tally]]]
"""Checks spans of the snapshot with a key elsewhere; yields the place of each and what was seen."""


def _nobody(_done: int, _of: int) -> None:
    """Tell nobody."""


@dataclass(frozen=True, slots=True)
class Verify:
    """Reads everything once, in a snapshot, and names what is wrong. It changes nothing.

    crew: who checks the spans, where other processes can open the same snapshot; otherwise they
    are checked here, one after the other.
    """

    books: Books
    clock: Clock
    crew: Crew | None = None

    async def __call__(self, progress: Progress = _nobody) -> Report:
        """Return what was seen; raise StorageUnavailable."""
        async with self.books.open() as snapshot:
            spans = await snapshot.spans(SPAN)
            bounds = Bounds.at(self.clock.now(), await snapshot.chained_since())
            tally = Tally()
            heads = [""] * len(spans)
            total = sum(span.count for span in spans)
            async for place, seen in self._seen(snapshot, spans, bounds):
                tally.add(seen)
                heads[place] = seen.heads
                progress(tally.cash_outs, total)
            tally.note(await _flaws_between(snapshot))
            log = await _walk_the_log(snapshot)
        tally.note(log.flaws)
        root = digest(_ROOT, [str(total), *heads, str(log.entries), log.head])
        return Report(tally, log.entries, root)

    async def _seen(
        self, snapshot: Snapshot, spans: Sequence[Span], bounds: Bounds
    ) -> AsyncIterator[tuple[int, Tally]]:
        if self.crew is not None and snapshot.key:
            async for place, seen in self.crew(snapshot.key, spans, bounds):
                yield place, seen
            return
        for place, span in enumerate(spans):
            yield place, check(await snapshot.shelf(span), bounds)


def check(shelf: Shelf, bounds: Bounds) -> Tally:
    """Return what is to be seen on a shelf."""
    tally, heads = Tally(), hashlib.sha256()
    sealed_from = None if bounds.since is None else bounds.since + HANDOVER
    for folder in shelf.folders:
        cash_out = folder.cash_out
        must_be_sealed = sealed_from is not None and cash_out.created_at > sealed_from
        found = flaws_of(
            folder,
            must_be_sealed=must_be_sealed,
            kept_from=bounds.kept_from,
            planned_by=bounds.planned_by,
        )
        flaws = list(found)
        if flaws:
            tally.note(flaws)
        tally.cash_outs += 1
        tally.pieces += len(folder.pieces)
        tally.events += len(folder.events)
        tally.unsealed += not folder.is_sealed
        heads.update(f"{cash_out.id.hex}{cash_out.chain}\n".encode())
    for each in shelf.unreadable:
        tally.cash_outs += 1
        words = "words that it does not know"
        tally.note([Flaw(FlawKind.UNREADABLE, str(each), "what this version can read", words)])
    tally.heads = heads.hexdigest()
    return tally


async def _flaws_between(snapshot: Snapshot) -> list[Flaw]:
    """Return what is wrong between cash-outs and the tables that refer to them."""
    flaws: list[Flaw] = []
    for counter in await snapshot.wrong_counters(MOST_FLAWS):
        slot = counter.slot
        name = f"{_masked(slot.user_id)}/{slot.provider}/{slot.currency}/{slot.window}"
        expected = f"{counter.counted} within a cap of {counter.cap}"
        flaws.append(Flaw(FlawKind.COUNTER, name, expected, str(counter.used)))
    for key in await snapshot.foreign_keys(MOST_FLAWS):
        name = f"{_masked(key.user_id)}/{_masked(key.key)}"
        leads = f"leads to {key.cash_out_id}"
        flaws.append(Flaw(FlawKind.FOREIGN_KEY, name, "a cash-out of the same user", leads))
    flaws += [
        Flaw(FlawKind.STRAY_EVENT, str(each), "a cash-out", "its events alone")
        for each in await snapshot.stray_events(MOST_FLAWS)
    ]
    flaws += [
        Flaw(FlawKind.DELIVERY_CHANGED, str(each), "the body of its digest", "another body")
        for each in await snapshot.changed_deliveries(MOST_FLAWS)
    ]
    return flaws


def _masked(text: str) -> str:
    """Return the end of a user's id or key: enough to find it, too little to use it."""
    return f"…{text[-_TAIL:]}" if len(text) > 2 * _TAIL else "…"


@dataclass(slots=True)
class _Log:
    """The operators' log as far as it was walked."""

    entries: int = 0
    head: str = GENESIS
    flaws: list[Flaw] = field(default_factory=list)


async def _walk_the_log(snapshot: Snapshot) -> _Log:
    log, last = _Log(), 0
    while page := await snapshot.entries(last, PAGE):
        for entry in page:
            _look_at(entry, last, log)
            last, log.head = entry.sequence, entry.hash
            log.entries += 1
    return log


def _look_at(entry: KeptEntry, last: int, log: _Log) -> None:
    name = f"entry {entry.sequence}"
    if entry.sequence != last + 1:
        missing = f"entry {last + 1}"
        log.flaws.append(Flaw(FlawKind.LOG_MISSING, missing, missing, f"{name} behind {last}"))
    elif entry.previous != log.head:
        flaw = Flaw(FlawKind.LOG_CHANGED, name, log.head[:_SHOWN], entry.previous[:_SHOWN])
        log.flaws.append(flaw)
    made = log_hash(
        entry.previous,
        entry.sequence,
        entry.at,
        entry.operator,
        entry.action,
        entry.subject,
        entry.facts,
    )
    if made != entry.hash:
        log.flaws.append(Flaw(FlawKind.LOG_CHANGED, name, made[:_SHOWN], entry.hash[:_SHOWN]))
