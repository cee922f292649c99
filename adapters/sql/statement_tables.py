"""The tables of reconciliation: runs, the lines of their files, and where the books disagree."""

from enum import StrEnum

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
    Uuid,
    text,
)

from adapters.sql.columns import Moment, Words
from adapters.sql.tables import cash_outs, metadata
from application.ports.statements import Effect, LineResult
from domain.breaks import BreakState
from domain.runs import RunState
from domain.statements import BreakKind, LineKind, Rule
from domain.states import Status


def _kind(column: str, words: type[StrEnum]) -> CheckConstraint:
    among = ", ".join(f"'{word}'" for word in words)
    return CheckConstraint(f"{column} IN ({among})", name=column)


_REAL = text("NOT rehearsal")
_OPEN = text(f"state = '{BreakState.OPEN}'")
_LINKED = text("cash_out_id IS NOT NULL")

statement_runs = Table(
    "statement_runs",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("provider", Words, nullable=False),
    Column("file_digest", String(64), nullable=False),
    Column("file_name", Words, nullable=False),
    Column("started_at", Moment, nullable=False),
    Column("started_by", Words, nullable=False),
    Column("state", Text, nullable=False),
    Column("rehearsal", Boolean, nullable=False),
    Column("since", Moment),
    Column("until", Moment),
    Column("times", Integer, nullable=False),
    Column("finished_at", Moment),
    Column("detail", Words, nullable=False),
    Column("tally", Text, nullable=False),
    # Empty in runs that were kept before there was this column: no line of theirs was removed.
    Column("pruned", Boolean),
    _kind("state", RunState),
    CheckConstraint("(since IS NULL) = (until IS NULL)", name="period"),
    CheckConstraint("times > 0", name="times"),
    Index("ix_statement_runs_newest", "started_at", "id"),
    # The same file is the same run, whatever became of the first try.
    Index(
        "uq_statement_runs_file",
        "provider",
        "file_digest",
        unique=True,
        postgresql_where=_REAL,
        sqlite_where=_REAL,
    ),
)

statement_lines = Table(
    "statement_lines",
    metadata,
    Column("run_id", Uuid, ForeignKey("statement_runs.id"), nullable=False),
    Column("digest", String(64), nullable=False),
    Column("number", Integer, nullable=False),
    Column("kind", Text, nullable=False),
    Column("turn", Integer, nullable=False),
    Column("word", Words, nullable=False),
    Column("status", Text),
    Column("at", Moment, nullable=False),
    Column("currency", String(3), nullable=False),
    Column("amount_minor", BigInteger, nullable=False),
    Column("fee_minor", BigInteger),
    Column("provider_transaction_id", Words),
    Column("reference", Words),
    Column("msisdn", Words),
    Column("raw", LargeBinary, nullable=False),
    Column("result", Text),
    Column("rule", Text),
    Column("cash_out_id", Uuid),
    Column("effect", Text, nullable=False),
    PrimaryKeyConstraint("run_id", "digest"),
    _kind("kind", LineKind),
    _kind("status", Status),
    _kind("result", LineResult),
    _kind("rule", Rule),
    _kind("effect", Effect),
    CheckConstraint("(cash_out_id IS NULL) = (rule IS NULL)", name="match"),
    Index("ix_statement_lines_order", "run_id", "turn", "at", "digest"),
    Index(
        "ix_statement_lines_cash_out_id",
        "cash_out_id",
        postgresql_where=_LINKED,
        sqlite_where=_LINKED,
    ),
)

statement_malformed = Table(
    "statement_malformed",
    metadata,
    Column("run_id", Uuid, ForeignKey("statement_runs.id"), nullable=False),
    Column("number", Integer, nullable=False),
    Column("reason", Words, nullable=False),
    PrimaryKeyConstraint("run_id", "number"),
)

breaks = Table(
    "breaks",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("key", Text, nullable=False, unique=True),
    Column("provider", Words, nullable=False),
    Column("kind", Text, nullable=False),
    Column("run_id", Uuid, ForeignKey("statement_runs.id"), nullable=False),
    Column("found_at", Moment, nullable=False),
    Column("at", Moment, nullable=False),
    Column("detail", Words, nullable=False),
    Column("digest", String(64)),
    Column("line", Integer),
    Column("cash_out_id", Uuid),
    Column("reference", Words),
    Column("provider_transaction_id", Words),
    Column("here_currency", String(3)),
    Column("here_minor", BigInteger),
    Column("there_currency", String(3)),
    Column("there_minor", BigInteger),
    Column("state", Text, nullable=False),
    Column("changed_at", Moment),
    Column("changed_by", Words),
    Column("note", Words),
    _kind("kind", BreakKind),
    _kind("state", BreakState),
    CheckConstraint("(here_currency IS NULL) = (here_minor IS NULL)", name="here"),
    CheckConstraint("(there_currency IS NULL) = (there_minor IS NULL)", name="there"),
    Index("ix_breaks_oldest", "at", "id"),
    Index("ix_breaks_open", "at", "id", postgresql_where=_OPEN, sqlite_where=_OPEN),
    Index("ix_breaks_cash_out_id", "cash_out_id"),
)

found_breaks = Table(
    "found_breaks",
    metadata,
    Column("run_id", Uuid, ForeignKey("statement_runs.id"), nullable=False),
    Column("break_id", Uuid, ForeignKey("breaks.id"), nullable=False),
    PrimaryKeyConstraint("run_id", "break_id"),
    Index("ix_found_breaks_break_id", "break_id"),
)

# Whatever was accepted in a period, for what a statement should have: on PostgreSQL a summary of
# pages, because they are filled in this order, so that accepting pays next to nothing for it.
Index("ix_cash_outs_accepted", cash_outs.c.created_at, postgresql_using="brin")
