"""The HTTP API with both providers' real gateways behind its webhooks."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import cast

import pytest

from adapters.provider_kit.wiring import ProviderGateway
from application.lanes import Lane
from tests.adapters.providers.given import AFRIMONEY, ORANGE, opened, wired
from tests.adapters.web.house import House, house


@pytest.fixture
async def api() -> AsyncIterator[House]:
    """The API over the adapters in memory."""
    async with house() as opened_house:
        yield opened_house


@pytest.fixture
async def doors(api: House) -> AsyncIterator[House]:
    """The API, where webhooks are read by the gateways that ship. They call nobody here."""
    async with AsyncExitStack() as stack:
        lanes = cast("dict[str, Lane]", api.parts.receive.lanes)
        for provider in (ORANGE, AFRIMONEY):
            wiring = wired("http://127.0.0.1:1", provider)
            gateway: ProviderGateway = await stack.enter_async_context(opened(wiring))
            known = api.parts.providers.catalogue.providers[provider]
            lanes[provider] = Lane(known, gateway)
        yield api
