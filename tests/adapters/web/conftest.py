from collections.abc import AsyncIterator

import pytest

from tests.adapters.web.house import House, house


@pytest.fixture
async def api() -> AsyncIterator[House]:
    async with house() as opened:
        yield opened
