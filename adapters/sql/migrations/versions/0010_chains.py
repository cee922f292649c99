"""Evidence is chained and sealed; of what is there already, from the next piece on."""

import sqlalchemy as sa
from alembic import op

from adapters.sql.guards import append_only

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

NEW = {
    "entered": sa.Text,
    "told": sa.Text,
    "told_digest": sa.Text,
    "events": sa.Integer,
    "seal": sa.Text,
    "hash": sa.Text,
}
CHECKS = {
    "entered": "entered IN ('pending', 'processing', 'completed', 'failed', 'cancelled')",
    "chained": "(seal IS NULL) = (hash IS NULL)",
}


def upgrade() -> None:
    """Add the links and the newest hash of each cash-out."""
    op.add_column("cash_outs", sa.Column("chain", sa.Text(), nullable=True))
    with op.batch_alter_table("evidence") as table:
        for name, kind in NEW.items():
            table.add_column(sa.Column(name, kind(), nullable=True))
        for name, rule in CHECKS.items():
            table.create_check_constraint(op.f(f"ck_evidence_{name}"), rule)
    _guard_again()


def downgrade() -> None:
    """Take them away: what was chained can be checked no more."""
    with op.batch_alter_table("evidence") as table:
        for name in CHECKS:
            table.drop_constraint(op.f(f"ck_evidence_{name}"), type_="check")
        for name in NEW:
            table.drop_column(name)
    _guard_again()
    op.drop_column("cash_outs", "chain")


def _guard_again() -> None:
    # SQLite copies the table for this, and its triggers went with the old one.
    bind = op.get_bind()
    if bind.dialect.name == "sqlite":
        for statement in append_only("sqlite", "evidence"):
            bind.exec_driver_sql(statement)
