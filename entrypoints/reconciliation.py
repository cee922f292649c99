"""`[reconciliation]` of the configuration file, and the providers' mappings of statements."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated

import msgspec

from adapters.statements.files import ReadingLimits
from adapters.statements.mapping import StatementMapping, StatementTable
from application.reconcile import ReconcileRules
from domain.statements import MOST_WINDOW, Window

_Seconds = Annotated[int, msgspec.Meta(ge=0, le=31_536_000)]
_Window = Annotated[int, msgspec.Meta(ge=0, le=int(MOST_WINDOW.total_seconds()))]
_Count = Annotated[int, msgspec.Meta(ge=1, le=1_000_000)]


class ReconciliationTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`[reconciliation]`. Durations are in seconds.

    window, clock_difference: how long before, and after, a payment's time a cash-out may have been
    accepted to be found by number and amount. margin: how far inside the period is searched for
    what is missing there. most_malformed, most_breaks: with more a run stops. file_most, line_most:
    bytes. fields_most: columns of a line.
    """

    window: _Window = 86_400
    clock_difference: _Window = 300
    margin: _Seconds = 3_600
    most_malformed: _Count = 10_000
    most_breaks: _Count = 10_000
    file_most: Annotated[int, msgspec.Meta(ge=1, le=1 << 34)] = 256 * 1024 * 1024
    line_most: Annotated[int, msgspec.Meta(ge=128, le=65_536)] = 8_192
    fields_most: Annotated[int, msgspec.Meta(ge=1, le=1_024)] = 64

    def rules(self) -> ReconcileRules:
        """Return what a run keeps to."""
        return ReconcileRules(
            window=Window(timedelta(seconds=self.window), timedelta(seconds=self.clock_difference)),
            margin=timedelta(seconds=self.margin),
            most_malformed=self.most_malformed,
            most_breaks=self.most_breaks,
        )

    def limits(self) -> ReadingLimits:
        """Return what a file may have."""
        return ReadingLimits(self.file_most, self.line_most, self.fields_most)


def checked_mappings(
    tables: Mapping[str, StatementTable | None],
) -> dict[str, StatementMapping]:
    """Return the mappings that there are; raise ValueError naming the provider at fault."""
    found: dict[str, StatementMapping] = {}
    for provider, table in tables.items():
        if table is None:
            continue
        try:
            found[provider] = StatementMapping.of(table)
        except ValueError as fault:
            message = f"providers.{provider}.statement: {fault}"
            raise ValueError(message) from None
    return found
