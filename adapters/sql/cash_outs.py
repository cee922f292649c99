"""Cash-outs in SQL. A batch costs the same number of statements whatever its size."""

import contextlib
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from adapters.sql import cash_out_statements as sql
from adapters.sql.rows import (
    Row,
    attempt_to_row,
    attempts_by_cash_out,
    evidence_to_row,
    from_row,
    to_row,
)
from adapters.sql.session import Session
from adapters.sql.sets import MOST_AT_ONCE
from application.ports import Claimed, Clock, Identity, KeyUse, Known, Lookup
from domain.cash_out import Action, CashOut, Change
from domain.standings import Route
from domain.states import Status

UNREADABLE_RESTS = timedelta(minutes=10)
"""How long a due row that cannot be read is left alone: a later version may read it."""


class SqlCashOuts:
    """Implements `CashOuts` over one session.

    clock: whose time decides what is due; None for PostgreSQL's own, so that skewed machines agree.
    """

    def __init__(self, session: Session, clock: Clock | None = None) -> None:
        self._session = session
        self._clock = clock

    async def known(self, identities: Sequence[Identity]) -> Known:
        """Return what these keys and references already belong to."""
        given = list({(each.user_id, each.key, each.reference) for each in identities})
        rows = await self._session.rows_for(sql.known(self._session.dialect), sql.IDENTITIES, given)
        found = await self._with_attempts(rows)
        return Known(
            {(row["key_user"], row["key"]): found[row["id"]] for row in rows if row["by_key"]},
            {row["reference"]: found[row["id"]] for row in rows if not row["by_key"]},
        )

    async def add(self, changes: Sequence[Change], keys: Sequence[KeyUse]) -> None:
        """Insert new cash-outs with their keys; raise Conflict when a key or reference is taken."""
        await self._session.owe(sql.NEW, [to_row(each.after) for each in changes])
        await self._add_evidence(changes)
        await self._session.owe(
            sql.NEW_KEYS,
            [
                {"user_id": use.user_id, "key": use.key, "cash_out_id": use.cash_out_id}
                for use in keys
            ],
        )

    async def lock(self, ids: Sequence[UUID]) -> dict[UUID, CashOut]:
        """Return these, attempts included, locked in id order until the transaction ends."""
        given = [(each,) for each in sorted(set(ids))]
        rows = await self._session.rows_for(sql.lock(self._session.dialect), sql.IDS, given)
        # Nothing is done to an attempt without a new version of its cash-out.
        changed = {row["id"]: row for row in rows if row["version"] != row["seen"]}
        now = await self._with_attempts(changed.values())
        tries = attempts_by_cash_out(sql.attempts_beside(rows))
        by_id = {row["id"]: row for row in rows}
        return {
            each: now.get(each) or from_row(row, tries.get(each, ())) for each, row in by_id.items()
        }

    async def claim(
        self,
        provider: str,
        action: Action,
        limit: int,
        now: datetime,
        only: Sequence[Route] | None = None,
    ) -> Claimed:
        """Return and lock up to `limit` that are due, unleased and locked by nobody else."""
        parameters = {"provider": provider, "action": action, "most": limit}
        by_database_time = self._session.is_postgres and self._clock is None
        if not by_database_time:
            now = self._clock.now() if self._clock else now
            parameters["now"] = now
        if only is None:
            claim = sql.claim_by_database_time() if by_database_time else sql.claim()
            rows = await self._session.rows(claim, parameters)
        else:
            rows = await self._of_corridors(only, parameters)
        if by_database_time:
            now = rows[0]["moment"]
        due = [row for row in rows if row["id"] is not None]
        try:
            found = await self._with_attempts(due)
        except (KeyError, ValueError):
            found = await self._readable(due)
        unreadable = tuple(row["id"] for row in due if row["id"] not in found)
        for each in unreadable:
            later = {"this": each, "later": now + UNREADABLE_RESTS}
            await self._session.run(sql.put_off(), later)
        readable = tuple(found[row["id"]] for row in due if row["id"] in found)
        return Claimed(now, readable, unreadable)

    async def save(self, changes: Sequence[Change]) -> None:
        """Store changes, their attempts and their evidence; raise Conflict where one is stale."""
        merged = self._merged(changes)
        given = [
            (change.before.version, *sql.saved(to_row(change.after)))
            for change in sorted(merged, key=lambda change: change.before.id)
        ]
        await self._session.owe_for(
            sql.save(self._session.dialect),
            sql.CHANGES,
            given,
            otherwise="a cash-out was changed meanwhile",
        )
        moved = [
            attempt_to_row(change.after.id, attempt)
            for change in merged
            for attempt in change.after.attempts
            if attempt not in change.before.attempts
        ]
        await self._session.owe(sql.TRIES, moved)
        await self._add_evidence(changes)

    async def find(self, lookups: Sequence[Lookup]) -> dict[Lookup, UUID]:
        """Return which cash-out each lookup means, by reference first, then by provider's id."""
        given = [
            (number, each.provider, each.reference, each.provider_transaction_id)
            for number, each in enumerate(lookups)
        ]
        rows = await self._session.rows_for(sql.find(self._session.dialect), sql.LOOKUPS, given)
        return {lookups[row["number"]]: row["cash_out_id"] for row in rows}

    async def owners(self, ids: Sequence[tuple[str, str]]) -> dict[tuple[str, str], UUID]:
        """Return who holds each (provider, provider transaction id)."""
        rows = await self._session.rows_for(
            sql.owners(self._session.dialect), sql.PROVIDER_IDS, list(ids)
        )
        return {(row["provider"], row["provider_transaction_id"]): row["id"] for row in rows}

    async def overdue(self, opened_before: datetime, limit: int) -> list[UUID]:
        """Return open cash-outs without a review that were accepted before a moment."""
        result = await self._session.run(
            sql.overdue(), {"opened_before": opened_before, "most": limit}
        )
        return list(result.scalars())

    async def hasten(self, cash_out_id: UUID, now: datetime, not_asked_since: datetime) -> bool:
        """Bring the next status query of an open cash-out to `now`; tell whether it did."""
        parameters = {"this": cash_out_id, "now": now, "since": not_asked_since}
        result = await self._session.run(sql.hasten(), parameters)
        return bool(result.rowcount)

    async def _of_corridors(
        self, only: Sequence[Route], given: dict[str, Any]
    ) -> list[dict[str, Any]]:
        """Return what is due of these corridors, in one statement; see claim_of."""
        claim = sql.claim_of(self._session.dialect, by_database_time="now" not in given)
        corridors = [(each.country, each.currency) for each in only[:MOST_AT_ONCE]]
        return await self._session.rows_for(claim, sql.CORRIDORS, corridors, given)

    async def _with_attempts(self, rows: Iterable[Row]) -> dict[UUID, CashOut]:
        # A statement of its own, after the lock: only then it sees what the last holder wrote.
        by_id = {row["id"]: row for row in rows}
        # What is pending was never sent: nobody has to look for its attempts.
        tried = (each for each, row in by_id.items() if row["status"] != Status.PENDING)
        given = [(each,) for each in sorted(tried)]
        statement = sql.attempts_of(self._session.dialect)
        tries = attempts_by_cash_out(await self._session.rows_for(statement, sql.IDS, given))
        return {each: from_row(row, tries.get(each, ())) for each, row in by_id.items()}

    async def _readable(self, rows: Iterable[Row]) -> dict[UUID, CashOut]:
        """Return those of the cash-outs that can be read, one by one."""
        found: dict[UUID, CashOut] = {}
        for row in rows:
            with contextlib.suppress(KeyError, ValueError):
                found |= await self._with_attempts([row])
        return found

    async def _add_evidence(self, changes: Sequence[Change]) -> None:
        pieces = [evidence_to_row(piece) for change in changes for piece in change.evidence]
        await self._session.owe(sql.PIECES, pieces)

    def _merged(self, changes: Sequence[Change]) -> list[Change]:
        """Return one change per cash-out; raise Conflict where one does not build on the last."""
        merged: dict[UUID, Change] = {}
        for change in changes:
            earlier = merged.get(change.before.id, change)
            if earlier is not change and earlier.after.version != change.before.version:
                raise self._session.conflict("two changes of one cash-out do not follow each other")
            merged[change.before.id] = Change(earlier.before, change.after)
        return list(merged.values())
