"""The table of the operators' log. A trigger refuses to change or delete what is in it."""

from sqlalchemy import CheckConstraint, Column, Index, Integer, Table, Text

from adapters.sql.columns import Moment, Words
from adapters.sql.tables import metadata

operators_log = Table(
    "operators_log",
    metadata,
    Column("sequence", Integer, primary_key=True, autoincrement=False),
    Column("at", Moment, nullable=False),
    Column("operator", Words, nullable=False),
    Column("action", Words, nullable=False),
    Column("subject", Words, nullable=False),
    Column("facts", Words, nullable=False),
    Column("previous", Text, nullable=False),
    Column("hash", Text, nullable=False, unique=True),
    CheckConstraint("sequence > 0", name="sequence"),
    Index("ix_operators_log_subject", "subject", "sequence"),
)
