"""The statements over cash-outs. Each is built once per dialect and has one text for any batch."""

from collections.abc import Callable, Iterable
from functools import cache
from operator import itemgetter
from typing import Any

from sqlalchemy import (
    BigInteger,
    CompoundSelect,
    Executable,
    Insert,
    Integer,
    Select,
    Table,
    Update,
    Uuid,
    bindparam,
    false,
    func,
    literal_column,
    select,
    true,
    union_all,
    update,
)

from adapters.sql.columns import Moment, Words
from adapters.sql.health_tables import WAITING
from adapters.sql.rows import Row
from adapters.sql.sets import Given, Rows
from adapters.sql.tables import OVERDUE, attempts, cash_outs, evidence, idempotency_keys
from domain.cash_out import Action
from domain.states import ENDINGS, Status

_FIXED = {
    *("user_id", "wallet_id", "provider", "currency", "amount_minor", "fee_minor"),
    *("tariff_version", "msisdn", "country", "payee_name", "reference", "reference_given"),
    *("created_at", "trace"),
}
"""What a cash-out was accepted with: no change ever touches it."""

SAVED = tuple(column.name for column in cash_outs.columns if column.name not in _FIXED)
"""The columns that a change writes, `id` among them to find the row by."""

saved: Callable[[Row], tuple[object, ...]] = itemgetter(*SAVED)
"""Returns these columns of a row, in their order."""

_BESIDE = {column.name: f"attempt_{column.name}" for column in attempts.columns}
"""What the columns of an attempt are called beside those of its cash-out."""

IDS = Given({"id": Uuid})
IDENTITIES = Given({"user_id": Words, "key": Words, "reference": Words})
PROVIDER_IDS = Given({"provider": Words, "provider_transaction_id": Words})
LOOKUPS = Given(
    {
        "number": Integer,
        "provider": Words,
        "reference": Words,
        "provider_transaction_id": Words,
    }
)


CORRIDORS = Given({"country": Words, "currency": Words})


def _names(table: Table) -> list[str]:
    return [column.name for column in table.columns]


def _note_the_end(insert: Any) -> Insert:  # noqa: ANN401 -- an INSERT of either dialect
    """Insert attempts, or note how known ones ended."""
    ending = ("outcome", "code", "detail", "ended_at")
    noted: Insert = insert.on_conflict_do_update(
        index_elements=[attempts.c.cash_out_id, attempts.c.number],
        set_={name: insert.excluded[name] for name in ending},
    )
    return noted


NEW = Rows(cash_outs, _names(cash_outs))
NEW_KEYS = Rows(idempotency_keys, _names(idempotency_keys))
TRIES = Rows(attempts, _names(attempts), _note_the_end)
PIECES = Rows(evidence, _names(evidence))
CHANGES = Given({"was_version": BigInteger, **{name: cash_outs.c[name].type for name in SAVED}})


@cache
def known(dialect: str) -> CompoundSelect[Any]:
    """Select the cash-outs behind idempotency keys, and not `by_key` those with references."""
    given, keys = IDENTITIES.table(dialect), idempotency_keys
    by_key = (
        select(true().label("by_key"), keys.c.user_id.label("key_user"), keys.c.key, cash_outs)
        .join_from(given, keys, (keys.c.user_id == given.c.user_id) & (keys.c.key == given.c.key))
        .join(cash_outs, cash_outs.c.id == keys.c.cash_out_id)
    )
    by_reference = select(false(), given.c.user_id, given.c.key, cash_outs).join_from(
        given, cash_outs, cash_outs.c.reference == given.c.reference
    )
    return union_all(by_key, by_reference)


@cache
def attempts_of(dialect: str) -> Select[Any]:
    """Select the attempts of cash-outs, in order."""
    given = IDS.table(dialect)
    return (
        select(attempts)
        .join_from(given, attempts, attempts.c.cash_out_id == given.c.id)
        .order_by(attempts.c.cash_out_id, attempts.c.number)
    )


@cache
def lock(dialect: str) -> Select[Any]:
    """Lock cash-outs in id order and select them, with a row for each attempt.

    Who waits for a lock gets the cash-out as its last holder left it, but beside it what was there
    when the statement began: the attempts are those of the version `seen`. The key is left free:
    others may refer to the cash-out meanwhile.
    """
    given = IDS.table(dialect)
    locked = (
        select(cash_outs)
        .join_from(given, cash_outs, cash_outs.c.id == given.c.id)
        .order_by(cash_outs.c.id)
        .with_for_update(of=cash_outs, key_share=True)
        .cte("locked")
    )
    seen = cash_outs.alias("seen")
    tries = [attempts.c[name].label(label) for name, label in _BESIDE.items()]
    return (
        select(locked, seen.c.version.label("seen"), *tries)
        .join_from(locked, seen, seen.c.id == locked.c.id)
        .outerjoin(attempts, attempts.c.cash_out_id == locked.c.id)
        .order_by(locked.c.id, attempts.c.number)
    )


def attempts_beside(rows: Iterable[Row]) -> list[Row]:
    """Return the attempts of such rows as rows of their own."""
    with_one = (row for row in rows if row["attempt_number"] is not None)
    return [{name: row[label] for name, label in _BESIDE.items()} for row in with_one]


def _due(moment: Any) -> Select[Any]:  # noqa: ANN401 -- a bound value or a subquery
    row = cash_outs.c
    return (
        select(cash_outs)
        .where(
            row.provider == bindparam("provider", type_=Words),
            row.action == bindparam("action", type_=row.action.type),
            row.action.is_not(None),
            row.due_at <= moment,
            row.lease_until.is_(None) | (row.lease_until <= moment),
        )
        .order_by(row.due_at, row.id)
        .limit(bindparam("most", type_=BigInteger))
        .with_for_update(skip_locked=True, of=cash_outs)
    )


@cache
def claim() -> Select[Any]:
    """Select and lock what is due by the time that is given as `now`."""
    return _due(bindparam("now", type_=Moment))


@cache
def claim_by_database_time() -> Select[Any]:
    """Select and lock what is due by the clock of PostgreSQL, and that time as `moment`.

    The time is a subquery, read once: compared so, it is a bound of the index scan. There is one
    row without a cash-out when nothing is due.
    """
    clock = select(func.clock_timestamp(type_=Moment).label("moment")).cte("clock")
    due = _due(select(clock.c.moment).scalar_subquery()).cte("due")
    return (
        select(clock.c.moment, due)
        .select_from(clock.outerjoin(due, literal_column("true")))
        .order_by(due.c.due_at, due.c.id)
    )


@cache
def claim_of(dialect: str, *, by_database_time: bool) -> Select[Any]:
    """Select and lock what is due of the given corridors, as the two above do.

    On PostgreSQL, however much waits in the others is not looked at: each corridor is a range of
    the index of what waits, and as many are locked of each as are wanted in all, until the
    transaction ends. SQLite may walk over what is due in the others.
    """
    now: Any = bindparam("now", type_=Moment)
    clock = select(func.clock_timestamp(type_=Moment).label("moment")).cte("clock")
    if by_database_time:
        now = select(clock.c.moment).scalar_subquery()
    given, row = CORRIDORS.table(dialect), cash_outs.c
    here = (row.country == given.c.country) & (row.currency == given.c.currency)
    if dialect == "sqlite":
        waiting = _due(now).where(WAITING)
        return waiting.join_from(given, cash_outs, here)
    each = _due(now).where(here, WAITING).lateral("each")
    due = (
        select(each)
        .select_from(given.join(each, literal_column("true")))
        .order_by(each.c.due_at, each.c.id)
        .limit(bindparam("most", type_=BigInteger))
    )
    if not by_database_time:
        return due
    found = due.cte("due")
    return (
        select(clock.c.moment, found)
        .select_from(clock.outerjoin(found, literal_column("true")))
        .order_by(found.c.due_at, found.c.id)
    )


@cache
def save(dialect: str) -> Update:
    """Compare and set: only rows whose version is still `was_version` are written."""
    given = CHANGES.table(dialect)
    return (
        update(cash_outs)
        .where(cash_outs.c.id == given.c.id, cash_outs.c.version == given.c.was_version)
        .values({name: given.c[name] for name in SAVED if name != "id"})
    )


@cache
def find(dialect: str) -> Select[Any]:
    """Select which cash-out each lookup means."""
    given = LOOKUPS.table(dialect)
    ours, theirs = cash_outs.alias("ours"), cash_outs.alias("theirs")
    meant = func.coalesce(ours.c.id, theirs.c.id, type_=Uuid)
    return (
        select(given.c.number, meant.label("cash_out_id"))
        .select_from(
            given.outerjoin(
                ours,
                (ours.c.reference == given.c.reference) & (ours.c.provider == given.c.provider),
            ).outerjoin(
                theirs,
                (theirs.c.provider == given.c.provider)
                & (theirs.c.provider_transaction_id == given.c.provider_transaction_id)
                & theirs.c.provider_transaction_id.is_not(None),
            )
        )
        .where(meant.is_not(None))
    )


@cache
def owners(dialect: str) -> Select[Any]:
    """Select who holds provider transaction ids."""
    given, row = PROVIDER_IDS.table(dialect), cash_outs.c
    same = (row.provider == given.c.provider) & (
        row.provider_transaction_id == given.c.provider_transaction_id
    )
    return select(row.provider, row.provider_transaction_id, row.id).join_from(
        given, cash_outs, same & row.provider_transaction_id.is_not(None)
    )


@cache
def overdue() -> Select[Any]:
    """Select what has been open for too long, and was left to wait too long ago, oldest first."""
    row, before = cash_outs.c, bindparam("opened_before", type_=Moment)
    return (
        select(row.id)
        .where(OVERDUE, row.created_at < before)
        .where(row.reviewed_at.is_(None) | (row.reviewed_at < before))
        .order_by(row.created_at, row.id)
        .limit(bindparam("most", type_=BigInteger))
    )


@cache
def put_off() -> Executable:
    """Make a cash-out due later."""
    row = cash_outs.c
    return (
        update(cash_outs)
        .where(row.id == bindparam("this", type_=Uuid))
        .values(due_at=bindparam("later", type_=Moment), version=row.version + 1)
    )


@cache
def hasten() -> Executable:
    """Bring a planned question forward, where nobody is about to ask or just did."""
    row, now = cash_outs.c, bindparam("now", type_=Moment)
    return (
        update(cash_outs)
        .where(
            row.id == bindparam("this", type_=Uuid),
            row.status.not_in([status for status in Status if status in ENDINGS]),
            row.action == Action.ASK,
            row.due_at > now,
            row.lease_until.is_(None) | (row.lease_until <= now),
            row.asked_at.is_(None) | (row.asked_at < bindparam("since", type_=Moment)),
        )
        .values(due_at=now, version=row.version + 1)
    )
