"""The first schema: cash-outs and what belongs to them, limits, outbox, inbox, leases."""

import sqlalchemy as sa
from alembic import op

from adapters.sql.columns import Moment, Words
from adapters.sql.guards import create_guards, drop_guards

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

# A migration is history: this is the table of transitions as it was then.
TRANSITIONS = {
    "pending": ("processing", "completed", "failed", "cancelled"),
    "processing": ("completed", "failed", "cancelled"),
}
HOT = {
    "fillfactor": 80,
    "autovacuum_vacuum_scale_factor": 0.02,
    "autovacuum_analyze_scale_factor": 0.02,
}
TABLES = (
    "cash_outs",
    "attempts",
    "evidence",
    "idempotency_keys",
    "limit_counters",
    "outbox",
    "inbox",
    "leases",
)


def upgrade() -> None:
    """Make every table, then the triggers."""
    for make in (
        _make_cash_outs,
        _make_attempts,
        _make_evidence,
        _make_idempotency_keys,
        _make_limit_counters,
        _make_outbox,
        _make_inbox,
        _make_leases,
    ):
        make()
    bind = op.get_bind()
    for statement in create_guards(bind.dialect.name, TRANSITIONS):
        bind.exec_driver_sql(statement)


def downgrade() -> None:
    """Drop everything. What was stored is gone."""
    bind = op.get_bind()
    for statement in drop_guards(bind.dialect.name):
        bind.exec_driver_sql(statement)
    for name in reversed(TABLES):
        op.drop_table(name)


def _make_cash_outs() -> None:
    op.create_table(
        "cash_outs",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("user_id", Words(), nullable=False),
        sa.Column("wallet_id", Words(), nullable=False),
        sa.Column("provider", Words(), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("fee_minor", sa.BigInteger(), nullable=False),
        sa.Column("tariff_version", Words(), nullable=False),
        sa.Column("msisdn", Words(), nullable=False),
        sa.Column("country", sa.String(length=2), nullable=False),
        sa.Column("payee_name", Words(), nullable=False),
        sa.Column("reference", Words(), nullable=False),
        sa.Column("reference_given", sa.Boolean(), nullable=False),
        sa.Column("created_at", Moment(), nullable=False),
        sa.Column("updated_at", Moment(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("provider_transaction_id", Words(), nullable=True),
        sa.Column("failure_code", sa.Text(), nullable=True),
        sa.Column("failure_reason", Words(), nullable=True),
        sa.Column("review", sa.Text(), nullable=True),
        sa.Column("contradicted", sa.Boolean(), nullable=False),
        sa.Column("completed_at", Moment(), nullable=True),
        sa.Column("action", sa.Text(), nullable=True),
        sa.Column("due_at", Moment(), nullable=True),
        sa.Column("lease_token", sa.Uuid(), nullable=True),
        sa.Column("lease_until", Moment(), nullable=True),
        sa.Column("asked", sa.Integer(), nullable=False),
        sa.Column("asked_at", Moment(), nullable=True),
        sa.Column("not_found_at", Moment(), nullable=True),
        sa.Column("claim", sa.Text(), nullable=True),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("events", sa.Integer(), nullable=False),
        sa.Column("pieces", sa.Integer(), nullable=False),
        sa.CheckConstraint(
            "(status IN ('completed', 'failed', 'cancelled')) = (completed_at IS NOT NULL)",
            name=op.f("ck_cash_outs_ending"),
        ),
        sa.CheckConstraint("action IN ('submit', 'ask')", name=op.f("ck_cash_outs_action")),
        sa.CheckConstraint(
            "claim IN ('pending', 'processing', 'completed', 'failed', 'cancelled')",
            name=op.f("ck_cash_outs_claim"),
        ),
        sa.CheckConstraint(
            "review IN ('contradiction', 'unknown_too_long', 'echo_mismatch', "
            "'reference_conflict', 'provider_id_conflict', "
            "'unrecognised_after_ending', 'doorbell_disagrees')",
            name=op.f("ck_cash_outs_review"),
        ),
        sa.CheckConstraint(
            "status <> 'failed' OR failure_code IS NOT NULL", name=op.f("ck_cash_outs_failure")
        ),
        sa.CheckConstraint(
            "status IN ('pending', 'processing', 'completed', 'failed', 'cancelled')",
            name=op.f("ck_cash_outs_status"),
        ),
        sa.CheckConstraint("(action IS NULL) = (due_at IS NULL)", name=op.f("ck_cash_outs_plan")),
        sa.CheckConstraint(
            "(lease_token IS NULL) = (lease_until IS NULL)", name=op.f("ck_cash_outs_lease")
        ),
        sa.CheckConstraint("amount_minor > 0", name=op.f("ck_cash_outs_amount")),
        sa.CheckConstraint("fee_minor >= 0", name=op.f("ck_cash_outs_fee")),
        sa.CheckConstraint("length(country) = 2", name=op.f("ck_cash_outs_country")),
        sa.CheckConstraint("length(currency) = 3", name=op.f("ck_cash_outs_currency")),
        sa.CheckConstraint(
            "version > 0 AND events >= 0 AND pieces >= 0 AND asked >= 0",
            name=op.f("ck_cash_outs_counts"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_cash_outs")),
        sa.UniqueConstraint("reference", name=op.f("uq_cash_outs_reference")),
        postgresql_with=HOT,
    )
    op.create_index(
        "ix_cash_outs_due",
        "cash_outs",
        ["provider", "action", "due_at", "id"],
        unique=False,
        postgresql_where=sa.text("action IS NOT NULL"),
        sqlite_where=sa.text("action IS NOT NULL"),
    )
    op.create_index(
        "ix_cash_outs_history", "cash_outs", ["user_id", "created_at", "id"], unique=False
    )
    op.create_index(
        "ix_cash_outs_history_by_status",
        "cash_outs",
        ["user_id", "status", "created_at", "id"],
        unique=False,
    )
    op.create_index(
        "ix_cash_outs_overdue",
        "cash_outs",
        ["created_at"],
        unique=False,
        postgresql_where=sa.text("status IN ('pending', 'processing') AND review IS NULL"),
        sqlite_where=sa.text("status IN ('pending', 'processing') AND review IS NULL"),
    )
    op.create_index(
        "uq_cash_outs_provider_transaction_id",
        "cash_outs",
        ["provider", "provider_transaction_id"],
        unique=True,
        postgresql_where=sa.text("provider_transaction_id IS NOT NULL"),
        sqlite_where=sa.text("provider_transaction_id IS NOT NULL"),
    )


def _make_attempts() -> None:
    op.create_table(
        "attempts",
        sa.Column("cash_out_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("reference", Words(), nullable=False),
        sa.Column("started_at", Moment(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=True),
        sa.Column("code", sa.Text(), nullable=True),
        sa.Column("detail", Words(), nullable=False),
        sa.Column("ended_at", Moment(), nullable=True),
        sa.CheckConstraint(
            "outcome IN ('unsent', 'accepted', 'refused', 'unknown')",
            name=op.f("ck_attempts_outcome"),
        ),
        sa.CheckConstraint(
            "(outcome IS NULL) = (ended_at IS NULL)", name=op.f("ck_attempts_ended")
        ),
        sa.CheckConstraint("number > 0", name=op.f("ck_attempts_number")),
        sa.ForeignKeyConstraint(
            ["cash_out_id"], ["cash_outs.id"], name=op.f("fk_attempts_cash_out_id")
        ),
        sa.PrimaryKeyConstraint("cash_out_id", "number", name=op.f("pk_attempts")),
    )


def _make_evidence() -> None:
    op.create_table(
        "evidence",
        sa.Column("cash_out_id", sa.Uuid(), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("at", Moment(), nullable=False),
        sa.Column("verdict", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("word", Words(), nullable=False),
        sa.Column("status", sa.Text(), nullable=True),
        sa.Column("detail", Words(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=True),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("raw", sa.LargeBinary(), nullable=False),
        sa.CheckConstraint(
            "source IN ('submit', 'webhook', 'status_query', 'user', 'clock')",
            name=op.f("ck_evidence_source"),
        ),
        sa.CheckConstraint(
            "status IN ('pending', 'processing', 'completed', 'failed', 'cancelled')",
            name=op.f("ck_evidence_status"),
        ),
        sa.CheckConstraint(
            "verdict IN ('move', 'stale', 'contradiction', 'unrecognised', 'mismatch', 'noted')",
            name=op.f("ck_evidence_verdict"),
        ),
        sa.CheckConstraint("length(raw) <= 16384", name=op.f("ck_evidence_raw")),
        sa.CheckConstraint("sequence > 0", name=op.f("ck_evidence_sequence")),
        sa.ForeignKeyConstraint(
            ["cash_out_id"], ["cash_outs.id"], name=op.f("fk_evidence_cash_out_id")
        ),
        sa.PrimaryKeyConstraint("cash_out_id", "sequence", name=op.f("pk_evidence")),
    )


def _make_idempotency_keys() -> None:
    op.create_table(
        "idempotency_keys",
        sa.Column("user_id", Words(), nullable=False),
        sa.Column("key", Words(), nullable=False),
        sa.Column("cash_out_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["cash_out_id"], ["cash_outs.id"], name=op.f("fk_idempotency_keys_cash_out_id")
        ),
        sa.PrimaryKeyConstraint("user_id", "key", name=op.f("pk_idempotency_keys")),
    )


def _make_limit_counters() -> None:
    op.create_table(
        "limit_counters",
        sa.Column("user_id", Words(), nullable=False),
        sa.Column("provider", Words(), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("window", sa.Text(), nullable=False),
        sa.Column("used_minor", sa.BigInteger(), nullable=False),
        sa.Column("cap_minor", sa.BigInteger(), nullable=False),
        sa.CheckConstraint(
            "used_minor >= 0 AND used_minor <= cap_minor", name=op.f("ck_limit_counters_within_cap")
        ),
        sa.PrimaryKeyConstraint(
            "user_id", "provider", "currency", "window", name=op.f("pk_limit_counters")
        ),
        postgresql_with=HOT,
    )


def _make_outbox() -> None:
    op.create_table(
        "outbox",
        sa.Column(
            "position",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            sa.Identity(always=True),
            nullable=False,
        ),
        sa.Column("event_id", sa.Uuid(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("cash_out_id", sa.Uuid(), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("at", Moment(), nullable=False),
        sa.Column("body", Words(), nullable=False),
        sa.Column("sent_at", Moment(), nullable=True),
        sa.PrimaryKeyConstraint("position", name=op.f("pk_outbox")),
        sa.UniqueConstraint("cash_out_id", "sequence", name=op.f("uq_outbox_cash_out_id_sequence")),
        sa.UniqueConstraint("event_id", name=op.f("uq_outbox_event_id")),
        postgresql_with=HOT,
        sqlite_autoincrement=True,
    )
    op.create_index(
        "ix_outbox_waiting",
        "outbox",
        ["position"],
        unique=False,
        postgresql_where=sa.text("sent_at IS NULL"),
        sqlite_where=sa.text("sent_at IS NULL"),
    )


def _make_inbox() -> None:
    op.create_table(
        "inbox",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("provider", Words(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("received_at", Moment(), nullable=False),
        sa.Column("raw", sa.LargeBinary(), nullable=False),
        sa.Column("replay_key", Words(), nullable=True),
        sa.Column("finding", sa.Text(), nullable=True),
        sa.Column("lookup_provider", Words(), nullable=True),
        sa.Column("lookup_reference", Words(), nullable=True),
        sa.Column("lookup_transaction_id", Words(), nullable=True),
        sa.Column("cash_out_id", sa.Uuid(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_inbox")),
        sa.UniqueConstraint("provider", "digest", name=op.f("uq_inbox_provider_digest")),
    )
    op.create_index(
        "ix_inbox_parked",
        "inbox",
        ["received_at"],
        unique=False,
        postgresql_where=sa.text("cash_out_id IS NULL AND lookup_reference IS NOT NULL"),
        sqlite_where=sa.text("cash_out_id IS NULL AND lookup_reference IS NOT NULL"),
    )
    op.create_index(
        "ix_inbox_replay_key",
        "inbox",
        ["provider", "replay_key"],
        unique=False,
        postgresql_where=sa.text("replay_key IS NOT NULL"),
        sqlite_where=sa.text("replay_key IS NOT NULL"),
    )


def _make_leases() -> None:
    op.create_table(
        "leases",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("holder", sa.Uuid(), nullable=False),
        sa.Column("until", Moment(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_leases")),
    )
