"""A day's books of any size, with breaks planted by the sandbox, reconciled over a real store."""

import resource
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from time import perf_counter, process_time
from typing import Final

from adapters.memory.manual_time import ManualClock, SeededChance
from adapters.memory.signals import Signals
from adapters.sandbox.ledger import Payout
from adapters.sandbox.statements import Plant, Planted, plant, rows_of, written
from adapters.statements.files import CsvStatements
from application.callers import Caller, Role
from application.ports import Units
from application.ports.statements import BreakFilter, BreakPlace, Statement
from application.reconcile import ReconcileRules, ReconcileStatement
from application.record_news import RecordNews
from application.statement_queries import LARGEST_PAGE, ReadStatements
from domain.breaks import Break
from domain.cash_out import CashOut
from domain.corridors import Catalogue, Policy
from domain.runs import Period, Run
from entrypoints.configuration import SHIPPED, read_configuration
from tests.statement_books import FIRST, booked_cash_out, end_of, keep
from tests.strategies import NOW, ORANGE, a_provider

FIFTY: Final[Mapping[Plant, int]] = {
    Plant.MISSING_HERE: 9,
    Plant.MISSING_THERE: 9,
    Plant.AMOUNT_DIFFERS: 8,
    Plant.DUPLICATE: 8,
    Plant.LATE_REVERSAL: 8,
    Plant.STATUS_DIFFERS: 8,
}
"""Fifty breaks, of every kind."""
OPERATOR: Final = Caller("olive", Role.OPERATOR)
_SLICE: Final = 5_000

Named = set[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a run ended. took_s, busy_s: of the run alone, by the clock and by this process's work.

    grew_kb: the process's memory during it.
    """

    run: Run
    planted: Named
    found: Named
    breaks: Sequence[Break]
    took_s: float
    busy_s: float
    grew_kb: int


@dataclass(frozen=True, slots=True)
class Desk:
    """The use cases over a store."""

    units: Units
    clock: ManualClock

    @property
    def reconcile(self) -> ReconcileStatement:
        catalogue = Catalogue({ORANGE: a_provider(ORANGE)})
        signals = Signals(self.clock)
        record = RecordNews(self.units, catalogue, Policy(), self.clock, signals)
        rules = ReconcileRules(margin=timedelta(0))
        chance = SeededChance(1)
        return ReconcileStatement(self.units, record, catalogue, self.clock, chance, rules)

    async def breaks(self, run: Run) -> list[Break]:
        """Return all that the run has found."""
        read, found = ReadStatements(self.units, self.clock), list[Break]()
        place: BreakPlace | None = None
        while page := await read.breaks(OPERATOR, BreakFilter(run_id=run.id), LARGEST_PAGE, place):
            found += page
            place = BreakPlace(page[-1].at, page[-1].id)
        return found


def cash_outs(count: int) -> Iterator[CashOut]:
    """Yield so many paid cash-outs."""
    return (booked_cash_out(number) for number in range(1, count + 1))


def payouts(of: Iterator[CashOut]) -> Iterator[Payout]:
    """Yield what the provider's ledger has of them."""
    for each in of:
        assert each.provider_transaction_id is not None
        yield Payout(
            each.provider,
            each.reference,
            each.provider_transaction_id,
            each.payee.msisdn.e164[1:],
            each.amount.decimal,
            each.amount.currency.code,
            each.created_at + timedelta(seconds=10),
        )


def statement_in(
    folder: Path, count: int, wanted: Mapping[Plant, int], seed: int
) -> tuple[Statement, list[Planted]]:
    """Write a statement of so many payments as the sandbox does; return it and its breaks."""
    rows, planted = plant(rows_of(payouts(cash_outs(count)), ORANGE), wanted, seed)
    path = folder / "statement.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        file.writelines(written(rows, ORANGE))
    mappings = read_configuration(SHIPPED).statements()
    return CsvStatements(mappings, folder).at(ORANGE, path), planted


async def book(units: Units, count: int) -> Period:
    """Store so many paid cash-outs; return a period that has them all."""
    last: list[CashOut] = []
    for start in range(1, count + 1, _SLICE):
        last = [booked_cash_out(n) for n in range(start, min(start + _SLICE, count + 1))]
        await keep(units, last)
    return Period(FIRST - timedelta(days=1), end_of(last))


async def reconciled(
    units: Units, folder: Path, count: int, wanted: Mapping[Plant, int] = FIFTY, seed: int = 1
) -> Outcome:
    """Book, plant and reconcile; return what was planted and what was found."""
    period = await book(units, count)
    statement, planted = statement_in(folder, count, wanted, seed)
    return await outcome_of(Desk(units, ManualClock(NOW)), statement, planted, period)


async def outcome_of(
    desk: Desk, statement: Statement, planted: Sequence[Planted], period: Period
) -> Outcome:
    """Reconcile a statement and compare what it found with what was planted."""
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    began, idle_s = perf_counter(), process_time()
    run = await desk.reconcile(OPERATOR, ORANGE, statement, period=period)
    took_s, busy_s = perf_counter() - began, process_time() - idle_s
    grew_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - memory
    breaks = await desk.breaks(run)
    return Outcome(
        run,
        {(str(each.kind), each.reference) for each in planted},
        {(str(each.kind), each.reference or "") for each in breaks},
        breaks,
        took_s,
        busy_s,
        grew_kb,
    )
