"""Members of the cluster: processes that are started again whenever they end."""

import asyncio
import contextlib
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.processes import MEASURED
from tests.server_process import ServerDidNotStart, ServerProcess
from tests.servers import NatsServer, PostgresServer

UP_WITHIN_S = 90.0
"""A process that finds its database away ends, and is started again until it stays."""
_LOOK_S = 0.25
_AGAIN_S = 0.2


@dataclass(slots=True)
class Member:
    """One process of the cluster. busy: held by whoever starts, ends or stops it.

    exits: how often it ended by itself, which a member may do only while it starts.
    """

    name: str
    process: ServerProcess
    begin: Callable[[], None]
    busy: asyncio.Lock = field(default_factory=asyncio.Lock)
    starts: int = 0
    exits: int = 0
    refused_starts: int = 0

    async def up(self) -> None:
        """Start it, again and again until it is ready; raise ServerDidNotStart after a while."""
        give_up_at = time.monotonic() + UP_WITHIN_S
        while True:
            try:
                await asyncio.to_thread(self.begin)
            except ServerDidNotStart:
                self.refused_starts += 1
                if time.monotonic() > give_up_at:
                    raise
                await asyncio.sleep(_AGAIN_S)
            else:
                self.starts += 1
                return

    async def kill(self) -> None:
        """SIGKILL it."""
        await asyncio.to_thread(self.process.kill)

    async def stop(self, within_s: float) -> int | None:
        """Ask it to end; return its exit code, or None when it had to be killed after a while."""
        if not self.process.running:
            self.process.stop()
            return None
        self.process.send(self.process.stop_signal)
        try:
            return await asyncio.to_thread(self.process.exit_code, within_s)
        except subprocess.TimeoutExpired:
            await self.kill()
            return None

    async def watch(self) -> None:
        """Start it again whenever it has ended by itself."""
        while True:
            await asyncio.sleep(_LOOK_S)
            if self.busy.locked():
                continue
            async with self.busy:
                if not self.process.running:
                    self.exits += 1
                    await self.up()

    async def abandon(self) -> None:
        """End it whatever its state."""
        with contextlib.suppress(ProcessLookupError):
            if self.process.running:
                self.process.send(signal.SIGCONT)
        await asyncio.to_thread(self.process.stop)


def program(
    folder: Path,
    name: str,
    command: list[str],
    ready_word: str,
    environment: Mapping[str, str],
) -> Member:
    """Return one of our programs, not started yet; it is ready once its log says the word."""
    log = folder / f"{name}.log"
    log.touch()
    seen = 0

    def is_ready(_pid: int) -> bool:
        return ready_word.encode() in log.read_bytes()[seen:]

    process = ServerProcess(
        command=command,
        log=log,
        is_ready=is_ready,
        stop_signal=signal.SIGTERM,
        environment={**MEASURED, **environment},
    )

    def begin() -> None:
        nonlocal seen
        seen = log.stat().st_size
        process.start()

    return Member(name, process, begin)


def server(name: str, running: PostgresServer | NatsServer) -> Member:
    """Return a database or broker, which runs already."""
    return Member(name, running._process, running.restart, starts=1)
