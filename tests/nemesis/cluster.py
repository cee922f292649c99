"""The whole service as real processes on loopback, with a link between any two that talk."""

import asyncio
import json
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from adapters.sql.schema import migrate
from tests.entrypoints.orders import in_a_hurry
from tests.nemesis.links import Link, link_to
from tests.nemesis.members import Member, program, server
from tests.nemesis.plan import LINKS
from tests.processes import CASHOUT
from tests.servers import LOOPBACK, NatsServer, PostgresServer, free_port
from tests.shipped import HURRIED, shipped_with

PATIENCE = {
    "PROVIDER_TIMEOUT_SECONDS": "1",
    "RETRY_MAX_ATTEMPTS": "8",
    "STATUS_POLL_SECONDS": "0.2",
    "REVIEW_AFTER_SECONDS": "20",
    "WORK_POLL_SECONDS": "0.2",
    "WORKERS_IN_API": "false",
    "LOG_LEVEL": "info",
}
"""Short enough that a minute holds many retries, long enough for a busy machine."""

_SHORTER = {
    "poll_steps = [1, 2, 4, 8, 12, 24, 60, 120]": "poll_steps = [1, 2, 4, 8, 12]",
    "poll_later = 360": "poll_later = 15",
}
"""Waits of the shipped configuration that no setting shortens."""

WORKERS = ("worker-1", "worker-2")
SKEWED = WORKERS[1]
"""The worker whose clock is wrong."""
OURS = ("api", *WORKERS, "sandbox")


@dataclass(frozen=True, slots=True)
class Cluster:
    """What the nemesis has its hands on."""

    folder: Path
    postgres: PostgresServer
    database: str
    nats: NatsServer
    links: Mapping[str, Link]
    members: Mapping[str, Member]

    @property
    def url(self) -> str:
        """Return where clients find the API, over their link."""
        return f"http://{LOOPBACK}:{self.links['clients'].port}"

    @property
    def ledger(self) -> Path:
        """Return the sandbox's ledger."""
        return self.folder / "ledger.jsonl"

    def clock_off_by(self, seconds: float) -> None:
        """Set how wrong the skewed worker's clock is."""
        fresh = self.folder / "clock.new"
        fresh.write_text(f"{seconds:.3f}", encoding="ascii")
        fresh.rename(self.folder / "clock")

    def logs(self) -> dict[str, str]:
        """Return what our processes have said."""
        return {
            name: (self.folder / f"{name}.log").read_text(encoding="utf-8", errors="replace")
            for name in OURS
        }

    async def query(self, statement: str) -> Any:  # noqa: ANN401 -- JSON
        """Return the rows of a SELECT, asked of the database without any link between."""
        wrapped = f"SELECT coalesce(json_agg(row_to_json(found)), '[]') FROM ({statement}) found"  # noqa: S608 -- our own words
        return json.loads(await asyncio.to_thread(self.postgres.execute, wrapped, self.database))


@asynccontextmanager
async def cluster(seed: int) -> AsyncIterator[Cluster]:
    """Run the service; every process ends with the context, whatever state it is in."""
    async with AsyncExitStack() as stack:
        folder, postgres, nats = stack.enter_context(_servers())
        api_port, sandbox_port = free_port(), free_port()
        targets = {
            "provider": sandbox_port,
            "database": postgres.port,
            "broker": nats.port,
            "webhooks": api_port,
            "clients": api_port,
        }
        links = {
            name: await stack.enter_async_context(link_to(name, targets[name])) for name in LINKS
        }
        database = postgres.create_database()
        await migrate(postgres.dsn(database))
        members = {"postgres": server("postgres", postgres), "nats": server("nats", nats)}
        made = Cluster(folder, postgres, database, nats, links, members)
        made.clock_off_by(0)
        for each in _ours(made, api_port, sandbox_port, seed):
            members[each.name] = each
            stack.push_async_callback(each.abandon)
            await each.up()
        watching = [asyncio.create_task(each.watch()) for each in members.values()]
        stack.push_async_callback(_end, watching)
        yield made


@contextmanager
def _servers() -> Iterator[tuple[Path, PostgresServer, NatsServer]]:
    with (
        tempfile.TemporaryDirectory(prefix="cashout-nemesis-") as ours,
        # PostgreSQL may run as another user, who owns this one.
        tempfile.TemporaryDirectory(prefix="cashout-nemesis-db-") as theirs,
    ):
        postgres = PostgresServer(Path(theirs))
        try:
            nats = NatsServer(Path(ours))
            try:
                yield Path(ours), postgres, nats
            finally:
                nats.stop()
        finally:
            postgres.stop()


def _ours(made: Cluster, api_port: int, sandbox_port: int, seed: int) -> Iterator[Member]:
    """Yield our programs, each to be started before the next is asked for."""
    webhooks = f"http://{LOOPBACK}:{made.links['webhooks'].port}/api/payments/webhook"
    told = ["--port", str(sandbox_port), "--webhooks-to", webhooks, "--seed", str(seed)]
    told += ["--profile", "instant", "--ledger", str(made.ledger), "--json"]
    sandbox = program(made.folder, "sandbox", [CASHOUT, "sandbox", *told], "Ctrl-C stops", {})
    yield sandbox
    environment = _environment(made, sandbox.process.log, sandbox_port)
    yield program(
        made.folder, "api", [CASHOUT, "serve"], '"serving"', {**environment, "PORT": str(api_port)}
    )
    launcher = Path(__file__).with_name("skewed_worker.py")
    off_by = {"CLOCK_OFF_BY": str(made.folder / "clock")}
    for name in WORKERS:
        command = [sys.executable, str(launcher)] if name == SKEWED else [CASHOUT, "worker"]
        yield program(made.folder, name, command, '"working"', {**environment, **off_by})


def _environment(made: Cluster, said: Path, sandbox_port: int) -> dict[str, str]:
    """Return the settings of API and workers: whatever they talk to is behind a link."""
    links = made.links
    (line,) = (line for line in said.read_text("utf-8").splitlines() if line.startswith("{"))
    provider: dict[str, str] = json.loads(line)["environment"]
    there, over = f":{sandbox_port}", f":{links['provider'].port}"
    config = shipped_with(made.folder, **HURRIED | {"rest": 2})
    config.write_text(_shortened(config.read_text("utf-8")), encoding="utf-8")
    dsn = made.postgres.dsn(made.database)
    return in_a_hurry(
        **{name: value.replace(there, over) for name, value in provider.items()},
        **PATIENCE,
        DATABASE_URL=dsn.replace(f":{made.postgres.port}/", f":{links['database'].port}/"),
        NATS_URL=f"nats://{LOOPBACK}:{links['broker'].port}",
        CASHOUT_CONFIG=str(config),
        CASHOUT_DATA_DIR=str(made.folder / "data"),
    )


def _shortened(shipped: str) -> str:
    for long, short in _SHORTER.items():
        assert long in shipped, long
        shipped = shipped.replace(long, short)
    return shipped


async def _end(tasks: list[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
