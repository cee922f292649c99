"""A run remembers that lines of it were removed."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column: empty, and so at no cost, for what is there."""
    op.add_column("statement_runs", sa.Column("pruned", sa.Boolean(), nullable=True))


def downgrade() -> None:
    """Take it away."""
    op.drop_column("statement_runs", "pruned")
