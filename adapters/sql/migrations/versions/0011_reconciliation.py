"""Reconciliation: runs, the lines of their files, and where the books disagree."""

import sqlalchemy as sa
from alembic import op

from adapters.sql.columns import Moment, Words

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables, and the index of what was accepted in a period."""
    _runs()
    _breaks()
    _lines()
    _malformed_and_found()
    op.create_index(
        "ix_cash_outs_accepted", "cash_outs", ["created_at"], unique=False, postgresql_using="brin"
    )


def _runs() -> None:
    op.create_table(
        "statement_runs",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("provider", Words(), nullable=False),
        sa.Column("file_digest", sa.String(length=64), nullable=False),
        sa.Column("file_name", Words(), nullable=False),
        sa.Column("started_at", Moment(), nullable=False),
        sa.Column("started_by", Words(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("rehearsal", sa.Boolean(), nullable=False),
        sa.Column("since", Moment(), nullable=True),
        sa.Column("until", Moment(), nullable=True),
        sa.Column("times", sa.Integer(), nullable=False),
        sa.Column("finished_at", Moment(), nullable=True),
        sa.Column("detail", Words(), nullable=False),
        sa.Column("tally", sa.Text(), nullable=False),
        sa.CheckConstraint(
            "state IN ('running', 'finished', 'stopped')", name=op.f("ck_statement_runs_state")
        ),
        sa.CheckConstraint(
            "(since IS NULL) = (until IS NULL)", name=op.f("ck_statement_runs_period")
        ),
        sa.CheckConstraint("times > 0", name=op.f("ck_statement_runs_times")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_statement_runs")),
    )
    op.create_index(
        "ix_statement_runs_newest", "statement_runs", ["started_at", "id"], unique=False
    )
    op.create_index(
        "uq_statement_runs_file",
        "statement_runs",
        ["provider", "file_digest"],
        unique=True,
        postgresql_where=sa.text("NOT rehearsal"),
        sqlite_where=sa.text("NOT rehearsal"),
    )


def _breaks() -> None:
    op.create_table(
        "breaks",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("provider", Words(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("run_id", sa.Uuid(), nullable=False),
        sa.Column("found_at", Moment(), nullable=False),
        sa.Column("at", Moment(), nullable=False),
        sa.Column("detail", Words(), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=True),
        sa.Column("line", sa.Integer(), nullable=True),
        sa.Column("cash_out_id", sa.Uuid(), nullable=True),
        sa.Column("reference", Words(), nullable=True),
        sa.Column("provider_transaction_id", Words(), nullable=True),
        sa.Column("here_currency", sa.String(length=3), nullable=True),
        sa.Column("here_minor", sa.BigInteger(), nullable=True),
        sa.Column("there_currency", sa.String(length=3), nullable=True),
        sa.Column("there_minor", sa.BigInteger(), nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("changed_at", Moment(), nullable=True),
        sa.Column("changed_by", Words(), nullable=True),
        sa.Column("note", Words(), nullable=True),
        sa.CheckConstraint(
            "kind IN ('missing_here', 'missing_there', 'amount_differs', 'duplicate',"
            " 'late_reversal', 'status_differs')",
            name=op.f("ck_breaks_kind"),
        ),
        sa.CheckConstraint(
            "state IN ('open', 'explained', 'resolved')", name=op.f("ck_breaks_state")
        ),
        sa.CheckConstraint(
            "(here_currency IS NULL) = (here_minor IS NULL)", name=op.f("ck_breaks_here")
        ),
        sa.CheckConstraint(
            "(there_currency IS NULL) = (there_minor IS NULL)", name=op.f("ck_breaks_there")
        ),
        sa.ForeignKeyConstraint(["run_id"], ["statement_runs.id"], name=op.f("fk_breaks_run_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_breaks")),
        sa.UniqueConstraint("key", name=op.f("uq_breaks_key")),
    )
    op.create_index("ix_breaks_cash_out_id", "breaks", ["cash_out_id"], unique=False)
    op.create_index("ix_breaks_oldest", "breaks", ["at", "id"], unique=False)
    op.create_index(
        "ix_breaks_open",
        "breaks",
        ["at", "id"],
        unique=False,
        postgresql_where=sa.text("state = 'open'"),
        sqlite_where=sa.text("state = 'open'"),
    )


def _lines() -> None:
    op.create_table(
        "statement_lines",
        sa.Column("run_id", sa.Uuid(), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("turn", sa.Integer(), nullable=False),
        sa.Column("word", Words(), nullable=False),
        sa.Column("status", sa.Text(), nullable=True),
        sa.Column("at", Moment(), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("fee_minor", sa.BigInteger(), nullable=True),
        sa.Column("provider_transaction_id", Words(), nullable=True),
        sa.Column("reference", Words(), nullable=True),
        sa.Column("msisdn", Words(), nullable=True),
        sa.Column("raw", sa.LargeBinary(), nullable=False),
        sa.Column("result", sa.Text(), nullable=True),
        sa.Column("rule", sa.Text(), nullable=True),
        sa.Column("cash_out_id", sa.Uuid(), nullable=True),
        sa.Column("effect", sa.Text(), nullable=False),
        sa.CheckConstraint(
            "effect IN ('none', 'told', 'settled')", name=op.f("ck_statement_lines_effect")
        ),
        sa.CheckConstraint("kind IN ('payment', 'reversal')", name=op.f("ck_statement_lines_kind")),
        sa.CheckConstraint(
            "result IN ('loose', 'matched', 'broken')", name=op.f("ck_statement_lines_result")
        ),
        sa.CheckConstraint(
            "rule IN ('their_id', 'our_reference', 'number_and_amount')",
            name=op.f("ck_statement_lines_rule"),
        ),
        sa.CheckConstraint(
            "status IN ('pending', 'processing', 'completed', 'failed', 'cancelled')",
            name=op.f("ck_statement_lines_status"),
        ),
        sa.CheckConstraint(
            "(cash_out_id IS NULL) = (rule IS NULL)", name=op.f("ck_statement_lines_match")
        ),
        sa.ForeignKeyConstraint(
            ["run_id"], ["statement_runs.id"], name=op.f("fk_statement_lines_run_id")
        ),
        sa.PrimaryKeyConstraint("run_id", "digest", name=op.f("pk_statement_lines")),
    )
    op.create_index(
        "ix_statement_lines_cash_out_id",
        "statement_lines",
        ["cash_out_id"],
        unique=False,
        postgresql_where=sa.text("cash_out_id IS NOT NULL"),
        sqlite_where=sa.text("cash_out_id IS NOT NULL"),
    )
    op.create_index(
        "ix_statement_lines_order",
        "statement_lines",
        ["run_id", "turn", "at", "digest"],
        unique=False,
    )


def _malformed_and_found() -> None:
    op.create_table(
        "statement_malformed",
        sa.Column("run_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("reason", Words(), nullable=False),
        sa.ForeignKeyConstraint(
            ["run_id"], ["statement_runs.id"], name=op.f("fk_statement_malformed_run_id")
        ),
        sa.PrimaryKeyConstraint("run_id", "number", name=op.f("pk_statement_malformed")),
    )
    op.create_table(
        "found_breaks",
        sa.Column("run_id", sa.Uuid(), nullable=False),
        sa.Column("break_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["break_id"], ["breaks.id"], name=op.f("fk_found_breaks_break_id")),
        sa.ForeignKeyConstraint(
            ["run_id"], ["statement_runs.id"], name=op.f("fk_found_breaks_run_id")
        ),
        sa.PrimaryKeyConstraint("run_id", "break_id", name=op.f("pk_found_breaks")),
    )
    op.create_index("ix_found_breaks_break_id", "found_breaks", ["break_id"], unique=False)


def downgrade() -> None:
    """Take all of it away."""
    op.drop_index("ix_cash_outs_accepted", table_name="cash_outs")
    op.drop_index("ix_found_breaks_break_id", table_name="found_breaks")
    op.drop_table("found_breaks")
    op.drop_table("statement_malformed")
    op.drop_index("ix_statement_lines_order", table_name="statement_lines")
    op.drop_index("ix_statement_lines_cash_out_id", table_name="statement_lines")
    op.drop_table("statement_lines")
    op.drop_index("ix_breaks_open", table_name="breaks")
    op.drop_index("ix_breaks_oldest", table_name="breaks")
    op.drop_index("ix_breaks_cash_out_id", table_name="breaks")
    op.drop_table("breaks")
    op.drop_index("uq_statement_runs_file", table_name="statement_runs")
    op.drop_index("ix_statement_runs_newest", table_name="statement_runs")
    op.drop_table("statement_runs")
