"""A world with the use cases of reconciliation over it."""

from collections.abc import Sequence
from datetime import timedelta

from adapters.memory.statement_file import MemoryStatement
from application.callers import Caller, Role
from application.ports.statements import BreakFilter
from application.reconcile import ReconcileRules, ReconcileStatement
from application.statement_queries import ExplainBreak, ReadStatements
from domain.breaks import Break
from domain.cash_out import CashOut
from domain.runs import Period, Run
from domain.statements import BreakKind, StatementLine
from tests.application.wiring import World
from tests.statement_books import FIRST, keep, numbered
from tests.strategies import NOW, ORANGE

OPERATOR = Caller("olive", Role.OPERATOR)
WHOLE = Period(FIRST - timedelta(days=1), NOW)
Facts = set[tuple[BreakKind, str | None]]


class Desk:
    """A world with the use cases of reconciliation over it."""

    def __init__(self, rules: ReconcileRules | None = None) -> None:
        self.world = World()
        self.rules = rules or ReconcileRules(margin=timedelta(0), page=7)
        self.read = ReadStatements(self.world.units, self.world.clock)
        self.explain = ExplainBreak(self.world.units, self.world.clock)

    @property
    def reconcile(self) -> ReconcileStatement:
        world = self.world
        return ReconcileStatement(
            world.units,
            world.one.record_news,
            world.catalogue,
            world.clock,
            world.chance,
            self.rules,
        )

    async def books(self, *cash_outs: CashOut) -> None:
        await keep(self.world.units, cash_outs)

    async def run(self, lines: Sequence[StatementLine], *, rehearsal: bool = False) -> Run:
        file = MemoryStatement(numbered(lines))
        return await self.reconcile(OPERATOR, ORANGE, file, period=WHOLE, rehearsal=rehearsal)

    async def breaks(self, run: Run | None = None) -> list[Break]:
        which = BreakFilter(run_id=run.id if run else None)
        return await self.read.breaks(OPERATOR, which, 200)

    def now(self, cash_out: CashOut) -> CashOut:
        return self.world.now(cash_out)
