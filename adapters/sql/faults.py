"""What a database's fault means to us: the one place where that is decided."""

from collections.abc import Iterator
from contextlib import contextmanager

import asyncpg
from sqlalchemy.exc import DBAPIError, PendingRollbackError
from sqlalchemy.exc import TimeoutError as NoConnectionFree

from application.ports import Conflict, Overloaded, StorageUnavailable

_CONFLICTS = {
    "23505",  # unique_violation
    "40001",  # serialization_failure
    "40P01",  # deadlock_detected
    "55P03",  # lock_not_available: lock_timeout
}
# Classes of SQLSTATE, and single ones, that say nothing about the statement but about the server.
_UNAVAILABLE = (
    "08",  # connection exception
    "53",  # insufficient resources: disk full, out of memory, too many connections
    "57",  # operator intervention: statement_timeout, shutdown, crash, cannot connect now
    "58",  # system error outside PostgreSQL: I/O
    "XX",  # internal error, corruption
    "28",  # credentials refused
    "3D",  # no such database
    "25006",  # read only: we reached a replica
    "25P02",  # the transaction was broken by an earlier fault
    "25P03",  # idle_in_transaction_session_timeout
    "25P04",  # transaction_timeout
)
_SQLITE_CONFLICTS = {"SQLITE_CONSTRAINT_UNIQUE", "SQLITE_CONSTRAINT_PRIMARYKEY"}
_SQLITE_UNAVAILABLE = (
    "SQLITE_BUSY",
    "SQLITE_LOCKED",
    "SQLITE_FULL",
    "SQLITE_READONLY",
    "SQLITE_IOERR",
    "SQLITE_CANTOPEN",
    "SQLITE_CORRUPT",
    "SQLITE_NOTADB",
    "SQLITE_NOMEM",
    "SQLITE_INTERRUPT",
    "SQLITE_PROTOCOL",
)

DRIVER_FAULTS = (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError)
"""Whatever PostgreSQL's driver raises by itself."""

_WHATEVER_A_STORE_RAISES = (
    DBAPIError,
    NoConnectionFree,
    PendingRollbackError,
    *DRIVER_FAULTS,
    OSError,
    TimeoutError,
)


@contextmanager
def translated(*, committing: bool = False) -> Iterator[None]:
    """Raise Conflict, Overloaded or StorageUnavailable for faults of the store; let bugs pass.

    committing: what fails in here is a COMMIT, so its fate may be open.
    """
    try:
        yield
    except _WHATEVER_A_STORE_RAISES as fault:
        meaning = _meaning(fault, committing=committing)
        if meaning is None:
            raise
        raise meaning from fault


def _meaning(fault: BaseException, *, committing: bool) -> Exception | None:
    if isinstance(fault, NoConnectionFree):
        return Overloaded()
    cause = fault.orig if isinstance(fault, DBAPIError) else fault
    state = getattr(cause, "sqlstate", None)
    name = getattr(cause, "sqlite_errorname", None)
    if state in _CONFLICTS or name in _SQLITE_CONFLICTS:
        return Conflict(f"another transaction got there first ({state or name})")
    if not _is_about_the_store(cause, state, name):
        return None
    what = f"the database cannot be used now ({state or name or type(cause).__name__})"
    return StorageUnavailable(what, outcome_unknown=committing)


def _is_about_the_store(cause: BaseException | None, state: str | None, name: str | None) -> bool:
    if state is not None:
        return state.startswith(_UNAVAILABLE)
    if name is not None:
        return name.startswith(_SQLITE_UNAVAILABLE)
    # The driver itself gave up: the connection is closed, refused, cut or out of step.
    return not isinstance(cause, DRIVER_BUGS)


DRIVER_BUGS = (asyncpg.DataError, asyncpg.UnsupportedClientFeatureError)
"""Errors of the driver that are about what it was asked to do."""
