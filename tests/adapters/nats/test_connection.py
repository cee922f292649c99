import asyncio
import time

import pytest
from structlog.testing import capture_logs

from adapters.nats.connection import BrokerAway, NatsConnection
from tests.adapters.nats.conftest import StartBroker
from tests.adapters.nats.until import broker_has_read, until
from tests.servers import LOOPBACK, NatsServer, free_port

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    "url", ["", " , ", "http://broker:4222", "nats://", "nats://:4222", "nats://broker:port"]
)
def test_an_address_that_cannot_be_one_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match=r"broker address|Port"):
        NatsConnection(url)


def test_credentials_are_not_shown() -> None:
    connection = NatsConnection("nats://us:secret@one:4222, tls://us:secret@two")
    assert repr(connection) == "NatsConnection('one:4222,two:4222')"


async def test_a_broker_that_accepts_and_says_nothing_is_given_up_in_time() -> None:
    async def say_nothing(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await silence.wait()
        writer.close()

    silence = asyncio.Event()
    server = await asyncio.start_server(say_nothing, LOOPBACK, 0)
    port = server.sockets[0].getsockname()[1]
    connection = NatsConnection(f"nats://us:secret@{LOOPBACK}:{port}", connect_timeout_s=0.4)
    began = time.monotonic()
    with capture_logs() as logs, pytest.raises(BrokerAway):
        await connection.client()
    assert time.monotonic() - began < 1.0
    assert [line["event"] for line in logs] == ["broker_away"]
    assert "secret" not in str(logs)
    silence.set()
    await connection.close()
    server.close()
    await server.wait_closed()


async def test_after_a_failure_callers_are_refused_at_once_for_a_moment() -> None:
    connection = NatsConnection(f"nats://{LOOPBACK}:{free_port()}", retry_after_s=0.2)
    with pytest.raises(BrokerAway, match="Connect call failed"):
        await connection.client()
    with pytest.raises(BrokerAway, match="a moment ago"):
        await connection.client()
    await asyncio.sleep(0.2)
    with pytest.raises(BrokerAway, match="Connect call failed"):
        await connection.client()


async def test_one_server_of_a_cluster_is_enough(broker: NatsServer) -> None:
    connection = NatsConnection(f"nats://{LOOPBACK}:{free_port()},{broker.url}")
    assert (await connection.client()).is_connected
    await connection.close()


async def test_many_callers_share_one_connection(connection: NatsConnection) -> None:
    clients = await asyncio.gather(*(connection.client() for _ in range(20)))
    assert len(set(map(id, clients))) == 1


async def test_a_closed_connection_stays_closed_and_says_nothing(broker: NatsServer) -> None:
    connection = NatsConnection(broker.url)
    await connection.client()
    with capture_logs() as logs:
        await connection.close()
        await connection.close()
    with pytest.raises(BrokerAway, match="closed"):
        await connection.client()
    assert logs == []


async def test_closing_what_was_never_opened_does_nothing() -> None:
    connection = NatsConnection("nats://nowhere.invalid:4222")
    await connection.close()
    with pytest.raises(BrokerAway):
        await connection.client()


async def test_what_the_broker_complains_about_is_logged_once(start_broker: StartBroker) -> None:
    denied = '{publish: {deny: "cash_out.failed"}}'
    user = "{user: us, password: secret, permissions: " + denied + "}"
    url, _ = start_broker("authorization {users: [" + user + "]}")
    connection = NatsConnection(url.replace("//", "//us:secret@"))
    client = await connection.client()
    with capture_logs() as logs:
        for _ in range(3):
            await client.publish("cash_out.failed", b"")
        await until(lambda: bool(logs))
        await broker_has_read(client)
    assert [line["event"] for line in logs] == ["broker_complains"]
    assert "cash_out.failed" in logs[0]["reason"]
    assert client.is_connected
    await connection.close()


async def test_a_wrong_password_is_told_without_the_password(start_broker: StartBroker) -> None:
    url, _ = start_broker("authorization {user: us, password: secret}")
    connection = NatsConnection(url.replace("//", "//us:wrong-secret@"))
    with capture_logs() as logs, pytest.raises(BrokerAway, match="Authorization Violation"):
        await connection.client()
    assert [line["event"] for line in logs] == ["broker_away"]
    assert "secret" not in str(logs)
    await connection.close()
