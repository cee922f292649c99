"""Surveys over SQL: four statements over partial indexes, each of a bounded number of rows."""

from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import BigInteger, Select, bindparam, case, cast, func, select

from adapters.sql.columns import Moment
from adapters.sql.database import Database
from adapters.sql.session import Session, reading
from adapters.sql.tables import IN_REVIEW, PARKED, cash_outs, inbox, outbox
from application.ports.surveying import AGES, LOOKED_AT_MOST, OpenGroup, Survey, Waiting
from domain.cash_out import Action
from domain.evidence import ReviewReason
from domain.states import ENDINGS, Status

_MOST = bindparam("most", type_=BigInteger)
_BANDS = tuple(AGES)


@cache
def what_is_open() -> Select[Any]:
    """Select what is open by provider, currency, state, risk and age. Nothing open has no plan.

    The plan is to ask as soon as an attempt was begun, until it is known that nothing was paid.
    """
    row = cash_outs.c
    some = (
        select(row.provider, row.currency, row.status, row.action, row.created_at, row.amount_minor)
        .where(row.action.is_not(None))
        .limit(_MOST)
        .subquery("some")
    )
    each = some.c
    at_risk = (each.action == Action.ASK.value).label("at_risk")
    bands = (
        (each.created_at > bindparam(f"since_{band}", type_=Moment), band) for band in _BANDS[:-1]
    )
    age = case(*bands, else_=_BANDS[-1]).label("age")
    key = (each.provider, each.currency, each.status)
    return (
        select(
            *key,
            at_risk,
            age,
            func.count().label("count"),
            cast(func.sum(each.amount_minor), BigInteger).label("minor"),
            func.min(each.created_at).label("oldest_at"),
        )
        .where(*(each.status != ending.value for ending in ENDINGS))
        .group_by(*key, "at_risk", "age")
        .order_by(*key, "at_risk", "age")
    )


@cache
def open_reviews() -> Select[Any]:
    """Select what waits for a human, by reason."""
    row = cash_outs.c
    some = select(row.review, row.review_at).where(IN_REVIEW).limit(_MOST).subquery("some")
    return (
        select(some.c.review, *_waiting(some.c.review_at))
        .group_by(some.c.review)
        .order_by(some.c.review)
    )


@cache
def untold() -> Select[Any]:
    """Select how many events wait to be told, and since when."""
    waits = select(outbox.c.at).where(outbox.c.sent_at.is_(None)).order_by(outbox.c.position)
    some = waits.limit(_MOST).subquery("some")
    return select(*_waiting(some.c.at))


@cache
def orphans() -> Select[Any]:
    """Select how many webhooks wait for a cash-out of theirs, and since when."""
    some = select(inbox.c.received_at).where(PARKED).limit(_MOST).subquery("some")
    return select(*_waiting(some.c.received_at))


def _waiting(moment: Any) -> tuple[Any, Any]:  # noqa: ANN401 -- a column
    return func.count().label("count"), func.min(moment).label("oldest_at")


class SqlSurveyor:
    """Implements `Surveyor`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def survey(self, now: datetime) -> Survey:
        """Look once, outside of any transaction of ours."""
        most = {"most": LOOKED_AT_MOST}
        cuts = {
            f"since_{band}": now - younger for band, younger in AGES.items() if band != _BANDS[-1]
        }
        async with reading(self._database) as session:
            groups = await session.rows(what_is_open(), {**most, **cuts})
            reviews = await session.rows(open_reviews(), most)
            return Survey(
                at=now,
                groups=[_group(row) for row in groups],
                reviews={ReviewReason(row["review"]): _of(row) for row in reviews},
                untold=await _one(session, untold()),
                orphans=await _one(session, orphans()),
            )


async def _one(session: Session, statement: Select[Any]) -> Waiting:
    (row,) = await session.rows(statement, {"most": LOOKED_AT_MOST})
    return _of(row)


def _of(row: dict[str, Any]) -> Waiting:
    return Waiting(int(row["count"]), row["oldest_at"])


def _group(row: dict[str, Any]) -> OpenGroup:
    return OpenGroup(
        provider=row["provider"],
        currency=row["currency"],
        status=Status(row["status"]),
        at_risk=bool(row["at_risk"]),
        age=row["age"],
        count=int(row["count"]),
        minor=int(row["minor"]),
        oldest_at=row["oldest_at"],
    )
