"""A fresh world, API and shipped catalogue for each exhibit."""

from collections.abc import AsyncIterator

import pytest

from domain.corridors import Catalogue
from entrypoints.configuration import SHIPPED, read_configuration
from tests.adapters.web.house import House, house
from tests.application.wiring import World


@pytest.fixture
def world() -> World:
    """The use cases and the worker over an empty store and an honest provider."""
    return World()


@pytest.fixture
async def api() -> AsyncIterator[House]:
    """The HTTP API over the adapters in memory."""
    async with house() as opened:
        yield opened


@pytest.fixture(scope="session")
def shipped() -> Catalogue:
    """The providers and tariffs that ship, both providers connected."""
    available = {"orange_money": True, "afrimoney": True}
    return read_configuration(SHIPPED).catalogue(production=False, available=available)
