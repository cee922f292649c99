"""Running sandboxes, receivers and partners for the tests of this folder."""

from collections.abc import AsyncIterator
from datetime import timedelta

import aiohttp
import pytest

from adapters.sandbox.server import Sandbox
from adapters.sandbox.settings import SandboxSettings
from tests.adapters.sandbox.partner import Partner
from tests.adapters.sandbox.receiver import Receiver, receiving


@pytest.fixture
async def receiver(anyio_backend: str) -> AsyncIterator[Receiver]:
    assert anyio_backend == "asyncio"
    async with receiving() as listening:
        yield listening


@pytest.fixture
async def sandbox(receiver: Receiver) -> AsyncIterator[Sandbox]:
    async with Sandbox(SandboxSettings(webhook_base_url=receiver.url)) as running:
        yield running


@pytest.fixture
async def partner(sandbox: Sandbox) -> AsyncIterator[Partner]:
    async with aiohttp.ClientSession() as session:
        yield await Partner(sandbox, session).logged_in()


@pytest.fixture(scope="module")
async def shared_sandbox(anyio_backend: str) -> AsyncIterator[Sandbox]:
    """One sandbox for a whole file, where no webhook is listened to."""
    assert anyio_backend == "asyncio"
    async with Sandbox() as running:
        yield running


@pytest.fixture
async def shared_partner(shared_sandbox: Sandbox) -> AsyncIterator[Partner]:
    shared_sandbox.engine.reset()
    shared_sandbox.clock.offset = timedelta()
    async with aiohttp.ClientSession() as session:
        yield await Partner(shared_sandbox, session).logged_in()
