"""What is measured, as processes: database, broker, light provider, API, workers, load."""

import asyncio
import signal
import socket
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import msgspec

from adapters.sql.schema import migrate
from tests.bench.load import Load, Told
from tests.bench.processor import memory_mb
from tests.bench.provider import Light
from tests.processes import api_process, worker_process
from tests.server_process import ServerProcess
from tests.servers import LOOPBACK, NatsServer, PostgresServer, free_port

ROOT: Final = Path(__file__).resolve().parents[2]
SECRET: Final = "a-token-secret-for-benchmarks-0123456789abcdef"
HOOK_SECRET: Final = "a-webhook-secret-for-benchmarks"
LOAD_GRACE_S: Final = 120
"""How much longer than its load a load's process may live."""
DATABASE: Final = {"shared_buffers": "256MB", "max_wal_size": "4GB"}
"""What the service and the naive transaction are both measured on, beside the durable defaults."""
_ROW = 'XOF = { fee_percent = "2", fee_minimum = "600", minimum = "600", maximum = "3000000", '
_SHIPPED = _ROW + 'daily = "6000000", monthly = "30000000" }'
_GENEROUS = _ROW + 'daily = "600000000000", monthly = "3000000000000" }'


@dataclass
class Stand:
    """One round's processes; everything ends with `folder`'s context."""

    folder: Path
    stack: ExitStack
    postgres: PostgresServer | None = None
    environment: dict[str, str] = field(default_factory=dict)
    _names: Iterator[int] = field(default_factory=lambda: iter(range(10_000)))

    def need_postgres(self) -> PostgresServer:
        """Start PostgreSQL the first time it is asked for."""
        if self.postgres is None:
            self.postgres = PostgresServer(self.new_folder("postgres"), DATABASE)
            self.stack.callback(self.postgres.stop)
        return self.postgres

    def broker(self, sync_interval: str = "always") -> NatsServer:
        """Start a nats-server that syncs every write, or as often as it is told."""
        broker = NatsServer(self.new_folder("nats"), sync_interval)
        self.stack.callback(broker.stop)
        return broker

    def database(self, template: str = "template1") -> str:
        """Make a database with the service's tables, or a copy of one; return its name."""
        postgres = self.need_postgres()
        name = postgres.create_database(template)
        asyncio.run(migrate(postgres.dsn(name)))
        return name

    def new_folder(self, name: str) -> Path:
        """Make a folder that nobody has used."""
        folder = self.folder / f"{name}-{next(self._names)}"
        folder.mkdir()
        folder.chmod(0o777)
        return folder

    def settings(self, **changed: str) -> dict[str, str]:
        """Return the environment of a service process: paid by a light provider, no rate limit."""
        return {
            "JWT_SECRET": SECRET,
            "RATE_LIMIT_PER_MINUTE": "0",
            "WORKERS_IN_API": "false",
            # As in production: what the overview adds up would be measured along.
            "CONSOLE": "false",
            "CASHOUT_CONFIG": str(self._configuration()),
            "CASHOUT_DATA_DIR": str(self.folder),
            **changed,
        }

    def paid_by(self, port: int) -> dict[str, str]:
        """Return the settings of a provider that listens on a port of this machine."""
        url = f"http://{LOOPBACK}:{port}"
        return {
            "ORANGE_MONEY_API_URL": url,
            "ORANGE_MONEY_TOKEN_URL": f"{url}/token",
            "ORANGE_MONEY_CLIENT_ID": "client",
            "ORANGE_MONEY_CLIENT_SECRET": "client-secret-of-the-benchmark",
            "ORANGE_MONEY_WEBHOOK_SECRET": HOOK_SECRET,
        }

    def api(self, environment: Mapping[str, str], port: int | None = None) -> "Running":
        """Start an API process, on a given port or a free one, and wait until it answers."""
        process, url = api_process(self.new_folder("api"), environment, port)
        process.start()
        running = Running(process, int(url.rsplit(":", 1)[1]))
        self.stack.callback(running.stop)
        return running

    def worker(self, environment: Mapping[str, str]) -> "Running":
        """Start a worker process and wait until it works."""
        process = worker_process(self.new_folder("worker"), "worker", environment)
        process.start()
        running = Running(process, 0)
        self.stack.callback(running.stop)
        return running

    def bare(self, kind: str) -> "Running":
        """Start a server with nothing behind it: `asgi` or `litestar`, or a file: `sqlite`."""
        port, folder = free_port(), self.new_folder("bare")
        process = ServerProcess(
            command=[sys.executable, "-m", "tests.bench.bare", kind],
            log=folder / "bare.log",
            is_ready=lambda _pid: _listens(port),
            stop_signal=signal.SIGTERM,
            environment={
                "PORT": str(port),
                "JWT_SECRET": SECRET,
                "PYTHONPATH": str(ROOT),
                "DATABASE": str(folder / "bare.db"),
            },
        )
        process.start()
        running = Running(process, port)
        self.stack.callback(running.stop)
        return running

    def provider(self, light: Light) -> tuple[subprocess.Popen[bytes], int]:
        """Start a light provider; return it and its port."""
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.bench.provider"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=ROOT,
        )
        self.stack.callback(process.wait, 10)
        self.stack.callback(process.terminate)
        if process.stdin is None or process.stdout is None:
            raise AssertionError("the provider was started with pipes")
        process.stdin.write(msgspec.json.encode(light) + b"\n")
        process.stdin.flush()
        return process, int(process.stdout.readline())

    def _configuration(self) -> Path:
        path = self.folder / "cashout.toml"
        if not path.exists():
            shipped = (ROOT / "entrypoints" / "cashout.toml").read_text()
            generous = shipped.replace(_SHIPPED, _GENEROUS)
            if generous == shipped:
                raise AssertionError("the shipped tariff has other limits than this expects")
            tomllib.loads(generous)
            path.write_text(generous)
        return path


@dataclass
class Running:
    """A process of ours at work."""

    process: ServerProcess
    port: int

    def stop(self) -> None:
        """End it in order."""
        self.process.stop()

    @property
    def pid(self) -> int:
        """Its process id."""
        return self.process.pid

    def memory_mb(self) -> float:
        """Return its resident memory."""
        return memory_mb(self.process.pid)

    def log(self) -> str:
        """Return what it has written so far."""
        return self.process.log.read_text(errors="replace")


def send(load: Load) -> Told:
    """Send a load from a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.bench.load"],
        input=msgspec.json.encode(load),
        stdout=subprocess.PIPE,
        check=True,
        cwd=ROOT,
        timeout=load.warm_up_s + load.seconds + LOAD_GRACE_S,
    )
    return msgspec.json.decode(done.stdout, type=Told)


@contextmanager
def stand() -> Iterator[Stand]:
    """Yield a stand in a folder of its own; stop all that it started."""
    with tempfile.TemporaryDirectory(prefix="cashout-bench-") as name, ExitStack() as stack:
        folder = Path(name)
        folder.chmod(0o777)
        yield Stand(folder, stack)


def wait_until(fact: Any, *, within_s: float, every_s: float = 0.05) -> float:  # noqa: ANN401
    """Return after how many seconds `fact()` was true; raise TimeoutError."""
    began = time.monotonic()
    while not fact():
        if time.monotonic() - began > within_s:
            raise TimeoutError(f"not so within {within_s} s")
        time.sleep(every_s)
    return time.monotonic() - began


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(0.2)
        return probe.connect_ex((LOOPBACK, port)) == 0
