"""The statements over reviews: each costs what is open or shown, never what is stored."""

from dataclasses import dataclass
from functools import cache
from typing import Any

from sqlalchemy import (
    BigInteger,
    Select,
    Text,
    Uuid,
    and_,
    bindparam,
    cast,
    exists,
    func,
    select,
    tuple_,
    update,
)

from adapters.sql.columns import Moment, Words
from adapters.sql.review_tables import IS_WAITING, dismissals, proposals
from adapters.sql.sets import Given, Rows
from adapters.sql.tables import IN_REVIEW, PARKED, attempts, cash_outs, evidence, inbox
from domain.evidence import Source

NEW = Rows(proposals, [column.name for column in proposals.columns])
NEW_DISMISSALS = Rows(
    dismissals,
    [column.name for column in dismissals.columns],
    lambda insert: insert.on_conflict_do_nothing(index_elements=["delivery_id"]),
)
_DECIDED = ("state", "decided_by", "decided_at", "decided_why", "four_eyes")
DECISIONS = Given({"id": Uuid, **{name: proposals.c[name].type for name in _DECIDED}})
PROPOSAL = "proposal_"
ATTEMPT = "attempt_"
_MOST = bindparam("most", type_=BigInteger)
_THIS = bindparam("this", type_=Uuid)
_PROPOSED = [column.label(PROPOSAL + column.name) for column in proposals.columns]
_TRIES = [column.label(ATTEMPT + column.name) for column in attempts.columns]


@dataclass(frozen=True, slots=True)
class Shape:
    """What a statement over the queue depends on: its filters, and whether it goes on."""

    filters: tuple[str, ...]
    behind: bool


@cache
def one() -> Select[Any]:
    """Select a proposal."""
    return select(proposals).where(proposals.c.id == _THIS)


@cache
def waiting_of() -> Select[Any]:
    """Select the proposal that waits for a cash-out."""
    return select(proposals).where(IS_WAITING, proposals.c.cash_out_id == _THIS)


@cache
def decide(dialect: str) -> Any:  # noqa: ANN401 -- an UPDATE from given rows
    """Write what became of proposals that still wait."""
    given = DECISIONS.table(dialect)
    return (
        update(proposals)
        .where(proposals.c.id == given.c.id, IS_WAITING)
        .values({name: given.c[name] for name in _DECIDED})
    )


@cache
def delivery() -> Select[Any]:
    """Select a stored webhook, and why it was put aside."""
    why = [column.label(f"dismissed_{column.name}") for column in dismissals.columns]
    return (
        select(inbox, *why)
        .outerjoin(dismissals, dismissals.c.delivery_id == inbox.c.id)
        .where(inbox.c.id == _THIS)
    )


@cache
def judged() -> Select[Any]:
    """Select a row where a cash-out has evidence from a webhook with this body."""
    row = evidence.c
    mine = row.cash_out_id == _THIS
    same = row.digest == bindparam("digest", type_=Text)
    return select(row.sequence).where(mine, row.source == Source.WEBHOOK, same).limit(1)


@cache
def queue(shape: Shape) -> Select[Any]:
    """Select a page of open reviews with their attempts and the proposals that wait."""
    row = cash_outs.c
    known = {
        "reason": row.review == bindparam("reason", type_=Text),
        "provider": row.provider == bindparam("provider", type_=Words),
        "opened_before": row.review_at < bindparam("opened_before", type_=Moment),
    }
    chosen = select(row.id, row.review_at).where(
        IN_REVIEW, *(known[each] for each in shape.filters)
    )
    if shape.behind:
        edge = tuple_(bindparam("edge_at", type_=Moment), bindparam("edge_id", type_=Uuid))
        chosen = chosen.where(tuple_(row.review_at, row.id) > edge)
    page = chosen.order_by(row.review_at, row.id).limit(_MOST).subquery("page")
    waiting = and_(proposals.c.cash_out_id == row.id, IS_WAITING)
    joined = (
        page.join(cash_outs, row.id == page.c.id)
        .outerjoin(attempts, attempts.c.cash_out_id == row.id)
        .outerjoin(proposals, waiting)
    )
    return (
        select(*cash_outs.columns, *_TRIES, *_PROPOSED)
        .select_from(joined)
        .order_by(page.c.review_at, page.c.id, attempts.c.number)
    )


@cache
def sums() -> Select[Any]:
    """Select how many reviews are open and what is at risk, of the oldest."""
    row = cash_outs.c
    oldest = (
        select(row.review, row.provider, row.currency, row.amount_minor, row.review_at)
        .where(IN_REVIEW)
        .order_by(row.review_at, row.id)
        .limit(_MOST)
        .subquery("oldest")
    )
    by = (oldest.c.review, oldest.c.provider, oldest.c.currency)
    # A sum of big integers is a decimal in PostgreSQL.
    at_risk = cast(func.sum(oldest.c.amount_minor), BigInteger).label("at_risk")
    return (
        select(
            *by,
            func.count().label("count"),
            at_risk,
            func.min(oldest.c.review_at, type_=Moment).label("oldest_at"),
        )
        .group_by(*by)
        .order_by(*by)
    )


@cache
def proposals_of() -> Select[Any]:
    """Select the proposals of a cash-out, the newest first."""
    row = proposals.c
    return (
        select(proposals)
        .where(row.cash_out_id == _THIS)
        .order_by(row.proposed_at.desc(), row.id.desc())
        .limit(_MOST)
    )


@cache
def orphans(*, behind: bool) -> Select[Any]:
    """Select readable webhooks of nobody's that were not put aside, the oldest first."""
    row = inbox.c
    aside = exists().where(dismissals.c.delivery_id == row.id)
    before = bindparam("before", type_=Moment)
    found = select(inbox).where(PARKED, row.received_at < before, ~aside)
    if behind:
        edge = tuple_(bindparam("edge_at", type_=Moment), bindparam("edge_id", type_=Uuid))
        found = found.where(tuple_(row.received_at, row.id) > edge)
    return found.order_by(row.received_at, row.id).limit(_MOST)
