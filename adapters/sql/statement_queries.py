"""The statements over runs, lines and breaks. Each is built once and has one text for any batch."""

from functools import cache
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Delete,
    FromClause,
    Insert,
    Integer,
    Select,
    String,
    Table,
    Text,
    Update,
    Uuid,
    and_,
    bindparam,
    cast,
    delete,
    exists,
    func,
    insert,
    literal_column,
    or_,
    select,
    true,
    tuple_,
    update,
)

from adapters.sql.columns import Moment, Words
from adapters.sql.sets import Given, Rows
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
from domain.statements import BreakKind, LineKind
from domain.states import ENDINGS, Status

RUN: Final = bindparam("run", type_=Uuid)
PROVIDER: Final = bindparam("this_provider", type_=Words)
MOST: Final = bindparam("most", type_=BigInteger)
_EDGE_AT: Final = bindparam("edge_at", type_=Moment)
_EDGE_ID: Final = bindparam("edge_id", type_=Uuid)
_PAID_TURN: Final = 0
BOOKED: Final = (
    *("id", "reference", "provider_transaction_id", "msisdn", "country", "currency"),
    *("amount_minor", "status", "created_at", "completed_at"),
)
"""The columns of a cash-out that a statement can speak of."""
_OURS: Final = tuple(cash_outs.c[name] for name in BOOKED)

IDS: Final = Given({"id": Uuid})
RUNS: Final = Given({"run_id": Uuid})
KEYS: Final = Given({"key": Text})
# Each row carries its run or provider: SQLite looks them up one by one then, and does not go
# through all that the run or the provider has for each of them.
DIGESTS: Final = Given({"run_id": Uuid, "digest": String(64)})
NAMED: Final = Given({"provider": Words, "digest": String(64), "named": Words})
LIKENESSES: Final = Given(
    {
        "digest": String(64),
        "msisdn": Words,
        "currency": String(3),
        "amount_minor": BigInteger,
        "first": Moment,
        "last": Moment,
    }
)
JUDGED: Final = Given(
    {
        "run_id": Uuid,
        "digest": String(64),
        "result": Text,
        "rule": Text,
        "cash_out_id": Uuid,
        "effect": Text,
    }
)


def _names(table: Table) -> list[str]:
    return [column.name for column in table.columns]


def _once(*columns: str) -> Any:  # noqa: ANN401 -- what Rows adds to an INSERT
    def otherwise(insert: Any) -> Insert:  # noqa: ANN401 -- an INSERT of either dialect
        kept: Insert = insert.on_conflict_do_nothing(index_elements=list(columns))
        return kept

    return otherwise


def _anew(insert: Any) -> Insert:  # noqa: ANN401 -- as above
    """Insert a run, or write it over."""
    fields = [name for name in _names(statement_runs) if name != "id"]
    written: Insert = insert.on_conflict_do_update(
        index_elements=["id"], set_={name: insert.excluded[name] for name in fields}
    )
    return written


def _reopen(insert: Any) -> Insert:  # noqa: ANN401 -- as above
    """Insert a break; one that is known stays as it is, unless it was resolved."""
    kept: Insert = insert.on_conflict_do_update(
        index_elements=["key"],
        set_={"state": BreakState.OPEN.value},
        where=breaks.c.state == BreakState.RESOLVED.value,
    )
    return kept


SAVED_RUNS: Final = Rows(statement_runs, _names(statement_runs), _anew)
NEW_LINES: Final = Rows(statement_lines, _names(statement_lines), _once("run_id", "digest"))
NEW_MALFORMED: Final = Rows(
    statement_malformed, _names(statement_malformed), _once("run_id", "number")
)
NEW_BREAKS: Final = Rows(breaks, _names(breaks), _reopen)


@cache
def one_run() -> Select[Any]:
    """Select a run."""
    return select(statement_runs).where(statement_runs.c.id == RUN)


@cache
def run_of_file() -> Select[Any]:
    """Select the run of a file."""
    row = statement_runs.c
    digest = bindparam("this_file", type_=String(64))
    return select(statement_runs).where(
        row.provider == PROVIDER, row.file_digest == digest, ~row.rehearsal
    )


@cache
def newest_runs(*, of_provider: bool, behind: bool) -> Select[Any]:
    """Select runs, newest first."""
    row = statement_runs.c
    statement = select(statement_runs).where(~row.rehearsal)
    if of_provider:
        statement = statement.where(row.provider == PROVIDER)
    if behind:
        statement = statement.where(tuple_(row.started_at, row.id) < tuple_(_EDGE_AT, _EDGE_ID))
    return statement.order_by(row.started_at.desc(), row.id.desc()).limit(MOST)


@cache
def rehearsals() -> Select[Any]:
    """Select the ids of rehearsals."""
    row = statement_runs.c
    return select(row.id).where(row.provider == PROVIDER, row.rehearsal)


@cache
def covered_since() -> Select[Any]:
    """Select when the period of the earliest finished run began that reaches up to a moment."""
    row = statement_runs.c
    at = bindparam("edge_at", type_=Moment)
    return select(func.min(row.since, type_=Moment).label("since")).where(
        row.provider == PROVIDER,
        ~row.rehearsal,
        row.state == RunState.FINISHED.value,
        row.since < at,
        row.until >= at,
    )


@cache
def forget(table: Table) -> Delete:
    """Delete what a run has in a table."""
    return delete(table).where(table.c.run_id == RUN)


@cache
def forget_run() -> Delete:
    """Delete a run that nothing refers to any more."""
    return delete(statement_runs).where(statement_runs.c.id == RUN)


@cache
def kept_lines(dialect: str) -> Select[Any]:
    """Select lines of a run by their digests."""
    given, row = DIGESTS.table(dialect), statement_lines
    same = (row.c.run_id == given.c.run_id) & (row.c.digest == given.c.digest)
    return select(row).join_from(given, row, same)


@cache
def drop_lines(dialect: str) -> Delete:
    """Delete lines of a run by their digests."""
    given, row = DIGESTS.table(dialect), statement_lines.c
    gone = select(given.c.run_id, given.c.digest)
    return delete(statement_lines).where(tuple_(row.run_id, row.digest).in_(gone))


@cache
def malformed_lines() -> Select[Any]:
    """Select the lines that could not be read."""
    row = statement_malformed.c
    behind = bindparam("behind", type_=Integer)
    return (
        select(row.number, row.reason)
        .where(row.run_id == RUN, row.number > behind)
        .order_by(row.number)
        .limit(MOST)
    )


@cache
def span_of_lines() -> Select[Any]:
    """Select the times of the first and the last line."""
    row = statement_lines.c
    return select(
        func.min(row.at, type_=Moment).label("first"), func.max(row.at, type_=Moment).label("last")
    ).where(row.run_id == RUN)


@cache
def lines_in_order(*, behind: bool, loose: bool) -> Select[Any]:
    """Select lines of a run in the order of judging."""
    row = statement_lines.c
    statement = select(statement_lines).where(row.run_id == RUN)
    if loose:
        statement = statement.where(row.result == LineResult.LOOSE.value)
    if behind:
        edge = tuple_(
            bindparam("edge_turn", type_=Integer),
            _EDGE_AT,
            bindparam("edge_digest", type_=String(64)),
        )
        statement = statement.where(tuple_(row.turn, row.at, row.digest) > edge)
    return statement.order_by(row.turn, row.at, row.digest).limit(MOST)


@cache
def named_by_them(dialect: str) -> Select[Any]:
    """Select cash-outs by the provider's ids, each with the digest of the line that says it."""
    given, row = NAMED.table(dialect), cash_outs.c
    same = (row.provider == given.c.provider) & (row.provider_transaction_id == given.c.named)
    known = row.provider_transaction_id.is_not(None)
    return select(given.c.digest, *_OURS).join_from(given, cash_outs, same & known)


@cache
def named_by_us(dialect: str) -> Select[Any]:
    """Select cash-outs by our references, each with the digest of the line that says it."""
    given, row = NAMED.table(dialect), cash_outs.c
    same = (row.reference == given.c.named) & (row.provider == given.c.provider)
    return select(given.c.digest, *_OURS).join_from(given, cash_outs, same)


def _spoken_of() -> ColumnElement[bool]:
    """Tell whether a line speaks of a cash-out: of this run, or of one that is no rehearsal.

    A look-up for each cash-out: as a join, it would be planned by statistics from before the lines
    were linked, and go through all of them each time.
    """
    line, run = statement_lines.c, statement_runs.c
    speaks = (line.turn == _PAID_TURN) | (
        (line.kind == LineKind.PAYMENT.value) & (line.result == LineResult.BROKEN.value)
    )
    is_counted = select(_counts()).where(run.id == line.run_id).scalar_subquery()
    first = (
        select(line.number)
        .where(line.cash_out_id == cash_outs.c.id, speaks, is_counted)
        .limit(literal_column("1"))
    )
    return first.scalar_subquery().is_not(None)


def _counts() -> ColumnElement[bool]:
    return or_(statement_runs.c.id == RUN, ~statement_runs.c.rehearsal)


@cache
def fitting(dialect: str) -> Select[Any]:
    """Select cash-outs that fit lines and of which no line speaks, with the lines' digests.

    A line that nothing fits comes with none: an outer join keeps SQLite from going through all
    lines for each cash-out.
    """
    given = LIKENESSES.table(dialect)
    first = bindparam("first_of_all", type_=Moment)
    last = bindparam("last_of_all", type_=Moment)
    # Gone through once for a page, not once for each of its lines.
    near = (
        select(*_OURS)
        .where(
            cash_outs.c.provider == PROVIDER,
            cash_outs.c.created_at.between(first, last),
            ~_spoken_of(),
        )
        .cte("near")
        .prefix_with("MATERIALIZED")
    )
    same = and_(
        near.c.msisdn == given.c.msisdn,
        near.c.amount_minor == given.c.amount_minor,
        near.c.currency == given.c.currency,
        near.c.created_at.between(given.c.first, given.c.last),
    )
    return select(given.c.digest, *near.c).join_from(given, near, same, isouter=True)


@cache
def payments_of(dialect: str) -> Select[Any]:
    """Select the lines that say that cash-outs were paid."""
    given, line, run = IDS.table(dialect), statement_lines, statement_runs
    paid = (line.c.turn == _PAID_TURN) & line.c.cash_out_id.is_not(None)
    if dialect == "sqlite":
        one_by_one: FromClause = given.join(line, line.c.cash_out_id == given.c.id)
        kept: Any = line
    else:
        # Looked up one by one, whatever the statistics say: they are from before these were linked.
        own = select(line).where(line.c.cash_out_id == given.c.id, paid).offset(0)
        kept = own.lateral("kept")
        one_by_one = given.join(kept, true())
    found = one_by_one.join(run, run.c.id == kept.c.run_id)
    statement = select(*kept.c).select_from(found).where(_counts())
    return statement.where(paid) if dialect == "sqlite" else statement


@cache
def note_judged(dialect: str) -> Update:
    """Write what became of lines."""
    given, row = JUDGED.table(dialect), statement_lines.c
    written = {name: given.c[name] for name in ("result", "rule", "cash_out_id", "effect")}
    return (
        update(statement_lines)
        .where(row.run_id == given.c.run_id, row.digest == given.c.digest)
        .values(written)
    )


@cache
def link_breaks(dialect: str) -> Insert:
    """Note that a run has found the breaks with these keys."""
    given = KEYS.table(dialect)
    unknown = ~exists().where(found_breaks.c.run_id == RUN, found_breaks.c.break_id == breaks.c.id)
    found = select(RUN, breaks.c.id).join_from(given, breaks, breaks.c.key == given.c.key)
    return insert(found_breaks).from_select(["run_id", "break_id"], found.where(unknown))


@cache
def absent(*, behind: bool) -> Select[Any]:
    """Select completed and open cash-outs of a span of which no line speaks, oldest first."""
    row = cash_outs.c
    since, until = bindparam("since", type_=Moment), bindparam("until", type_=Moment)
    statement = select(*_OURS).where(
        row.provider == PROVIDER,
        row.created_at >= since,
        row.created_at < bindparam("before", type_=Moment),
        *(row.status != ending.value for ending in ENDINGS if ending is not Status.COMPLETED),
        func.coalesce(row.completed_at, row.created_at, type_=Moment) <= until,
        ~_spoken_of(),
    )
    if behind:
        edge = tuple_(_EDGE_AT, _EDGE_ID)
        statement = statement.where(tuple_(row.created_at, row.id) > edge)
    return statement.order_by(row.created_at, row.id).limit(MOST)


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
        statement = statement.where(tuple_(row.at, row.id) > tuple_(_EDGE_AT, _EDGE_ID))
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
