from collections.abc import AsyncIterator

import pytest

from tests.adapters.console.office import Office, office


@pytest.fixture
async def console() -> AsyncIterator[Office]:
    async with office() as opened:
        yield opened
