"""How fast books are verified: `python -m tests.bench.verifying --cash-outs 1000000`.

Fills a PostgreSQL of its own with cash-outs whose chains, events and counters agree, and has
`cashout verify` check them: a few stories are lived through by the domain and retold under other
ids, users and references, each with its own seals and links.
"""

import argparse
import asyncio
import os
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any, Final
from uuid import UUID, uuid5

import asyncpg
from sqlalchemy import Table

from adapters.sql.books import UNHURRIED, SqlBooks
from adapters.sql.database import open_database
from adapters.sql.rows import attempt_to_row, event_to_row, evidence_to_row, to_row
from adapters.sql.schema import migrate
from adapters.sql.tables import (
    attempts,
    cash_outs,
    evidence,
    idempotency_keys,
    limit_counters,
    outbox,
)
from adapters.system import SystemClock
from application.verify import Report, Verify
from domain.cash_out import CashOut, Change
from domain.chain import GENESIS
from domain.events import Event
from domain.evidence import Evidence
from domain.limits import Slot
from domain.seals import digest_of_body, digest_of_told, hash_of, seal_of
from domain.states import Status
from entrypoints.cli.verifying_crew import ProcessCrew, usual_jobs
from tests.bench.processor import Meter
from tests.contracts.books import ACCEPTED, REFUSED, answered, begun, told_paid
from tests.contracts.stores import a_new
from tests.servers import PostgresServer

USERS: Final = 20_000
DAYS: Final = 28
AT_ONCE: Final = 5_000
_CAP: Final = 10**12
_SETTINGS: Final = {"shared_buffers": "512MB", "max_wal_size": "4GB"}
_FILLED: Final = (cash_outs, attempts, evidence, outbox, idempotency_keys)

Rows = dict[str, list[dict[str, Any]]]
Used = dict[Slot, int]


def stories() -> list[list[Change]]:
    """Return what cash-outs live through: most are paid, some refused, some still open."""
    paid = [a_new(1)]
    paid += [begun(paid[-1].after)]
    paid += [answered(paid[-1].after, ACCEPTED)]
    refused = [*paid[:2], answered(paid[1].after, REFUSED)]
    return [[*paid, told_paid(paid[-1].after)]] * 18 + [paid] + [refused]


@dataclass(slots=True)
class Filling:
    """What is made of the stories, and what the counters will have to say."""

    stories: Sequence[Sequence[Change]] = field(default_factory=stories)
    used: Used = field(default_factory=lambda: defaultdict(int))

    def rows(self, numbers: range) -> Rows:
        """Return the rows of the cash-outs of these numbers, by table."""
        made: Rows = {table.name: [] for table in _FILLED}
        for number in numbers:
            told = list(_retold(self.stories[number % len(self.stories)], number))
            last = told[-1][0]
            made[cash_outs.name].append(to_row(last))
            made[attempts.name] += [attempt_to_row(last.id, each) for each in last.attempts]
            made[evidence.name] += [evidence_to_row(piece) for _, _, piece in told]
            made[outbox.name] += [
                {**event_to_row(event), "sent_at": event.at}
                for _, events, _ in told
                for event in events
            ]
            made[idempotency_keys.name].append(
                {"user_id": last.user_id, "key": f"key-{number}", "cash_out_id": last.id}
            )
            if last.status not in {Status.FAILED, Status.CANCELLED}:
                for slot in (last.windows.day, last.windows.month):
                    self.used[slot] += last.amount.minor
        return made


def _retold(
    story: Sequence[Change], number: int
) -> Iterator[tuple[CashOut, list[Event], Evidence]]:
    """Yield each step of a story as that of another cash-out, with its own seals and links."""
    told_of, previous = story[0].after, GENESIS
    created_at = told_of.created_at - timedelta(days=number % DAYS)
    # Ids grow with time, as ours do.
    identity = UUID(int=(number << 80) | (7 << 76) | (2 << 62))
    names = {
        str(told_of.id): str(identity),
        told_of.user_id: f"user-{number % USERS}",
        told_of.reference: f"CASH-{number:09d}",
        f"MP-{told_of.id.int}": f"MP-{number}",
    }
    for change in story:
        told = change.after
        their_id = told.provider_transaction_id
        after = replace(
            told,
            id=identity,
            user_id=names[told.user_id],
            reference=names[told.reference],
            created_at=created_at,
            provider_transaction_id=None if their_id is None else names[their_id],
            attempts=tuple(
                replace(each, reference=names[told.reference]) for each in told.attempts
            ),
        )
        events = [_another(event, identity, names) for event in change.events]
        piece = replace(
            change.evidence[0],
            cash_out_id=identity,
            told_digest=digest_of_told([digest_of_body(event.body) for event in events]),
            seal=seal_of(after),
        )
        previous = hash_of(piece, previous)
        yield replace(after, chain=previous), events, replace(piece, hash=previous)


def _another(event: Event, identity: UUID, names: Mapping[str, str]) -> Event:
    body = event.body
    for theirs, ours in names.items():
        body = body.replace(f'"{theirs}"', f'"{ours}"')
    event_id = uuid5(identity, f"{event.sequence}/{event.type}")
    return replace(event, id=event_id, cash_out_id=identity, body=body)


async def fill(url: str, count: int) -> None:
    """Store so many cash-outs that agree with themselves, and their counters."""
    await migrate(url)
    connection = await asyncpg.connect(url.replace("+asyncpg", ""))
    filling = Filling()
    for start in range(1, count + 1, AT_ONCE):
        rows = filling.rows(range(start, min(start + AT_ONCE, count + 1)))
        for table in _FILLED:
            await _copy(connection, table, rows[table.name])
    counters = [
        {**slot._asdict(), "used_minor": used, "cap_minor": _CAP}
        for slot, used in filling.used.items()
    ]
    await _copy(connection, limit_counters, counters)
    await connection.execute("ANALYZE")
    await connection.close()


async def _copy(connection: Any, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:  # noqa: ANN401 -- asyncpg's, untyped
    names = [column.name for column in table.columns if column.name in rows[0]] if rows else []
    records = [tuple(_plain(row[name]) for name in names) for row in rows]
    await connection.copy_records_to_table(table.name, columns=names, records=records)


def _plain(value: Any) -> Any:  # noqa: ANN401 -- a column's
    return str(value) if isinstance(value, str) else value


async def verify(url: str, jobs: int) -> tuple[Report, float]:
    """Return what a verification sees, and its seconds."""
    database = open_database(url, UNHURRIED)
    crew = ProcessCrew(url, jobs) if jobs > 1 else None
    began = time.monotonic()
    try:
        report = await Verify(SqlBooks(database), SystemClock(), crew)()
    finally:
        await database.close()
    return report, time.monotonic() - began


def main() -> None:
    """Fill, verify, and print how long it took."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--cash-outs", type=int, default=1_000_000)
    options.add_argument("--jobs", type=int, default=usual_jobs())
    asked = options.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        server = PostgresServer(Path(folder), _SETTINGS)
        try:
            url = server.dsn(server.create_database())
            asyncio.run(fill(url, asked.cash_outs))
            meter = Meter({"all": os.getpid(), "database": server.pid})
            report, seconds = asyncio.run(verify(url, asked.jobs))
            used = meter.used_s()
        finally:
            server.stop()
    seen = report.tally
    print(f"{seen.cash_outs:,} cash-outs, {seen.pieces:,} pieces, {seen.events:,} events")  # noqa: T201 -- a report
    print(f"{seconds:.1f} s with {asked.jobs} processes, {len(seen.flaws)} breaks")  # noqa: T201 -- a report
    # The database was started by this process, which counts it among its own.
    ours, theirs = used["all"] - used["database"], used["database"]
    print(f"processor time: ours {ours:.1f} s, the database's {theirs:.1f} s")  # noqa: T201 -- a report


if __name__ == "__main__":
    main()
