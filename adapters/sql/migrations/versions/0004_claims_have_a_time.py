"""What a webhook claims has a time: from then on the provider's "not found" may be behind."""

import sqlalchemy as sa
from alembic import op

from adapters.sql.columns import Moment

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the time of the latest claim; of those that are there, the latest change is as good."""
    op.add_column("cash_outs", sa.Column("claimed_at", Moment(), nullable=True))
    op.execute("UPDATE cash_outs SET claimed_at = updated_at WHERE claim IS NOT NULL")


def downgrade() -> None:
    """Take the time away."""
    op.drop_column("cash_outs", "claimed_at")
