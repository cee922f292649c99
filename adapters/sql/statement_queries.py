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
    delete,
    func,
    literal_column,
    or_,
    select,
    true,
    tuple_,
    union_all,
    update,
)

from adapters.sql.columns import Moment, Words
from adapters.sql.sets import Given, Rows
from adapters.sql.statement_tables import (
    statement_lines,
    statement_malformed,
    statement_runs,
)
from adapters.sql.tables import cash_outs
from application.ports.statements import LineResult
from domain.runs import RunState
from domain.statements import LineKind
from domain.states import ENDINGS, Status

RUN: Final = bindparam("run", type_=Uuid)
PROVIDER: Final = bindparam("this_provider", type_=Words)
MOST: Final = bindparam("most", type_=BigInteger)
EDGE_AT: Final = bindparam("edge_at", type_=Moment)
EDGE_ID: Final = bindparam("edge_id", type_=Uuid)
_PAID_TURN: Final = 0
BOOKED: Final = (
    *("id", "reference", "provider_transaction_id", "msisdn", "country", "currency"),
    *("amount_minor", "status", "created_at", "completed_at"),
)
"""The columns of a cash-out that a statement can speak of."""
_OURS: Final = tuple(cash_outs.c[name] for name in BOOKED)

IDS: Final = Given({"id": Uuid})
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


def names_of(table: Table) -> list[str]:
    """Return a table's columns."""
    return [column.name for column in table.columns]


def _once(*columns: str) -> Any:  # noqa: ANN401 -- what Rows adds to an INSERT
    def otherwise(insert: Any) -> Insert:  # noqa: ANN401 -- an INSERT of either dialect
        kept: Insert = insert.on_conflict_do_nothing(index_elements=list(columns))
        return kept

    return otherwise


def _anew(insert: Any) -> Insert:  # noqa: ANN401 -- as above
    """Insert a run, or write it over."""
    fields = [name for name in names_of(statement_runs) if name != "id"]
    written: Insert = insert.on_conflict_do_update(
        index_elements=["id"], set_={name: insert.excluded[name] for name in fields}
    )
    return written


SAVED_RUNS: Final = Rows(statement_runs, names_of(statement_runs), _anew)
NEW_LINES: Final = Rows(statement_lines, names_of(statement_lines), _once("run_id", "digest"))
NEW_MALFORMED: Final = Rows(
    statement_malformed, names_of(statement_malformed), _once("run_id", "number")
)


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
        statement = statement.where(tuple_(row.started_at, row.id) < tuple_(EDGE_AT, EDGE_ID))
    return statement.order_by(row.started_at.desc(), row.id.desc()).limit(MOST)


@cache
def rehearsals() -> Select[Any]:
    """Select the ids of rehearsals."""
    row = statement_runs.c
    return select(row.id).where(row.provider == PROVIDER, row.rehearsal)


@cache
def covered_since() -> Select[Any]:
    """Select when the period of the earliest run began that reaches up to a moment.

    Of finished ones that have all their lines.
    """
    row = statement_runs.c
    at = bindparam("edge_at", type_=Moment)
    return select(func.min(row.since, type_=Moment).label("since")).where(
        row.provider == PROVIDER,
        ~row.rehearsal,
        row.state == RunState.FINISHED.value,
        row.pruned.is_not(true()),
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
            EDGE_AT,
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


def _spoken_of(*, open_by_paid_alone: bool = False) -> ColumnElement[bool]:
    """Tell whether a line speaks of a cash-out: of this run, or of one that is no rehearsal.

    open_by_paid_alone: of an open one only lines that say that it was paid.

    A look-up for each cash-out: as a join, it would be planned by statistics from before the lines
    were linked, and go through all of them each time.
    """
    line, run = statement_lines.c, statement_runs.c
    breaks = (line.kind == LineKind.PAYMENT.value) & (line.result == LineResult.BROKEN.value)
    if open_by_paid_alone:
        breaks = breaks & ~_is_open(cash_outs.c.status)
    speaks = (line.turn == _PAID_TURN) | breaks
    is_counted = select(_counts()).where(run.id == line.run_id).scalar_subquery()
    first = (
        select(line.number)
        .where(line.cash_out_id == cash_outs.c.id, speaks, is_counted)
        .limit(literal_column("1"))
    )
    return first.scalar_subquery().is_not(None)


def _is_open(status: ColumnElement[Any]) -> ColumnElement[bool]:
    return and_(*(status != ending.value for ending in ENDINGS))


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
    free = select(*_OURS).where(
        cash_outs.c.provider == PROVIDER, ~_spoken_of(open_by_paid_alone=True)
    )
    recent = free.where(cash_outs.c.created_at.between(first, last))
    # Whatever is open has a plan: there is an index over those that have one.
    older = free.where(
        cash_outs.c.action.is_not(None),
        _is_open(cash_outs.c.status),
        cash_outs.c.created_at < first,
    )
    # Gone through once for a page, not once for each of its lines.
    near = union_all(recent, older).cte("near").prefix_with("MATERIALIZED")
    same = and_(
        near.c.msisdn == given.c.msisdn,
        near.c.amount_minor == given.c.amount_minor,
        near.c.currency == given.c.currency,
        near.c.created_at <= given.c.last,
        (near.c.created_at >= given.c.first) | _is_open(near.c.status),
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
        edge = tuple_(EDGE_AT, EDGE_ID)
        statement = statement.where(tuple_(row.created_at, row.id) > edge)
    return statement.order_by(row.created_at, row.id).limit(MOST)
