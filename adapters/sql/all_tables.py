"""Every table of this release, those beside `tables` included: for whoever makes a schema."""

from adapters.sql import (
    audit_tables,
    console_tables,
    health_tables,
    review_tables,
    statement_tables,
    tables,
)

__all__ = ["APPEND_ONLY", "HOMES", "metadata"]

HOMES = (tables, audit_tables, console_tables, health_tables, review_tables, statement_tables)
"""Where they are described."""

metadata = tables.metadata

APPEND_ONLY = (audit_tables.operators_log.name, review_tables.dismissals.name)
"""The tables, besides evidence, whose rows are only ever added: each has a guard of its own."""
