"""The figures of the overview: added up from the outbox, a slice of five minutes at a time."""

from collections.abc import Sequence
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Delete,
    Select,
    Text,
    Update,
    bindparam,
    case,
    cast,
    delete,
    func,
    literal,
    literal_column,
    null,
    select,
    type_coerce,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite

from adapters.sql.columns import Moment
from adapters.sql.console_tables import figures, figures_place
from adapters.sql.outbox import SETTLES_AFTER
from adapters.sql.rows import Row
from adapters.sql.session import Session
from adapters.sql.tables import cash_outs, outbox
from application.ports import SLICE, TOOK_MOST_MS
from domain.events import EventType

_NAME = "outbox"
_SLICE_S = int(SLICE.total_seconds())
_MICRO = 1_000_000
_KEY = ("began_at", "provider", "currency", "type", "took_ms")


@cache
def _place() -> Select[Any]:
    """Select how far it has come; another process that is at it is not waited for."""
    row = figures_place.c
    return select(row.position).where(row.name == literal(_NAME)).with_for_update(skip_locked=True)


@cache
def _begin(dialect: str) -> Any:  # noqa: ANN401 -- an INSERT of either dialect
    insert = sqlite.insert if dialect == "sqlite" else postgresql.insert
    return insert(figures_place).values(name=_NAME, position=0).on_conflict_do_nothing()


@cache
def _ahead(dialect: str) -> Select[Any]:
    moment = null() if dialect == "sqlite" else func.clock_timestamp()
    return (
        select(outbox.c.position, outbox.c.at, type_coerce(moment, Moment).label("moment"))
        .where(outbox.c.position > bindparam("behind", type_=BigInteger))
        .order_by(outbox.c.position)
        .limit(bindparam("most", type_=BigInteger))
    )


@cache
def _advance() -> Update:
    return (
        update(figures_place)
        .where(figures_place.c.name == literal(_NAME))
        .values(position=bindparam("upto", type_=BigInteger))
    )


def _number(value: int) -> ColumnElement[int]:
    """Return a number of ours as it is written, not as a parameter."""
    return literal_column(str(value), BigInteger)


def _began_at(dialect: str) -> ColumnElement[Any]:
    at = outbox.c.at
    if dialect == "sqlite":
        micros = type_coerce(at, BigInteger)
        return type_coerce(micros - micros % _number(_SLICE_S * _MICRO), Moment)
    slices = func.floor(func.extract("epoch", at) / _number(_SLICE_S))
    return func.to_timestamp(cast(slices * _number(_SLICE_S), BigInteger))


def _taken_us(dialect: str) -> ColumnElement[Any]:
    """Return the microseconds from a cash-out's acceptance to the event."""
    then, since = outbox.c.at, cash_outs.c.created_at
    if dialect == "sqlite":
        return type_coerce(then, BigInteger) - type_coerce(since, BigInteger)
    return func.extract("epoch", then - since) * _number(_MICRO)


def _took_ms(kind: ColumnElement[Any], taken_us: ColumnElement[Any]) -> ColumnElement[Any]:
    within = [(taken_us <= _number(most * 1_000), _number(most)) for most in TOOK_MOST_MS]
    measured = kind == literal(EventType.COMPLETED.value, Text)
    return case((measured, case(*within, else_=_number(0))), else_=_number(0))


@cache
def _fold(dialect: str) -> Any:  # noqa: ANN401 -- an INSERT of either dialect
    """Add the events between two positions to the slices they happened in."""
    row, told = cash_outs.c, outbox.c
    timed = (
        select(
            _began_at(dialect).label("began_at"),
            row.provider,
            row.currency,
            told.type,
            row.amount_minor,
            _taken_us(dialect).label("taken_us"),
        )
        .join_from(outbox, cash_outs, row.id == told.cash_out_id)
        .where(
            told.position > bindparam("behind", type_=BigInteger),
            told.position <= bindparam("upto", type_=BigInteger),
        )
        .subquery("timed")
    )
    named = [timed.c[name] for name in _KEY[:-1]]
    took = _took_ms(timed.c.type, timed.c.taken_us).label("took_ms")
    each = select(*named, took, timed.c.amount_minor).subquery("each")
    names = [each.c[name] for name in _KEY]
    added = (
        select(
            *names,
            func.count().label("told"),
            cast(func.sum(each.c.amount_minor), BigInteger).label("amount_minor"),
        )
        .where(each.c.began_at.is_not(None))
        .group_by(*names)
    )
    insert: Any = (sqlite.insert if dialect == "sqlite" else postgresql.insert)(figures)
    insert = insert.from_select([*_KEY, "told", "amount_minor"], added)
    return insert.on_conflict_do_update(
        index_elements=list(_KEY),
        set_={
            "told": figures.c.told + insert.excluded.told,
            "amount_minor": figures.c.amount_minor + insert.excluded.amount_minor,
        },
    )


@cache
def _prune() -> Delete:
    return delete(figures).where(figures.c.began_at < bindparam("before", type_=Moment))


class SqlFigures:
    """Implements `Figures`."""

    def __init__(self, session: Session) -> None:
        self._session = session

    async def fold(self, limit: int) -> int:
        """Add up to `limit` further events to the figures; return how many were added."""
        place = await self._session.rows(_place())
        if not place:
            # The first time, or another process has it: then this does nothing either.
            await self._session.run(_begin(self._session.dialect))
            return 0
        behind = int(place[0]["position"])
        given = {"behind": behind, "most": limit}
        settled = _settled(await self._session.rows(_ahead(self._session.dialect), given), behind)
        if not settled:
            return 0
        upto = settled[-1]
        await self._session.run(_fold(self._session.dialect), {"behind": behind, "upto": upto})
        await self._session.run(_advance(), {"upto": upto})
        return len(settled)

    async def prune(self, began_before: datetime) -> int:
        """Forget slices of before a moment; return how many rows."""
        return int((await self._session.run(_prune(), {"before": began_before})).rowcount)


def _settled(rows: Sequence[Row], position: int) -> list[int]:
    """Return the positions before one that is missing and may still be committed."""
    found: list[int] = []
    for row in rows:
        waits = row["position"] != position + 1 and row["moment"] is not None
        if waits and row["at"] > row["moment"] - SETTLES_AFTER:
            break
        position = row["position"]
        found.append(position)
    return found
