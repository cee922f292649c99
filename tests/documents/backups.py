"""Databases that are backed up, lost with their machine, and restored: what a restore is tried on.

What a moment is for a backup is for both the same: all that was committed until `back_up` returned
is in it, and nothing that came later.
"""

import sqlite3
import time
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Protocol

from tests.servers import PostgresServer

ARCHIVED_WITHIN_S = 30
NEWEST = "SELECT max(updated_at) FROM cash_outs"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Kept(Protocol):
    """A database with a backup."""

    @property
    def url(self) -> str:
        """Its address."""
        ...

    def back_up(self) -> None:
        """Back up all that is there now."""
        ...

    def lose_and_restore(self) -> None:
        """Lose the database with all that came after the backup, and put the backup in place."""
        ...

    def newest(self) -> datetime:
        """Return the time of the newest row."""
        ...

    def operators_did(self) -> list[str]:
        """Return what the operators' log has, in order."""
        ...


ACTIONS = "SELECT action FROM operators_log ORDER BY sequence"


class KeptPostgres:
    """PostgreSQL by a base backup and its archived log, recovered as far as the log reaches."""

    def __init__(self, folder: Path) -> None:
        self._archive, self._backup = folder / "archive", folder / "backup"
        self._archive.mkdir()
        command = f"cp %p {self._archive}/%f"
        self._server = PostgresServer(folder, {"archive_mode": "on", "archive_command": command})
        self._name = self._server.create_database()

    @property
    def url(self) -> str:
        return self._server.dsn(self._name)

    def base_backup(self) -> None:
        """Take what the log is replayed upon; what comes later is in the log alone."""
        self._server.base_backup(self._backup)

    def back_up(self) -> None:
        """See that the archive has the log up to now."""
        segment = self._server.execute("SELECT pg_walfile_name(pg_switch_wal())")
        give_up_at = time.monotonic() + ARCHIVED_WITHIN_S
        while not (self._archive / segment).exists():
            assert time.monotonic() < give_up_at, f"{segment} is not archived"
            time.sleep(0.05)

    def lose_and_restore(self) -> None:
        self._server.kill()
        self._server.restore(self._backup, f"cp {self._archive}/%f %p")

    def newest(self) -> datetime:
        return datetime.fromisoformat(self._server.execute(NEWEST, self._name))

    def operators_did(self) -> list[str]:
        return self._server.execute(ACTIONS, self._name).splitlines()

    def stop(self) -> None:
        """Stop the server."""
        self._server.stop()


class KeptSqlite:
    """A SQLite file by a copy that SQLite itself makes."""

    def __init__(self, folder: Path) -> None:
        self._file, self._backup = folder / "cashout.db", folder / "backup.db"

    @property
    def url(self) -> str:
        return f"sqlite+aiosqlite:///{self._file}"

    def back_up(self) -> None:
        with (
            closing(sqlite3.connect(self._file)) as source,
            closing(sqlite3.connect(self._backup)) as copy,
        ):
            source.backup(copy)

    def lose_and_restore(self) -> None:
        for lost in self._file.parent.glob(f"{self._file.name}*"):
            lost.unlink()
        self._backup.rename(self._file)

    def newest(self) -> datetime:
        with closing(sqlite3.connect(self._file)) as books:
            (found,) = books.execute(NEWEST).fetchone()
        return _EPOCH + timedelta(microseconds=found)

    def operators_did(self) -> list[str]:
        with closing(sqlite3.connect(self._file)) as books:
            return [action for (action,) in books.execute(ACTIONS)]
