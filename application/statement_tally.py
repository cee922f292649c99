"""The tally of a run, from what a store has counted."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from application.ports.statements import Effect, LineResult
from domain.breaks import BreakState
from domain.money import CURRENCIES, Money
from domain.runs import Tally, Totals
from domain.statements import BreakKind


@dataclass(frozen=True, slots=True)
class LinesOf:
    """Which lines are counted together: of one currency, with one result and effect."""

    currency: str
    result: LineResult
    effect: Effect


@dataclass(frozen=True, slots=True)
class BreaksOf:
    """Which breaks are counted together. currency: of our amount, None where we have none."""

    kind: BreakKind
    state: BreakState
    currency: str | None


@dataclass(frozen=True, slots=True)
class Sum:
    """How many there are, and what they come to in minor units. fees: the provider's."""

    count: int
    minor: int = 0
    fees: int = 0


def tally_of(lines: Mapping[LinesOf, Sum], breaks: Mapping[BreaksOf, Sum], malformed: int) -> Tally:
    """Return the tally of these counts.

    A line that could be found by likeness alone and was not is broken.
    """
    results: Counter[LineResult] = Counter()
    effects: Counter[Effect] = Counter()
    kinds: Counter[BreakKind] = Counter()
    for each, found in lines.items():
        results[each.result] += found.count
        effects[each.effect] += found.count
    for which, found in breaks.items():
        kinds[which.kind] += found.count
    return Tally(
        matched=results[LineResult.MATCHED],
        broken=results[LineResult.BROKEN] + results[LineResult.LOOSE],
        malformed=malformed,
        settled=effects[Effect.SETTLED],
        told=effects[Effect.SETTLED] + effects[Effect.TOLD],
        missing_there=kinds[BreakKind.MISSING_THERE],
        breaks=dict(sorted(kinds.items())),
        open_breaks=sum(
            found.count for which, found in breaks.items() if which.state is BreakState.OPEN
        ),
        money=tuple(_totals(code, lines, breaks) for code in _currencies(lines, breaks)),
    )


def _currencies(lines: Mapping[LinesOf, Sum], breaks: Mapping[BreaksOf, Sum]) -> list[str]:
    missing = {
        which.currency
        for which in breaks
        if which.kind is BreakKind.MISSING_THERE and which.currency is not None
    }
    return sorted({each.currency for each in lines} | missing)


def _totals(code: str, lines: Mapping[LinesOf, Sum], breaks: Mapping[BreaksOf, Sum]) -> Totals:
    matched = broken = missing = fees = 0
    for each, found in lines.items():
        if each.currency == code:
            fees += found.fees
            is_matched = each.result is LineResult.MATCHED
            matched += found.minor if is_matched else 0
            broken += 0 if is_matched else found.minor
    for which, found in breaks.items():
        if which.kind is BreakKind.MISSING_THERE and which.currency == code:
            missing += found.minor
    of = CURRENCIES[code]
    return Totals(Money(matched, of), Money(broken, of), Money(missing, of), Money(fees, of))
