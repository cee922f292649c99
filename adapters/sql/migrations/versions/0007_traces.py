"""A cash-out and its events keep the trace context of the request that they came by."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_TABLES = ("cash_outs", "outbox")


def upgrade() -> None:
    """Add the columns: empty, and so at no cost, for what is there."""
    for table in _TABLES:
        op.add_column(table, sa.Column("trace", sa.Text(), nullable=True))


def downgrade() -> None:
    """Take them away."""
    for table in _TABLES:
        op.drop_column(table, "trace")
