"""The servers that other tests stand on are real, and keep what they acknowledged over a crash."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import anyio
import asyncpg
import nats
import pytest

from tests.server_process import ServerDidNotStart, ServerProcess
from tests.servers import NatsServer, PostgresServer


def asyncpg_dsn(server: PostgresServer, dbname: str) -> str:
    """The same address without the dialect, for the bare driver."""
    return server.dsn(dbname).replace("+asyncpg", "")


@pytest.mark.anyio
async def test_postgresql_answers_as_version_18_with_durable_settings(
    postgres_server: PostgresServer,
) -> None:
    connection = await asyncpg.connect(asyncpg_dsn(postgres_server, "postgres"))
    try:
        version = await connection.fetchval("SHOW server_version_num")
        durable = [
            await connection.fetchval(f"SHOW {name}")
            for name in ("fsync", "synchronous_commit", "full_page_writes")
        ]
    finally:
        await connection.close()
    assert version.startswith("18")
    assert durable == ["on", "on", "on"]


@pytest.mark.anyio
async def test_a_database_is_a_copy_of_its_template_and_apart_from_it(
    postgres_server: PostgresServer,
) -> None:
    template = postgres_server.create_database()
    postgres_server.execute("CREATE TABLE t AS SELECT 1 AS x", template)
    copy = postgres_server.create_database(template)
    postgres_server.execute("INSERT INTO t VALUES (2)", copy)
    assert postgres_server.execute("SELECT count(*) FROM t", template) == "1"
    assert postgres_server.execute("SELECT count(*) FROM t", copy) == "2"
    postgres_server.drop_database(copy)
    with pytest.raises(ServerDidNotStart, match="does not exist"):
        postgres_server.execute("SELECT 1", copy)


@pytest.mark.anyio
async def test_postgresql_keeps_a_committed_row_over_kill_and_restart(
    postgres_server: PostgresServer,
) -> None:
    name = postgres_server.create_database()
    dsn = asyncpg_dsn(postgres_server, name)
    connection = await asyncpg.connect(dsn)
    await connection.execute("CREATE TABLE kept (x int)")
    await connection.execute("INSERT INTO kept VALUES (7)")
    old_pid = postgres_server.pid
    postgres_server.kill()
    with pytest.raises(OSError, match=r"refused|Connect call failed"):
        await asyncpg.connect(dsn)
    postgres_server.restart()
    connection.terminate()
    after = await asyncpg.connect(dsn)
    try:
        assert await after.fetchval("SELECT x FROM kept") == 7
    finally:
        await after.close()
    assert postgres_server.pid != old_pid


@pytest.mark.anyio
async def test_nats_keeps_an_acknowledged_event_over_kill_and_restart(
    nats_server: NatsServer,
) -> None:
    nats_server.empty()
    old_pid = nats_server.pid
    first = await nats.connect(nats_server.url, allow_reconnect=False)
    await first.jetstream().add_stream(name="KEPT", subjects=["kept.>"])
    await first.jetstream().publish("kept.one", b"paid")
    await first.close()
    nats_server.kill()
    with pytest.raises(OSError, match="All connection attempts failed"):
        await anyio.connect_tcp("127.0.0.1", nats_server.port)
    nats_server.restart()
    second = await nats.connect(nats_server.url, allow_reconnect=False)
    message = await second.jetstream().get_last_msg("KEPT", "kept.one")
    await second.close()
    assert message.data == b"paid"
    assert nats_server.pid != old_pid


@pytest.mark.anyio
async def test_an_emptied_nats_has_no_stream(nats_server: NatsServer) -> None:
    client = await nats.connect(nats_server.url, allow_reconnect=False)
    await client.jetstream().add_stream(name="GONE", subjects=["gone.>"])
    await client.close()
    nats_server.empty()
    client = await nats.connect(nats_server.url, allow_reconnect=False)
    streams = [info.config.name for info in await client.jetstream().streams_info()]
    await client.close()
    assert "GONE" not in streams


def test_a_program_that_ends_at_once_is_reported_with_its_last_words(tmp_path: Path) -> None:
    process = ServerProcess(
        command=["/bin/sh", "-c", "echo cannot bind; exit 1"],
        log=tmp_path / "log",
        is_ready=lambda _pid: False,
        stop_signal=signal.SIGTERM,
    )
    with pytest.raises(ServerDidNotStart, match="cannot bind"):
        process.start()
    assert not process.running


def test_a_server_ends_with_the_test_run_that_started_it(tmp_path: Path) -> None:
    """A killed test run leaves nothing behind: the guard sees its pipe close."""
    trapped, ended = tmp_path / "trapped", tmp_path / "ended"
    server = f"trap 'touch {ended}; exit' TERM; touch {trapped}; while :; do sleep 0.05; done"
    program = (
        "import signal, pathlib\n"
        "from tests.server_process import ServerProcess\n"
        f"ServerProcess(['/bin/sh', '-c', {server!r}], pathlib.Path({str(tmp_path / 'log')!r}),"
        f" lambda _: pathlib.Path({str(trapped)!r}).exists(), signal.SIGTERM).start()\n"
        "print('started', flush=True); signal.pause()\n"
    )
    root = Path(__file__).parent.parent
    command = [sys.executable, "-c", program]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=root) as run:
        assert run.stdout is not None
        assert run.stdout.readline() == "started\n"
        assert not ended.exists()
        run.kill()
    give_up_at = time.monotonic() + 5
    while not ended.exists() and time.monotonic() < give_up_at:
        time.sleep(0.02)
    assert ended.exists()
