"""The schema in the database is the one in the code, its guards included."""

import asyncio
import re
import sqlite3
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

from adapters.sql.all_tables import APPEND_ONLY, metadata
from adapters.sql.database import BEGIN, DatabaseLimits, durability_warnings, open_database
from adapters.sql.guards import append_only, create_guards, decided_once
from adapters.sql.read_model import SqlReader
from adapters.sql.schema import REVISIONS, migrate, schema_state
from application.ports import StorageUnavailable
from domain.states import TRANSITIONS
from tests.servers import PostgresServer

pytestmark = pytest.mark.anyio


@pytest.fixture
def empty_url(url: str, tmp_path: Path, request: pytest.FixtureRequest) -> str:
    """The URL of a database that was never migrated, of the same kind as `url`."""
    if url.startswith("sqlite"):
        return f"sqlite+aiosqlite:///{tmp_path / 'empty.db'}"
    server: PostgresServer = request.getfixturevalue("postgres_server")
    return server.dsn(server.create_database())


def _config(connection: Connection) -> Config:
    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", "adapters.sql:migrations")
    config.set_main_option("path_separator", "os")
    return config


async def _describe(url: str) -> list[str]:
    """Return every table, index, check and trigger of a database, as the database writes them."""
    database = open_database(url)
    questions = ["SELECT type || ' ' || name || ' ' || sql FROM sqlite_master WHERE sql > ''"]
    if database.is_postgres:
        questions = [
            """SELECT conrelid::regclass || ' ' || conname || ' ' || pg_get_constraintdef(oid)
            FROM pg_constraint WHERE connamespace = 'public'::regnamespace""",
            "SELECT indexdef FROM pg_indexes WHERE schemaname = 'public'",
            "SELECT pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal",
            "SELECT pg_get_functiondef(oid) FROM pg_proc WHERE proname ~ '^refuse_'",
            """SELECT relname || ' ' || array_to_string(reloptions, ',') FROM pg_class
            WHERE reloptions IS NOT NULL AND relnamespace = 'public'::regnamespace""",
        ]
    found: list[str] = []
    async with database.engine.connect() as connection:
        for question in questions:
            found += (await connection.execute(text(question))).scalars()
    await database.close()
    return sorted(_in_any_order(each) for each in found if "alembic_version" not in each)


def _in_any_order(definition: str) -> str:
    """Return a definition with its columns and constraints sorted, and no name quoted.

    SQLite keeps a table as it was written: copied for another check, or with columns added behind.
    """
    head, bracket, inside = definition.replace('"', "").partition("(\n")
    if not bracket:
        return definition
    parts = re.split(r",\s*(?![^(]*\))", " ".join(inside.rstrip(")").split()))
    return "\n".join([head.strip(), *sorted(part.strip() for part in parts)])


async def _make_without_migrations(url: str) -> None:
    database = open_database(url)
    async with database.engine.begin() as connection:
        await connection.run_sync(metadata.create_all)
        for statement in create_guards(database.dialect, TRANSITIONS):
            await connection.exec_driver_sql(statement)
        for statement in decided_once(database.dialect):
            await connection.exec_driver_sql(statement)
        for table in APPEND_ONLY:
            for statement in append_only(database.dialect, table):
                await connection.exec_driver_sql(statement)
    await database.close()


async def test_the_migrated_schema_is_the_one_in_the_code(url: str) -> None:
    database = open_database(url)
    async with database.engine.connect() as connection:
        differences = await connection.run_sync(
            lambda plain: compare_metadata(MigrationContext.configure(plain), metadata)
        )
    await database.close()
    assert differences == []


async def test_checks_indexes_and_guards_are_the_ones_in_the_code(url: str, empty_url: str) -> None:
    """A state or reason that is added to the domain without a migration breaks this."""
    await _make_without_migrations(empty_url)
    migrated, made = await _describe(url), await _describe(empty_url)
    assert len(migrated) >= 20
    assert migrated == made


async def test_every_revision_is_known_to_this_release() -> None:
    config = Config()
    config.set_main_option("script_location", "adapters.sql:migrations")
    config.set_main_option("path_separator", "os")
    scripts = ScriptDirectory.from_config(config)
    assert tuple(each.revision for each in scripts.walk_revisions())[::-1] == REVISIONS


async def test_a_new_file_that_another_process_writes_to_is_waited_for(tmp_path: Path) -> None:
    """SQLite itself does not wait there: it refuses a change of the journal at once."""
    path = tmp_path / "new.db"
    other = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    other.execute("CREATE TABLE begun (here)")
    other.execute("BEGIN IMMEDIATE")
    asyncio.get_running_loop().call_later(0.3, other.execute, "COMMIT")
    database = open_database(f"sqlite+aiosqlite:///{path}")
    assert await schema_state(database) == "missing"
    assert await durability_warnings(database) == []
    await database.close()
    other.close()


async def test_migrating_twice_and_at_once_is_harmless(empty_url: str) -> None:
    await asyncio.gather(*(migrate(empty_url) for _ in range(3)))
    await migrate(empty_url)
    database = open_database(empty_url)
    assert await schema_state(database) == "current"
    await database.close()


async def test_a_downgrade_leaves_nothing_and_can_be_taken_back(empty_url: str) -> None:
    await migrate(empty_url)
    before = await _describe(empty_url)
    database = open_database(empty_url)
    async with database.engine.connect() as connection:
        await connection.execution_options(**{BEGIN: "IMMEDIATE"})
        async with connection.begin():
            await connection.run_sync(lambda plain: command.downgrade(_config(plain), "base"))
    assert await schema_state(database) == "missing"
    await database.close()
    left = [each for each in await _describe(empty_url) if "sqlite_sequence" not in each]
    assert left == []
    await migrate(empty_url)
    assert await _describe(empty_url) == before


@pytest.mark.parametrize(
    ("revision", "state"),
    [("0001", "old"), (REVISIONS[-1], "current"), ("9999", "new"), (None, "missing")],
)
async def test_the_state_of_the_schema_is_told(
    empty_url: str, revision: str | None, state: str
) -> None:
    await migrate(empty_url)
    database = open_database(empty_url)
    async with database.engine.begin() as connection:
        await connection.execute(text("DELETE FROM alembic_version"))
        if revision is not None:
            insert = text("INSERT INTO alembic_version VALUES (:revision)")
            await connection.execute(insert, {"revision": revision})
    assert await schema_state(database) == state
    health = await SqlReader(database).health()
    assert (health.reachable, health.schema) == (True, state)
    await database.close()


async def test_an_older_revision_is_told_as_old(
    empty_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await migrate(empty_url)
    monkeypatch.setattr("adapters.sql.schema.REVISIONS", (*REVISIONS, "9998"))
    database = open_database(empty_url)
    assert await schema_state(database) == "old"
    await database.close()


async def test_a_never_migrated_database_is_missing_its_schema(empty_url: str) -> None:
    database = open_database(empty_url)
    assert await schema_state(database) == "missing"
    assert (await SqlReader(database).health()).schema == "missing"
    await database.close()


async def test_settings_that_lose_what_was_accepted_are_named(
    url: str, postgres_server: PostgresServer
) -> None:
    database = open_database(url)
    assert await durability_warnings(database) == []
    await database.close()
    if not database.is_postgres:
        return
    name = database.engine.url.database
    postgres_server.execute(f'ALTER DATABASE "{name}" SET synchronous_commit = off')
    try:
        (warning,) = await durability_warnings(database)
    finally:
        await database.close()
        postgres_server.execute(f'ALTER DATABASE "{name}" RESET synchronous_commit')
    assert "synchronous_commit is off" in warning


async def test_sqlite_is_opened_for_durability_and_integrity(sqlite_url: str) -> None:
    database = open_database(sqlite_url, DatabaseLimits(busy_s=1.5))
    async with database.engine.connect() as connection:
        settings = [
            (await connection.execute(text(f"PRAGMA {name}"))).scalar_one()
            for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        ]
    await database.close()
    assert settings == ["wal", 2, 1, 1500]


async def test_postgresql_is_told_every_limit(postgres_url: str) -> None:
    database = open_database(postgres_url, DatabaseLimits(lock_s=1.5), application="a name")
    async with database.engine.connect() as connection:
        settings = [
            (await connection.execute(text(f"SHOW {name}"))).scalar_one()
            for name in (
                "lock_timeout",
                "statement_timeout",
                "idle_in_transaction_session_timeout",
                "transaction_timeout",
                "application_name",
                "timezone",
            )
        ]
    await database.close()
    assert settings == ["1500ms", "5s", "15s", "15s", "a name", "UTC"]


@pytest.mark.parametrize(
    "wrong", ["sqlite:///x.db", "sqlite+aiosqlite://", "mysql://h/d", "postgresql://h/d"]
)
async def test_any_other_kind_of_url_is_refused(wrong: str) -> None:
    with pytest.raises(ValueError, match="a database URL begins with"):
        open_database(wrong)


async def test_a_file_that_is_no_database_is_unavailable(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("not a database, but long enough to be read as the header of one" * 20)
    database = open_database(f"sqlite+aiosqlite:///{path}")
    with pytest.raises(StorageUnavailable, match="SQLITE_NOTADB"):
        await schema_state(database)
    assert not (await SqlReader(database).health()).reachable
    await database.close()


async def test_the_file_that_a_migration_makes_is_a_plain_database(tmp_path: Path) -> None:
    path = tmp_path / "plain.db"
    await migrate(f"sqlite+aiosqlite:///{path}")
    connection = sqlite3.connect(path)
    tables = {row[0] for row in connection.execute("SELECT name FROM sqlite_master")}
    connection.close()
    assert set(metadata.tables) <= tables
