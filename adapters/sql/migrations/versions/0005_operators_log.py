"""The operators' log: what people did, in one chain that only ever grows."""

from collections.abc import Callable

import sqlalchemy as sa
from alembic import op

from adapters.sql.columns import Moment, Words
from adapters.sql.guards import append_only, no_longer_append_only

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

TABLE = "operators_log"


def upgrade() -> None:
    """Make the table and its guard."""
    op.create_table(
        TABLE,
        sa.Column("sequence", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("at", Moment(), nullable=False),
        sa.Column("operator", Words(), nullable=False),
        sa.Column("action", Words(), nullable=False),
        sa.Column("subject", Words(), nullable=False),
        sa.Column("facts", Words(), nullable=False),
        sa.Column("previous", sa.Text(), nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.CheckConstraint("sequence > 0", name=op.f("ck_operators_log_sequence")),
        sa.PrimaryKeyConstraint("sequence", name=op.f("pk_operators_log")),
        sa.UniqueConstraint("hash", name=op.f("uq_operators_log_hash")),
    )
    op.create_index("ix_operators_log_subject", TABLE, ["subject", "sequence"], unique=False)
    _say(append_only)


def downgrade() -> None:
    """Drop both. What was logged is gone."""
    _say(no_longer_append_only)
    op.drop_table(TABLE)


def _say(guards: Callable[[str, str], list[str]]) -> None:
    bind = op.get_bind()
    for statement in guards(bind.dialect.name, TABLE):
        bind.exec_driver_sql(statement)
