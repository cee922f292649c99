"""Request: take cash-outs. One transaction for all that are asked together; nothing is sent."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from application.ports import (
    SILENCE,
    Chance,
    Clock,
    Conflict,
    Identity,
    Journal,
    KeyUse,
    Known,
    Nudge,
    StorageUnavailable,
    Unit,
    Units,
    Work,
)
from domain.cash_out import CashOut, Change, accept
from domain.corridors import Catalogue
from domain.limits import Counted, Slot, Windows
from domain.refusals import IdempotencyKeyInUse, Refusal
from domain.request import CashOutRequest, Quote, quote, replayed, take

MOST_TRIES = 5
"""How often a batch is decided again when another process got in between."""


@dataclass(frozen=True, slots=True)
class Taken:
    """The cash-out of a request; `replayed` when an earlier request had made it."""

    cash_out: CashOut
    replayed: bool = False
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Candidate:
    """A request with all that is decided about it before the transaction."""

    request: CashOutRequest
    id: UUID
    reference: str
    priced: Quote | Refusal
    now: datetime

    def identity(self, *, again: bool) -> Identity:
        """Return by what it may be known; `again`: also by the reference that we drew for it."""
        request = self.request
        reference = self.reference if again else request.reference
        return Identity(request.user_id, request.key, reference)

    def slots(self) -> tuple[Slot, ...]:
        """Return the counters that it would be reserved in."""
        if isinstance(self.priced, Refusal):
            return ()
        code = self.priced.amount.currency.code
        windows = Windows.of(self.request.user_id, self.request.provider, code, self.now)
        return (windows.day, windows.month)


@dataclass(slots=True)
class _Batch:
    """What one transaction is going to write, and what later requests of the batch can see."""

    by_key: dict[tuple[str, str], CashOut]
    by_reference: dict[str, CashOut]
    used: dict[Slot, int]
    changes: list[Change] = field(default_factory=list)
    keys: list[KeyUse] = field(default_factory=list)
    counted: dict[Slot, Counted] = field(default_factory=dict)

    def remember(self, key: str, cash_out: CashOut) -> None:
        """Keep an idempotency key for this cash-out, for ever."""
        self.by_key[cash_out.user_id, key] = cash_out
        self.keys.append(KeyUse(cash_out.user_id, key, cash_out.id))


@dataclass(frozen=True, slots=True)
class RequestCashOut:
    """Takes cash-outs: idempotency, quote, limits, reservation, events, one commit, a nudge."""

    units: Units
    catalogue: Catalogue
    clock: Clock
    chance: Chance
    nudge: Nudge
    journal: Journal = SILENCE

    async def __call__(self, requests: Sequence[CashOutRequest]) -> list[Taken | Refusal]:
        """Return what became of each request, in order; raise only faults of the store.

        A commit whose answer was lost is resolved by reading: the second try finds what the first
        one wrote, under the ids and references that were drawn once.
        """
        candidates = [self._price(request) for request in requests]
        lost: StorageUnavailable | None = None
        for number in range(MOST_TRIES):
            try:
                results = await self._decide(candidates, again=number > 0)
            except Conflict:
                continue
            except StorageUnavailable as fault:
                if lost is not None or not fault.outcome_unknown:
                    raise lost or fault from None
                lost = fault
                continue
            if any(isinstance(each, Taken) and not each.replayed for each in results):
                self.nudge.work(Work.SUBMIT, Work.RELAY, Work.MATCH)
            return results
        return [_still_contended(candidate) for candidate in candidates]

    def _price(self, request: CashOutRequest) -> _Candidate:
        now = self.clock.now()
        priced: Quote | Refusal
        try:
            priced = quote(
                self.catalogue,
                now,
                provider=request.provider,
                code=request.currency,
                amount=request.amount,
                msisdn=request.msisdn,
            )
        except Refusal as refusal:
            priced = refusal
        reference = request.reference or self.chance.reference()
        return _Candidate(request, self.chance.cash_out_id(), reference, priced, now)

    async def _decide(
        self, candidates: Sequence[_Candidate], *, again: bool
    ) -> list[Taken | Refusal]:
        identities = [each.identity(again=again) for each in candidates]
        asked = [each for each in identities if each.key or each.reference]
        slots = sorted({slot for each in candidates for slot in each.slots()})
        if not asked and not slots:
            return [each.priced for each in candidates if isinstance(each.priced, Refusal)]
        async with self.units.begin() as unit:
            # Locked first: who waited for an equal request to be taken must see it, not only what
            # it used up.
            used = await unit.limits.lock(slots) if slots else {}
            known = await unit.cash_outs.known(asked) if asked else Known({}, {})
            batch = _Batch(dict(known.by_key), dict(known.by_reference), dict(used))
            results = [_decide_one(batch, each) for each in candidates]
            await _write(unit, batch)
        self.journal.changed(batch.changes)
        return results


def _decide_one(batch: _Batch, candidate: _Candidate) -> Taken | Refusal:
    request = candidate.request
    by_key = batch.by_key.get((request.user_id, request.key)) if request.key else None
    by_reference = batch.by_reference.get(candidate.reference)
    if by_reference is not None and by_reference.id == candidate.id:
        # An earlier try of this very batch wrote it, and only the commit's answer was lost.
        return Taken(by_reference)
    try:
        earlier = replayed(request, by_key, by_reference)
        if earlier is not None:
            if request.key and by_key is None:
                batch.remember(request.key, earlier)
            return Taken(earlier, replayed=True)
        return _accept(batch, candidate)
    except Refusal as refusal:
        return refusal


def _accept(batch: _Batch, candidate: _Candidate) -> Taken:
    request, priced = candidate.request, candidate.priced
    if isinstance(priced, Refusal):
        raise priced
    accepted = take(
        request,
        priced,
        batch.used,
        cash_out_id=candidate.id,
        reference=candidate.reference,
        now=candidate.now,
    )
    change = accept(accepted.cash_out, request.cause)
    batch.changes.append(change)
    batch.by_reference[candidate.reference] = change.after
    for slot, counted in accepted.counted.items():
        batch.used[slot] = counted.used
        batch.counted[slot] = counted
    if request.key:
        batch.remember(request.key, change.after)
    return Taken(change.after, warnings=accepted.warnings)


async def _write(unit: Unit, batch: _Batch) -> None:
    if batch.changes or batch.keys:
        await unit.cash_outs.add(batch.changes, batch.keys)
    if batch.counted:
        await unit.limits.write(batch.counted)
    events = [event for change in batch.changes for event in change.events]
    if events:
        await unit.outbox.add(events)


def _still_contended(candidate: _Candidate) -> Refusal:
    if candidate.request.key or candidate.request.reference:
        return IdempotencyKeyInUse()
    raise StorageUnavailable("other transactions kept getting in between")
