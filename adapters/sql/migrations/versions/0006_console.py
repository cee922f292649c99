"""The console: operators' accounts, their sessions, and the figures of the overview."""

import sqlalchemy as sa
from alembic import op

from adapters.sql.columns import Moment, Words

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_UNREADABLE = sa.text("cash_out_id IS NULL AND lookup_reference IS NULL")


def upgrade() -> None:
    """Make the tables, and the index of webhooks that could not be read."""
    op.create_table(
        "operators",
        sa.Column("name", Words(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("secret", sa.Text(), nullable=False),
        sa.Column("disabled", sa.Boolean(), nullable=False),
        sa.Column("created_at", Moment(), nullable=False),
        sa.CheckConstraint(
            "role IN ('viewer', 'operator', 'approver', 'admin')", name=op.f("ck_operators_role")
        ),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_operators")),
    )
    op.create_table(
        "operator_sessions",
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("operator", Words(), nullable=False),
        sa.Column("csrf", sa.Text(), nullable=False),
        sa.Column("opened_at", Moment(), nullable=False),
        sa.Column("seen_at", Moment(), nullable=False),
        sa.ForeignKeyConstraint(
            ["operator"], ["operators.name"], name=op.f("fk_operator_sessions_operator")
        ),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_operator_sessions")),
    )
    op.create_index("ix_operator_sessions_operator", "operator_sessions", ["operator"])
    op.create_table(
        "figures",
        sa.Column("began_at", Moment(), nullable=False),
        sa.Column("provider", Words(), nullable=False),
        sa.Column("currency", sa.String(3), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("took_ms", sa.BigInteger(), nullable=False),
        sa.Column("told", sa.BigInteger(), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint(
            "began_at", "provider", "currency", "type", "took_ms", name=op.f("pk_figures")
        ),
        postgresql_with={"fillfactor": 80},
    )
    op.create_table(
        "figures_place",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_figures_place")),
    )
    op.create_index(
        "ix_inbox_unreadable",
        "inbox",
        ["received_at"],
        unique=False,
        postgresql_where=_UNREADABLE,
        sqlite_where=_UNREADABLE,
    )


def downgrade() -> None:
    """Drop all of it; accounts are gone then."""
    op.drop_index("ix_inbox_unreadable", table_name="inbox")
    for table in ("figures_place", "figures", "operator_sessions", "operators"):
        op.drop_table(table)
