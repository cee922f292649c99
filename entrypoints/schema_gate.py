"""The gate that every long-running process passes first: the database is there and is ours."""

import structlog

from adapters.sql.database import durability_warnings
from adapters.sql.schema import schema_state
from application.ports import Overloaded, StorageUnavailable
from entrypoints.lifespan import open_store
from entrypoints.settings import Settings, SettingsRefused

_REFUSALS = {
    "missing": "the database is empty: run `cashout migrate`",
    "old": "the database has an older schema: run `cashout migrate`",
    "new": "the database has a newer schema than this release: deploy the newer release",
}


async def require_current_schema(settings: Settings) -> None:
    """Return when the schema is this release's; raise SettingsRefused with one line otherwise.

    A database that does not keep what it acknowledges is logged as a warning, loudly, once.
    """
    database = open_store(settings)
    try:
        state = await schema_state(database)
        if state in _REFUSALS:
            raise SettingsRefused((_REFUSALS[state],))
        for warning in await durability_warnings(database):
            structlog.get_logger("cashout").warning("database_is_not_durable", why=warning)
    except (StorageUnavailable, Overloaded):
        line = "the database cannot be reached: check DATABASE_URL and that it is running"
        raise SettingsRefused((line,)) from None
    finally:
        await database.close()
