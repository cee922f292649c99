"""Waiting in tests for something that another process does in its own time."""

import asyncio
from collections.abc import Awaitable, Callable

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
