"""A real broker without any stream, and a way to look into it from outside."""

from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from signal import SIGTERM

import pytest
from nats.aio.client import Client
from nats.js import JetStreamContext

from adapters.nats.connection import NatsConnection
from tests.server_process import ServerProcess
from tests.servers import LOOPBACK, NatsServer, free_port

StartBroker = Callable[[str], tuple[str, str]]
"""Takes settings in the words of nats.conf; returns the client and the monitoring address."""


@pytest.fixture
def broker(nats_server: NatsServer) -> NatsServer:
    nats_server.empty()
    return nats_server


@pytest.fixture
async def connection(broker: NatsServer) -> AsyncIterator[NatsConnection]:
    made = NatsConnection(broker.url, retry_after_s=0.05)
    yield made
    await made.close()


@pytest.fixture
async def operator(broker: NatsServer) -> AsyncIterator[Client]:
    """A client of its own, as the broker's operator would use."""
    client = Client()
    await client.connect(broker.url)
    yield client
    await client.close()


@pytest.fixture
def streams(operator: Client) -> JetStreamContext:
    return operator.jetstream()


@pytest.fixture
def start_broker(nats_server: NatsServer, tmp_path: Path) -> Iterator[StartBroker]:
    """Start a broker of the same program with settings of the test's own."""
    started: list[ServerProcess] = []

    def start(settings: str) -> tuple[str, str]:
        port, monitor_port = free_port(), free_port()
        config, log = tmp_path / "nats.conf", tmp_path / "nats.log"
        config.write_text(
            f"listen: {LOOPBACK}:{port}\nhttp: {LOOPBACK}:{monitor_port}\n"
            + settings.replace("FOLDER", str(tmp_path / "store"))
        )
        process = ServerProcess(
            command=[nats_server._process.command[0], "--config", str(config)],
            log=log,
            is_ready=lambda _: "Server is ready" in log.read_text(),
            stop_signal=SIGTERM,
        )
        process.start()
        started.append(process)
        return f"nats://{LOOPBACK}:{port}", f"http://{LOOPBACK}:{monitor_port}"

    yield start
    for process in started:
        process.stop()
