"""Reading and claiming over a large archive, beside the same over a small one."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from itertools import cycle
from pathlib import Path
from statistics import median
from typing import Final
from urllib.parse import quote
from uuid import UUID

from adapters.sql.database import Database, open_database
from adapters.sql.read_model import SqlReader
from adapters.sql.unit_of_work import SqlUnits
from adapters.web.cursors import Cursor, write_cursor
from application.ports import HistoryFilter, Place
from domain.cash_out import Action
from tests.bench.admission import Admission
from tests.bench.load import Load, Told
from tests.bench.measured import REFERENCE, Goal, Measured
from tests.bench.processor import Meter
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
HEAVY: Final = "user-0"
CLAIMED: Final = 100
TOLD: Final = 500
Act = Callable[[], Awaitable[None]]
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
        yield from asyncio.run(_in_turns(stand, archives, size))
    yield from _over_http(stand, archives, size)


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


def _over_http(stand: Stand, archives: Archives, size: Size) -> Iterator[Measured]:
    """Measure what readers see; a status over the small archive too, to tell the two apart."""
    told: list[Told] = []
    cpu_ms: list[dict[str, float]] = []
    for database, api in (
        (archives.full, archives.api),
        (archives.small, archives.api_of_small),
    ):
        paths = [f"{CASH_OUT}/{each}" for each in _ids(stand, database)]
        meter = Meter({"api": api.pid, "postgres": stand.need_postgres().pid})
        told.append(_read(api, paths, size, readers=READERS))
        cpu_ms.append(meter.each_ms(told[-1].served))
    yield Measured(
        name=f"status GET over HTTP, {size.archive:,} cash-outs",
        unit="/s",
        ours=told[0].per_second,
        limit=told[1].per_second,
        limit_name=f"the same over {SMALL:,}",
        goal=REFERENCE,
        cpu_ms=cpu_ms[0],
        more={"p50 ms": told[0].p50_ms, "p99 ms": told[0].p99_ms},
    )
    light = _read(archives.api, [CASH_OUT], size, user=LIGHT_USER)
    place = _place(stand, archives)
    cursor = write_cursor(Cursor(place, archives.page), HEAVY)
    for words, query in {
        "page 1": "",
        f"cursor page {archives.page:,}": f"?cursor={quote(cursor)}",
        f"page {archives.page:,} by number": f"?page={archives.page}",
        "one status": "?status=failed",
        "a status that he never had": "?status=processing",
        "a wallet": "?walletId=wallet-1",
        "a wallet that he seldom used": "?walletId=wallet-rare",
        "a provider that he never used": "?provider=afrimoney",
        "dates": f"?startDate=2020-01-01&endDate={datetime.now(UTC):%Y-%m-%d}",
    }.items():
        heavy = _read(archives.api, [CASH_OUT + query], size)
        yield Measured(
            name=f"history over HTTP of a user with {archives.heavy:,}: {words}",
            unit="ms",
            ours=heavy.p50_ms,
            limit=light.p50_ms,
            limit_name=f"page 1 of a user with {max(1, size.archive // 10_000):,}",
            goal=REFERENCE,
            more={"p99 ms": heavy.p99_ms},
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


def _ids(stand: Stand, database: str) -> list[str]:
    chosen = f"SELECT id FROM cash_outs WHERE user_id = '{HEAVY}' ORDER BY md5(id::text) LIMIT 500"  # noqa: S608 -- a user of ours
    return stand.need_postgres().execute(chosen, database).split()


def _place(stand: Stand, archives: Archives) -> Place:
    chosen = (
        f"SELECT extract(epoch FROM created_at), id FROM cash_outs WHERE user_id = '{HEAVY}' "  # noqa: S608 -- a user of ours
        f"ORDER BY created_at DESC, id DESC OFFSET {10 * (archives.page - 1) - 1} LIMIT 1"
    )
    moment, identity = stand.need_postgres().execute(chosen, archives.full).split("|")
    return Place(datetime.fromtimestamp(float(moment), UTC), UUID(identity))


async def _in_turns(stand: Stand, archives: Archives, size: Size) -> list[Measured]:
    """Time the product's own statements, one beside the other, so that both meet each mood."""
    postgres, place = stand.need_postgres(), _place(stand, archives)
    async with AsyncExitStack() as opened:
        sides = []
        for name in (archives.full, archives.small):
            database = open_database(postgres.dsn(name))
            opened.push_async_callback(database.close)
            sides.append(Side(database, cycle(map(UUID, _ids(stand, name)))))
        full, small = sides
        pairs: dict[str, tuple[Act, Act]] = {
            "claim of 100 due cash-outs": (full.claim, small.claim),
            "500 events to be told": (full.waiting, small.waiting),
            "status of a cash-out": (full.status, small.status),
            f"history, cursor page {archives.page:,} of {archives.heavy:,} cash-outs": (
                partial(full.page, place),
                full.page,
            ),
        }
        found = {name: await in_turns(*both, TIMES) for name, both in pairs.items()}
    return [
        Measured(
            name=f"{name}, {size.archive:,} stored",
            unit="ms",
            ours=1000 * ours,
            limit=1000 * limit,
            limit_name="his page 1" if "history" in name else f"the same with {SMALL:,} stored",
            goal=Goal(most=1.3),
        )
        for name, (ours, limit) in found.items()
    ]


async def in_turns(one: Act, other: Act, times: int) -> tuple[float, float]:
    """Return the medians, in seconds, of two things that are done by turns."""
    taken: tuple[list[float], list[float]] = ([], [])
    for _ in range(times):
        for act, into in zip((one, other), taken, strict=True):
            began = time.perf_counter()
            await act()
            into.append(time.perf_counter() - began)
    return median(taken[0]), median(taken[1])


@dataclass(frozen=True, slots=True)
class Side:
    """A database, and what the service does with it."""

    database: Database
    ids: Iterator[UUID]

    async def claim(self) -> None:
        """Claim a batch; raise AssertionError when there is not enough."""
        async with SqlUnits(self.database).begin() as unit:
            now = datetime.now(UTC)
            claimed = await unit.cash_outs.claim("orange_money", Action.SUBMIT, CLAIMED, now)
            _expect(claimed.cash_outs, CLAIMED)

    async def waiting(self) -> None:
        """Read a round of events; raise AssertionError when there is not enough."""
        async with SqlUnits(self.database).begin() as unit:
            _expect(await unit.outbox.waiting(TOLD), TOLD)

    async def status(self) -> None:
        """Read a cash-out of the archive; raise AssertionError when it is not there."""
        found = await SqlReader(self.database).cash_out(next(self.ids))
        _expect([found] if found else [], 1)

    async def page(self, behind: Place | None = None) -> None:
        """Read a page of the heavy user's; raise AssertionError when it is not full."""
        reader = SqlReader(self.database)
        _expect((await reader.history(HistoryFilter(HEAVY), 10, behind=behind)).cash_outs, 10)


def _expect(found: Sequence[object], count: int) -> None:
    if len(found) != count:
        message = f"{len(found)} found where there should be {count}"
        raise AssertionError(message)
