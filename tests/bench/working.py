"""After taking: workers that send, webhooks that come in, and the whole way of a cash-out.

Rates are told from the moments that the rows carry, so that no process's start and no looking is in
them.
"""

import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from tests.bench import limits
from tests.bench.admission import Admission
from tests.bench.load import Load, Told
from tests.bench.measured import REFERENCE, Goal, Measured
from tests.bench.processor import Meter
from tests.bench.provider import Light
from tests.bench.requests import Requests
from tests.bench.size import Size
from tests.bench.stand import HOOK_SECRET, ROOT, SECRET, Stand, send, wait_until
from tests.bench.taking import CONNECTIONS, USERS, admit, bare
from tests.servers import free_port

PATIENCE_S: Final = 180
SLOW_S: Final = 0.1
MOST_LOOKS_A_SECOND: Final = 5
"""How often a fact of the database is looked at: each look is a process of its own."""


def whole(stand: Stand, size: Size) -> Iterator[Measured]:
    """Take, submit over HTTP, hear the webhook, complete, tell all events; and what that costs."""
    postgres, broker, database = stand.need_postgres(), stand.broker(), stand.database()
    api_port = free_port()
    provider, port = stand.provider(Light(secret=HOOK_SECRET, api_ports=[api_port]))
    environment = stand.settings(
        DATABASE_URL=postgres.dsn(database), NATS_URL=broker.url, **stand.paid_by(port)
    )
    api, worker = stand.api(environment, port=api_port), stand.worker(environment)
    _, bare_ms = bare(stand, "litestar", size)
    meter = Meter(
        {
            "api": api.pid,
            "worker": worker.pid,
            "postgres": postgres.pid,
            "broker": broker.pid,
            "provider": provider.pid,
        }
    )
    wal_began = postgres.execute(_WAL, database)
    told = take_whole(stand, database, [api.port], size)
    cpu_ms = meter.each_ms(told.served)
    yield _storage(stand, database, wal_began)
    yield Measured(
        name="processor time of a whole cash-out, our processes",
        unit="ms",
        ours=cpu_ms["api"] + cpu_ms["worker"],
        limit=bare_ms,
        limit_name="bare Litestar POST, same body, token checked, no database",
        goal=Goal(most=9.0),
        cpu_ms=cpu_ms,
        more={
            "whole cash-outs /s": whole_rate(stand, database),
            "accepted /s": told.per_second,
            "api MB": api.memory_mb(),
            "worker MB": worker.memory_mb(),
        },
    )


def _storage(stand: Stand, database: str, wal_began: str) -> Measured:
    """Return what a cash-out that has ended keeps on the disk, and what its log was."""
    postgres = stand.need_postgres()
    lines = postgres.execute(_SIZES, database).splitlines()
    tables = {name: float(size) for name, size in (line.split("|") for line in lines)}
    written = f"SELECT (pg_current_wal_lsn() - '{wal_began}') / 1e3 / count(*) FROM cash_outs"  # noqa: S608 -- PostgreSQL's own word
    return Measured(
        name="storage of a whole cash-out, indexes included",
        unit="KB",
        ours=sum(tables.values()),
        goal=REFERENCE,
        more={**tables, "write-ahead log": float(postgres.execute(written, database))},
    )


def take_whole(stand: Stand, database: str, ports: list[int], size: Size) -> Told:
    """Send a closed loop; return when everything that it gave has its end and is told."""
    told = send(
        Load(
            ports=ports,
            requests=Requests("take", SECRET, users=USERS),
            connections=CONNECTIONS,
            seconds=size.seconds,
            warm_up_s=0,
        )
    )
    until(stand, database, _AT_REST)
    return told


def whole_rate(stand: Stand, database: str) -> float:
    """Return the whole cash-outs a second, from the first that was taken to the last event told."""
    return float(stand.need_postgres().execute(_WHOLE_RATE, database))


def webhooks(stand: Stand, size: Size) -> Iterator[Measured]:
    """Have a backlog accepted by the provider, then send all of its webhooks at once."""
    postgres, database = stand.need_postgres(), backlog(stand, size.backlog)
    _, port = stand.provider(Light(secret=HOOK_SECRET))
    environment = stand.settings(DATABASE_URL=postgres.dsn(database), **stand.paid_by(port))
    worker = stand.worker(environment)
    until(stand, database, _ALL_SENT)
    worker.stop()
    found = postgres.execute("SELECT reference FROM cash_outs", database).split()
    api = stand.api(environment)
    meter = Meter({"api": api.pid, "postgres": postgres.pid})
    told = send(
        Load(
            ports=[api.port],
            requests=Requests("webhook", SECRET, webhook_secret=HOOK_SECRET, references=found),
            connections=CONNECTIONS,
            seconds=PATIENCE_S,
            warm_up_s=0,
            stop_when_done=True,
        )
    )
    until(stand, database, _ALL_COMPLETED)
    yield Measured(
        name="webhooks received, verified, stored and applied, one process",
        unit="/s",
        ours=float(postgres.execute(_WEBHOOK_RATE, database)),
        goal=Goal(least=1_500),
        cpu_ms={**meter.each_ms(told.served), "load": 1000 * told.cpu_s / max(told.served, 1)},
        more={"p50 ms": told.p50_ms, "p99 ms": told.p99_ms},
    )
    api.stop()


def workers(stand: Stand, size: Size) -> Iterator[Measured]:
    """Give one worker process a backlog, at a provider that answers at once and at a slow one."""
    naive = limits.make_naive_tables(stand)
    rate = limits.pgbench(stand, naive, clients=32, seconds=int(size.seconds), users=USERS)
    ceiling = _most_submits() / SLOW_S
    for delay_s, limit, limit_name, least in (
        (0.0, rate, "pgbench, the naive transaction, 32 clients, 10,000 users", 1.5),
        (SLOW_S, ceiling, f"{_most_submits()} in flight, each 100 ms", 0.8),
    ):
        count = size.backlog if not delay_s else int(min(size.backlog, ceiling * size.seconds))
        yield _worked(stand, count, delay_s, (limit, limit_name, least))


def _worked(stand: Stand, count: int, delay_s: float, limit: tuple[float, str, float]) -> Measured:
    postgres, database = stand.need_postgres(), backlog(stand, count)
    provider, port = stand.provider(Light(delay_s=delay_s))
    # Sending is what is measured: nothing is asked about meanwhile.
    environment = stand.settings(
        DATABASE_URL=postgres.dsn(database), STATUS_POLL_SECONDS="600", **stand.paid_by(port)
    )
    with held_back(stand, database, _NOT_YET, _NOW):
        worker = stand.worker(environment)
        meter = Meter({"worker": worker.pid, "postgres": postgres.pid, "provider": provider.pid})
    until(stand, database, _ALL_SENT)
    cpu_ms = meter.each_ms(count)
    worker.stop()
    return Measured(
        name=f"worker: submitted and recorded, a provider of {1000 * delay_s:.0f} ms",
        unit="/s",
        ours=float(postgres.execute(_SENT_RATE, database)),
        limit=limit[0],
        limit_name=limit[1],
        goal=Goal(least=limit[2]),
        cpu_ms=cpu_ms,
    )


def backlog(stand: Stand, count: int) -> str:
    """Return a database with so many cash-outs that are taken and wait to be sent."""
    database = stand.database()
    url = stand.need_postgres().dsn(database)
    environment = stand.settings(DATABASE_URL=url, **stand.paid_by(9))
    admit(environment, Admission(count=count, seconds=600, warm_up_s=0))
    return database


@contextmanager
def held_back(stand: Stand, database: str, hold: str, release: str) -> Iterator[None]:
    """Keep work out of a worker's sight while it starts: all that it does then is the work."""
    postgres = stand.need_postgres()
    postgres.execute(hold, database)
    postgres.execute("VACUUM ANALYZE", database)
    yield
    postgres.execute(release, database)


def until(stand: Stand, database: str, fact: str) -> None:
    """Wait until a query says true."""
    postgres = stand.need_postgres()
    wait_until(
        lambda: postgres.execute(fact, database) == "t",
        within_s=PATIENCE_S,
        every_s=1 / MOST_LOOKS_A_SECOND,
    )


def _most_submits() -> int:
    shipped = tomllib.loads((ROOT / "entrypoints" / "cashout.toml").read_text())
    most: int = shipped["providers"]["orange_money"]["max_submits"]
    return most


_WAL = "SELECT pg_current_wal_lsn()"
_SIZES = """
SELECT relname, pg_total_relation_size(pg_class.oid) / 1e3 / (SELECT count(*) FROM cash_outs)
FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
WHERE nspname = 'public' AND relkind = 'r' AND relname <> 'alembic_version'
ORDER BY 2 DESC
"""
_NOT_YET = "UPDATE cash_outs SET due_at = due_at + interval '1 day' WHERE due_at IS NOT NULL"
_NOW = "UPDATE cash_outs SET due_at = due_at - interval '1 day' WHERE due_at IS NOT NULL"
_ALL_SENT = (
    "SELECT NOT EXISTS (SELECT FROM cash_outs WHERE status = 'pending' OR lease_token IS NOT NULL)"
)
_ALL_COMPLETED = "SELECT NOT EXISTS (SELECT FROM cash_outs WHERE status <> 'completed')"
_AT_REST = (
    "SELECT NOT EXISTS (SELECT FROM cash_outs WHERE completed_at IS NULL) "
    "AND NOT EXISTS (SELECT FROM outbox WHERE sent_at IS NULL)"
)
_SENT_RATE = "SELECT count(*) / extract(epoch FROM max(ended_at) - min(started_at)) FROM attempts"
_WEBHOOK_RATE = (
    "SELECT (SELECT count(*) FROM inbox) / extract(epoch FROM "
    "(SELECT max(completed_at) FROM cash_outs) - (SELECT min(received_at) FROM inbox))"
)
_WHOLE_RATE = (
    "SELECT (SELECT count(*) FROM cash_outs) / extract(epoch FROM "
    "(SELECT max(sent_at) FROM outbox) - (SELECT min(created_at) FROM cash_outs))"
)
