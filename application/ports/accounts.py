"""Operators' accounts: who may sign in to the console, and who is signed in."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

from application.callers import Role

IDLE_MOST = timedelta(minutes=30)
"""How long a session lives without a request of its operator's."""
SESSION_MOST = timedelta(hours=12)
"""How long a session lives at all."""


@dataclass(frozen=True, slots=True)
class Account:
    """An operator. secret: what their password is checked against, never the password."""

    name: str
    role: Role
    created_at: datetime
    secret: str = field(repr=False)
    disabled: bool = False


@dataclass(frozen=True, slots=True)
class Session:
    """Somebody signed in. digest: hex SHA-256 of the token, which is kept nowhere.

    csrf: what every form of this session carries. seen_at: of the last request, to the minute.
    """

    digest: str
    operator: str
    opened_at: datetime
    seen_at: datetime
    csrf: str = field(repr=False)

    def lives(self, now: datetime) -> bool:
        """Tell whether it may still be used at this moment."""
        return now - self.seen_at < IDLE_MOST and now - self.opened_at < SESSION_MOST


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A session and whose it is."""

    session: Session
    account: Account


class Accounts(Protocol):
    """The accounts and their sessions, inside a transaction."""

    async def find(self, name: str) -> Account | None:
        """Return an account, locked until the transaction ends."""
        ...

    async def every(self) -> Sequence[Account]:
        """Return all accounts by name, disabled ones included."""
        ...

    async def add(self, account: Account) -> bool:
        """Keep a new account; tell whether its name was free."""
        ...

    async def change(self, account: Account) -> None:
        """Store role, secret and whether it is disabled, of an account that exists."""
        ...

    async def open(self, session: Session) -> None:
        """Keep a new session."""
        ...

    async def seen(self, digest: str, at: datetime) -> None:
        """Note when a session was used last."""
        ...

    async def close(self, digest: str) -> None:
        """Forget a session, if it is there."""
        ...

    async def close_all(self, operator: str) -> None:
        """Forget every session of an operator."""
        ...

    async def prune(self, opened_before: datetime, seen_before: datetime) -> int:
        """Forget sessions that were opened or seen last before these; return how many."""
        ...


class Passwords(Protocol):
    """Turns passwords into what may be kept. The work of guessing is its cost on purpose."""

    async def secret_of(self, password: str) -> str:
        """Return what to keep; raise Overloaded when too many wait already."""
        ...

    async def matches(self, password: str, secret: str | None) -> bool:
        """Tell whether it is the password; as slow for nobody's (None). Raises Overloaded."""
        ...

    def token(self) -> str:
        """Return a new unguessable text, safe in a cookie and a form."""
        ...
