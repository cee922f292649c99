"""The health of providers, and the index by which single corridors are claimed."""

import sqlalchemy as sa
from alembic import op

from adapters.sql.columns import Moment, Words

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_COUNTS = ("accepted", "refused", "unsent", "unknown", "completed", "failed", "ours")
_BOUNDS_MS = (100, 250, 500, 1_000, 2_500, 5_000, 10_000, 20_000, 30_000)
_BINS = (*(f"within_{bound}_ms" for bound in _BOUNDS_MS), "longer")
_WAITING = sa.text("action = 'submit'")
_STATES = "state IN ('OPERATIONAL', 'DELAYED', 'CLOSED')"
_REASONS = (
    "reason IN ('ambiguity_rate', 'success_rate', 'latency', 'circuit_open', 'float_empty',"
    " 'credentials', 'by_hand', 'switched_off')"
)


def upgrade() -> None:
    """Make the tables and the index."""
    op.create_table(
        "health_buckets",
        *_route(),
        sa.Column("start", Moment(), nullable=False),
        *(sa.Column(name, sa.Integer(), nullable=False) for name in (*_COUNTS, *_BINS)),
        sa.PrimaryKeyConstraint(
            "provider", "country", "currency", "start", name=op.f("pk_health_buckets")
        ),
    )
    op.create_index("ix_health_buckets_start", "health_buckets", ["start"], unique=False)
    op.create_table(
        "health_standings",
        *_route(),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text()),
        sa.Column("since", Moment(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("note", Words(), nullable=False),
        sa.Column("by", Words(), nullable=False),
        sa.CheckConstraint(_STATES, name=op.f("ck_health_standings_state")),
        sa.CheckConstraint(_REASONS, name=op.f("ck_health_standings_reason")),
        sa.CheckConstraint("version > 0", name=op.f("ck_health_standings_version")),
        sa.CheckConstraint(
            "(state = 'OPERATIONAL') = (reason IS NULL)",
            name=op.f("ck_health_standings_reason_of_what_is_parked"),
        ),
        sa.PrimaryKeyConstraint(
            "provider", "country", "currency", name=op.f("pk_health_standings")
        ),
    )
    op.create_table(
        "health_reports",
        sa.Column("process", sa.Uuid(), nullable=False),
        sa.Column("at", Moment(), nullable=False),
        sa.Column("works", Words(), nullable=False),
        sa.Column("trips", Words(), nullable=False),
        sa.PrimaryKeyConstraint("process", name=op.f("pk_health_reports")),
    )
    op.create_index(
        "ix_cash_outs_waiting",
        "cash_outs",
        ["provider", "country", "currency", "due_at", "id"],
        unique=False,
        postgresql_where=_WAITING,
        sqlite_where=_WAITING,
    )


def downgrade() -> None:
    """Take all of it back. What was measured is gone; nobody is parked any more."""
    op.drop_index("ix_cash_outs_waiting", table_name="cash_outs")
    op.drop_table("health_reports")
    op.drop_table("health_standings")
    op.drop_index("ix_health_buckets_start", table_name="health_buckets")
    op.drop_table("health_buckets")


def _route() -> list[sa.Column[str]]:
    names = ("provider", "country", "currency")
    return [sa.Column(name, Words(), nullable=False) for name in names]
