"""The tables of reviews: what operators proposed, and which webhooks they put aside."""

from enum import StrEnum

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Table,
    Text,
    Uuid,
    literal_column,
    text,
)

from adapters.sql.columns import Moment, Words
from adapters.sql.tables import metadata
from domain.evidence import ProofKind, Resolution
from domain.rulings import ProposalState


def _kind(column: str, words: type[StrEnum]) -> CheckConstraint:
    among = ", ".join(f"'{word}'" for word in words)
    return CheckConstraint(f"{column} IN ({among})", name=column)


WAITING = text(f"state = '{ProposalState.PROPOSED}'")
"""Proposals that wait for a decision: written out, so that the index over them is used."""

proposals = Table(
    "proposals",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("cash_out_id", Uuid, ForeignKey("cash_outs.id"), nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("seen", Text, nullable=False),
    Column("resolution", Text, nullable=False),
    Column("reason", Words, nullable=False),
    Column("proposed_by", Words, nullable=False),
    Column("proposed_at", Moment, nullable=False),
    Column("proof_kind", Text),
    Column("proof_reference", Words),
    Column("proof_text", Words),
    Column("provider_transaction_id", Words),
    Column("state", Text, nullable=False),
    Column("decided_by", Words),
    Column("decided_at", Moment),
    Column("decided_why", Words, nullable=False),
    Column("four_eyes", Boolean, nullable=False),
    _kind("resolution", Resolution),
    _kind("proof_kind", ProofKind),
    _kind("state", ProposalState),
    CheckConstraint(f"({WAITING}) = (decided_at IS NULL)", name="decided"),
    CheckConstraint("(decided_by IS NULL) = (decided_at IS NULL)", name="decider"),
    CheckConstraint(
        f"resolution = '{Resolution.KEEP_WAITING}' OR proof_kind IS NOT NULL", name="proof"
    ),
    CheckConstraint(
        f"state <> '{ProposalState.APPROVED}' OR four_eyes = (decided_by <> proposed_by)",
        name="eyes",
    ),
    # One at a time for each cash-out, whoever asks at once.
    Index(
        "uq_proposals_waiting",
        "cash_out_id",
        unique=True,
        postgresql_where=WAITING,
        sqlite_where=WAITING,
    ),
    Index("ix_proposals_of", "cash_out_id", "proposed_at"),
)

IS_WAITING = proposals.c.state == literal_column(f"'{ProposalState.PROPOSED}'")
"""The same where another table may have such a column: a literal, so that the index is used."""

dismissals = Table(
    "dismissals",
    metadata,
    Column("delivery_id", Uuid, primary_key=True),
    Column("at", Moment, nullable=False),
    Column("operator", Words, nullable=False),
    Column("reason", Words, nullable=False),
)
