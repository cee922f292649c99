"""The schema: bringing a database to this release's, and telling whether it is."""

from sqlalchemy import Connection, inspect, text

from adapters.sql.database import BEGIN, Database, DatabaseLimits, open_database
from adapters.sql.faults import translated
from adapters.sql.session import reading

REVISIONS = tuple(f"{number:04d}" for number in range(1, 13))
"""Every revision of the schema, oldest first; the last one is this release's."""

_VERSION_TABLE = "alembic_version"
_LOCK = 0x43415348  # "CASH": one migration at a time, whoever starts it
_UNHURRIED = DatabaseLimits(
    lock_s=60.0, statement_s=600.0, idle_in_transaction_s=600.0, transaction_s=7_200.0
)


async def schema_state(database: Database) -> str:
    """Return `current`, `old`, `new` (this release does not know it) or `missing`.

    Raises StorageUnavailable or Overloaded.
    """
    async with reading(database) as session:
        revision = await session.inspect(_revision)
    if revision is None:
        return "missing"
    if revision == REVISIONS[-1]:
        return "current"
    return "old" if revision in REVISIONS else "new"


async def migrate(url: str, revision: str = "head") -> None:
    """Bring a database to a revision, the newest by default, in one transaction.

    Processes that migrate at once wait for each other. Raises StorageUnavailable.
    """
    database = open_database(url, _UNHURRIED, application="cashout migrate")
    try:
        with translated():
            async with database.engine.connect() as connection:
                await connection.execution_options(**{BEGIN: "IMMEDIATE"})
                async with connection.begin():
                    if database.is_postgres:
                        lock = text("SELECT pg_advisory_xact_lock(:lock)")
                        await connection.execute(lock, {"lock": _LOCK})
                    await connection.run_sync(_upgrade, revision)
    finally:
        await database.close()


def _upgrade(connection: Connection, revision: str) -> None:
    # Alembic takes a fifth of a second to import: only who migrates pays for it.
    from alembic import command  # noqa: PLC0415
    from alembic.config import Config  # noqa: PLC0415

    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", "adapters.sql:migrations")
    config.set_main_option("path_separator", "os")
    command.upgrade(config, revision)


def _revision(connection: Connection) -> str | None:
    if not inspect(connection).has_table(_VERSION_TABLE):
        return None
    found = connection.execute(text(f"SELECT version_num FROM {_VERSION_TABLE}"))  # noqa: S608 -- our own constant
    revision: str | None = found.scalar_one_or_none()
    return revision
