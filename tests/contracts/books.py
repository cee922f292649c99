"""Stores with a story in them that agrees with itself, and what reads them as books."""

from dataclasses import replace
from datetime import timedelta
from hashlib import sha256
from uuid import UUID

from adapters.memory.books import MemoryBooks
from adapters.memory.reader import MemoryReader
from adapters.memory.store import MemoryStore
from adapters.sql.books import SqlBooks
from application.ports import AuditEntry, Delivery, KeyUse, Lookup
from application.ports.books import Books
from application.verify import Report, Verify
from domain.attempts import OutcomeKind
from domain.cash_out import CashOut, Change, begin_attempt, cancel
from domain.evidence import News, Outcome, Source
from domain.failures import FailureCode
from domain.limits import Counted, Slot
from domain.record import Report as Heard
from domain.record import record
from domain.states import Status
from tests.contracts.stores import Store, a_new, keep
from tests.strategies import NOW, POLICY, PROVES, a_lease

BODY = b'{"status":"COMPLETED"}'
PAID, SENT, WAITING, CANCELLED, FAILED = (UUID(int=number) for number in range(1, 6))
CAP = 10_000_000


def books_of(store: Store) -> Books:
    """Return what reads a store as books."""
    if store.database is not None:
        return SqlBooks(store.database)
    return MemoryBooks(rows_of(store))


def rows_of(store: Store) -> MemoryStore:
    """Return what a store in memory keeps."""
    assert isinstance(store.reader, MemoryReader)
    return store.reader._store


async def verified(store: Store) -> Report:
    """Return what a verification sees."""
    return await Verify(books_of(store), store.clock)()


def begun(cash_out: CashOut) -> Change:
    """Return the change that begins an attempt."""
    return begin_attempt(cash_out, NOW, a_lease(at=NOW))


def answered(cash_out: CashOut, outcome: Outcome) -> Change:
    """Return the change by the answer to the running attempt."""
    lease = cash_out.lease.token if cash_out.lease else None
    raw = b'{"answer":1}'
    heard = Heard(
        Source.SUBMIT, outcome, attempt=1, lease=lease, digest=sha256(raw).hexdigest(), raw=raw
    )
    return record(cash_out, heard, PROVES, POLICY, NOW + timedelta(seconds=1))


def told_paid(cash_out: CashOut) -> Change:
    """Return the change by a webhook that says that it was paid."""
    news = News("COMPLETED", Status.COMPLETED, f"MP-{cash_out.id.int}", raw=BODY)
    heard = Heard(Source.WEBHOOK, news, digest=sha256(BODY).hexdigest(), raw=BODY)
    return record(cash_out, heard, PROVES, POLICY, NOW + timedelta(seconds=2))


ACCEPTED = Outcome(OutcomeKind.ACCEPTED, news=News("PENDING", Status.PROCESSING))
REFUSED = Outcome(OutcomeKind.REFUSED, FailureCode.RECIPIENT_NOT_FOUND)


async def fill(store: Store) -> None:
    """Store a cash-out of each kind with all that belongs to it, as the use cases would."""
    new = [a_new(number) for number in range(1, 6)]
    taken = [each.after for each in new]
    slots = taken[0].windows
    amount = sum(each.amount.minor for each in taken)
    async with store.units.begin() as unit:
        await unit.limits.lock([slots.day, slots.month])
        keys = [KeyUse(each.user_id, f"a-key-of-mine-{each.id.int}", each.id) for each in taken]
        await unit.cash_outs.add(new, keys)
        both: dict[Slot, Counted] = dict.fromkeys(slots_of(taken[0]), Counted(amount, CAP))
        await unit.limits.write(both)
        await unit.outbox.add([event for each in new for event in each.events])
        await unit.inbox.store([_a_delivery(taken[0])], NOW)
        for number in (1, 2, 3):
            entry = AuditEntry(NOW, f"ama-{number}", "review.proposed", str(PAID), {"n": number})
            await unit.audit.append(entry)
    await _tell(store, taken)


def slots_of(cash_out: CashOut) -> tuple[Slot, Slot]:
    """Return the counters of a cash-out."""
    return cash_out.windows.day, cash_out.windows.month


def _a_delivery(cash_out: CashOut) -> Delivery:
    digest = sha256(BODY).hexdigest()
    lookup = Lookup(cash_out.provider, cash_out.reference)
    news = News("COMPLETED", Status.COMPLETED)
    return Delivery(
        UUID(int=77), cash_out.provider, digest, NOW, BODY, None, news, lookup, cash_out.id
    )


async def _tell(store: Store, taken: list[CashOut]) -> None:
    paid, sent, _, withdrawn, failed = taken
    for each in (paid, sent, failed):
        await write(store, begun(each))
    for each, outcome in ((paid, ACCEPTED), (sent, ACCEPTED), (failed, REFUSED)):
        await write(store, answered(begun(each).after, outcome))
    await write(store, told_paid(answered(begun(paid).after, ACCEPTED).after))
    await write(store, cancel(withdrawn, NOW + timedelta(seconds=3)))


async def write(store: Store, change: Change) -> None:
    """Store a change with its events, and give back what it frees."""
    await keep(store, replace(change))
    async with store.units.begin() as unit:
        await unit.outbox.add(change.events)
        if change.frees:
            minor = change.after.amount.minor
            await unit.limits.give_back(dict.fromkeys(slots_of(change.after), minor))
