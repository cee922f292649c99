import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from nats.js import JetStreamContext, api
from structlog.testing import capture_logs

from adapters.nats.connection import NatsConnection
from adapters.nats.tokens import NatsTokens
from adapters.provider_kit.tokens import Token, TokenStore
from tests.adapters.nats.broker_proxy import broker_proxy
from tests.adapters.nats.until import until_answer
from tests.servers import NatsServer

pytestmark = pytest.mark.anyio

KEY = "orange_money.4f2a"


def a_token(value: str = "secret-1", lasts_s: float = 3600) -> Token:
    return Token(value, datetime.now(UTC) + timedelta(seconds=lasts_s))


@pytest.fixture
async def tokens(connection: NatsConnection) -> TokenStore:
    return NatsTokens(connection, Token)


@pytest.fixture
async def neighbour(broker: NatsServer) -> AsyncIterator[TokenStore]:
    """The store as another process has it."""
    connection = NatsConnection(broker.url)
    yield NatsTokens(connection, Token)
    await connection.close()


async def test_a_token_is_found_by_another_process(
    tokens: TokenStore, neighbour: TokenStore
) -> None:
    token = a_token()
    assert await neighbour.get(KEY) is None
    await tokens.put(KEY, token)
    assert await neighbour.get(KEY) == token
    newer = replace(token, value="secret-2")
    await neighbour.put(KEY, newer)
    assert await tokens.get(KEY) == newer
    assert await tokens.get("afrimoney.77") is None


async def test_only_the_very_token_that_was_revoked_is_dropped(
    tokens: TokenStore, neighbour: TokenStore
) -> None:
    await tokens.put(KEY, a_token("secret-1"))
    await neighbour.put(KEY, a_token("secret-2"))
    await tokens.drop(KEY, "secret-1")
    kept = await tokens.get(KEY)
    assert kept is not None
    assert kept.value == "secret-2"
    await tokens.drop(KEY, "secret-2")
    assert await neighbour.get(KEY) is None
    await tokens.drop(KEY, "secret-2")


async def test_a_dropped_token_is_replaced_by_the_next(tokens: TokenStore) -> None:
    await tokens.put(KEY, a_token("secret-1"))
    await tokens.drop(KEY, "secret-1")
    await tokens.put(KEY, a_token("secret-2"))
    kept = await tokens.get(KEY)
    assert kept is not None
    assert kept.value == "secret-2"


async def test_the_broker_forgets_a_token_when_it_ends(tokens: TokenStore) -> None:
    await tokens.put(KEY, a_token(lasts_s=1.5))
    assert await tokens.get(KEY) is not None

    async def is_forgotten() -> bool:
        return await tokens.get(KEY) is None

    await until_answer(is_forgotten)


async def test_a_token_that_has_ended_is_not_kept(tokens: TokenStore) -> None:
    await tokens.put(KEY, a_token(lasts_s=0.5))
    assert await tokens.get(KEY) is None


async def test_tokens_are_never_written_to_a_disk(
    tokens: TokenStore, streams: JetStreamContext
) -> None:
    await tokens.put(KEY, a_token())
    config = (await streams.stream_info("KV_provider_tokens")).config
    assert config.storage == api.StorageType.MEMORY
    assert config.max_bytes == 1024 * 1024
    assert config.max_age == 24 * 3600


async def test_what_is_not_a_token_is_a_miss(tokens: TokenStore, streams: JetStreamContext) -> None:
    await tokens.put(KEY, a_token())
    for rubbish in (b"{", b"[]", b"{}", b'{"value": "x", "expiresAt": "tomorrow"}'):
        await streams.publish(f"$KV.provider_tokens.{KEY}", rubbish)
        assert await tokens.get(KEY) is None


async def test_a_broker_that_is_away_is_a_miss_and_one_log_line() -> None:
    connection = NatsConnection("nats://127.0.0.1:1")
    tokens = NatsTokens(connection, Token)
    began = time.monotonic()
    with capture_logs() as logs:
        for _ in range(3):
            await tokens.put(KEY, a_token())
            await tokens.drop(KEY, "secret-1")
            assert await tokens.get(KEY) is None
    assert time.monotonic() - began < 1.0
    assert [line["event"] for line in logs] == ["broker_away", "shared_tokens_away"]
    assert "secret" not in str(logs)


async def test_a_broker_that_stalls_holds_nobody_up_for_longer_than_the_time_out(
    broker: NatsServer,
) -> None:
    async with broker_proxy(broker.port) as proxy:
        connection = NatsConnection(proxy.url)
        tokens = NatsTokens(connection, Token, timeout_s=0.3)
        await tokens.put(KEY, a_token())
        proxy.answers.clear()
        began = time.monotonic()
        assert await tokens.get(KEY) is None
        assert time.monotonic() - began < 0.8
        proxy.answers.set()
        assert await tokens.get(KEY) is not None
        await connection.close()


async def test_a_broker_that_will_not_make_the_bucket_is_a_miss(
    connection: NatsConnection,
) -> None:
    tokens = NatsTokens(connection, Token, replicas=3)
    with capture_logs() as logs:
        await tokens.put(KEY, a_token())
        assert await tokens.get(KEY) is None
    assert [line["event"] for line in logs] == ["shared_tokens_away"]


async def test_a_newer_token_put_while_an_old_one_is_dropped_stays(
    tokens: TokenStore, neighbour: TokenStore
) -> None:
    for round_ in range(20):
        old, new = a_token(f"old-{round_}"), a_token(f"new-{round_}")
        await tokens.put(KEY, old)
        await asyncio.gather(neighbour.put(KEY, new), tokens.drop(KEY, old.value))
        assert await neighbour.get(KEY) == new


async def test_two_processes_make_the_bucket_at_once(broker: NatsServer) -> None:
    connections = [NatsConnection(broker.url) for _ in range(4)]
    stores = [NatsTokens(connection, Token) for connection in connections]
    await asyncio.gather(*(store.put(f"key-{n}", a_token()) for n, store in enumerate(stores)))
    found = [await stores[0].get(f"key-{n}") for n in range(4)]
    assert None not in found
    for connection in connections:
        await connection.close()
