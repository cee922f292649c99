"""What answers about statements look like: runs, their totals, and breaks."""

from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, UnsetType

from adapters.web.schemas import Amount, Moment, amount
from adapters.web.views import moment
from application.statement_queries import RunShown
from domain.breaks import Age, Break, BreakState
from domain.money import Money
from domain.runs import Phase, Progress, Run, RunState, Tally, Totals
from domain.statements import BreakKind


class _Answer(msgspec.Struct, rename="camel", frozen=True, kw_only=True):
    """Names in camelCase; what is UNSET is left out."""


class MoneyView(_Answer, frozen=True, kw_only=True):
    """An amount in a currency."""

    amount: Amount
    currency: str


class TotalsView(_Answer, frozen=True, kw_only=True):
    """What lines came to in one currency; missingThere: what of ours no line speaks of."""

    currency: str
    matched: Amount
    broken: Amount
    missing_there: Amount
    fees: Annotated[Amount, Meta(description="The provider's own, as its lines tell them.")]


class TallyView(_Answer, frozen=True, kw_only=True):
    """What became of the lines: lines = matched + broken + malformed + repeated."""

    lines: int
    matched: int
    broken: int
    malformed: int
    repeated: int
    left_out: int
    settled: Annotated[int, Meta(description="Open cash-outs that a line has ended.")]
    told: Annotated[int, Meta(description="Lines that the judge of news was told of.")]
    missing_there: int
    unsettled: Annotated[
        dict[Age, int],
        Meta(description="Open cash-outs without a line, by age. Silence proves nothing."),
    ]
    breaks: dict[BreakKind, int]
    money: list[TotalsView]


class ProgressView(_Answer, frozen=True, kw_only=True):
    """How far a run is: bytes while reading, lines while comparing, 0 of 0 while searching."""

    phase: Phase
    done: int
    total: int


class RunView(_Answer, frozen=True, kw_only=True):
    """One statement held against our books. openBreaks: of its breaks, the ones open now."""

    run_id: Annotated[str, Meta(extra_json_schema={"format": "uuid"})]
    provider: str
    state: RunState
    file_name: str
    file_digest: Annotated[str, Meta(description="Hex SHA-256 of the file.")]
    started_at: Moment
    started_by: str
    finished_at: Moment | UnsetType = UNSET
    period_since: Moment | UnsetType = UNSET
    period_until: Moment | UnsetType = UNSET
    times: Annotated[int, Meta(description="How often this file was reconciled.")]
    detail: Annotated[str | UnsetType, Meta(description="Why it stopped.")] = UNSET
    progress: Annotated[
        ProgressView | UnsetType, Meta(description="While it is running, or where it was cut off.")
    ] = UNSET
    tally: TallyView
    open_breaks: int


class RunsView(_Answer, frozen=True, kw_only=True):
    """Runs, newest first. nextCursor leads to the next page."""

    runs: list[RunView]
    next_cursor: str | UnsetType = UNSET


class BreakView(_Answer, frozen=True, kw_only=True):
    """One disagreement. here, there: what our books and theirs have, where they have it."""

    break_id: Annotated[str, Meta(extra_json_schema={"format": "uuid"})]
    provider: str
    kind: BreakKind
    state: BreakState
    age: Age
    at: Annotated[Moment, Meta(description="When the money moved.")]
    found_at: Moment
    detail: str
    line: Annotated[int | UnsetType, Meta(description="In the file that it was found in.")] = UNSET
    cash_out_id: str | UnsetType = UNSET
    reference: str | UnsetType = UNSET
    provider_transaction_id: str | UnsetType = UNSET
    here: MoneyView | UnsetType = UNSET
    there: MoneyView | UnsetType = UNSET
    note: str | UnsetType = UNSET
    changed_by: str | UnsetType = UNSET
    changed_at: Moment | UnsetType = UNSET


class MalformedView(_Answer, frozen=True, kw_only=True):
    """A line that could not be read; nothing of what stands in it."""

    line: int
    reason: str


class RunWithBreaksView(_Answer, frozen=True, kw_only=True):
    """A run and a page of its breaks, oldest money first; malformed: the first of those lines."""

    run: RunView
    breaks: list[BreakView]
    malformed: list[MalformedView]
    next_cursor: str | UnsetType = UNSET


def run_view(shown: RunShown) -> RunView:
    """Return how a run is shown."""
    run = shown.run
    return RunView(
        run_id=str(run.id),
        provider=run.provider,
        state=run.state,
        file_name=run.file_name,
        file_digest=run.file_digest,
        started_at=moment(run.started_at),
        started_by=run.started_by,
        finished_at=_moment(run.finished_at),
        period_since=_moment(run.period.since if run.period else None),
        period_until=_moment(run.period.until if run.period else None),
        times=run.times,
        detail=run.detail or UNSET,
        progress=_progress(run.progress) if run.progress else UNSET,
        tally=_tally(run.tally),
        open_breaks=shown.open_breaks,
    )


def new_run_view(run: Run) -> RunView:
    """Return how a run is shown that has only begun."""
    return run_view(RunShown(run, 0))


def _progress(progress: Progress) -> ProgressView:
    return ProgressView(phase=progress.phase, done=progress.done, total=progress.total)


def _tally(tally: Tally) -> TallyView:
    return TallyView(
        lines=tally.lines,
        matched=tally.matched,
        broken=tally.broken,
        malformed=tally.malformed,
        repeated=tally.repeated,
        left_out=tally.left_out,
        settled=tally.settled,
        told=tally.told,
        missing_there=tally.missing_there,
        unsettled=dict(tally.unsettled),
        breaks=dict(tally.breaks),
        money=[_totals(each) for each in tally.money],
    )


def _totals(totals: Totals) -> TotalsView:
    return TotalsView(
        currency=totals.matched.currency.code,
        matched=amount(totals.matched),
        broken=amount(totals.broken),
        missing_there=amount(totals.missing_there),
        fees=amount(totals.fees),
    )


def break_view(known: Break, now: datetime) -> BreakView:
    """Return how a break is shown."""
    return BreakView(
        break_id=str(known.id),
        provider=known.provider,
        kind=known.kind,
        state=known.state,
        age=known.age(now),
        at=moment(known.at),
        found_at=moment(known.found_at),
        detail=known.detail,
        line=UNSET if known.line is None else known.line,
        cash_out_id=str(known.cash_out_id) if known.cash_out_id else UNSET,
        reference=known.reference or UNSET,
        provider_transaction_id=known.provider_transaction_id or UNSET,
        here=_money(known.here),
        there=_money(known.there),
        note=known.note or UNSET,
        changed_by=known.changed_by or UNSET,
        changed_at=_moment(known.changed_at),
    )


def _money(money: Money | None) -> MoneyView | UnsetType:
    if money is None:
        return UNSET
    return MoneyView(amount=amount(money), currency=money.currency.code)


def _moment(at: datetime | None) -> str | UnsetType:
    return UNSET if at is None else moment(at)
