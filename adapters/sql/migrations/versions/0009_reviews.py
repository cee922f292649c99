"""Reviews: what each is about, what operators propose, and which webhooks they put aside."""

from collections.abc import Callable

import sqlalchemy as sa
from alembic import op

from adapters.sql.columns import Moment, Words
from adapters.sql.guards import (
    append_only,
    decided_once,
    no_longer_append_only,
    no_longer_decided_once,
)

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

_IN_REVIEW = sa.text("review IS NOT NULL")
_WAITING = sa.text("state = 'proposed'")
_COLUMNS = ("review_at", "reviewed_at", "review_case")


def upgrade() -> None:
    """Make the tables; what is in review already is so since it was changed last, at the latest."""
    op.add_column("cash_outs", sa.Column("review_at", Moment(), nullable=True))
    op.add_column("cash_outs", sa.Column("reviewed_at", Moment(), nullable=True))
    op.add_column("cash_outs", sa.Column("review_case", sa.Text(), nullable=True))
    op.execute("UPDATE cash_outs SET review_at = updated_at WHERE review IS NOT NULL")
    op.create_index(
        "ix_cash_outs_in_review",
        "cash_outs",
        ["review_at", "id"],
        unique=False,
        postgresql_where=_IN_REVIEW,
        sqlite_where=_IN_REVIEW,
    )
    _make_proposals()
    _make_dismissals()
    _say(decided_once)
    _say(lambda dialect: append_only(dialect, "dismissals"))


def downgrade() -> None:
    """Drop them. What was proposed, decided and put aside is gone."""
    _say(lambda dialect: no_longer_append_only(dialect, "dismissals"))
    _say(no_longer_decided_once)
    op.drop_table("dismissals")
    op.drop_table("proposals")
    op.drop_index("ix_cash_outs_in_review", table_name="cash_outs")
    for name in reversed(_COLUMNS):
        op.drop_column("cash_outs", name)


def _make_proposals() -> None:
    op.create_table(
        "proposals",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("cash_out_id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("seen", sa.Text(), nullable=False),
        sa.Column("resolution", sa.Text(), nullable=False),
        sa.Column("reason", Words(), nullable=False),
        sa.Column("proposed_by", Words(), nullable=False),
        sa.Column("proposed_at", Moment(), nullable=False),
        sa.Column("proof_kind", sa.Text(), nullable=True),
        sa.Column("proof_reference", Words(), nullable=True),
        sa.Column("proof_text", Words(), nullable=True),
        sa.Column("provider_transaction_id", Words(), nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("decided_by", Words(), nullable=True),
        sa.Column("decided_at", Moment(), nullable=True),
        sa.Column("decided_why", Words(), nullable=False),
        sa.Column("four_eyes", sa.Boolean(), nullable=False),
        sa.CheckConstraint(
            "resolution IN ('paid', 'not_paid', 'keep_waiting')",
            name=op.f("ck_proposals_resolution"),
        ),
        sa.CheckConstraint(
            "proof_kind IN ('provider_receipt', 'statement_line', 'provider_portal')",
            name=op.f("ck_proposals_proof_kind"),
        ),
        sa.CheckConstraint(
            "state IN ('proposed', 'approved', 'rejected', 'withdrawn')",
            name=op.f("ck_proposals_state"),
        ),
        sa.CheckConstraint(
            "(state = 'proposed') = (decided_at IS NULL)", name=op.f("ck_proposals_decided")
        ),
        sa.CheckConstraint(
            "(decided_by IS NULL) = (decided_at IS NULL)", name=op.f("ck_proposals_decider")
        ),
        sa.CheckConstraint(
            "resolution = 'keep_waiting' OR proof_kind IS NOT NULL",
            name=op.f("ck_proposals_proof"),
        ),
        sa.CheckConstraint(
            "state <> 'approved' OR four_eyes = (decided_by <> proposed_by)",
            name=op.f("ck_proposals_eyes"),
        ),
        sa.ForeignKeyConstraint(
            ["cash_out_id"], ["cash_outs.id"], name=op.f("fk_proposals_cash_out_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_proposals")),
    )
    op.create_index(
        "uq_proposals_waiting",
        "proposals",
        ["cash_out_id"],
        unique=True,
        postgresql_where=_WAITING,
        sqlite_where=_WAITING,
    )
    op.create_index("ix_proposals_of", "proposals", ["cash_out_id", "proposed_at"], unique=False)


def _make_dismissals() -> None:
    op.create_table(
        "dismissals",
        sa.Column("delivery_id", sa.Uuid(), nullable=False),
        sa.Column("at", Moment(), nullable=False),
        sa.Column("operator", Words(), nullable=False),
        sa.Column("reason", Words(), nullable=False),
        sa.PrimaryKeyConstraint("delivery_id", name=op.f("pk_dismissals")),
    )


def _say(guards: Callable[[str], list[str]]) -> None:
    bind = op.get_bind()
    for statement in guards(bind.dialect.name):
        bind.exec_driver_sql(statement)
