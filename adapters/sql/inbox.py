"""The inbox in SQL: webhooks as they arrived, once each."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cache
from hashlib import sha256
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    Delete,
    Insert,
    Select,
    Text,
    Update,
    Uuid,
    bindparam,
    delete,
    exists,
    func,
    select,
    update,
)

from adapters.sql.columns import Moment, Words
from adapters.sql.rows import Row, finding_from_text, finding_to_text
from adapters.sql.session import Session
from adapters.sql.sets import Given, Rows
from adapters.sql.tables import MATCHED, PARKED, cash_outs, inbox
from application.ports import Delivery, Lookup, Receipt

_DIGESTS = Given({"provider": Words, "digest": Text})
_SIGNATURES = Given({"provider": Words, "replay_key": Words})
_NUMBERS = Given({"number": BigInteger})
_MATCHES = Given({"id": Uuid, "cash_out_id": Uuid})


@cache
def _one_signature_at_a_time() -> Select[Any]:
    """Lock replay keys in order: of two equal ones that arrive at once, one sees the other."""
    given = _NUMBERS.table("postgresql")
    ordered = select(given.c.number).order_by(given.c.number).offset(0).subquery()
    return select(func.pg_advisory_xact_lock(ordered.c.number))


@cache
def _signed(dialect: str) -> Select[Any]:
    given, row = _SIGNATURES.table(dialect), inbox.c
    same = (row.provider == given.c.provider) & (row.replay_key == given.c.replay_key)
    recent = row.received_at > bindparam("since", type_=Moment)
    return select(row.provider, row.replay_key, row.digest).join_from(
        given, inbox, same & row.replay_key.is_not(None) & recent
    )


def _once(insert: Any) -> Insert:  # noqa: ANN401 -- an INSERT of either dialect
    kept: Insert = insert.on_conflict_do_nothing(index_elements=["provider", "digest"])
    return kept


_NEW = Rows(inbox, [column.name for column in inbox.columns], _once)


@cache
def _kept(dialect: str) -> Select[Any]:
    given, row = _DIGESTS.table(dialect), inbox.c
    same = (row.provider == given.c.provider) & (row.digest == given.c.digest)
    return select(row.id, row.provider, row.digest, row.cash_out_id).join_from(given, inbox, same)


@cache
def _match(dialect: str) -> Update:
    given = _MATCHES.table(dialect)
    return update(inbox).where(inbox.c.id == given.c.id).values(cash_out_id=given.c.cash_out_id)


@cache
def _orphans() -> Select[Any]:
    row, theirs = inbox.c, cash_outs.c
    provider = theirs.provider == row.lookup_provider
    by_reference = exists().where(theirs.reference == row.lookup_reference, provider)
    by_their_id = exists().where(
        provider,
        theirs.provider_transaction_id == row.lookup_transaction_id,
        theirs.provider_transaction_id.is_not(None),
    )
    return (
        select(inbox)
        .where(PARKED, row.received_at > bindparam("after", type_=Moment))
        .where(by_reference | by_their_id)
        .order_by(row.received_at, row.id)
        .limit(bindparam("most", type_=BigInteger))
    )


@cache
def _prune() -> Delete:
    """Remove matched webhooks of before a moment; what another process holds is left to it."""
    row = inbox.c
    gone = (
        select(row.id)
        .where(MATCHED, row.received_at < bindparam("before", type_=Moment))
        .order_by(row.received_at)
        .limit(bindparam("most", type_=BigInteger))
        .with_for_update(skip_locked=True)
    )
    return delete(inbox).where(row.id.in_(gone))


class SqlInbox:
    """Implements `Inbox`."""

    def __init__(self, session: Session) -> None:
        self._session = session

    async def store(self, deliveries: Sequence[Delivery], since: datetime) -> list[Receipt]:
        """Keep deliveries; replay keys are compared with those received after `since`."""
        replayed = await self._replayed(deliveries, since)
        new = [each for each in deliveries if each.id not in replayed]
        # One order for all, so that two batches with the same webhooks do not wait in a circle.
        ordered = sorted(new, key=lambda each: (each.provider, each.digest))
        written = await self._session.write(_NEW, [_to_row(each) for each in ordered])
        kept = None if written == len(new) else await self._kept(new)
        return [
            Receipt(each.id, fresh=False, replayed=True)
            if each.id in replayed
            else _receipt(each, kept)
            for each in deliveries
        ]

    async def _kept(self, deliveries: Sequence[Delivery]) -> Mapping[tuple[str, str], Row]:
        """Return what is kept for equal deliveries, these or earlier ones."""
        given = sorted({(each.provider, each.digest) for each in deliveries})
        rows = await self._session.rows_for(_kept(self._session.dialect), _DIGESTS, given)
        kept = {(row["provider"], row["digest"]): row for row in rows}
        if any(each not in kept for each in given):
            raise self._session.conflict("an equal webhook was there, and was pruned meanwhile")
        return kept

    async def match(self, matches: Mapping[UUID, UUID]) -> None:
        """Note which cash-out each delivery was for."""
        given = sorted(matches.items())
        await self._session.owe_for(_match(self._session.dialect), _MATCHES, given)

    async def orphans(self, received_after: datetime, limit: int) -> list[Delivery]:
        """Return readable deliveries that have no cash-out noted although theirs exists by now."""
        parameters = {"after": received_after, "most": limit}
        return [delivery_of(row) for row in await self._session.rows(_orphans(), parameters)]

    async def prune(self, received_before: datetime, largest: int) -> int:
        """Remove the oldest deliveries that have a cash-out noted; return how many."""
        given = {"before": received_before, "most": largest}
        return int((await self._session.run(_prune(), given)).rowcount)

    async def _replayed(self, deliveries: Sequence[Delivery], since: datetime) -> set[UUID]:
        """Return the deliveries whose signature came with another body before."""
        keys = sorted({(each.provider, each.replay_key) for each in deliveries if each.replay_key})
        if not keys:
            return set()
        if self._session.is_postgres:
            numbers = [(number,) for number in sorted({_number(*key) for key in keys if key[1]})]
            await self._session.rows_for(_one_signature_at_a_time(), _NUMBERS, numbers)
        rows = await self._session.rows_for(
            _signed(self._session.dialect), _SIGNATURES, keys, {"since": since}
        )
        bodies: dict[tuple[str, str], set[str]] = {}
        for row in rows:
            bodies.setdefault((row["provider"], row["replay_key"]), set()).add(row["digest"])
        replayed: set[UUID] = set()
        for each in deliveries:
            if each.replay_key is None:
                continue
            known = bodies.setdefault((each.provider, each.replay_key), set())
            if known and each.digest not in known:
                replayed.add(each.id)
            else:
                known.add(each.digest)
        return replayed


def _number(provider: str, replay_key: str | None) -> int:
    digest = sha256(f"{provider}\n{replay_key}".encode()).digest()
    return int.from_bytes(digest[:8], signed=True)


def _receipt(delivery: Delivery, kept: Mapping[tuple[str, str], Row] | None) -> Receipt:
    """Return the receipt; kept: what there is under each digest, None where all were new."""
    row = kept[delivery.provider, delivery.digest] if kept is not None else None
    if row is None or row["id"] == delivery.id:
        return Receipt(delivery.id, fresh=True)
    return Receipt(delivery.id, fresh=False, cash_out_id=row["cash_out_id"])


def _to_row(delivery: Delivery) -> dict[str, object]:
    lookup = delivery.lookup
    return {
        "id": delivery.id,
        "provider": delivery.provider,
        "digest": delivery.digest,
        "received_at": delivery.received_at,
        "raw": delivery.raw,
        "replay_key": delivery.replay_key,
        "finding": finding_to_text(delivery.finding) if delivery.finding else None,
        "lookup_provider": lookup.provider if lookup else None,
        "lookup_reference": lookup.reference if lookup else None,
        "lookup_transaction_id": lookup.provider_transaction_id if lookup else None,
        "cash_out_id": delivery.cash_out_id,
    }


def delivery_of(row: Row) -> Delivery:
    """Return the delivery of a row of the inbox."""
    lookup = None
    if row["lookup_reference"] is not None:
        lookup = Lookup(
            row["lookup_provider"], row["lookup_reference"], row["lookup_transaction_id"]
        )
    return Delivery(
        id=row["id"],
        provider=row["provider"],
        digest=row["digest"],
        received_at=row["received_at"],
        raw=row["raw"],
        replay_key=row["replay_key"],
        finding=finding_from_text(row["finding"]) if row["finding"] else None,
        lookup=lookup,
        cash_out_id=row["cash_out_id"],
    )
