"""Waiting in tests for something that another process does in its own time."""

import asyncio
from collections.abc import Awaitable, Callable

from nats.aio.client import Client

LOOKS = 1_500
PAUSE_S = 0.01


async def until(fact: Callable[[], bool], *, again: Callable[[], None] = lambda: None) -> None:
    """Return once it is so, doing `again` before every further look."""
    for _ in range(LOOKS):
        if fact():
            return
        again()
        await asyncio.sleep(PAUSE_S)
    raise TimeoutError(f"not so after {LOOKS} looks")


async def until_answer(ask: Callable[[], Awaitable[object]]) -> None:
    """Return once the answer is neither None nor empty."""
    for _ in range(LOOKS):
        if await ask():
            return
        await asyncio.sleep(PAUSE_S)
    raise TimeoutError(f"no answer after {LOOKS} questions")


async def broker_has_read(client: Client) -> None:
    """Return once the broker has acted on all that this client has told it so far.

    The client's own `flush` does not say so: it writes its ping ahead of the commands that wait.
    """
    inbox = client.new_inbox()
    echo = await client.subscribe(inbox)
    await client.publish(inbox, b"")
    await echo.next_msg(timeout=15)
    await echo.unsubscribe()
