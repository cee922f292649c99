"""Evidence may come from ourselves, from an operator and from a statement."""

from alembic import op

from adapters.sql.guards import append_only

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

# A migration is history: these are the words as they were then.
BEFORE = "source IN ('submit', 'webhook', 'status_query', 'user', 'clock')"
AFTER = (
    "source IN ('submit', 'webhook', 'status_query', 'user', 'clock', "
    "'service', 'operator', 'statement')"
)


def upgrade() -> None:
    """Let the new sources in."""
    _allow(AFTER)


def downgrade() -> None:
    """Shut them out again: fails while evidence of theirs is stored."""
    _allow(BEFORE)


def _allow(sources: str) -> None:
    # SQLite changes a check only by copying the table; its triggers go with the old one.
    with op.batch_alter_table("evidence") as table:
        table.drop_constraint(op.f("ck_evidence_source"), type_="check")
        table.create_check_constraint(op.f("ck_evidence_source"), sources)
    bind = op.get_bind()
    if bind.dialect.name == "sqlite":
        for statement in append_only("sqlite", "evidence"):
            bind.exec_driver_sql(statement)
