"""The statements over breaks, and what is counted of a run; see statement_queries."""

from datetime import timedelta
from functools import cache
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Delete,
    Insert,
    Select,
    Text,
    Update,
    Uuid,
    and_,
    bindparam,
    case,
    cast,
    delete,
    exists,
    func,
    insert,
    literal_column,
    select,
    true,
    tuple_,
    update,
)

from adapters.sql.columns import Moment, Words
from adapters.sql.sets import Given, Rows
from adapters.sql.statement_queries import EDGE_AT, EDGE_ID, MOST, PROVIDER, RUN, names_of
from adapters.sql.statement_tables import (
    breaks,
    found_breaks,
    statement_lines,
    statement_malformed,
    statement_runs,
)
from adapters.sql.tables import cash_outs
from application.ports.statements import LineResult
from domain.breaks import BreakState
from domain.runs import RunState
from domain.statements import MOST_WINDOW, BreakKind

KEYS: Final = Given({"key": Text})
RUNS: Final = Given({"run_id": Uuid})


def _reopen(insert: Any) -> Insert:  # noqa: ANN401 -- as above
    """Insert a break; one that is known stays as it is, unless it was resolved."""
    kept: Insert = insert.on_conflict_do_update(
        index_elements=["key"],
        set_={"state": BreakState.OPEN.value},
        where=breaks.c.state == BreakState.RESOLVED.value,
    )
    return kept


NEW_BREAKS: Final = Rows(breaks, names_of(breaks), _reopen)


@cache
def link_breaks(dialect: str) -> Insert:
    """Note that a run has found the breaks with these keys."""
    given = KEYS.table(dialect)
    unknown = ~exists().where(found_breaks.c.run_id == RUN, found_breaks.c.break_id == breaks.c.id)
    found = select(RUN, breaks.c.id).join_from(given, breaks, breaks.c.key == given.c.key)
    return insert(found_breaks).from_select(["run_id", "break_id"], found.where(unknown))


def _not_found_now() -> ColumnElement[bool]:
    return ~exists().where(found_breaks.c.run_id == RUN, found_breaks.c.break_id == breaks.c.id)


@cache
def resolve(*, missing: bool) -> Update:
    """Note open breaks as resolved that a run has seen in agreement and has not found."""
    line, row = statement_lines.c, breaks.c
    matched = (line.run_id == RUN) & (line.result == LineResult.MATCHED.value)
    same: ColumnElement[bool]
    if missing:
        same = (row.kind == BreakKind.MISSING_THERE.value) & (line.cash_out_id == row.cash_out_id)
    else:
        same = line.digest == row.digest
    linked = line.cash_out_id.is_not(None)
    seen = select(line.number).where(matched, same, linked).limit(literal_column("1"))
    return (
        update(breaks)
        .where(
            row.provider == PROVIDER,
            row.state == BreakState.OPEN.value,
            _not_found_now(),
            seen.scalar_subquery().is_not(None),
        )
        .values(
            state=BreakState.RESOLVED.value,
            changed_at=bindparam("now", type_=Moment),
            changed_by=None,
        )
    )


_NEAR: Final[dict[str, ColumnElement[Any]]] = {
    "sqlite": literal_column(str(MOST_WINDOW // timedelta(microseconds=1))),
    "postgresql": literal_column(f"interval '{MOST_WINDOW // timedelta(hours=1)} hours'"),
}
_IN_ORDER: Final = (statement_lines.c.turn, statement_lines.c.at, statement_lines.c.digest)
# The order of their index: whatever the statistics say of runs without lines, it is looked into.


def _is_done_with(dialect: str) -> ColumnElement[bool]:
    """Tell whether a line is matched, and no break is open about it, its cash-out or its like.

    Its like is an unknown payment of that amount that may be about the same cash-out: without this
    line, nothing would tell that the cash-out has its payment.
    """
    line, row = statement_lines.c, breaks.c
    open_now = row.state == BreakState.OPEN.value
    own = ~exists().where(open_now, row.digest == line.digest)
    about = ~exists().where(open_now, row.cash_out_id == line.cash_out_id)
    alike = ~exists().where(
        open_now,
        row.kind == BreakKind.MISSING_HERE.value,
        row.reference.is_(None),
        row.there_minor == line.amount_minor,
        row.there_currency == line.currency,
        cash_outs.c.id == line.cash_out_id,
        cash_outs.c.provider == row.provider,
        row.at >= cash_outs.c.created_at - _NEAR[dialect],
        row.at <= cash_outs.c.created_at + _NEAR[dialect],
    )
    return and_(line.result == LineResult.MATCHED.value, own, about, alike)


@cache
def prunable_run(dialect: str) -> Select[Any]:
    """Select an old run that has lines to remove, and hold it; one that is held is left out.

    A look-up for each run: as a join, all lines would be gone through where none is to be removed.
    Whether it has any comes first, as it is looked up with an index whatever the breaks are.
    """
    line, run = statement_lines.c, statement_runs.c
    own = select(line.digest).where(line.run_id == run.id).order_by(*_IN_ORDER)
    one: ColumnElement[int] = literal_column("1")
    matched = own.where(line.result == LineResult.MATCHED.value).limit(one).scalar_subquery()
    done_with = own.where(_is_done_with(dialect)).limit(one).scalar_subquery()
    return (
        select(run.id)
        .where(
            run.state == RunState.FINISHED.value,
            run.finished_at < bindparam("before", type_=Moment),
            ~run.rehearsal,
            case((matched.is_not(None), done_with)).is_not(None),
        )
        .order_by(run.finished_at, run.id)
        .limit(one)
        .with_for_update(key_share=True, skip_locked=True)
    )


@cache
def prune_lines(dialect: str) -> Delete:
    """Remove a run's lines that are done with."""
    line = statement_lines.c
    gone = select(line.run_id, line.digest).where(line.run_id == RUN, _is_done_with(dialect))
    first = gone.order_by(*_IN_ORDER).limit(MOST)
    return delete(statement_lines).where(tuple_(line.run_id, line.digest).in_(first))


@cache
def note_pruned() -> Update:
    """Note on a run that lines of it are gone."""
    return update(statement_runs).where(statement_runs.c.id == RUN).values(pruned=true())


def _whole(value: Any) -> Any:  # noqa: ANN401 -- an expression that PostgreSQL makes a numeric
    return cast(func.coalesce(func.sum(value), 0), BigInteger)


@cache
def count_lines() -> Select[Any]:
    """Count and add up a run's lines by currency, result and effect."""
    row = statement_lines.c
    return (
        select(
            row.currency,
            row.result,
            row.effect,
            func.count().label("count"),
            _whole(row.amount_minor).label("minor"),
            _whole(row.fee_minor).label("fees"),
        )
        .where(row.run_id == RUN)
        .group_by(row.currency, row.result, row.effect)
    )


@cache
def count_breaks() -> Select[Any]:
    """Count and add up what a run has found, by kind, state and our currency."""
    row = breaks.c
    return (
        select(
            row.kind,
            row.state,
            row.here_currency,
            func.count().label("count"),
            _whole(row.here_minor).label("minor"),
        )
        .join_from(found_breaks, breaks, row.id == found_breaks.c.break_id)
        .where(found_breaks.c.run_id == RUN)
        .group_by(row.kind, row.state, row.here_currency)
    )


@cache
def count_malformed() -> Select[Any]:
    """Count the lines that could not be read."""
    row = statement_malformed.c
    return select(func.count().label("count")).where(row.run_id == RUN)


def _rehearsed() -> ColumnElement[bool]:
    run = statement_runs.c
    return exists().where(run.id == breaks.c.run_id, run.rehearsal)


@cache
def breaks_by(filters: tuple[str, ...], *, behind: bool) -> Select[Any]:
    """Select breaks, oldest money first."""
    row = breaks.c
    found = exists().where(found_breaks.c.run_id == RUN, found_breaks.c.break_id == row.id)
    known: dict[str, ColumnElement[bool]] = {
        "run": found,
        "this_provider": row.provider == PROVIDER,
        "state": row.state == bindparam("state", type_=Text),
        "kind": row.kind == bindparam("kind", type_=Text),
        "cash_out": row.cash_out_id == bindparam("cash_out", type_=Uuid),
    }
    statement = select(breaks).where(*(known[name] for name in filters))
    if "run" not in filters:
        statement = statement.where(~_rehearsed())
    if behind:
        statement = statement.where(tuple_(row.at, row.id) > tuple_(EDGE_AT, EDGE_ID))
    return statement.order_by(row.at, row.id).limit(MOST)


@cache
def still_open(dialect: str) -> Select[Any]:
    """Count the open breaks that runs have found."""
    given, found, row = RUNS.table(dialect), found_breaks.c, breaks.c
    return (
        select(found.run_id, func.count().label("count"))
        .join_from(given, found_breaks, found.run_id == given.c.run_id)
        .join(breaks, row.id == found.break_id)
        .where(row.state == BreakState.OPEN.value)
        .group_by(found.run_id)
    )


@cache
def open_since(*, of_provider: bool) -> Select[Any]:
    """Count open breaks between two moments."""
    row = breaks.c
    first, last = bindparam("first", type_=Moment), bindparam("last", type_=Moment)
    statement = select(func.count().label("count")).where(
        row.state == BreakState.OPEN.value, row.at > first, row.at <= last, ~_rehearsed()
    )
    return statement.where(row.provider == PROVIDER) if of_provider else statement


@cache
def one_break() -> Select[Any]:
    """Select a break and lock it."""
    wanted = bindparam("this", type_=Uuid)
    return select(breaks).where(breaks.c.id == wanted).with_for_update()


@cache
def change_break() -> Update:
    """Write what became of a break."""
    return (
        update(breaks)
        .where(breaks.c.id == bindparam("this", type_=Uuid))
        .values(
            state=bindparam("new_state", type_=Text),
            changed_at=bindparam("new_at", type_=Moment),
            changed_by=bindparam("new_by", type_=Words),
            note=bindparam("new_note", type_=Words),
        )
    )


@cache
def own_breaks() -> Delete:
    """Delete the breaks that a rehearsal was the first to find."""
    return delete(breaks).where(breaks.c.run_id == RUN)
