"""Histories are counted in their index; webhooks that are done with are found by their age."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_HISTORY = ["user_id", "created_at", "id"]
_MATCHED = sa.text("cash_out_id IS NOT NULL")


def upgrade() -> None:
    """Have the history's index carry what is filtered by; make the one of matched webhooks."""
    op.drop_index("ix_cash_outs_history", table_name="cash_outs")
    op.create_index(
        "ix_cash_outs_history",
        "cash_outs",
        _HISTORY,
        unique=False,
        postgresql_include=["provider", "wallet_id"],
    )
    op.create_index(
        "ix_inbox_matched",
        "inbox",
        ["received_at"],
        unique=False,
        postgresql_where=_MATCHED,
        sqlite_where=_MATCHED,
    )


def downgrade() -> None:
    """Take both back."""
    op.drop_index("ix_inbox_matched", table_name="inbox")
    op.drop_index("ix_cash_outs_history", table_name="cash_outs")
    op.create_index("ix_cash_outs_history", "cash_outs", _HISTORY, unique=False)
