"""Cash-outs in memory, with the guards that a database has."""

import heapq
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from adapters.memory.store import Staging
from application.board import route_of
from application.ports import Claimed, Conflict, Identity, KeyUse, Known, Lookup
from domain.cash_out import Action, CashOut, Change, Plan
from domain.standings import Route
from domain.states import TRANSITIONS


class IllegalTransition(Exception):
    """A change of state that the table does not have: a bug, refused as the database does."""


def meant_by(staging: Staging, lookup: Lookup) -> UUID | None:
    """Return which cash-out a lookup means: by reference, else by the provider's id."""
    cash_out_id = staging.by_reference.get(lookup.reference)
    cash_out = staging.cash_outs.get(cash_out_id) if cash_out_id is not None else None
    if cash_out is not None and cash_out.provider == lookup.provider:
        return cash_out.id
    if lookup.provider_transaction_id is None:
        return None
    return staging.by_provider_id.get((lookup.provider, lookup.provider_transaction_id))


class MemoryCashOuts:
    """Implements `CashOuts`."""

    def __init__(self, staging: Staging) -> None:
        self._now = staging

    async def known(self, identities: Sequence[Identity]) -> Known:
        """Return what these keys and references already belong to."""
        keys = [(each.user_id, each.key) for each in identities if each.key is not None]
        references = [each.reference for each in identities if each.reference is not None]
        by_key = {key: self._get(self._now.keys.get(key)) for key in keys}
        by_reference = {each: self._get(self._now.by_reference.get(each)) for each in references}
        return Known(
            {key: cash_out for key, cash_out in by_key.items() if cash_out},
            {reference: cash_out for reference, cash_out in by_reference.items() if cash_out},
        )

    async def add(self, changes: Sequence[Change], keys: Sequence[KeyUse]) -> None:
        """Insert new cash-outs with their keys; raise Conflict when a key or reference is taken."""
        for change in changes:
            new = change.after
            taken = self._now.by_reference.get(new.reference) or self._now.cash_outs.get(new.id)
            if taken is not None:
                raise self._conflict("a reference or id is taken")
            self._now.by_reference.put(new.reference, new.id)
            self._store(new)
            self._keep_evidence(change)
        for use in keys:
            if self._now.keys.get((use.user_id, use.key)) is not None:
                raise self._conflict("an idempotency key is taken")
            self._now.keys.put((use.user_id, use.key), use.cash_out_id)

    async def lock(self, ids: Sequence[UUID]) -> dict[UUID, CashOut]:
        """Return these, in id order; raise LookupError for one that cannot be read."""
        foreign = sorted(self._now.unreadable.intersection(ids))
        if foreign:
            message = f"cash-out {foreign[0]} cannot be read"
            raise LookupError(message)
        found = {each: self._now.cash_outs.get(each) for each in sorted(set(ids))}
        return {each: cash_out for each, cash_out in found.items() if cash_out is not None}

    async def claim(
        self,
        provider: str,
        action: Action,
        limit: int,
        now: datetime,
        only: Sequence[Route] | None = None,
    ) -> Claimed:
        """Return up to `limit` that are due and unleased, oldest due first."""
        due: list[tuple[datetime, UUID, CashOut]] = []
        for each in self._now.planned:
            cash_out = self._now.cash_outs.get(each)
            if cash_out is None or cash_out.plan is None or cash_out.provider != provider:
                continue
            if only is not None and route_of(cash_out) not in only:
                continue
            free = cash_out.lease is None or cash_out.lease.until <= now
            if free and cash_out.plan.action is action and cash_out.plan.due_at <= now:
                due.append((cash_out.plan.due_at, cash_out.id, cash_out))
        oldest = [row[2] for row in heapq.nsmallest(limit, due, key=lambda row: row[:2])]
        unreadable = self._now.unreadable
        return Claimed(
            now,
            tuple(each for each in oldest if each.id not in unreadable),
            tuple(each.id for each in oldest if each.id in unreadable),
        )

    async def save(self, changes: Sequence[Change]) -> None:
        """Store changes with their evidence; raise Conflict where one was changed meanwhile."""
        for change in changes:
            stored = self._now.cash_outs.get(change.before.id)
            if stored is None or stored.version != change.before.version:
                raise self._conflict("a cash-out was changed meanwhile")
            self._check_transition(stored, change.after)
            self._check_provider_id(change.after)
            self._store(change.after)
            self._keep_evidence(change)

    async def find(self, lookups: Sequence[Lookup]) -> dict[Lookup, UUID]:
        """Return which cash-out each lookup means, by reference first, then by provider's id."""
        found: dict[Lookup, UUID] = {}
        for lookup in lookups:
            cash_out_id = meant_by(self._now, lookup)
            if cash_out_id is not None:
                found[lookup] = cash_out_id
        return found

    async def owners(self, ids: Sequence[tuple[str, str]]) -> dict[tuple[str, str], UUID]:
        """Return who holds each (provider, provider transaction id)."""
        found = {each: self._now.by_provider_id.get(each) for each in ids}
        return {each: owner for each, owner in found.items() if owner is not None}

    async def overdue(self, opened_before: datetime, limit: int) -> list[UUID]:
        """Return open cash-outs without a review that were accepted before a moment."""
        late: list[tuple[datetime, UUID]] = []
        for each in self._now.open:
            cash_out = self._now.cash_outs.get(each)
            if cash_out is None or cash_out.review is not None:
                continue
            if cash_out.waits_since < opened_before:
                late.append((cash_out.created_at, cash_out.id))
        return [cash_out_id for _, cash_out_id in heapq.nsmallest(limit, late)]

    async def hasten(self, cash_out_id: UUID, now: datetime, not_asked_since: datetime) -> bool:
        """Bring the next status query of an open cash-out to `now`; tell whether it did."""
        found = self._now.cash_outs.get(cash_out_id)
        if found is None or found.ended or found.plan is None:
            return False
        asks_later = found.plan.action is Action.ASK and found.plan.due_at > now
        free = found.lease is None or found.lease.until <= now
        asked_since = found.asked_at is not None and found.asked_at >= not_asked_since
        if not asks_later or not free or asked_since:
            return False
        plan = Plan(Action.ASK, now)
        self._store(replace(found, plan=plan, version=found.version + 1))
        return True

    def _get(self, cash_out_id: UUID | None) -> CashOut | None:
        return None if cash_out_id is None else self._now.cash_outs.get(cash_out_id)

    def _store(self, cash_out: CashOut) -> None:
        self._now.cash_outs.put(cash_out.id, cash_out)
        if cash_out.provider_transaction_id is not None:
            place = (cash_out.provider, cash_out.provider_transaction_id)
            self._now.by_provider_id.put(place, cash_out.id)
        if cash_out.plan is None:
            self._now.planned.remove(cash_out.id)
        else:
            self._now.planned.put(cash_out.id, value=True)
        if cash_out.ended:
            self._now.open.remove(cash_out.id)
        else:
            self._now.open.put(cash_out.id, value=True)

    def _keep_evidence(self, change: Change) -> None:
        if not change.evidence:
            return
        kept = self._now.evidence.get(change.after.id) or ()
        taken = {piece.sequence for piece in kept}
        if taken.intersection(piece.sequence for piece in change.evidence):
            raise self._conflict("a piece of evidence is there already")
        self._now.evidence.put(change.after.id, (*kept, *change.evidence))

    def _check_provider_id(self, after: CashOut) -> None:
        if after.provider_transaction_id is None:
            return
        owner = self._now.by_provider_id.get((after.provider, after.provider_transaction_id))
        if owner not in {None, after.id}:
            raise self._conflict("a provider transaction id is another's")

    def _check_transition(self, stored: CashOut, after: CashOut) -> None:
        if after.status is not stored.status and after.status not in TRANSITIONS[stored.status]:
            self._now.broken = True
            raise IllegalTransition(f"{stored.status} may not become {after.status}")

    def _conflict(self, why: str) -> Conflict:
        # As in a database, a transaction that met a conflict cannot be committed any more.
        self._now.broken = True
        return Conflict(why)
