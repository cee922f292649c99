"""After taking: workers that send, webhooks that come in, events that are told."""

import asyncio
import time
from collections.abc import Iterator
from typing import Final

from adapters.sql.schema import migrate
from tests.bench import limits
from tests.bench.admission import Admission
from tests.bench.load import Load
from tests.bench.measured import Goal, Measured
from tests.bench.provider import Light
from tests.bench.requests import Requests
from tests.bench.size import Size
from tests.bench.stand import HOOK_SECRET, SECRET, Stand, cpu_s, send, wait_until
from tests.bench.taking import CONNECTIONS, USERS, admit
from tests.servers import LOOPBACK, free_port

PATIENCE_S: Final = 180
SLOW_S: Final = 0.1
IN_FLIGHT: Final = 32
"""`max_submits` of the shipped configuration."""


def whole(stand: Stand, size: Size) -> Iterator[Measured]:
    """Take, submit over HTTP, hear the webhook, complete, tell all events; and what that costs."""
    postgres, nats = stand.need_postgres(), stand.need_nats()
    database = postgres.create_database()
    url = postgres.dsn(database)
    asyncio.run(migrate(url))
    api_port = free_port()
    provider, port = stand.provider(Light(secret=HOOK_SECRET, api_port=api_port))
    environment = stand.settings(
        DATABASE_URL=url, NATS_URL=nats.url, **stand.paid_by(port), PORT=str(api_port)
    )
    api = stand.api(environment, port=api_port)
    worker = stand.worker(environment)
    bare_ms = bare_cost(stand, size)
    before, began = api.cpu_s() + worker.cpu_s(), time.monotonic()
    paid = cpu_s(provider.pid)
    told = send(
        Load(
            host=LOOPBACK,
            port=api.port,
            requests=Requests("take", SECRET, users=USERS),
            connections=CONNECTIONS,
            seconds=size.seconds,
            warm_up_s=0,
        )
    )
    open_left = int(postgres.execute(_OPEN, database))
    wait_until(
        lambda: postgres.execute(_AT_REST, database) == "t", within_s=PATIENCE_S, every_s=0.2
    )
    took = time.monotonic() - began
    used = api.cpu_s() + worker.cpu_s() - before
    count = int(postgres.execute("SELECT count(*) FROM cash_outs", database))
    yield Measured(
        name="processor time of a whole cash-out",
        unit="ms",
        ours=1000 * used / count,
        limit=bare_ms,
        limit_name="bare Litestar POST, token checked, no database",
        goal=Goal(most=9.0),
        more={
            "whole cash-outs /s": count / took,
            "taken /s": told.per_second,
            "open when the load ended": open_left,
            "api memory MB": api.memory_mb(),
            "worker memory MB": worker.memory_mb(),
            "the light provider's cpu ms": 1000 * (cpu_s(provider.pid) - paid) / count,
        },
    )


def webhooks(stand: Stand, size: Size) -> Iterator[Measured]:
    """Have a backlog accepted by the provider, then send all of its webhooks at once."""
    postgres = stand.need_postgres()
    database = _backlog(stand, size)
    _, port = stand.provider(Light(secret=HOOK_SECRET))
    environment = stand.settings(DATABASE_URL=postgres.dsn(database), **stand.paid_by(port))
    worker = stand.worker(environment)
    _until_sent(stand, database)
    worker.stop()
    found = postgres.execute("SELECT reference FROM cash_outs", database).split()
    api = stand.api(environment)
    before, began = api.cpu_s(), time.monotonic()
    seconds = len(found) / 1_000
    send(
        Load(
            host=LOOPBACK,
            port=api.port,
            requests=Requests("webhook", SECRET, webhook_secret=HOOK_SECRET, references=found),
            connections=CONNECTIONS,
            seconds=seconds,
            warm_up_s=0,
            stop_when_done=True,
        )
    )
    wait_until(
        lambda: postgres.execute(_COMPLETED, database) == str(len(found)), within_s=PATIENCE_S
    )
    took = time.monotonic() - began
    yield Measured(
        name="webhooks received, verified, stored and applied, one process",
        unit="/s",
        ours=len(found) / took,
        goal=Goal(least=1_500),
        more={"cpu ms": 1000 * (api.cpu_s() - before) / len(found)},
    )
    api.stop()


def workers(stand: Stand, size: Size) -> Iterator[Measured]:
    """Give one worker process a backlog, at a provider that answers at once and at a slow one."""
    naive = limits.make_naive_tables(stand)
    rate = limits.pgbench(stand, naive, clients=32, seconds=int(size.seconds), users=USERS)
    postgres = stand.need_postgres()
    for delay_s in (0.0, SLOW_S):
        database = _backlog(stand, size if not delay_s else Size(backlog=size.backlog // 5))
        _, port = stand.provider(Light(delay_s=delay_s))
        environment = stand.settings(DATABASE_URL=postgres.dsn(database), **stand.paid_by(port))
        began = time.monotonic()
        worker = stand.worker(environment)
        started = time.monotonic() - began
        done_before = int(postgres.execute(_SENT, database))
        before, began = worker.cpu_s(), time.monotonic()
        _until_sent(stand, database)
        took = time.monotonic() - began
        count = int(postgres.execute(_SENT, database)) - done_before
        slow = bool(delay_s)
        yield Measured(
            name=f"worker: submitted and recorded, provider of {delay_s * 1000:.0f} ms",
            unit="/s",
            ours=count / took,
            limit=IN_FLIGHT / SLOW_S if slow else rate,
            limit_name=(
                f"{IN_FLIGHT} in flight, each {SLOW_S * 1000:.0f} ms"
                if slow
                else "pgbench, naive transaction, 32 clients, 10,000 users"
            ),
            goal=Goal(least=0.8 if slow else 1.5),
            more={
                "cpu ms": 1000 * (worker.cpu_s() - before) / count,
                "seconds to start": started,
            },
        )
        worker.stop()


def relay(stand: Stand, size: Size) -> Iterator[Measured]:
    """Give one worker process a full outbox and a broker that syncs every write."""
    postgres, nats = stand.need_postgres(), stand.need_nats()
    database = _backlog(stand, size)
    raw = limits.jetstream(nats.url, events=size.backlog)
    environment = stand.settings(
        DATABASE_URL=postgres.dsn(database), NATS_URL=nats.url, **stand.paid_by(9)
    )
    worker = stand.worker({**environment, "RETRY_BASE_SECONDS": "600"})
    done_before = int(postgres.execute(_TOLD, database))
    before, began = worker.cpu_s(), time.monotonic()
    wait_until(lambda: int(postgres.execute(_TOLD, database)) >= size.backlog, within_s=PATIENCE_S)
    took = time.monotonic() - began
    yield Measured(
        name="outbox relayed to JetStream, every write synced",
        unit="/s",
        ours=(size.backlog - done_before) / took,
        limit=raw,
        limit_name="nats-py alone, 500 in flight, every write synced",
        goal=Goal(least=0.6),
        more={"cpu ms": 1000 * (worker.cpu_s() - before) / size.backlog},
    )
    worker.stop()


_OPEN = "SELECT count(*) FROM cash_outs WHERE completed_at IS NULL"
_SENT = "SELECT count(*) FROM attempts WHERE outcome IS NOT NULL"
_ALL_SENT = (
    "SELECT NOT EXISTS (SELECT FROM cash_outs WHERE status = 'pending' OR lease_token IS NOT NULL)"
)
_TOLD = "SELECT count(*) FROM outbox WHERE sent_at IS NOT NULL"
_COMPLETED = "SELECT count(*) FROM cash_outs WHERE status = 'completed'"
_AT_REST = (
    "SELECT NOT EXISTS (SELECT FROM cash_outs WHERE completed_at IS NULL) "
    "AND NOT EXISTS (SELECT FROM outbox WHERE sent_at IS NULL)"
)


def bare_cost(stand: Stand, size: Size) -> float:
    """Return the processor time of a POST that checks the token and decides nothing, in ms."""
    bare = stand.bare("litestar")
    before = bare.cpu_s()
    told = send(
        Load(
            host=LOOPBACK,
            port=bare.port,
            requests=Requests("take", SECRET, users=USERS, path="/"),
            connections=CONNECTIONS,
            seconds=size.seconds,
            warm_up_s=0,
        )
    )
    used = bare.cpu_s() - before
    bare.stop()
    return 1000 * used / max(told.answered, 1)


def _backlog(stand: Stand, size: Size) -> str:
    """Return a database with cash-outs that are taken and wait to be sent."""
    postgres = stand.need_postgres()
    database = postgres.create_database()
    url = postgres.dsn(database)
    asyncio.run(migrate(url))
    environment = stand.settings(DATABASE_URL=url, **stand.paid_by(9))
    admit(environment, Admission(count=size.backlog, seconds=600, warm_up_s=0))
    return database


def _until_sent(stand: Stand, database: str) -> None:
    postgres = stand.need_postgres()
    wait_until(lambda: postgres.execute(_ALL_SENT, database) == "t", within_s=PATIENCE_S)
