"""Record news: the one door for submit answers, webhooks, status queries and the clock.

All that arrived together is recorded in one transaction, and each piece is judged alone.
"""

import hashlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from uuid import UUID

from application.ports import (
    SILENCE,
    Clock,
    Conflict,
    Delivery,
    Journal,
    Lookup,
    Nudge,
    Overloaded,
    Receipt,
    StorageUnavailable,
    Unit,
    Units,
    Work,
)
from domain.attempts import Capabilities
from domain.cash_out import Action, CashOut, Change
from domain.corridors import Catalogue, Policy
from domain.evidence import Finding, News, Outcome, Ruling
from domain.limits import Slot
from domain.record import Report, record

MOST_TRIES = 5
REPLAY_WINDOW = timedelta(minutes=10)
"""How long a signature that does not cover its body is remembered."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """A report and the cash-out that it is about, by id or as the provider names it.

    delivery: the webhook that brought it, to be kept in the inbox in the same transaction.
    orphan: the id of a delivery that was kept earlier and can be matched only now. cause: see
    Change.
    """

    provider: str
    report: Report | None
    cash_out_id: UUID | None = None
    lookup: Lookup | None = None
    delivery: Delivery | None = None
    orphan: UUID | None = None
    cause: str = ""


@dataclass(frozen=True, slots=True)
class Recorded:
    """What became of an arrival.

    cash_out: as it is now, None when nobody's. receipt: the inbox's answer for a delivery. change:
    None when nothing was judged.
    """

    cash_out: CashOut | None = None
    change: Change | None = None
    receipt: Receipt | None = None


_WORK = {Action.SUBMIT: Work.SUBMIT, Action.ASK: Work.ASK}
_OF_NOBODY = Capabilities(idempotent_submit=False, lookup_by_reference=False, webhook_proves=False)
"""Of a provider that was taken out of the configuration: its open cash-outs wait for a human."""

Record = Callable[[Arrival], Awaitable[Recorded]]
"""The door as those see it who have one arrival: a group commit over RecordNews."""


def digest_of(raw: bytes) -> str:
    """Return the hex SHA-256 that evidence and inbox know a body by; empty for no body."""
    return hashlib.sha256(raw).hexdigest() if raw else ""


@dataclass(slots=True)
class Batch:
    """The batch under way: each cash-out as the arrivals before have left it.

    recorded: what became of each arrival, in order, once all are judged.
    """

    now: datetime
    current: dict[UUID, CashOut]
    owners: dict[tuple[str, str], UUID]
    changes: list[Change] = field(default_factory=list)
    recorded: list[Recorded] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class RecordNews:
    """Judges news and stores what follows: evidence, state, events, freed limits, next action."""

    units: Units
    catalogue: Catalogue
    policy: Policy
    clock: Clock
    nudge: Nudge
    journal: Journal = SILENCE

    async def __call__(self, arrivals: Sequence[Arrival]) -> list[Recorded]:
        """Return what became of each arrival, in order. Raises only faults of the store.

        Recording the same finding twice is harmless: the judge calls it stale.
        """
        try:
            # Hardly ever is an id that a provider tells another's: the store refuses it then.
            return await self._record(arrivals, ids_are_free=True)
        except Conflict:
            pass
        for _ in range(MOST_TRIES - 2):
            try:
                return await self._record(arrivals)
            except Conflict:
                continue
        return await self._record(arrivals)

    async def _record(
        self, arrivals: Sequence[Arrival], *, ids_are_free: bool = False
    ) -> list[Recorded]:
        async with self.units.begin() as unit:
            batch = await self.within(unit, arrivals, ids_are_free=ids_are_free)
        self.tell(batch)
        return batch.recorded

    async def within(
        self, unit: Unit, arrivals: Sequence[Arrival], *, ids_are_free: bool = False
    ) -> Batch:
        """Judge and store in a transaction of the caller's, who calls `tell` when it is committed.

        Raises Conflict where something was changed meanwhile: then all of it is to be done again.
        ids_are_free: nobody asks whose the told transaction ids are. A Conflict too where one is
        another's: whatever could be judged otherwise for it would also be stored with that id.
        """
        now = self.clock.now()
        targets = await _targets(unit, arrivals)
        receipts = await _store_deliveries(unit, arrivals, targets, now)
        ids = sorted({each for each in targets if each is not None})
        locked = await unit.cash_outs.lock(ids) if ids else {}
        owners = _own(locked)
        if not ids_are_free:
            owners |= await _others(unit, arrivals, owners)
        batch = Batch(now, dict(locked), owners)
        batch.recorded = [
            self._judge(batch, arrival, target, receipts)
            for arrival, target in zip(arrivals, targets, strict=True)
        ]
        await _write(unit, batch)
        await _match(unit, arrivals, targets)
        return batch

    def _judge(
        self,
        batch: Batch,
        arrival: Arrival,
        target: UUID | None,
        receipts: Mapping[UUID, Receipt],
    ) -> Recorded:
        receipt = receipts.get(arrival.delivery.id) if arrival.delivery else None
        cash_out = batch.current.get(target) if target else None
        if cash_out is None or arrival.report is None or not _is_news(receipt):
            return Recorded(cash_out=cash_out, receipt=receipt)
        report = self._with_owner(batch, cash_out, arrival.report)
        change = record(cash_out, report, self._capabilities(cash_out), self.policy, batch.now)
        if arrival.cause:
            change = replace(change, cause=arrival.cause)
        batch.current[cash_out.id] = change.after
        batch.changes.append(change)
        taken = change.after.provider_transaction_id
        if taken is not None:
            batch.owners.setdefault((cash_out.provider, taken), cash_out.id)
        return Recorded(cash_out=change.after, change=change, receipt=receipt)

    def _capabilities(self, cash_out: CashOut) -> Capabilities:
        provider = self.catalogue.providers.get(cash_out.provider)
        return provider.capabilities if provider else _OF_NOBODY

    def _with_owner(self, batch: Batch, cash_out: CashOut, report: Report) -> Report:
        said = _transaction_id(report.finding)
        owner = batch.owners.get((cash_out.provider, said)) if said else None
        return replace(report, id_taken=owner is not None and owner != cash_out.id)

    def tell(self, batch: Batch) -> None:
        """Tell journal, workers and waiting users what is committed now."""
        self.journal.changed(batch.changes)
        moved = [change.after.id for change in batch.changes if change.after != change.before]
        if moved:
            self.nudge.changed(moved)
        due = {
            change.after.plan.action
            for change in batch.changes
            if change.after.plan is not None and change.after.plan.due_at <= batch.now
        }
        kinds = [_WORK[action] for action in Action if action in due]
        if any(change.events for change in batch.changes):
            kinds.append(Work.RELAY)
        if kinds:
            self.nudge.work(*kinds)


def _is_news(receipt: Receipt | None) -> bool:
    """Tell whether a delivery is news: an equal one was judged before, a replayed one never is."""
    return receipt is None or (receipt.fresh and not receipt.replayed)


async def _targets(unit: Unit, arrivals: Sequence[Arrival]) -> list[UUID | None]:
    lookups = [each.lookup for each in arrivals if each.cash_out_id is None and each.lookup]
    found = await unit.cash_outs.find(lookups) if lookups else {}
    return [
        arrival.cash_out_id or (found.get(arrival.lookup) if arrival.lookup else None)
        for arrival in arrivals
    ]


async def _store_deliveries(
    unit: Unit, arrivals: Sequence[Arrival], targets: Sequence[UUID | None], now: datetime
) -> dict[UUID, Receipt]:
    """Keep the webhooks, each with its cash-out where that is known."""
    deliveries = [
        replace(arrival.delivery, cash_out_id=target)
        for arrival, target in zip(arrivals, targets, strict=True)
        if arrival.delivery is not None
    ]
    if not deliveries:
        return {}
    receipts = await unit.inbox.store(deliveries, now - REPLAY_WINDOW)
    pairs = zip(deliveries, receipts, strict=True)
    return {delivery.id: receipt for delivery, receipt in pairs}


def _own(locked: Mapping[UUID, CashOut]) -> dict[tuple[str, str], UUID]:
    """Return whose the providers' ids of these cash-outs are."""
    return {
        (each.provider, each.provider_transaction_id): each.id
        for each in locked.values()
        if each.provider_transaction_id is not None
    }


async def _others(
    unit: Unit, arrivals: Sequence[Arrival], known: Mapping[tuple[str, str], UUID]
) -> dict[tuple[str, str], UUID]:
    """Return whose the other ids are that providers told."""
    said = {
        (arrival.provider, transaction_id)
        for arrival in arrivals
        if arrival.report and (transaction_id := _transaction_id(arrival.report.finding))
    }
    asked = sorted(said - known.keys())
    return await unit.cash_outs.owners(asked) if asked else {}


def _transaction_id(finding: Finding) -> str | None:
    news = finding.news if isinstance(finding, Outcome) else finding
    return news.provider_transaction_id if isinstance(news, News | Ruling) else None


async def _write(unit: Unit, batch: Batch) -> None:
    changes = _merged(batch)
    if not changes:
        return
    await unit.cash_outs.save(changes)
    events = [event for change in batch.changes for event in change.events]
    if events:
        await unit.outbox.add(events)
    freed: dict[Slot, int] = {}
    for cash_out in (change.after for change in batch.changes if change.frees):
        for slot in (cash_out.windows.day, cash_out.windows.month):
            freed[slot] = freed.get(slot, 0) + cash_out.amount.minor
    if freed:
        await unit.limits.give_back(freed)


def _merged(batch: Batch) -> list[Change]:
    """Return one change per cash-out: from what was stored to what all its arrivals made of it.

    The verdicts are in the evidence, one for each arrival.
    """
    own: dict[UUID, list[Change]] = {}
    for change in batch.changes:
        own.setdefault(change.before.id, []).append(change)
    return [
        Change(
            before=changes[0].before,
            after=changes[-1].after,
            evidence=tuple(piece for change in changes for piece in change.evidence),
        )
        for changes in own.values()
    ]


async def _match(unit: Unit, arrivals: Sequence[Arrival], targets: Sequence[UUID | None]) -> None:
    """Note whom webhooks were for that were kept before their cash-out was there."""
    matches = {
        arrival.orphan: target
        for arrival, target in zip(arrivals, targets, strict=True)
        if arrival.orphan is not None and target is not None
    }
    if matches:
        await unit.inbox.match(matches)


@dataclass(frozen=True, slots=True)
class PatientRecord:
    """The door for what only this process knows: a provider's answer is not given up lightly.

    A store that is away is tried again, `tries` times, `pause` apart, well inside a lease. When it
    stays away the answer is lost; the lease expires and the provider is asked again.
    """

    door: Record
    clock: Clock
    tries: int = 20
    pause: timedelta = timedelta(milliseconds=500)

    async def __call__(self, arrival: Arrival) -> Recorded:
        """Return what became of the arrival; raise StorageUnavailable or Overloaded at the end."""
        for _ in range(self.tries - 1):
            try:
                return await self.door(arrival)
            except (Conflict, Overloaded, StorageUnavailable):
                await self.clock.sleep(self.pause)
        return await self.door(arrival)
