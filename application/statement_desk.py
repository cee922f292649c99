"""The statement desk: everything that is done with providers' statements, over the same ports."""

from dataclasses import dataclass

from application.ports import SILENCE, Chance, Clock, Journal, Units
from application.ports.statements import StatementFiles
from application.receive_statements import ReceiveStatements
from application.reconcile import ReconcileRules, ReconcileStatement
from application.record_news import RecordNews
from application.statement_queries import ExplainBreak, ReadStatements
from domain.corridors import Catalogue


@dataclass(frozen=True, slots=True)
class StatementDesk:
    """The use cases of reconciliation.

    reconcile: a file that is here. receive: one that is sent in. read: runs and breaks. explain:
    why the books disagree.
    """

    files: StatementFiles
    reconcile: ReconcileStatement
    receive: ReceiveStatements
    read: ReadStatements
    explain: ExplainBreak


def open_statement_desk(
    units: Units,
    record: RecordNews,
    catalogue: Catalogue,
    clock: Clock,
    chance: Chance,
    *,
    files: StatementFiles,
    rules: ReconcileRules,
    journal: Journal = SILENCE,
) -> StatementDesk:
    """Return the use cases over these ports."""
    reconcile = ReconcileStatement(units, record, catalogue, clock, chance, rules)
    return StatementDesk(
        files=files,
        reconcile=reconcile,
        receive=ReceiveStatements(files, reconcile, journal),
        read=ReadStatements(units, clock),
        explain=ExplainBreak(units, clock),
    )
