"""The `cashout` program as real processes, for tests that kill them."""

import os
import signal
import sys
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path

from tests.server_process import ServerProcess
from tests.servers import free_port

# How coverage, when it is measured, finds its way into child processes.
MEASURED = {name: value for name, value in os.environ.items() if name.startswith("COVERAGE_")}

CASHOUT = str(Path(sys.executable).with_name("cashout"))


def api_process(
    folder: Path, environment: Mapping[str, str], port: int | None = None
) -> tuple[ServerProcess, str]:
    """Return a `cashout serve` that is not started yet, and the address it will have."""
    port = port or free_port()
    url = f"http://127.0.0.1:{port}"

    def is_ready(_pid: int) -> bool:
        try:
            with urllib.request.urlopen(f"{url}/health", timeout=1) as answer:
                return bool(answer.status == 200)
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            return False

    process = ServerProcess(
        command=[CASHOUT, "serve"],
        log=folder / "api.log",
        is_ready=is_ready,
        stop_signal=signal.SIGTERM,
        environment={**MEASURED, **environment, "PORT": str(port)},
    )
    return process, url


def worker_process(folder: Path, name: str, environment: Mapping[str, str]) -> ServerProcess:
    """Return a `cashout worker` that is not started yet; it is ready once it has said so."""
    log = folder / f"{name}.log"
    return ServerProcess(
        command=[CASHOUT, "worker"],
        log=log,
        is_ready=lambda _pid: log.exists() and b'"working"' in log.read_bytes(),
        stop_signal=signal.SIGTERM,
        environment={**MEASURED, **environment},
    )
