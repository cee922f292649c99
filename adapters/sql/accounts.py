"""Operators' accounts and sessions in SQL."""

from collections.abc import Sequence
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import (
    Boolean,
    Delete,
    Select,
    String,
    Text,
    Update,
    bindparam,
    delete,
    or_,
    select,
    update,
)

from adapters.sql.columns import Moment, Words
from adapters.sql.console_tables import operator_sessions, operators
from adapters.sql.rows import Row
from adapters.sql.session import Session as Connection
from adapters.sql.sets import Rows
from application.callers import Role
from application.ports import Account, Session

_SESSION = "session_"
_NAME = bindparam("this", type_=Words)
_DIGEST = bindparam("this", type_=String)
_NEW = Rows(
    operators, list(operators.columns.keys()), lambda insert: insert.on_conflict_do_nothing()
)
_OPENED = Rows(operator_sessions, list(operator_sessions.columns.keys()))


@cache
def _find() -> Select[Any]:
    return select(operators).where(operators.c.name == _NAME).with_for_update()


@cache
def _every() -> Select[Any]:
    return select(operators).order_by(operators.c.name)


@cache
def _change() -> Update:
    return (
        update(operators)
        .where(operators.c.name == _NAME)
        .values(
            role=bindparam("new_role", type_=Text),
            secret=bindparam("new_secret", type_=Text),
            disabled=bindparam("new_disabled", type_=Boolean),
        )
    )


@cache
def _seen() -> Update:
    row = operator_sessions.c
    return (
        update(operator_sessions)
        .where(row.digest == _DIGEST)
        .values(seen_at=bindparam("at", type_=Moment))
    )


@cache
def _close() -> Delete:
    return delete(operator_sessions).where(operator_sessions.c.digest == _DIGEST)


@cache
def _close_all() -> Delete:
    return delete(operator_sessions).where(operator_sessions.c.operator == _NAME)


@cache
def _prune() -> Delete:
    row = operator_sessions.c
    return delete(operator_sessions).where(
        or_(
            row.opened_at < bindparam("opened", type_=Moment),
            row.seen_at < bindparam("seen", type_=Moment),
        )
    )


@cache
def signed_in() -> Select[Any]:
    """Select the session of a digest with its account."""
    columns = [column.label(_SESSION + column.name) for column in operator_sessions.columns]
    return (
        select(operators, *columns)
        .join(operator_sessions, operator_sessions.c.operator == operators.c.name)
        .where(operator_sessions.c.digest == _DIGEST)
    )


class SqlAccounts:
    """Implements `Accounts`."""

    def __init__(self, session: Connection) -> None:
        self._session = session

    async def find(self, name: str) -> Account | None:
        """Return an account, locked until the transaction ends."""
        rows = await self._session.rows(_find(), {"this": name})
        return account_of(rows[0]) if rows else None

    async def every(self) -> Sequence[Account]:
        """Return all accounts by name, disabled ones included."""
        return [account_of(row) for row in await self._session.rows(_every())]

    async def add(self, account: Account) -> bool:
        """Keep a new account; tell whether its name was free."""
        row = {
            "name": account.name,
            "role": account.role.value,
            "secret": account.secret,
            "disabled": account.disabled,
            "created_at": account.created_at,
        }
        return await self._session.write(_NEW, [row]) == 1

    async def change(self, account: Account) -> None:
        """Store role, secret and whether it is disabled, of an account that exists."""
        given = {
            "this": account.name,
            "new_role": account.role.value,
            "new_secret": account.secret,
            "new_disabled": account.disabled,
        }
        await self._session.run(_change(), given)

    async def open(self, session: Session) -> None:
        """Keep a new session."""
        row = {
            "digest": session.digest,
            "operator": session.operator,
            "csrf": session.csrf,
            "opened_at": session.opened_at,
            "seen_at": session.seen_at,
        }
        await self._session.write(_OPENED, [row])

    async def seen(self, digest: str, at: datetime) -> None:
        """Note when a session was used last."""
        await self._session.run(_seen(), {"this": digest, "at": at})

    async def close(self, digest: str) -> None:
        """Forget a session, if it is there."""
        await self._session.run(_close(), {"this": digest})

    async def close_all(self, operator: str) -> None:
        """Forget every session of an operator."""
        await self._session.run(_close_all(), {"this": operator})

    async def prune(self, opened_before: datetime, seen_before: datetime) -> int:
        """Forget sessions that were opened or seen last before these; return how many."""
        given = {"opened": opened_before, "seen": seen_before}
        return int((await self._session.run(_prune(), given)).rowcount)


def account_of(row: Row) -> Account:
    """Return the account of a row."""
    return Account(
        name=row["name"],
        role=Role(row["role"]),
        created_at=row["created_at"],
        secret=row["secret"],
        disabled=row["disabled"],
    )


def session_of(row: Row) -> Session:
    """Return the session of a row of `signed_in`."""
    return Session(
        digest=row[_SESSION + "digest"],
        operator=row[_SESSION + "operator"],
        opened_at=row[_SESSION + "opened_at"],
        seen_at=row[_SESSION + "seen_at"],
        csrf=row[_SESSION + "csrf"],
    )
