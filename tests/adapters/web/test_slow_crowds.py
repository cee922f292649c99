"""The real server process under slow clients: each is cut at its deadline, others are served."""

import asyncio
from pathlib import Path

import pytest

from adapters.web.deadlines import ConnectionLimits
from tests.adapters.web.besieged import besieged, endured
from tests.adapters.web.crowds import DRIP, crowd, dripping, waiting
from tests.entrypoints.orders import CASH_OUT, signed_in

pytestmark = pytest.mark.anyio

LIMITS = ConnectionLimits()
SLACK_S = 20.0
"""For a machine that is busy with other tests."""
TOKEN = signed_in("user-slow")["Authorization"]
START = (
    f"POST {CASH_OUT} HTTP/1.1\r\nHost: api.test\r\nAuthorization: {TOKEN}\r\n"
    "Content-Type: application/json\r\n"
).encode()
HEADS = dripping(DRIP + START, 1.0)
BODIES = dripping(START + b"Content-Length: 5000\r\n\r\n" + DRIP + b'{"amount": 1', 1.0)
CHUNKS = dripping(START + b"Transfer-Encoding: chunked\r\n\r\n" + DRIP + b"1\r\n{\r\n" * 50, 1.0)
PROMISES = dripping(START + b"Content-Length: 5000\r\nExpect: 100-continue\r\n\r\n" + DRIP, 60.0)


async def test_slow_clients_by_the_hundred_are_cut_and_others_served(tmp_path: Path) -> None:
    """Heads and bodies byte by byte, connections that say nothing, promises that are not kept."""

    async def attack(port: int) -> None:
        crowds = ((500, HEADS), (250, BODIES), (250, CHUNKS), (500, waiting), (100, PROMISES))
        async with asyncio.timeout(LIMITS.body_s + SLACK_S):
            await asyncio.gather(*(crowd(port, size, visit) for size, visit in crowds))

    async with besieged(tmp_path) as server:
        await endured(server, attack)
