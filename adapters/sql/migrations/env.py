"""What Alembic runs: the revisions, over the connection that it is handed."""

from alembic import context

from adapters.sql.all_tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    # SQLite takes DDL back with the transaction too: a migration happens or does not.
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
