"""What a verification asks for, adds up and says of each flaw, to the word."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from hashlib import sha256
from uuid import UUID

import pytest

from adapters.memory.books import MemoryBooks, MemorySnapshot
from adapters.memory.manual_time import ManualClock
from adapters.memory.store import Kept, MemoryStore
from application.housekeeping import SHORTEST_RETENTION
from application.ports.books import ForeignKey, KeptEntry, Shelf, Span, WrongCounter
from application.verify import (
    FURTHEST_PLAN,
    HANDOVER,
    MOST_FLAWS,
    PAGE,
    SPAN,
    Bounds,
    Tally,
    Verify,
    check,
)
from domain.chain import digest, log_hash
from domain.limits import Counted, Slot
from domain.verification import Flaw, FlawKind
from tests.contracts.books import CANCELLED, FAILED, PAID, fill, rows_of
from tests.contracts.stores import in_memory
from tests.strategies import NOW

pytestmark = pytest.mark.anyio

K = FlawKind
NOBODY = UUID(int=99)
LATE = Bounds.at(NOW, None)


async def a_story() -> MemoryStore:
    """Return a store with a cash-out of each kind and three entries in the operators' log."""
    store = in_memory()
    await fill(store)
    return rows_of(store)


@dataclass
class ByTwo(MemorySnapshot):
    """Hands cash-outs out in spans of two, and notes how much it is asked for."""

    store: MemoryStore
    key: str = ""
    asked: list[object] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__(self.store)

    async def spans(self, size: int) -> list[Span]:
        self.asked.append(size)
        return await super().spans(2)

    async def wrong_counters(self, limit: int) -> list[WrongCounter]:
        self.asked.append(limit)
        return await super().wrong_counters(limit)

    async def foreign_keys(self, limit: int) -> list[ForeignKey]:
        self.asked.append(limit)
        return await super().foreign_keys(limit)

    async def stray_events(self, limit: int) -> list[UUID]:
        self.asked.append(limit)
        return await super().stray_events(limit)

    async def changed_deliveries(self, limit: int) -> list[UUID]:
        self.asked.append(limit)
        return await super().changed_deliveries(limit)

    async def entries(self, after: int, limit: int) -> list[KeptEntry]:
        self.asked.append((after, limit))
        return await super().entries(after, limit)

    @asynccontextmanager
    async def open(self, key: str = "") -> AsyncIterator["ByTwo"]:
        assert key == ""
        yield self


async def flaws_in(rows: MemoryStore) -> Sequence[Flaw]:
    return (await Verify(MemoryBooks(rows), ManualClock(NOW))()).tally.flaws


def heads_of(rows: MemoryStore, *numbers: int) -> str:
    heads = sha256()
    for number in numbers:
        one = rows.cash_outs[UUID(int=number)]
        heads.update(f"{one.id.hex}{one.chain}\n".encode())
    return heads.hexdigest()


async def test_spans_are_checked_one_after_the_other_and_added_up() -> None:
    rows, told = await a_story(), list[tuple[int, int]]()
    snapshot = ByTwo(rows)
    report = await Verify(snapshot, ManualClock(NOW))(lambda done, of: told.append((done, of)))
    assert told == [(2, 5), (4, 5), (5, 5)]
    assert snapshot.asked == [SPAN, *[MOST_FLAWS] * 4, (0, PAGE), (3, PAGE)]
    tally = report.tally
    events = sum(each.type.startswith("cash_out.") for each in rows.events.values())
    pieces = sum(len(each) for each in rows.evidence.values())
    assert (tally.cash_outs, tally.pieces, tally.events) == (5, pieces, events)
    assert (tally.unsealed, tally.more, report.log_entries) == (0, 0, 3)
    assert (report.is_clean, tally.flaws) == (True, [])
    heads = [heads_of(rows, 1, 2), heads_of(rows, 3, 4), heads_of(rows, 5)]
    last = rows.operators_log[3].hash
    assert report.root == digest("cashout/root/1", ["5", *heads, "3", last])


@dataclass
class Elsewhere:
    """Checks spans as other processes would: the last one is ready first."""

    snapshot: ByTwo
    given: list[object] = field(default_factory=list)

    async def __call__(
        self, key: str, spans: Sequence[Span], bounds: Bounds
    ) -> AsyncIterator[tuple[int, Tally]]:
        self.given.append((key, [span.count for span in spans], bounds))
        for place, span in reversed([*enumerate(spans)]):
            yield place, check(await self.snapshot.shelf(span), bounds)


async def test_who_checks_elsewhere_is_given_the_moment_and_what_cannot_be_otherwise() -> None:
    rows = await a_story()
    here = await Verify(ByTwo(rows), ManualClock(NOW))()
    snapshot = ByTwo(rows, key="a-moment")
    crew = Elsewhere(snapshot)
    assert await Verify(snapshot, ManualClock(NOW), crew)() == here
    bounds = Bounds(NOW, NOW - SHORTEST_RETENTION, NOW + FURTHEST_PLAN)
    assert crew.given == [("a-moment", [2, 2, 1], bounds)]


async def test_a_moment_that_nobody_else_can_open_is_checked_here() -> None:
    rows = await a_story()
    snapshot = ByTwo(rows)
    crew = Elsewhere(snapshot)
    report = await Verify(snapshot, ManualClock(NOW), crew)()
    assert (report.tally.cash_outs, crew.given) == (5, [])
    keyed = ByTwo(rows, key="a-moment")
    assert await Verify(keyed, ManualClock(NOW))() == report


def flaws(count: int) -> list[Flaw]:
    return [Flaw(K.COUNTER, f"{number}", "", "") for number in range(count)]


def test_flaws_are_named_up_to_a_number_and_counted_beyond() -> None:
    tally = Tally()
    tally.note(flaws(MOST_FLAWS - 1))
    assert (len(tally.flaws), tally.more) == (MOST_FLAWS - 1, 0)
    tally.note(flaws(4), 7)
    assert (len(tally.flaws), tally.more) == (MOST_FLAWS, 3 + 7)
    tally.note(flaws(2))
    assert (len(tally.flaws), tally.more) == (MOST_FLAWS, 3 + 7 + 2)
    assert tally.flaws[-1].subject == "0"


def test_what_was_seen_of_spans_is_added_up() -> None:
    whole = Tally(1, 2, 3, 4, "own", flaws(MOST_FLAWS), 5)
    whole.add(Tally(10, 20, 30, 40, "other", flaws(2), 50))
    assert whole == Tally(11, 22, 33, 44, "own", flaws(MOST_FLAWS), 57)


async def shelf_of(rows: MemoryStore) -> Shelf:
    return MemorySnapshot(rows).whole()


async def test_what_cannot_be_read_is_named_and_counted() -> None:
    rows = await a_story()
    rows.unreadable |= {CANCELLED, FAILED}
    tally = check(await shelf_of(rows), LATE)
    told = ("what this version can read", "words that it does not know")
    assert tally.flaws == [Flaw(K.UNREADABLE, str(each), *told) for each in (CANCELLED, FAILED)]
    assert tally.cash_outs == 5


def unsealed(rows: MemoryStore) -> None:
    """Take every link away, as an older version would have written it."""
    for each, pieces in rows.evidence.items():
        rows.evidence[each] = tuple(replace(piece, seal="", hash="") for piece in pieces)
        rows.cash_outs[each] = replace(rows.cash_outs[each], chain="")


@pytest.mark.parametrize(
    ("since", "is_flaw"),
    [
        (None, False),
        (NOW - HANDOVER, False),
        (NOW - HANDOVER - timedelta(microseconds=1), True),
        (NOW, False),
    ],
    ids=["no chain yet", "within the hour", "behind it", "from now on"],
)
async def test_a_cash_out_without_links_is_a_flaw_an_hour_behind_the_first_chain(
    since: datetime | None, is_flaw: bool
) -> None:
    rows = await a_story()
    unsealed(rows)
    tally = check(await shelf_of(rows), replace(LATE, since=since))
    assert tally.unsealed == 5
    assert {flaw.kind for flaw in tally.flaws} == ({K.UNSEALED} if is_flaw else set())


async def test_events_that_may_have_been_pruned_are_not_missed() -> None:
    rows = await a_story()
    rows.events = {at: each for at, each in rows.events.items() if each.cash_out_id != PAID}
    rows.waiting.clear()
    shelf = await shelf_of(rows)
    missed = check(shelf, replace(LATE, kept_from=NOW)).flaws
    assert {(flaw.kind, flaw.subject) for flaw in missed} == {(K.EVENT_MISSING, str(PAID))}
    assert check(shelf, replace(LATE, kept_from=NOW + timedelta(hours=1))).flaws == []


@pytest.mark.parametrize(
    ("user", "shown"), [("user-678", "…"), ("user-6789", "…6789"), ("a-user-12345", "…2345")]
)
async def test_a_wrong_counter_is_named_by_the_end_of_its_user(user: str, shown: str) -> None:
    rows = await a_story()
    rows.counters[Slot(user, "afrimoney", "SLE", "2026-11")] = Counted(7, 10)
    name = f"{shown}/afrimoney/SLE/2026-11"
    assert await flaws_in(rows) == [Flaw(K.COUNTER, name, "0 within a cap of 10", "7")]


async def test_a_key_of_somebody_else_is_named_by_its_ends() -> None:
    rows = await a_story()
    rows.keys["somebody-else", "a-key-of-mine"] = PAID
    leads = f"leads to {PAID}"
    told = Flaw(K.FOREIGN_KEY, "…else/…mine", "a cash-out of the same user", leads)
    assert await flaws_in(rows) == [told]


async def test_events_of_no_cash_out_are_named_by_it() -> None:
    rows = await a_story()
    at, event = next((at, each) for at, each in rows.events.items() if each.cash_out_id == PAID)
    rows.events[max(rows.events) + 1] = replace(event, cash_out_id=NOBODY)
    told = Flaw(K.STRAY_EVENT, str(NOBODY), "a cash-out", "its events alone")
    assert (await flaws_in(rows), at) == ([told], 1)


async def test_a_webhook_with_another_body_is_named_by_its_id() -> None:
    rows = await a_story()
    ((identity, kept),) = rows.deliveries.items()
    rows.deliveries[identity] = Kept(replace(kept.delivery, raw=b"{}"), kept.cash_out_id)
    told = Flaw(K.DELIVERY_CHANGED, str(identity), "the body of its digest", "another body")
    assert await flaws_in(rows) == [told]


def edited(rows: MemoryStore) -> list[Flaw]:
    logged = rows.operators_log[2]
    entry = replace(logged.entry, operator="kofi")
    rows.operators_log[2] = replace(logged, entry=entry)
    facts = ("kofi", entry.action, entry.subject, entry.written_facts)
    made = log_hash(logged.previous, 2, entry.at, *facts)
    return [Flaw(K.LOG_CHANGED, "entry 2", made[:12], logged.hash[:12])]


def removed(rows: MemoryStore) -> list[Flaw]:
    del rows.operators_log[2]
    return [Flaw(K.LOG_MISSING, "entry 2", "entry 2", "entry 3 behind 1")]


def beheaded(rows: MemoryStore) -> list[Flaw]:
    del rows.operators_log[1]
    return [Flaw(K.LOG_MISSING, "entry 1", "entry 1", "entry 2 behind 0")]


def linked_to_another(rows: MemoryStore) -> list[Flaw]:
    logged = rows.operators_log[3]
    entry, previous = logged.entry, "f" * 64
    facts = (entry.operator, entry.action, entry.subject, entry.written_facts)
    made = log_hash(previous, 3, entry.at, *facts)
    rows.operators_log[3] = replace(logged, previous=previous, hash=made)
    head = rows.operators_log[2].hash
    return [Flaw(K.LOG_CHANGED, "entry 3", head[:12], previous[:12])]


@pytest.mark.parametrize("how", [edited, removed, beheaded, linked_to_another])
async def test_the_operators_log_is_walked_from_its_first_entry(
    how: Callable[[MemoryStore], list[Flaw]],
) -> None:
    rows = await a_story()
    told = how(rows)
    report = await Verify(MemoryBooks(rows), ManualClock(NOW))()
    assert list(report.tally.flaws) == told
    assert report.log_entries == len(rows.operators_log)
    assert not report.is_clean
