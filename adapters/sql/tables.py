"""The tables. What the code promises, the database checks again."""

from collections.abc import Iterable
from enum import StrEnum

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    text,
)

from adapters.sql.columns import Moment, Words
from domain.attempts import OutcomeKind
from domain.cash_out import Action
from domain.evidence import RAW_LIMIT, ReviewReason, Source
from domain.states import ENDINGS, Status, Verdict

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def _among(column: str, values: Iterable[StrEnum]) -> str:
    return f"{column} IN ({', '.join(repr(str(value)) for value in values)})"


def _kind(column: str, values: Iterable[StrEnum]) -> CheckConstraint:
    return CheckConstraint(_among(column, values), name=column)


_ENDED = _among("status", [status for status in Status if status in ENDINGS])
_OPEN = _among("status", [status for status in Status if status not in ENDINGS])
IN_REVIEW = text("review IS NOT NULL")
"""What waits for operators: they are few, however many there are in all."""
OVERDUE = text(f"{_OPEN} AND review IS NULL")
"""Open without a review: written out, because an index over it is used only for the same words."""
PARKED = text("cash_out_id IS NULL AND lookup_reference IS NOT NULL")
"""Readable webhooks whose cash-out is not known yet."""
MATCHED = text("cash_out_id IS NOT NULL")
"""Webhooks that have done their work."""

# Rows that change many times leave room on their page, so that an update stays on it, and are
# vacuumed by what changed rather than by how large the archive has grown.
_HOT = {
    "fillfactor": 80,
    "autovacuum_vacuum_scale_factor": 0.02,
    "autovacuum_analyze_scale_factor": 0.02,
}

cash_outs = Table(
    "cash_outs",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("user_id", Words, nullable=False),
    Column("wallet_id", Words, nullable=False),
    Column("provider", Words, nullable=False),
    Column("currency", String(3), nullable=False),
    Column("amount_minor", BigInteger, nullable=False),
    Column("fee_minor", BigInteger, nullable=False),
    Column("tariff_version", Words, nullable=False),
    Column("msisdn", Words, nullable=False),
    Column("country", String(2), nullable=False),
    Column("payee_name", Words, nullable=False),
    Column("reference", Words, nullable=False, unique=True),
    Column("reference_given", Boolean, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("updated_at", Moment, nullable=False),
    Column("status", Text, nullable=False),
    Column("provider_transaction_id", Words),
    Column("failure_code", Text),
    Column("failure_reason", Words),
    Column("review", Text),
    Column("contradicted", Boolean, nullable=False),
    Column("completed_at", Moment),
    Column("action", Text),
    Column("due_at", Moment),
    Column("lease_token", Uuid),
    Column("lease_until", Moment),
    Column("asked", Integer, nullable=False),
    Column("asked_at", Moment),
    Column("not_found_at", Moment),
    Column("claim", Text),
    Column("claimed_at", Moment),
    Column("version", BigInteger, nullable=False),
    Column("events", Integer, nullable=False),
    Column("pieces", Integer, nullable=False),
    Column("chain", Text),
    Column("trace", Text),
    Column("review_at", Moment),
    Column("reviewed_at", Moment),
    Column("review_case", Text),
    _kind("status", Status),
    _kind("claim", Status),
    _kind("review", ReviewReason),
    _kind("action", Action),
    CheckConstraint("amount_minor > 0", name="amount"),
    CheckConstraint("fee_minor >= 0", name="fee"),
    CheckConstraint("length(currency) = 3", name="currency"),
    CheckConstraint("length(country) = 2", name="country"),
    CheckConstraint("version > 0 AND events >= 0 AND pieces >= 0 AND asked >= 0", name="counts"),
    CheckConstraint(f"({_ENDED}) = (completed_at IS NOT NULL)", name="ending"),
    CheckConstraint(f"status <> '{Status.FAILED}' OR failure_code IS NOT NULL", name="failure"),
    CheckConstraint("(action IS NULL) = (due_at IS NULL)", name="plan"),
    CheckConstraint("(lease_token IS NULL) = (lease_until IS NULL)", name="lease"),
    Index(
        "uq_cash_outs_provider_transaction_id",
        "provider",
        "provider_transaction_id",
        unique=True,
        postgresql_where=text("provider_transaction_id IS NOT NULL"),
        sqlite_where=text("provider_transaction_id IS NOT NULL"),
    ),
    Index(
        "ix_cash_outs_due",
        "provider",
        "action",
        "due_at",
        "id",
        postgresql_where=text("action IS NOT NULL"),
        sqlite_where=text("action IS NOT NULL"),
    ),
    Index("ix_cash_outs_overdue", "created_at", postgresql_where=OVERDUE, sqlite_where=OVERDUE),
    Index(
        "ix_cash_outs_in_review",
        "review_at",
        "id",
        postgresql_where=IN_REVIEW,
        sqlite_where=IN_REVIEW,
    ),
    # What a history may be filtered by and never changes goes along, so that pages are counted and
    # skipped without looking at the cash-outs.
    Index(
        "ix_cash_outs_history",
        "user_id",
        "created_at",
        "id",
        postgresql_include=["provider", "wallet_id"],
    ),
    Index("ix_cash_outs_history_by_status", "user_id", "status", "created_at", "id"),
    postgresql_with=_HOT,
)

attempts = Table(
    "attempts",
    metadata,
    Column("cash_out_id", Uuid, ForeignKey("cash_outs.id"), nullable=False),
    Column("number", Integer, nullable=False),
    Column("reference", Words, nullable=False),
    Column("started_at", Moment, nullable=False),
    Column("outcome", Text),
    Column("code", Text),
    Column("detail", Words, nullable=False),
    Column("ended_at", Moment),
    PrimaryKeyConstraint("cash_out_id", "number"),
    _kind("outcome", OutcomeKind),
    CheckConstraint("number > 0", name="number"),
    CheckConstraint("(outcome IS NULL) = (ended_at IS NULL)", name="ended"),
)

evidence = Table(
    "evidence",
    metadata,
    Column("cash_out_id", Uuid, ForeignKey("cash_outs.id"), nullable=False),
    Column("sequence", Integer, nullable=False),
    Column("source", Text, nullable=False),
    Column("at", Moment, nullable=False),
    Column("verdict", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("word", Words, nullable=False),
    Column("status", Text),
    Column("detail", Words, nullable=False),
    Column("attempt", Integer),
    Column("digest", Text, nullable=False),
    Column("raw", LargeBinary, nullable=False),
    # Pieces from before there were chains have none of these.
    Column("entered", Text),
    Column("told", Text),
    Column("told_digest", Text),
    Column("events", Integer),
    Column("seal", Text),
    Column("hash", Text),
    PrimaryKeyConstraint("cash_out_id", "sequence"),
    _kind("source", Source),
    _kind("verdict", Verdict),
    _kind("status", Status),
    _kind("entered", Status),
    CheckConstraint("sequence > 0", name="sequence"),
    CheckConstraint("(seal IS NULL) = (hash IS NULL)", name="chained"),
    CheckConstraint(f"length(raw) <= {RAW_LIMIT}", name="raw"),
)

idempotency_keys = Table(
    "idempotency_keys",
    metadata,
    Column("user_id", Words, nullable=False),
    Column("key", Words, nullable=False),
    Column("cash_out_id", Uuid, ForeignKey("cash_outs.id"), nullable=False),
    PrimaryKeyConstraint("user_id", "key"),
)

limit_counters = Table(
    "limit_counters",
    metadata,
    Column("user_id", Words, nullable=False),
    Column("provider", Words, nullable=False),
    Column("currency", String(3), nullable=False),
    Column("window", Text, nullable=False),
    Column("used_minor", BigInteger, nullable=False),
    Column("cap_minor", BigInteger, nullable=False),
    PrimaryKeyConstraint("user_id", "provider", "currency", "window"),
    CheckConstraint("used_minor >= 0 AND used_minor <= cap_minor", name="within_cap"),
    postgresql_with=_HOT,
)

outbox = Table(
    "outbox",
    metadata,
    # SQLite grows a key by itself only where it is called exactly INTEGER.
    Column(
        "position",
        BigInteger().with_variant(Integer, "sqlite"),
        Identity(always=True),
        primary_key=True,
    ),
    Column("event_id", Uuid, nullable=False, unique=True),
    Column("type", Text, nullable=False),
    Column("cash_out_id", Uuid, nullable=False),
    Column("sequence", Integer, nullable=False),
    Column("at", Moment, nullable=False),
    Column("body", Words, nullable=False),
    Column("trace", Text),
    Column("sent_at", Moment),
    UniqueConstraint("cash_out_id", "sequence"),
    Index(
        "ix_outbox_waiting",
        "position",
        postgresql_where=text("sent_at IS NULL"),
        sqlite_where=text("sent_at IS NULL"),
    ),
    sqlite_autoincrement=True,
    postgresql_with=_HOT,
)

inbox = Table(
    "inbox",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("provider", Words, nullable=False),
    Column("digest", Text, nullable=False),
    Column("received_at", Moment, nullable=False),
    Column("raw", LargeBinary, nullable=False),
    Column("replay_key", Words),
    Column("finding", Text),
    Column("lookup_provider", Words),
    Column("lookup_reference", Words),
    Column("lookup_transaction_id", Words),
    Column("cash_out_id", Uuid),
    UniqueConstraint("provider", "digest"),
    Index(
        "ix_inbox_replay_key",
        "provider",
        "replay_key",
        postgresql_where=text("replay_key IS NOT NULL"),
        sqlite_where=text("replay_key IS NOT NULL"),
    ),
    Index("ix_inbox_parked", "received_at", postgresql_where=PARKED, sqlite_where=PARKED),
    Index("ix_inbox_matched", "received_at", postgresql_where=MATCHED, sqlite_where=MATCHED),
)

leases = Table(
    "leases",
    metadata,
    Column("name", Text, primary_key=True),
    Column("holder", Uuid, nullable=False),
    Column("until", Moment, nullable=False),
)
