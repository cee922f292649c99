"""The console's tables: operators' accounts, who is signed in, and the figures of the overview."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
    text,
)

from adapters.sql.columns import Moment, Words
from adapters.sql.tables import inbox, metadata
from application.callers import Role

_ROLES = ", ".join(repr(role.value) for role in Role if role is not Role.USER)
# A row changes many times while its slice lasts, and never afterwards.
_HOT = {"fillfactor": 80}

operators = Table(
    "operators",
    metadata,
    Column("name", Words, primary_key=True),
    Column("role", Text, nullable=False),
    Column("secret", Text, nullable=False),
    Column("disabled", Boolean, nullable=False),
    Column("created_at", Moment, nullable=False),
    CheckConstraint(f"role IN ({_ROLES})", name="role"),
)

operator_sessions = Table(
    "operator_sessions",
    metadata,
    Column("digest", String(64), primary_key=True),
    Column("operator", Words, ForeignKey("operators.name"), nullable=False),
    Column("csrf", Text, nullable=False),
    Column("opened_at", Moment, nullable=False),
    Column("seen_at", Moment, nullable=False),
    Index("ix_operator_sessions_operator", "operator"),
)

figures = Table(
    "figures",
    metadata,
    Column("began_at", Moment, nullable=False),
    Column("provider", Words, nullable=False),
    Column("currency", String(3), nullable=False),
    Column("type", Text, nullable=False),
    Column("took_ms", BigInteger, nullable=False),
    Column("told", BigInteger, nullable=False),
    Column("amount_minor", BigInteger, nullable=False),
    PrimaryKeyConstraint("began_at", "provider", "currency", "type", "took_ms"),
    postgresql_with=_HOT,
)

figures_place = Table(
    "figures_place",
    metadata,
    Column("name", Text, primary_key=True),
    Column("position", BigInteger, nullable=False),
)
"""Up to where in the outbox the figures have been added up: one row."""

UNREADABLE = text("cash_out_id IS NULL AND lookup_reference IS NULL")
"""Webhooks that could not be read: few, and no other index has them."""

Index(
    "ix_inbox_unreadable",
    inbox.c.received_at,
    postgresql_where=UNREADABLE,
    sqlite_where=UNREADABLE,
)
