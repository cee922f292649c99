"""Reading and claiming over a large archive, beside the same over a small one."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Final
from urllib.parse import quote
from uuid import UUID

from adapters.sql.database import Database, open_database
from adapters.sql.unit_of_work import SqlUnit, SqlUnits
from adapters.web.cursors import Cursor, write_cursor
from application.ports import Place
from domain.cash_out import Action
from tests.bench.admission import Admission
from tests.bench.load import Load, Told
from tests.bench.measured import REFERENCE, Goal, Measured
from tests.bench.requests import CASH_OUT, Requests
from tests.bench.size import Size
from tests.bench.stand import SECRET, Running, Stand, send
from tests.bench.taking import admit

HEAVY_MOST: Final = 200_000
"""Cash-outs of the heavy user."""
OPEN: Final = 1_000
"""Cash-outs that are due, and events to be told, in both databases alike."""
OTHERS: Final = 20_000
"""From this number on users have nothing in the archive."""
SMALL: Final = 1_000
"""The archive that the large one is compared with."""
READERS: Final = 8
TIMES: Final = 200
"""How often a statement is timed in each turn."""
LIGHT_USER: Final = 1
_FILL_MOST_S: Final = 3_600
_SQL: Final = Path(__file__).with_name("archive.sql")


@dataclass(frozen=True, slots=True)
class Archives:
    """The two databases, each with an API process over it; and the heavy user's size."""

    full: str
    small: str
    api: Running
    api_of_small: Running
    heavy: int

    @property
    def page(self) -> int:
        """The page of ten that is half-way down the heavy user's history."""
        return self.heavy // 20


def reading(stand: Stand, size: Size) -> Iterator[Measured]:
    """Make an archive once, then read it in turns."""
    archives = _archives(stand, size)
    for _ in range(size.rounds):
        yield from _statuses(stand, archives, size)
        yield from _pages(stand, archives, size)
        yield from _filters(archives, size)
        yield from _statements(stand, archives, size)


def fill(stand: Stand, database: str, archive: int) -> int:
    """Store so many ended cash-outs; return how many of them are the heavy user's."""
    heavy = min(HEAVY_MOST, archive // 5)
    script = _SQL.read_text().replace(":archive", str(archive))
    postgres = stand.need_postgres()
    postgres.execute(script.replace(":each", str(archive // heavy)), database, _FILL_MOST_S)
    return heavy


def _archives(stand: Stand, size: Size) -> Archives:
    postgres = stand.need_postgres()
    full, small = stand.database(), stand.database()
    heavy = fill(stand, full, size.archive)
    fill(stand, small, SMALL)
    running = []
    for database in (full, small):
        environment = stand.settings(DATABASE_URL=postgres.dsn(database), **stand.paid_by(9))
        admit(environment, Admission(first_user=OTHERS, count=OPEN, seconds=60, warm_up_s=0))
        # What autovacuum does in its own time, and not in the middle of a measurement.
        postgres.execute("VACUUM ANALYZE", database, _FILL_MOST_S)
        running.append(stand.api(environment))
    postgres.execute("CHECKPOINT")
    return Archives(full, small, running[0], running[1], heavy)


def _statuses(stand: Stand, archives: Archives, size: Size) -> Iterator[Measured]:
    chosen = "SELECT id FROM cash_outs WHERE user_id = 'user-0' ORDER BY md5(id::text) LIMIT 500"
    told: list[Told] = []
    for database, api in (
        (archives.full, archives.api),
        (archives.small, archives.api_of_small),
    ):
        ids = stand.need_postgres().execute(chosen, database).split()
        paths = [f"{CASH_OUT}/{each}" for each in ids]
        told.append(_read(api, paths, size, readers=READERS))
    yield Measured(
        name=f"status GET over {size.archive:,} cash-outs",
        unit="/s",
        ours=told[0].per_second,
        limit=told[1].per_second,
        limit_name=f"the same over {SMALL:,}",
        goal=Goal(least=1 / 1.3),
        more={"p50 ms": told[0].p50_ms, "p99 ms": told[0].p99_ms},
    )


def _pages(stand: Stand, archives: Archives, size: Size) -> Iterator[Measured]:
    first = _read(archives.api, [CASH_OUT], size)
    deep = _read(archives.api, [_cursor_path(stand, archives)], size)
    numbered = _read(archives.api, [f"{CASH_OUT}?page={archives.page}"], size)
    yield Measured(
        name=f"history, cursor page {archives.page:,} of a user with {archives.heavy:,}",
        unit="ms",
        ours=deep.p50_ms,
        limit=first.p50_ms,
        limit_name="his page 1",
        goal=Goal(most=1.3),
        more={"p99 ms": deep.p99_ms},
    )
    yield Measured(
        name=f"history, page {archives.page:,} by number",
        unit="ms",
        ours=numbered.p50_ms,
        limit=first.p50_ms,
        limit_name="his page 1",
        goal=REFERENCE,
    )


def _filters(archives: Archives, size: Size) -> Iterator[Measured]:
    light = _read(archives.api, [CASH_OUT], size, user=LIGHT_USER)
    for words, filters in {
        "all": "",
        "status": "?status=failed",
        "status that he never had": "?status=processing",
        "wallet": "?walletId=wallet-1",
        "wallet that he seldom used": "?walletId=wallet-rare",
        "provider that he never used": "?provider=afrimoney",
        "dates": f"?startDate=2020-01-01&endDate={datetime.now(UTC):%Y-%m-%d}",
    }.items():
        told = _read(archives.api, [CASH_OUT + filters], size)
        yield Measured(
            name=f"history and count of a user with {archives.heavy:,}: {words}",
            unit="ms",
            ours=told.p50_ms,
            limit=light.p50_ms,
            limit_name=f"page 1 of a user with {max(1, size.archive // 10_000):,}",
            goal=REFERENCE,
            more={"p99 ms": told.p99_ms},
        )


def _read(api: Running, paths: list[str], size: Size, *, user: int = 0, readers: int = 1) -> Told:
    return send(
        Load(
            ports=[api.port],
            requests=Requests("read", SECRET, first_user=user, paths=paths),
            connections=readers,
            seconds=size.seconds / 3,
            warm_up_s=size.warm_up_s / 3,
        )
    )


def _cursor_path(stand: Stand, archives: Archives) -> str:
    chosen = (
        "SELECT extract(epoch FROM created_at), id FROM cash_outs WHERE user_id = 'user-0' "  # noqa: S608 -- a number of ours
        f"ORDER BY created_at DESC, id DESC OFFSET {10 * (archives.page - 1) - 1} LIMIT 1"
    )
    moment, identity = stand.need_postgres().execute(chosen, archives.full).split("|")
    place = Place(datetime.fromtimestamp(float(moment), UTC), UUID(identity))
    return f"{CASH_OUT}?cursor={quote(write_cursor(Cursor(place, archives.page), 'user-0'))}"


def _statements(stand: Stand, archives: Archives, size: Size) -> Iterator[Measured]:
    postgres = stand.need_postgres()
    full, small = asyncio.run(_timed(postgres.dsn(archives.full), postgres.dsn(archives.small)))
    for name in STATEMENTS:
        yield Measured(
            name=f"{name}, over {size.archive:,} cash-outs",
            unit="ms",
            ours=full[name],
            limit=small[name],
            limit_name=f"the same over {SMALL:,}",
            goal=Goal(most=1.3),
        )


async def _claim(unit: SqlUnit) -> None:
    claimed = await unit.cash_outs.claim("orange_money", Action.SUBMIT, 100, datetime.now(UTC))
    if len(claimed.cash_outs) != 100:
        raise AssertionError("there is not enough to claim")


async def _waiting(unit: SqlUnit) -> None:
    if len(await unit.outbox.waiting(500)) != 500:
        raise AssertionError("there is not enough to tell")


STATEMENTS: Final[dict[str, Callable[[SqlUnit], Awaitable[None]]]] = {
    "claim of 100 due cash-outs": _claim,
    "500 events to be told": _waiting,
}


async def _timed(*urls: str) -> list[dict[str, float]]:
    """Time each statement over each database, in turns; return medians in ms."""
    databases = [open_database(url) for url in urls]
    times: list[dict[str, list[float]]] = [{name: [] for name in STATEMENTS} for _ in urls]
    for _ in range(TIMES):
        for database, into in zip(databases, times, strict=True):
            for name, statement in STATEMENTS.items():
                into[name].append(await _time(database, statement))
    for database in databases:
        await database.close()
    return [{name: 1000 * median(each) for name, each in into.items()} for into in times]


async def _time(database: Database, statement: Callable[[SqlUnit], Awaitable[None]]) -> float:
    async with SqlUnits(database).begin() as unit:
        began = time.perf_counter()
        await statement(unit)
        return time.perf_counter() - began
