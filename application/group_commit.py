"""Group commit: callers that wait together are decided together, in one transaction.

There is no timer: a batch is whatever arrived while the last one was being committed, so a lone
caller waits for nobody and is a batch of one.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

from application.ports import Conflict, Overloaded, StorageUnavailable

Item = TypeVar("Item")
Result = TypeVar("Result")

SIZES = 12
_OF_ALL = (StorageUnavailable, Overloaded, Conflict)
"""Faults that concern a batch as a whole; deciding its items one by one would not help."""


class GroupCommit(Generic[Item, Result]):
    """Turns a use case that takes many into a door for one.

    largest: items in a batch. waiting_most: items in the queue before callers are sent away with
    Overloaded. at_once: batches under way, so that one is prepared while another is made durable;
    1 where the store has a single writer. crowd: so many must wait before one is begun beside
    another, because two small batches cost more than a large one.
    """

    def __init__(
        self,
        decide: Callable[[Sequence[Item]], Awaitable[Sequence[Result]]],
        *,
        largest: int = 200,
        waiting_most: int = 2_000,
        at_once: int = 1,
        crowd: int = 50,
    ) -> None:
        """Take the use case; it returns one result per item, in order."""
        self._decide = decide
        self._largest = largest
        self._waiting_most = waiting_most
        self._at_once = at_once
        self._crowd = crowd
        self._queue: deque[tuple[Item, asyncio.Future[Result]]] = deque()
        self._running: set[asyncio.Task[None]] = set()
        self.sizes = [0] * SIZES
        """How many batches there were of each size: of 1, of 2 or 3, of 4 to 7, and so on."""

    async def __call__(self, item: Item) -> Result:
        """Return this item's own result; raise what its batch raised, or Overloaded.

        A caller that goes away does not take its item back: what was asked is decided.
        """
        if len(self._queue) >= self._waiting_most:
            raise Overloaded
        answer: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self._queue.append((item, answer))
        if not self._running or self._is_crowded():
            self._running.add(asyncio.create_task(self._work()))
        return await answer

    @property
    def waiting(self) -> int:
        """How many items wait for the next batch."""
        return len(self._queue)

    async def finish(self) -> None:
        """Wait until everything that was asked is decided."""
        while self._running:
            await asyncio.wait(self._running)

    def _is_crowded(self) -> bool:
        return len(self._running) < self._at_once and len(self._queue) >= self._crowd

    async def _work(self) -> None:
        try:
            while self._queue:
                size = min(self._largest, len(self._queue))
                self.sizes[min(size.bit_length(), SIZES) - 1] += 1
                await self._decide_batch([self._queue.popleft() for _ in range(size)])
        finally:
            # Here, not when the task is done: what is asked in between would wait for nobody.
            self._running -= {asyncio.current_task()}

    async def _decide_batch(self, batch: list[tuple[Item, asyncio.Future[Result]]]) -> None:
        decision = self._decided([item for item, _ in batch])
        deciding = asyncio.ensure_future(decision)
        # Waited for rather than awaited: a fault is for the callers, not for this loop.
        await asyncio.wait({deciding})
        if deciding.cancelled():
            for _, answer in batch:
                answer.cancel()
            return
        fault = deciding.exception()
        if fault is None:
            for (_, answer), result in zip(batch, deciding.result(), strict=True):
                if not answer.done():
                    answer.set_result(result)
        elif len(batch) > 1 and not isinstance(fault, _OF_ALL):
            # One bad item never fails its neighbours: find it by deciding each alone.
            for pair in batch:
                await self._decide_batch([pair])
        else:
            for _, answer in batch:
                if not answer.done():
                    answer.set_exception(fault)

    async def _decided(self, items: Sequence[Item]) -> Sequence[Result]:
        results = await self._decide(items)
        if len(results) != len(items):
            # Better a fault for all of them than callers who wait for ever.
            message = f"{len(items)} items were given {len(results)} results"
            raise ValueError(message)
        return results
