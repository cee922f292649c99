"""The tables of provider health, and the index by which single corridors are claimed."""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Index,
    Integer,
    PrimaryKeyConstraint,
    Table,
    Text,
    Uuid,
    text,
)

from adapters.sql.columns import Moment, Words
from adapters.sql.tables import cash_outs, metadata
from domain.measures import BOUNDS_MS, COUNTS
from domain.standings import Reason, State

BINS = (*(f"within_{bound}_ms" for bound in BOUNDS_MS), "longer")
"""The columns of the latency histogram."""
WAITING = text("action = 'submit'")
"""What waits to be sent."""


def _among(column: str, values: type[State] | type[Reason]) -> CheckConstraint:
    words = ", ".join(repr(str(value)) for value in values)
    return CheckConstraint(f"{column} IN ({words})", name=column)


health_buckets = Table(
    "health_buckets",
    metadata,
    Column("provider", Words, nullable=False),
    Column("country", Words, nullable=False),
    Column("currency", Words, nullable=False),
    Column("start", Moment, nullable=False),
    *(Column(name, Integer, nullable=False) for name in (*COUNTS, *BINS)),
    PrimaryKeyConstraint("provider", "country", "currency", "start"),
    Index("ix_health_buckets_start", "start"),
)

health_standings = Table(
    "health_standings",
    metadata,
    Column("provider", Words, nullable=False),
    Column("country", Words, nullable=False),
    Column("currency", Words, nullable=False),
    Column("state", Text, nullable=False),
    Column("reason", Text),
    Column("since", Moment, nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("note", Words, nullable=False),
    Column("by", Words, nullable=False),
    PrimaryKeyConstraint("provider", "country", "currency"),
    _among("state", State),
    _among("reason", Reason),
    CheckConstraint("version > 0", name="version"),
    CheckConstraint(
        f"(state = '{State.OPERATIONAL}') = (reason IS NULL)", name="reason_of_what_is_parked"
    ),
)

health_reports = Table(
    "health_reports",
    metadata,
    Column("process", Uuid, primary_key=True),
    Column("at", Moment, nullable=False),
    Column("works", Words, nullable=False),
    Column("trips", Words, nullable=False),
)

Index(
    "ix_cash_outs_waiting",
    cash_outs.c.provider,
    cash_outs.c.country,
    cash_outs.c.currency,
    cash_outs.c.due_at,
    cash_outs.c.id,
    postgresql_where=WAITING,
    sqlite_where=WAITING,
)
