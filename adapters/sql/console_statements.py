"""The statements behind the console's pages: each finds its rows by an index that is there."""

from functools import cache
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Select,
    Text,
    Uuid,
    and_,
    bindparam,
    case,
    cast,
    func,
    literal,
    or_,
    select,
    union_all,
)

from adapters.sql.columns import Moment, Words
from adapters.sql.console_tables import UNREADABLE, figures
from adapters.sql.sets import Given
from adapters.sql.tables import MATCHED, OVERDUE, PARKED, cash_outs, inbox, outbox
from domain.states import ENDINGS, Status

IDS = Given({"id": Uuid})
PROVIDERS = Given({"provider": Words})
_ROW = cash_outs.c
LISTED = (
    _ROW.id,
    _ROW.created_at,
    _ROW.updated_at,
    _ROW.status,
    _ROW.provider,
    _ROW.currency,
    _ROW.amount_minor,
    _ROW.msisdn,
    _ROW.country,
    _ROW.user_id,
    _ROW.reference,
    _ROW.review,
    _ROW.contradicted,
)
_OPEN = [literal(status.value, Text) for status in Status if status not in ENDINGS]
_MOST = bindparam("most", type_=BigInteger)
_SCANNED = bindparam("scanned", type_=BigInteger)
AGES = ("minute", "hour", "day", "older")


def _open_rows(*columns: ColumnElement[Any]) -> Select[Any]:
    """Select from all that is open, by three partial indexes that have no row in common.

    What has a plan; what has none and no review either; what waits for a human alone.
    """
    planned = select(*columns).where(_ROW.action.is_not(None))
    silent = select(*columns).where(OVERDUE, _ROW.action.is_(None))
    waits = select(*columns).where(
        _ROW.review.is_not(None),
        _ROW.action.is_(None),
        or_(*(_ROW.status == each for each in _OPEN)),
    )
    every = union_all(planned, silent, waits).subquery("every")
    return select(every)


@cache
def figures_between() -> Select[Any]:
    """Select the figures of a span."""
    row = figures.c
    since, until = bindparam("since", type_=Moment), bindparam("until", type_=Moment)
    return (
        select(figures)
        .where(row.began_at >= since, row.began_at < until)
        .order_by(row.began_at, row.provider, row.currency, row.type, row.took_ms)
    )


@cache
def open_now() -> Select[Any]:
    """Select what is open by provider, currency, state, age and whether a human is called."""
    looked_at = _open_rows(
        _ROW.provider, _ROW.currency, _ROW.status, _ROW.amount_minor, _ROW.created_at, _ROW.review
    )
    each = looked_at.limit(_MOST).subquery("each").c
    age = case(
        *((each.created_at >= bindparam(name, type_=Moment), name) for name in AGES[:-1]),
        else_=AGES[-1],
    ).label("age")
    in_review = each.review.is_not(None).label("in_review")
    key = (each.provider, each.currency, each.status, age, in_review)
    return (
        select(
            *key,
            func.count().label("count"),
            cast(func.sum(each.amount_minor), BigInteger).label("amount_minor"),
            func.min(each.created_at).label("oldest_at"),
        )
        .group_by(each.provider, each.currency, each.status, "age", "in_review")
        .order_by(each.provider, each.currency, each.status, "age", "in_review")
    )


@cache
def untold() -> Select[Any]:
    """Select when each of the oldest untold events happened."""
    some = (
        select(outbox.c.at)
        .where(outbox.c.sent_at.is_(None))
        .order_by(outbox.c.position)
        .limit(_MOST)
        .subquery("some")
    )
    counted: tuple[ColumnElement[Any], ...] = (
        func.count().label("count"),
        func.min(some.c.at).label("oldest_at"),
    )
    return select(*counted)


@cache
def latest(*, behind: bool) -> Select[Any]:
    """Select the newest: ids are ordered by time."""
    listed = select(*LISTED).order_by(_ROW.id.desc()).limit(_MOST)
    return listed.where(_ROW.id < bindparam("behind", type_=Uuid)) if behind else listed


@cache
def longest_open() -> Select[Any]:
    """Select open ones, the oldest first."""
    every = _open_rows(_ROW.id, _ROW.created_at).limit(_SCANNED).subquery("every_one").c
    oldest = select(every.id).order_by(every.created_at, every.id).limit(_MOST).subquery("oldest")
    return (
        select(*LISTED)
        .join_from(oldest, cash_outs, _ROW.id == oldest.c.id)
        .order_by(_ROW.created_at, _ROW.id)
    )


@cache
def by_id(dialect: str) -> Select[Any]:
    """Select given ones."""
    given = IDS.table(dialect)
    return (
        select(*LISTED).join_from(given, cash_outs, _ROW.id == given.c.id).order_by(_ROW.id.desc())
    )


@cache
def by_reference() -> Select[Any]:
    """Select the one of a reference."""
    return select(*LISTED).where(_ROW.reference == bindparam("this", type_=Words))


@cache
def by_provider_id(dialect: str) -> Select[Any]:
    """Select those that given providers know by an id."""
    given = PROVIDERS.table(dialect)
    theirs = and_(
        _ROW.provider == given.c.provider,
        _ROW.provider_transaction_id == bindparam("this", type_=Words),
        _ROW.provider_transaction_id.is_not(None),
    )
    return select(*LISTED).join_from(given, cash_outs, theirs).order_by(_ROW.id.desc())


@cache
def of_user() -> Select[Any]:
    """Select a user's newest."""
    return (
        select(*LISTED)
        .where(_ROW.user_id == bindparam("this", type_=Words))
        .order_by(_ROW.created_at.desc(), _ROW.id.desc())
        .limit(_MOST)
    )


@cache
def to_number() -> Select[Any]:
    """Select those to numbers with an ending, of all that is open and of the latest."""
    newest = select(_ROW.id, _ROW.msisdn).order_by(_ROW.id.desc()).limit(_SCANNED)
    recent = newest.subquery("recent").c
    waiting = _open_rows(_ROW.id, _ROW.msisdn).limit(_SCANNED).subquery("waiting").c
    # Digits alone: there is nothing in them that a pattern would take for more than itself.
    pattern = literal("%", Text) + bindparam("ending", type_=Text)
    found = (
        select(recent.id)
        .where(recent.msisdn.like(pattern))
        .union(select(waiting.id).where(waiting.msisdn.like(pattern)))
        .subquery("found")
    )
    return (
        select(*LISTED)
        .join_from(found, cash_outs, _ROW.id == found.c.id)
        .order_by(_ROW.id.desc())
        .limit(_MOST)
    )


@cache
def events() -> Select[Any]:
    """Select the events of a cash-out."""
    this = bindparam("this", type_=Uuid)
    return select(outbox).where(outbox.c.cash_out_id == this).order_by(outbox.c.sequence)


@cache
def of_event() -> Select[Any]:
    """Select whose event it is."""
    return select(outbox.c.cash_out_id).where(outbox.c.event_id == bindparam("this", type_=Uuid))


@cache
def webhooks() -> Select[Any]:
    """Select what was received last: the newest of each kind, and the newest of those."""
    row = inbox.c
    shown = (
        row.id,
        row.provider,
        row.received_at,
        row.lookup_reference,
        row.lookup_transaction_id,
        row.cash_out_id,
    )
    kinds = [
        select(
            select(*shown)
            .where(kind)
            .order_by(row.received_at.desc())
            .limit(_MOST)
            .subquery(f"kind_{number}")
        )
        for number, kind in enumerate((PARKED, MATCHED, UNREADABLE))
    ]
    every = union_all(*kinds).subquery("every")
    newest = (every.c.received_at.desc(), every.c.id)
    return select(*every.columns).order_by(*newest).limit(_MOST)
