"""Operators' accounts and sessions in memory."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from adapters.memory.store import Staging
from application.ports import Account, Session


class MemoryAccounts:
    """Implements `Accounts`."""

    def __init__(self, staging: Staging) -> None:
        self._now = staging

    async def find(self, name: str) -> Account | None:
        """Return an account."""
        return self._now.operators.get(name)

    async def every(self) -> Sequence[Account]:
        """Return all accounts by name, disabled ones included."""
        found = (self._now.operators.get(name) for name in sorted(self._now.operators))
        return [each for each in found if each is not None]

    async def add(self, account: Account) -> bool:
        """Keep a new account; tell whether its name was free."""
        if self._now.operators.get(account.name) is not None:
            return False
        self._now.operators.put(account.name, account)
        return True

    async def change(self, account: Account) -> None:
        """Store role, secret and whether it is disabled, of an account that exists."""
        there = self._now.operators.get(account.name)
        if there is not None:
            self._now.operators.put(account.name, replace(account, created_at=there.created_at))

    async def open(self, session: Session) -> None:
        """Keep a new session."""
        self._now.operator_sessions.put(session.digest, session)

    async def seen(self, digest: str, at: datetime) -> None:
        """Note when a session was used last."""
        session = self._now.operator_sessions.get(digest)
        if session is not None:
            self._now.operator_sessions.put(digest, replace(session, seen_at=at))

    async def close(self, digest: str) -> None:
        """Forget a session, if it is there."""
        self._now.operator_sessions.remove(digest)

    async def close_all(self, operator: str) -> None:
        """Forget every session of an operator."""
        for session in self._sessions():
            if session.operator == operator:
                self._now.operator_sessions.remove(session.digest)

    async def prune(self, opened_before: datetime, seen_before: datetime) -> int:
        """Forget sessions that were opened or seen last before these; return how many."""
        gone = [
            each
            for each in self._sessions()
            if each.opened_at < opened_before or each.seen_at < seen_before
        ]
        for each in gone:
            self._now.operator_sessions.remove(each.digest)
        return len(gone)

    def _sessions(self) -> list[Session]:
        found = (self._now.operator_sessions.get(each) for each in self._now.operator_sessions)
        return [each for each in found if each is not None]
