"""What replicas cost: `python -m tests.bench.replicas`, a cluster of three brokers on this machine.

Publishes a second of the broker's own client to a stream with one copy and with three, one by one
acknowledged and in atomic batches. All three share this machine's cores and disk: on machines of
their own it is the way between them that costs.
"""

import asyncio
import signal
import sys
import sysconfig
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Final

import nats
from nats.errors import Error

from tests.bench import limits
from tests.server_process import ServerProcess
from tests.servers import LOOPBACK, free_port

SERVERS: Final = 3
EVENTS: Final = 10_000
_ELECTION_S: Final = 30.0
_CONFIG: Final = """\
server_name: {name}
listen: {host}:{port}
jetstream {{ store_dir: "{store}", sync_interval: {sync} }}
cluster {{ name: bench, listen: {host}:{route}, routes: [{routes}] }}
"""


def main() -> None:
    """Print publishes a second for one copy and for three, with either sync interval."""
    for sync in ("2m", "always"):
        with cluster(sync) as url:
            asyncio.run(_until_led(url))
            for replicas in (1, SERVERS):
                single = limits.jetstream(url, events=EVENTS, replicas=replicas)
                batched = limits.jetstream_batches(url, events=EVENTS, replicas=replicas)
                sys.stdout.write(
                    f"sync_interval {sync}, {replicas} copies: 500 in flight {single:,.0f}/s, "
                    f"atomic batches of 500 {batched:,.0f}/s\n"
                )
                sys.stdout.flush()


@contextmanager
def cluster(sync: str) -> Iterator[str]:
    """Yield the address of one of three servers that know each other."""
    ports = [(free_port(), free_port()) for _ in range(SERVERS)]
    routes = ", ".join(f'"nats://{LOOPBACK}:{route}"' for _, route in ports)
    with tempfile.TemporaryDirectory(prefix="cashout-bench-") as name, ExitStack() as stack:
        for number, (port, route) in enumerate(ports):
            folder = Path(name, str(number))
            folder.mkdir()
            config = folder / "nats.conf"
            config.write_text(
                _CONFIG.format(
                    name=f"broker-{number}",
                    host=LOOPBACK,
                    port=port,
                    route=route,
                    routes=routes,
                    store=folder / "store",
                    sync=sync,
                )
            )
            program = Path(sysconfig.get_path("scripts")) / "nats-server"
            log = folder / "nats.log"
            server = ServerProcess(
                command=[str(program), "--config", str(config)],
                log=log,
                is_ready=partial(_says_so, log),
                stop_signal=signal.SIGTERM,
            )
            server.start()
            stack.callback(server.stop)
        yield f"nats://{LOOPBACK}:{ports[0][0]}"


def _says_so(log: Path, _pid: int) -> bool:
    return b"Server is ready" in log.read_bytes()


async def _until_led(url: str) -> None:
    """Return once the cluster has a leader: before, JetStream answers nobody."""
    client = await nats.connect(url)
    async with asyncio.timeout(_ELECTION_S):
        while True:
            try:
                await client.jetstream(timeout=1).account_info()
            except (Error, TimeoutError):
                await asyncio.sleep(0.2)
            else:
                break
    await client.close()


if __name__ == "__main__":
    main()
