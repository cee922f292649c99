"""What operators read, in SQL: one statement each, outside of any transaction."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Select

from adapters.sql import console_statements as statements
from adapters.sql.accounts import account_of, session_of, signed_in
from adapters.sql.database import Database
from adapters.sql.rows import Row, event_from_row
from adapters.sql.session import reading
from application.ports import (
    OPEN_COUNTED_MOST,
    SCANNED_MOST,
    UNTOLD_COUNTED_MOST,
    Figure,
    Listed,
    Open,
    Received,
    SignedIn,
    Told,
    Untold,
)
from domain.events import EventType
from domain.evidence import ReviewReason
from domain.money import CURRENCIES, Money
from domain.payee import Msisdn
from domain.states import Status

_AGES = {"minute": timedelta(minutes=1), "hour": timedelta(hours=1), "day": timedelta(days=1)}


class SqlConsoleReader:
    """Implements `ConsoleReader`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def signed_in(self, digest: str) -> SignedIn | None:
        """Return the session of a token's digest and its account, however old they are."""
        rows = await self._rows(signed_in(), {"this": digest})
        return SignedIn(session_of(rows[0]), account_of(rows[0])) if rows else None

    async def figures(self, since: datetime, until: datetime) -> Sequence[Figure]:
        """Return the figures of all slices that began in a span, in order."""
        given = {"since": since, "until": until}
        return [_figure(row) for row in await self._rows(statements.figures_between(), given)]

    async def open_now(self, now: datetime) -> Sequence[Open]:
        """Return what is open, of at most OPEN_COUNTED_MOST cash-outs."""
        ages = {name: now - age for name, age in _AGES.items()}
        given = {"most": OPEN_COUNTED_MOST, **ages}
        return [_open(row) for row in await self._rows(statements.open_now(), given)]

    async def untold(self) -> Untold:
        """Return what waits in the outbox."""
        (row,) = await self._rows(statements.untold(), {"most": UNTOLD_COUNTED_MOST})
        return Untold(row["count"], row["oldest_at"])

    async def latest(self, limit: int, before: UUID | None = None) -> Sequence[Listed]:
        """Return the newest cash-outs, or the newest of those with smaller ids."""
        given: dict[str, object] = {"most": limit}
        if before is not None:
            given["behind"] = before
        return await self._listed(statements.latest(behind=before is not None), given)

    async def longest_open(self, limit: int) -> Sequence[Listed]:
        """Return open cash-outs, the oldest first."""
        given = {"most": limit, "scanned": OPEN_COUNTED_MOST}
        return await self._listed(statements.longest_open(), given)

    async def by_id(self, ids: Sequence[UUID]) -> Sequence[Listed]:
        """Return those of these that exist, newest first."""
        rows = [(each,) for each in ids]
        async with reading(self._database) as session:
            found = await session.rows_for(statements.by_id(session.dialect), statements.IDS, rows)
        return [_listed(row) for row in found]

    async def by_reference(self, reference: str) -> Sequence[Listed]:
        """Return the cash-out of a reference, or nothing."""
        return await self._listed(statements.by_reference(), {"this": reference})

    async def by_provider_id(self, providers: Sequence[str], given: str) -> Sequence[Listed]:
        """Return the cash-outs that these providers know by this id."""
        rows = [(each,) for each in providers]
        async with reading(self._database) as session:
            statement = statements.by_provider_id(session.dialect)
            found = await session.rows_for(statement, statements.PROVIDERS, rows, {"this": given})
        return [_listed(row) for row in found]

    async def of_user(self, user_id: str, limit: int) -> Sequence[Listed]:
        """Return a user's newest cash-outs."""
        return await self._listed(statements.of_user(), {"this": user_id, "most": limit})

    async def to_number(self, ending: str, limit: int) -> Sequence[Listed]:
        """Return cash-outs to numbers that end in these digits, newest first."""
        given = {"ending": ending, "most": limit, "scanned": SCANNED_MOST}
        return await self._listed(statements.to_number(), given)

    async def events(self, cash_out_id: UUID) -> Sequence[Told]:
        """Return the events of a cash-out that are still kept, in order."""
        rows = await self._rows(statements.events(), {"this": cash_out_id})
        return [Told(row["position"], event_from_row(row), row["sent_at"]) for row in rows]

    async def cash_out_of_event(self, event_id: UUID) -> UUID | None:
        """Return whose event it is, None where it is not kept."""
        rows = await self._rows(statements.of_event(), {"this": event_id})
        return rows[0]["cash_out_id"] if rows else None

    async def webhooks(self, limit: int) -> Sequence[Received]:
        """Return the webhooks that were received last, newest first."""
        return [_received(row) for row in await self._rows(statements.webhooks(), {"most": limit})]

    async def _rows(
        self, statement: Select[Any], given: Mapping[str, object]
    ) -> list[dict[str, Any]]:
        async with reading(self._database) as session:
            return await session.rows(statement, given)

    async def _listed(self, statement: Select[Any], given: Mapping[str, object]) -> list[Listed]:
        return [_listed(row) for row in await self._rows(statement, given)]


def _figure(row: Row) -> Figure:
    return Figure(
        began_at=row["began_at"],
        provider=row["provider"],
        currency=row["currency"],
        type=EventType(row["type"]),
        took_ms=row["took_ms"],
        count=row["told"],
        amount_minor=row["amount_minor"],
    )


def _open(row: Row) -> Open:
    return Open(
        provider=row["provider"],
        currency=row["currency"],
        status=Status(row["status"]),
        age=row["age"],
        in_review=bool(row["in_review"]),
        count=row["count"],
        amount_minor=row["amount_minor"],
        oldest_at=row["oldest_at"],
    )


def _listed(row: Row) -> Listed:
    return Listed(
        id=row["id"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
        status=Status(row["status"]),
        provider=row["provider"],
        amount=Money(row["amount_minor"], CURRENCIES[row["currency"]]),
        msisdn=Msisdn(row["msisdn"], row["country"]),
        user_id=row["user_id"],
        reference=row["reference"],
        review=ReviewReason(row["review"]) if row["review"] else None,
        contradicted=bool(row["contradicted"]),
    )


def _received(row: Row) -> Received:
    return Received(
        id=row["id"],
        provider=row["provider"],
        received_at=row["received_at"],
        readable=row["lookup_reference"] is not None,
        reference=row["lookup_reference"],
        provider_transaction_id=row["lookup_transaction_id"],
        cash_out_id=row["cash_out_id"],
    )
