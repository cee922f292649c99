"""Taking cash-outs: through HTTP and without it, many users and one, PostgreSQL and SQLite."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator

import msgspec

from adapters.sql.schema import migrate
from tests.bench import limits
from tests.bench.admission import Admission, Admitted
from tests.bench.load import Load, Told
from tests.bench.measured import Goal, Measured
from tests.bench.requests import Requests
from tests.bench.size import Size
from tests.bench.stand import ROOT, SECRET, Running, Stand, send
from tests.servers import LOOPBACK

USERS = 10_000
CONNECTIONS = 64
CALLERS = 128


def on_postgres(stand: Stand, size: Size) -> Iterator[Measured]:
    """Measure in turns: the naive transaction, admission alone, HTTP; many users, then one."""
    postgres = stand.need_postgres()
    naive = limits.make_naive_tables(stand)
    for users, whom in ((USERS, "10,000 users"), (1, "one user")):
        environment = _service(stand, _database(stand))
        rate = limits.pgbench(stand, naive, clients=32, seconds=int(size.seconds), users=users)
        alone = admit(environment, Admission(CALLERS, users, seconds=size.seconds))
        api = stand.api(environment)
        told, cpu_ms = take(api, size, users=users)
        limit_name = f"pgbench, naive transaction, 32 clients, {whom}"
        yield Measured(
            name=f"POST accepted, PostgreSQL, {whom}",
            unit="/s",
            ours=told.per_second,
            limit=rate,
            limit_name=limit_name,
            goal=Goal(least=1.0 if users > 1 else 3.0),
            more={"p50 ms": told.p50_ms, "p99 ms": told.p99_ms, "cpu ms": cpu_ms},
        )
        yield Measured(
            name=f"admission alone, PostgreSQL, {whom}",
            unit="/s",
            ours=alone.per_second,
            limit=rate,
            limit_name=limit_name,
            goal=Goal(least=2.0 if users > 1 else 5.0),
            more={"cpu ms": alone.cpu_ms},
        )
        if users > 1:
            yield _patience(api, size, told.per_second)
            yield _cost(stand, size, cpu_ms)
        api.stop()
        postgres.execute("TRUNCATE naive_cash_outs, naive_counters, naive_outbox", naive)


def on_sqlite(stand: Stand, size: Size) -> Iterator[Measured]:
    """Measure a database file with full durability beside sqlite3 alone."""
    folder = stand.new_folder("sqlite")
    url = f"sqlite+aiosqlite:///{folder}/cashout.db"
    asyncio.run(migrate(url))
    environment = _service(stand, url)
    alone = limits.sqlite_grouped(folder, size.seconds)
    api = stand.api(environment)
    told, cpu_ms = take(api, size, users=USERS)
    api.stop()
    yield Measured(
        name="POST accepted, SQLite, full durability",
        unit="/s",
        ours=told.per_second,
        limit=alone,
        limit_name="sqlite3 alone, groups of 100",
        goal=Goal(least=0.5),
        more={"p50 ms": told.p50_ms, "p99 ms": told.p99_ms, "cpu ms": cpu_ms},
    )


def take(api: Running, size: Size, *, users: int) -> tuple[Told, float]:
    """Send a closed loop; return what came of it and the server's CPU time for each, in ms."""
    before = api.cpu_s()
    told = send(
        Load(
            host=LOOPBACK,
            port=api.port,
            requests=Requests("take", SECRET, users=users),
            connections=CONNECTIONS,
            seconds=size.seconds,
            warm_up_s=size.warm_up_s,
        )
    )
    used = api.cpu_s() - before
    # The warm-up costs too: the share of the measured seconds is taken.
    share = size.seconds / (size.seconds + size.warm_up_s)
    return told, 1000 * used * share / max(told.answered, 1)


def admit(environment: dict[str, str], asked: Admission) -> Admitted:
    """Take cash-outs without HTTP, in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.bench.admission"],
        input=msgspec.json.encode(asked),
        stdout=subprocess.PIPE,
        check=True,
        cwd=ROOT,
        env={"PATH": os.defpath, **environment},
        timeout=120,
    )
    return msgspec.json.decode(done.stdout.splitlines()[-1], type=Admitted)


def _patience(api: Running, size: Size, most: float) -> Measured:
    told = send(
        Load(
            host=LOOPBACK,
            port=api.port,
            requests=Requests("take", SECRET, users=USERS),
            connections=CONNECTIONS,
            seconds=size.seconds,
            warm_up_s=size.warm_up_s,
            rate=most / 2,
        )
    )
    return Measured(
        name="p99 of POST at half of the maximum rate",
        unit="ms",
        ours=told.p99_ms,
        goal=Goal(most=25),
        more={"p50 ms": told.p50_ms, "p99 / p50": told.p99_ms / told.p50_ms},
    )


def _cost(stand: Stand, size: Size, cpu_ms: float) -> Measured:
    bare = stand.bare("litestar")
    before = bare.cpu_s()
    told = send(
        Load(
            host=LOOPBACK,
            port=bare.port,
            requests=Requests("take", SECRET, users=USERS, path="/"),
            connections=CONNECTIONS,
            seconds=size.seconds,
            warm_up_s=size.warm_up_s,
        )
    )
    used = bare.cpu_s() - before
    bare.stop()
    share = size.seconds / (size.seconds + size.warm_up_s)
    return Measured(
        name="processor time of accepting",
        unit="ms",
        ours=cpu_ms,
        limit=1000 * used * share / max(told.answered, 1),
        limit_name="bare Litestar POST, token checked, no database",
        goal=Goal(most=3.0),
        more={"bare /s": told.per_second},
    )


def _database(stand: Stand) -> str:
    postgres = stand.need_postgres()
    url = postgres.dsn(postgres.create_database())
    asyncio.run(migrate(url))
    return url


def _service(stand: Stand, url: str) -> dict[str, str]:
    nowhere = stand.paid_by(9)
    return stand.settings(DATABASE_URL=url, **nowhere)
