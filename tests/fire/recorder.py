"""A flight recorder in the database: triggers that note every hold and every counter, in order.

They are the test's own and know nothing of the product but its tables: an order of events that the
product did not write itself, and that goes with each transaction or not at all.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from adapters.sql.database import Database

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

_FREED = "('failed', 'cancelled')"
_HOLDS = "'hold', c.user_id, c.provider, c.currency, c.created_at, NULL, c.tariff_version"
_INTO = (
    "INSERT INTO race_log (kind, user_id, provider, currency, created_at, counter, version, minor)"
)

_POSTGRES = (
    """CREATE TABLE race_log (seq bigint GENERATED ALWAYS AS IDENTITY,
        tx text NOT NULL DEFAULT pg_current_xact_id()::text, kind text NOT NULL,
        user_id text, provider text, currency text, created_at timestamptz, counter text,
        version text, minor bigint)""",
    f"""CREATE FUNCTION race_hold() RETURNS trigger LANGUAGE plpgsql AS $$
        DECLARE c cash_outs%ROWTYPE := NEW;
        BEGIN
          IF TG_OP = 'INSERT' THEN {_INTO} SELECT {_HOLDS}, c.amount_minor;
          ELSIF NEW.status IN {_FREED} AND OLD.status NOT IN {_FREED} THEN
            {_INTO} SELECT {_HOLDS}, -c.amount_minor;
          ELSIF OLD.status IN {_FREED} AND NEW.status NOT IN {_FREED} THEN
            {_INTO} SELECT {_HOLDS}, c.amount_minor;
          END IF;
          RETURN NULL;
        END $$""",
    f"""CREATE FUNCTION race_counter() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
          IF TG_OP = 'INSERT' THEN
            IF NEW.used_minor = 0 THEN RETURN NULL; END IF;
          ELSIF NEW.used_minor = OLD.used_minor THEN RETURN NULL;
          END IF;
          {_INTO} SELECT 'counter', NEW.user_id, NEW.provider, NEW.currency, NULL, NEW."window",
            NULL, NEW.used_minor;
          RETURN NULL;
        END $$""",
    """CREATE TRIGGER race_hold AFTER INSERT OR UPDATE ON cash_outs
        FOR EACH ROW EXECUTE FUNCTION race_hold()""",
    """CREATE TRIGGER race_counter AFTER INSERT OR UPDATE ON limit_counters
        FOR EACH ROW EXECUTE FUNCTION race_counter()""",
)


def _sqlite_trigger(name: str, on: str, when: str, select: str) -> str:
    return f"CREATE TRIGGER {name} AFTER {on} FOR EACH ROW {when} BEGIN {_INTO} {select}; END"


_NEW_HOLD = f"SELECT {_HOLDS.replace('c.', 'NEW.')}"
_NEW_COUNTER = (
    "SELECT 'counter', NEW.user_id, NEW.provider, NEW.currency, NULL, NEW.\"window\", NULL,"
    " NEW.used_minor"
)
_SQLITE = (
    """CREATE TABLE race_log (seq INTEGER PRIMARY KEY AUTOINCREMENT, tx TEXT NOT NULL DEFAULT '',
        kind TEXT NOT NULL, user_id TEXT, provider TEXT, currency TEXT, created_at INTEGER,
        counter TEXT, version TEXT, minor INTEGER)""",
    _sqlite_trigger("race_take", "INSERT ON cash_outs", "", f"{_NEW_HOLD}, NEW.amount_minor"),
    _sqlite_trigger(
        "race_free",
        "UPDATE OF status ON cash_outs",
        f"WHEN NEW.status IN {_FREED} AND OLD.status NOT IN {_FREED}",
        f"{_NEW_HOLD}, -NEW.amount_minor",
    ),
    _sqlite_trigger(
        "race_revive",
        "UPDATE OF status ON cash_outs",
        f"WHEN OLD.status IN {_FREED} AND NEW.status NOT IN {_FREED}",
        f"{_NEW_HOLD}, NEW.amount_minor",
    ),
    _sqlite_trigger(
        "race_first", "INSERT ON limit_counters", "WHEN NEW.used_minor <> 0", _NEW_COUNTER
    ),
    _sqlite_trigger(
        "race_counter",
        "UPDATE ON limit_counters",
        "WHEN NEW.used_minor <> OLD.used_minor",
        _NEW_COUNTER,
    ),
)


_NOBODYS = "NOT EXISTS (SELECT 1 FROM cash_outs c WHERE c.id = x.cash_out_id)"
_TOLD = "(SELECT count(*) FROM outbox o WHERE o.cash_out_id = c.id AND o.type ="
_STRAYS = {
    "keys of nothing": f"idempotency_keys x WHERE {_NOBODYS}",
    "events of nothing": f"outbox x WHERE {_NOBODYS}",
    "evidence of nothing": f"evidence x WHERE {_NOBODYS}",
    "not announced once": f"cash_outs c WHERE 1 <> {_TOLD} 'cash_out.initiated')",
    "ended without one ending event": "cash_outs c WHERE c.status IN"
    f" ('completed', 'failed', 'cancelled') AND 1 <> {_TOLD} 'cash_out.' || c.status)",
}
"""What is to be nowhere, and where to look for it."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One noted row. A hold has created_at, version and what it adds; a counter its window."""

    seq: int
    tx: str
    kind: str
    user_id: str
    provider: str
    currency: str
    created_at: datetime | None
    counter: str | None
    version: str | None
    minor: int


@dataclass(frozen=True, slots=True)
class Kept:
    """One stored cash-out, as far as limits go."""

    id: str
    user_id: str
    provider: str
    currency: str
    minor: int
    status: str
    created_at: datetime


async def record(database: Database) -> None:
    """Put the recorder into an empty database."""
    async with database.engine.begin() as connection:
        for statement in _POSTGRES if database.is_postgres else _SQLITE:
            await connection.exec_driver_sql(statement)


async def recorded(database: Database) -> list[Entry]:
    """Return all that was noted, in the order it was written."""
    rows = await _rows(database, "SELECT * FROM race_log ORDER BY seq")
    entries = [_entry(**row) for row in rows]
    return entries if database.is_postgres else _with_transactions(entries)


async def kept(database: Database) -> list[Kept]:
    """Return all stored cash-outs."""
    rows = await _rows(
        database,
        "SELECT CAST(id AS text) AS id, user_id, provider, currency, amount_minor AS minor,"
        " status, created_at FROM cash_outs",
    )
    return [_kept(**row) for row in rows]


async def counters(database: Database) -> dict[tuple[str, ...], int]:
    """Return what every counter says, by user, provider, currency and window."""
    rows = await _rows(
        database,
        'SELECT user_id, provider, currency, "window", used_minor FROM limit_counters',
    )
    keys = ("user_id", "provider", "currency", "window")
    return {tuple(row[key] for key in keys): row["used_minor"] for row in rows}


async def strays(database: Database) -> dict[str, int]:
    """Count what would be left over by a refusal: each of these is to be 0."""
    return {
        name: (await _rows(database, f"SELECT count(*) AS found FROM {what}"))[0]["found"]  # noqa: S608 -- the table below
        for name, what in _STRAYS.items()
    }


async def _rows(database: Database, query: str) -> Sequence[Mapping[str, Any]]:
    async with database.engine.connect() as connection:
        return [dict(row) for row in (await connection.exec_driver_sql(query)).mappings()]


def _entry(*, created_at: Any, **columns: Any) -> Entry:  # noqa: ANN401 -- as the driver has them
    return Entry(created_at=None if created_at is None else _moment(created_at), **columns)


def _kept(*, id: Any, created_at: Any, **columns: Any) -> Kept:  # noqa: A002, ANN401 -- a column
    return Kept(id=id.replace("-", ""), created_at=_moment(created_at), **columns)


def _with_transactions(entries: list[Entry]) -> list[Entry]:
    """SQLite has one writer: a transaction is a run of holds and then of counters."""
    numbered: list[Entry] = []
    number, last = 0, "counter"
    for entry in entries:
        number += entry.kind == "hold" and last == "counter"
        last = entry.kind
        numbered.append(replace(entry, tx=str(number)))
    return numbered


def _moment(value: Any) -> datetime:  # noqa: ANN401 -- microseconds on SQLite
    if isinstance(value, int):
        return _EPOCH + timedelta(microseconds=value)
    moment: datetime = value.astimezone(UTC)
    return moment
