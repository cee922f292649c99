"""The statements that read all that is stored. On PostgreSQL bodies are hashed where they lie."""

from functools import cache
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Select,
    Text,
    TextClause,
    Uuid,
    bindparam,
    case,
    func,
    literal,
    null,
    select,
    text,
)

from adapters.sql.audit_tables import operators_log
from adapters.sql.rows import PIECE
from adapters.sql.tables import attempts, cash_outs, evidence, idempotency_keys, inbox, outbox
from domain.evidence import RAW_LIMIT
from domain.states import Status

_FIRST = bindparam("first", type_=Uuid)
_LAST = bindparam("last", type_=Uuid)
_MOST = bindparam("most", type_=BigInteger)
_AFTER = bindparam("behind", type_=BigInteger)
_BEHIND = bindparam("behind", type_=Uuid)
_UNPAID: Final = f"status NOT IN ('{Status.FAILED}', '{Status.CANCELLED}')"
_DAY: Final = {
    "postgresql": "to_char(created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD')",
    "sqlite": "strftime('%Y-%m-%d', created_at / 1000000, 'unixepoch')",
}


def _hex(dialect: str, body: ColumnElement[Any]) -> ColumnElement[Any]:
    """Return the hex SHA-256 on PostgreSQL, the body itself on SQLite, which cannot hash.

    The digest of no body is empty.
    """
    if dialect == "sqlite":
        return body
    return case(
        (func.length(body) == 0, literal("", Text)),
        else_=func.encode(func.sha256(body), "hex", type_=Text),
    )


@cache
def ids() -> Select[Any]:
    """Select ids in their order: the next so many behind one."""
    row = cash_outs.c
    return select(row.id).where(row.id > _BEHIND).order_by(row.id).limit(_MOST)


@cache
def every_nth() -> TextClause:
    """Return, on PostgreSQL, the last id of each span and how many there are up to it."""
    return text(
        """SELECT id, place FROM (
            SELECT id, row_number() OVER (ORDER BY id) AS place, count(*) OVER () AS many
            FROM cash_outs
        ) AS numbered WHERE place % CAST(:size AS bigint) = 0 OR place = many
        OR place % CAST(:size AS bigint) = 1 ORDER BY place"""
    )


@cache
def chained_since() -> Select[Any]:
    """Select when the first cash-out was taken whose first piece has a link."""
    row = evidence.c
    return select(func.min(row.at).label("at")).where(row.sequence == 1, row.hash.is_not(None))


@cache
def cash_outs_of() -> Select[Any]:
    """Select the cash-outs of a span."""
    return select(cash_outs).where(cash_outs.c.id.between(_FIRST, _LAST)).order_by(cash_outs.c.id)


@cache
def attempts_of() -> Select[Any]:
    """Select the attempts of a span."""
    row = attempts.c
    return (
        select(attempts)
        .where(row.cash_out_id.between(_FIRST, _LAST))
        .order_by(row.cash_out_id, row.number)
    )


@cache
def pieces_of(dialect: str) -> Select[Any]:
    """Select the evidence of a span, as `PIECE`, then the digest of a raw body that is whole."""
    row = evidence.c
    shown = [evidence.columns[name] for name in PIECE]
    whole = func.length(row.raw) < RAW_LIMIT
    raw = case((whole, _hex(dialect, row.raw)), else_=None).label("raw_digest")
    return (
        select(*shown, raw)
        .where(row.cash_out_id.between(_FIRST, _LAST))
        .order_by(row.cash_out_id, row.sequence)
    )


@cache
def events_of(dialect: str) -> Select[Any]:
    """Select the events of a span that are still in the outbox, each with its body's digest."""
    row = outbox.c
    hashed = _hex(dialect, func.convert_to(row.body, "UTF8"))
    on_sqlite = (row.body.label("body"), null().label("digest"))
    said = on_sqlite if dialect == "sqlite" else (null().label("body"), hashed.label("digest"))
    return (
        select(row.cash_out_id, row.sequence, row.type, *said)
        .where(row.cash_out_id.between(_FIRST, _LAST))
        .order_by(row.cash_out_id, row.sequence)
    )


@cache
def wrong_counters(dialect: str) -> TextClause:
    """Return the counters that are not the sum of the cash-outs in them, or not within caps."""
    day = _DAY[dialect]
    mine = f"""SELECT user_id, provider, currency, {day} AS slot, amount_minor
            FROM cash_outs WHERE {_UNPAID}"""  # noqa: S608 -- our own words
    return text(
        f"""WITH mine AS ({mine}), counted AS (
            SELECT user_id, provider, currency, slot, SUM(amount_minor) AS amount
            FROM mine GROUP BY user_id, provider, currency, slot
        ), both_sides AS (
            SELECT user_id, provider, currency, "window" AS slot, used_minor AS used,
                0 AS counted, cap_minor AS cap
            FROM limit_counters
            UNION ALL SELECT user_id, provider, currency, slot, 0, amount, 0 FROM counted
            UNION ALL SELECT user_id, provider, currency, substr(slot, 1, 7), 0, amount, 0
            FROM counted
        )
        SELECT user_id, provider, currency, slot, CAST(SUM(used) AS bigint) AS used,
            CAST(SUM(counted) AS bigint) AS counted, CAST(SUM(cap) AS bigint) AS cap
        FROM both_sides GROUP BY user_id, provider, currency, slot
        HAVING SUM(used) <> SUM(counted) OR SUM(used) < 0 OR SUM(used) > SUM(cap)
        ORDER BY user_id, provider, currency, slot LIMIT CAST(:most AS bigint)"""  # noqa: S608 -- our own words
    )


@cache
def foreign_keys() -> Select[Any]:
    """Select idempotency keys that do not lead to a cash-out of their user."""
    key, row = idempotency_keys.c, cash_outs.c
    return (
        select(key.user_id, key.key, key.cash_out_id)
        .outerjoin_from(idempotency_keys, cash_outs, row.id == key.cash_out_id)
        .where(row.id.is_(None) | (row.user_id != key.user_id))
        .limit(_MOST)
    )


@cache
def stray_events() -> Select[Any]:
    """Select the ids of cash-outs that events tell of and that do not exist."""
    return (
        select(outbox.c.cash_out_id)
        .outerjoin_from(outbox, cash_outs, cash_outs.c.id == outbox.c.cash_out_id)
        .where(cash_outs.c.id.is_(None), outbox.c.type.startswith("cash_out."))
        .distinct()
        .limit(_MOST)
    )


@cache
def deliveries(dialect: str) -> Select[Any]:
    """Select kept webhooks with their digests: on PostgreSQL only those that do not agree."""
    row = inbox.c
    found = select(row.id, row.digest, _hex(dialect, row.raw).label("made"))
    if dialect == "sqlite":
        return found.where(row.id > _BEHIND).order_by(row.id).limit(_MOST)
    return found.where(_hex(dialect, row.raw) != row.digest).order_by(row.id).limit(_MOST)


@cache
def entries() -> Select[Any]:
    """Select entries of the operators' log behind a sequence, in order."""
    row = operators_log.c
    return select(operators_log).where(row.sequence > _AFTER).order_by(row.sequence).limit(_MOST)
