"""A worker that runs in virtual time."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

from application.worker import Worker
from tests.application.wiring import World

TURNS = 40


async def turns(count: int = TURNS) -> None:
    """Let everything that is ready run."""
    for _ in range(count):
        await asyncio.sleep(0)


async def passes(world: World, duration: timedelta) -> None:
    """Let time pass in small steps, with everybody taking part."""
    step = timedelta(milliseconds=500)
    for _ in range(max(1, duration // step)):
        world.clock.advance(step)
        await turns()


@asynccontextmanager
async def running(world: World, worker: Worker) -> AsyncIterator[Worker]:
    """Run a worker, and stop it in the end."""
    task = asyncio.create_task(worker.run())
    await turns()
    try:
        yield worker
    finally:
        worker.stop()
        for _ in range(10):
            await passes(world, timedelta(seconds=6))
            if task.done():
                break
        await asyncio.wait_for(task, 5)
