"""Taking cash-outs: through HTTP and without it, many users and one, PostgreSQL and SQLite."""

import asyncio
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from typing import Final

import msgspec

from adapters.sql.schema import migrate
from tests.bench import limits
from tests.bench.admission import Admission, Admitted
from tests.bench.load import Load, Told
from tests.bench.measured import REFERENCE, Goal, Measured
from tests.bench.processor import Meter
from tests.bench.requests import Requests
from tests.bench.size import Size
from tests.bench.stand import ROOT, SECRET, Running, Stand, send

USERS: Final = 10_000
CONNECTIONS: Final = 64
CALLERS: Final = 128
ADMISSION_GRACE_S: Final = 60
LOCKED: Final = "database is locked"


def on_postgres(stand: Stand, size: Size) -> Iterator[Measured]:
    """Measure in turns: the naive transaction, admission alone, HTTP; many users, then one."""
    yield _commits(stand, size)
    naive = limits.make_naive_tables(stand)
    for users, whom in ((USERS, "10,000 users"), (1, "one user")):
        rate = limits.pgbench(stand, naive, clients=32, seconds=int(size.seconds), users=users)
        environment = service(stand)
        alone = admit(environment, Admission(CALLERS, users, seconds=size.seconds))
        api = stand.api(environment)
        told, cpu_ms = take(stand, api, size, users=users)
        limit_name = f"pgbench, the naive transaction, 32 clients, {whom}"
        yield Measured(
            name=f"POST accepted, PostgreSQL, {whom}",
            unit="/s",
            ours=told.per_second,
            limit=rate,
            limit_name=limit_name,
            goal=Goal(least=1.0 if users > 1 else 3.0),
            cpu_ms=cpu_ms,
            more={"p50 ms": told.p50_ms, "p99 ms": told.p99_ms, "not accepted": _refused(told)},
        )
        yield Measured(
            name=f"admission alone, PostgreSQL, {whom}",
            unit="/s",
            ours=alone.per_second,
            limit=rate,
            limit_name=limit_name,
            goal=Goal(least=2.0 if users > 1 else 5.0),
            cpu_ms={"admission": alone.cpu_ms},
            more={"refused": alone.refused},
        )
        if users > 1:
            yield from _patience(api, size, told.per_second)
            yield from _cost(stand, size, cpu_ms["api"])
        api.stop()
        stand.need_postgres().execute(_EMPTY, naive)


def on_sqlite(stand: Stand, size: Size) -> Iterator[Measured]:
    """Measure a database file with full durability beside sqlite3 alone; then with a worker."""
    folder = stand.new_folder("sqlite")
    url = f"sqlite+aiosqlite:///{folder}/cashout.db"
    asyncio.run(migrate(url))
    environment = stand.settings(DATABASE_URL=url, **stand.paid_by(9))
    yield Measured(
        name="sqlite3 alone, groups of 100",
        unit="/s",
        ours=limits.sqlite_grouped(folder, size.seconds),
        goal=REFERENCE,
    )
    alone, _ = bare(stand, "sqlite", size)
    api = stand.api(environment)
    told, cpu_ms = take(stand, api, size, users=USERS)
    yield Measured(
        name="POST accepted, SQLite, full durability",
        unit="/s",
        ours=told.per_second,
        limit=alone.per_second,
        limit_name="bare Litestar POST, same body, token checked, sqlite3's own durable groups",
        goal=Goal(least=0.5),
        cpu_ms=cpu_ms,
        more={"p50 ms": told.p50_ms, "p99 ms": told.p99_ms, "not accepted": _refused(told)},
    )
    worker = stand.worker(environment)
    beside, _ = take(stand, api, size, users=USERS)
    worker.stop()
    api.stop()
    logs = api.log() + worker.log()
    yield Measured(
        name=f"SQLite: “{LOCKED}”, API and worker on one file",
        unit="times",
        ours=logs.count(LOCKED),
        goal=Goal(most=0),
        more={"POST accepted /s": beside.per_second, "not accepted": _refused(beside)},
    )


def take(stand: Stand, api: Running, size: Size, *, users: int) -> tuple[Told, Mapping[str, float]]:
    """Send a closed loop; return what came of it, and the processor time of each request in ms."""
    processes = {"api": api.pid}
    if stand.postgres is not None:
        processes["postgres"] = stand.postgres.pid
    meter = Meter(processes)
    told = send(
        Load(
            ports=[api.port],
            requests=Requests("take", SECRET, users=users),
            connections=CONNECTIONS,
            seconds=size.seconds,
            warm_up_s=size.warm_up_s,
        )
    )
    load_ms = 1000 * told.cpu_s / max(told.served, 1)
    return told, {**meter.each_ms(told.served), "load": load_ms}


def admit(environment: Mapping[str, str], asked: Admission) -> Admitted:
    """Take cash-outs without HTTP, in a process of its own."""
    patience_s = asked.seconds if asked.count is None else asked.count / 100
    # Its log goes to a file, as that of a service does.
    with tempfile.TemporaryFile() as log:
        done = subprocess.run(
            [sys.executable, "-m", "tests.bench.admission"],
            input=msgspec.json.encode(asked),
            stdout=subprocess.PIPE,
            stderr=log,
            check=False,
            cwd=ROOT,
            env={"PATH": os.defpath, **environment},
            timeout=ADMISSION_GRACE_S + patience_s,
        )
        if done.returncode:
            log.seek(-min(log.tell(), 2_000), os.SEEK_END)
            raise RuntimeError(log.read().decode(errors="replace"))
    return msgspec.json.decode(done.stdout.splitlines()[-1], type=Admitted)


def service(stand: Stand, **further: str) -> dict[str, str]:
    """Return the settings of a service over a new database whose provider is never called."""
    url = stand.need_postgres().dsn(stand.database())
    return stand.settings(DATABASE_URL=url, **stand.paid_by(9), **further)


def bare(stand: Stand, kind: str, size: Size) -> tuple[Told, float]:
    """Send the same requests to a server with nothing behind it; return the CPU of each in ms."""
    server = stand.bare(kind)
    meter = Meter({kind: server.pid})
    told = send(
        Load(
            ports=[server.port],
            requests=Requests("take", SECRET, users=USERS, path="/"),
            connections=CONNECTIONS,
            seconds=size.seconds,
            warm_up_s=size.warm_up_s,
        )
    )
    cpu_ms = meter.each_ms(told.served)[kind]
    server.stop()
    return told, cpu_ms


def _commits(stand: Stand, size: Size) -> Measured:
    return Measured(
        name="durable writes of 8 KiB, one after another",
        unit="/s",
        ours=limits.commits(stand.folder, min(2.0, size.seconds)),
        goal=REFERENCE,
    )


def _patience(api: Running, size: Size, most: float) -> Iterator[Measured]:
    told = send(
        Load(
            ports=[api.port],
            requests=Requests("take", SECRET, users=USERS),
            connections=CONNECTIONS,
            seconds=size.seconds,
            warm_up_s=size.warm_up_s,
            rate=most / 2,
        )
    )
    more = {
        "rate /s": most / 2,
        "longest ms": told.longest_ms,
        "the load's own lateness, p99 ms": told.late_ms,
        "not accepted": _refused(told),
    }
    yield Measured(
        name="p99 of POST at half of the maximum rate",
        unit="ms",
        ours=told.p99_ms,
        goal=Goal(most=25),
        more=more,
    )
    yield Measured(
        name="p99 beside p50 at half of the maximum rate",
        unit="ms",
        ours=told.p99_ms,
        limit=told.p50_ms,
        limit_name="p50 of the same requests",
        goal=Goal(most=3),
    )


def _cost(stand: Stand, size: Size, cpu_ms: float) -> Iterator[Measured]:
    floor, floor_ms = bare(stand, "asgi", size)
    told, bare_ms = bare(stand, "litestar", size)
    yield Measured(
        name="bare ASGI POST, one process",
        unit="/s",
        ours=floor.per_second,
        goal=REFERENCE,
        cpu_ms={"asgi": floor_ms, "load": 1000 * floor.cpu_s / max(floor.served, 1)},
    )
    yield Measured(
        name="processor time of accepting, our process",
        unit="ms",
        ours=cpu_ms,
        limit=bare_ms,
        limit_name="bare Litestar POST, same body, token checked, no database",
        goal=Goal(most=3.0),
        more={"bare Litestar /s": told.per_second},
    )


def _refused(told: Told) -> int:
    return sum(count for status, count in told.statuses.items() if status != "202")


_EMPTY = "TRUNCATE naive_cash_outs, naive_counters, naive_outbox"
