"""Receive statements: operators send them in, and they are reconciled in the background."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field

from application.callers import Caller, Permission
from application.ports import SILENCE, Journal
from application.ports.statements import Statement, StatementFiles
from application.reconcile import Begun, ReconcileStatement
from domain.refusals import InvalidProvider
from domain.runs import Period, Run
from domain.statement_refusals import ReconciliationRunning


@dataclass(slots=True)
class ReceiveStatements:
    """Takes one statement of a provider at a time; `stop` before the store is closed."""

    files: StatementFiles
    reconcile: ReconcileStatement
    journal: Journal = SILENCE
    _taken: set[str] = field(default_factory=set)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    async def __call__(
        self,
        caller: Caller,
        provider: str,
        name: str,
        chunks: AsyncIterator[bytes],
        period: Period | None = None,
    ) -> Run:
        """Keep what arrives and return its run, which goes on in the background.

        Raises Forbidden, InvalidProvider or ReconciliationRunning before a byte of it is read, and
        InvalidStatement for what is too large, or is read already and was none.
        """
        caller.must(Permission.RECONCILE)
        if provider not in self.files.providers():
            raise InvalidProvider(provider, sorted(self.files.providers()))
        if provider in self._taken:
            raise ReconciliationRunning(provider)
        self._taken.add(provider)
        async with AsyncExitStack() as opened:
            opened.callback(self._taken.discard, provider)
            received = self.files.received(provider, name, chunks)
            statement = await opened.enter_async_context(received)
            begun = await self.reconcile.begin(caller, provider, statement, period=period)
            # From here on the work in the background closes what was opened.
            going = self._finish(opened.pop_all(), begun, statement)
        task = asyncio.create_task(going, name=f"reconcile {provider}")
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return begun.run

    async def stop(self) -> None:
        """Stop what is under way; each run says so, and goes on when its file is sent again."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    async def wait(self) -> None:
        """Wait until nothing is under way any more."""
        while self._tasks:
            await asyncio.wait(self._tasks)

    async def _finish(self, opened: AsyncExitStack, begun: Begun, statement: Statement) -> None:
        async with opened:
            await self.reconcile.finish(begun, statement)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        fault = None if task.cancelled() else task.exception()
        if fault is not None:
            self.journal.fault(task.get_name(), fault)
