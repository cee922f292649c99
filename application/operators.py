"""Operators: their accounts, signing in and out, and who a session's token speaks for."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from hashlib import sha256

from application.callers import Caller, Role
from application.ports import (
    IDLE_MOST,
    SESSION_MOST,
    Account,
    AuditEntry,
    Clock,
    ConsoleReader,
    Passwords,
    Session,
    SignedIn,
    Unit,
    Units,
)
from application.ports.audit import Fact
from application.refusal_log import RefusalLog
from application.throttle import Throttle

SHORTEST_PASSWORD = 12
LONGEST_PASSWORD = 256
"""Characters."""
ROLES = tuple(role for role in Role if role is not Role.USER)
"""What an operator can be."""
_NAME = re.compile(r"[a-z][a-z0-9._-]{0,63}", re.ASCII)
_NOTED_AFTER = timedelta(minutes=1)
"""A session's last use is written this often, not with each request."""


class AccountRefused(Exception):
    """An account cannot be made or changed like this; the message says why."""


class SignInRefused(Exception):
    """Name and password do not go together, or the account is disabled: nobody is told which."""


class TooManyTries(Exception):
    """Too many failures; try again after `wait`."""

    def __init__(self, wait: timedelta) -> None:
        """Take how long."""
        super().__init__("too many failed tries")
        self.wait = wait


@dataclass(frozen=True, slots=True)
class Opened:
    """A new session with its token, which is told once and kept nowhere."""

    session: Session
    token: str = field(repr=False)


def digest_of(token: str) -> str:
    """Return what a session is found by."""
    return sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def caller_of(signed_in: SignedIn) -> Caller:
    """Return on whose behalf a session asks."""
    return Caller(signed_in.account.name, signed_in.account.role)


@dataclass(frozen=True, slots=True)
class Operators:
    """Makes and changes accounts; every change is an entry of the operators' log."""

    units: Units
    passwords: Passwords
    clock: Clock

    async def add(self, by: str, name: str, role: Role, password: str) -> None:
        """Make an account; raise AccountRefused."""
        _check_name(name)
        _check_password(password, name)
        secret = await self.passwords.secret_of(password)
        async with self.units.begin() as unit:
            account = Account(name, role, self.clock.now(), secret)
            if not await unit.accounts.add(account):
                message = f"there is an operator {name} already"
                raise AccountRefused(message)
            await self._log(unit, by, "operator.added", name, role=role.value)

    async def every(self) -> Sequence[Account]:
        """Return all accounts by name."""
        async with self.units.begin() as unit:
            return await unit.accounts.every()

    async def set_password(self, by: str, name: str, password: str) -> None:
        """Give an account another password and end its sessions; raise AccountRefused."""
        _check_password(password, name)
        secret = await self.passwords.secret_of(password)
        async with self.units.begin() as unit:
            account = await _known(unit, name)
            await unit.accounts.change(replace(account, secret=secret))
            await unit.accounts.close_all(name)
            await self._log(unit, by, "operator.password_changed", name)

    async def disable(self, by: str, name: str, *, disabled: bool = True) -> None:
        """Disable an account, or enable it again, and end its sessions; raise AccountRefused."""
        async with self.units.begin() as unit:
            account = await _known(unit, name)
            await unit.accounts.change(replace(account, disabled=disabled))
            await unit.accounts.close_all(name)
            action = "operator.disabled" if disabled else "operator.enabled"
            await self._log(unit, by, action, name)

    async def _log(self, unit: Unit, by: str, action: str, name: str, **facts: str) -> None:
        await unit.audit.append(AuditEntry(self.clock.now(), by, action, name, facts))


@dataclass(frozen=True, slots=True)
class SignIn:
    """Lets operators in, slowly where somebody guesses, and out again."""

    units: Units
    reader: ConsoleReader
    passwords: Passwords
    clock: Clock
    throttle: Throttle
    refusals: RefusalLog

    async def __call__(
        self, name: str, password: str, address: str, instead_of: str | None = None
    ) -> Opened:
        """Open a session; one under the token `instead_of` ends with that.

        Raises SignInRefused, TooManyTries, or Overloaded when too many passwords are being tried.
        """
        name = name.strip().casefold()[:LONGEST_PASSWORD]
        wait = self.throttle.wait(name, address)
        if wait > timedelta(0):
            raise TooManyTries(wait)
        async with self.units.begin() as unit:
            account = await unit.accounts.find(name)
        usable = account is not None and not account.disabled
        # As slow for nobody and for who may not: how long it takes tells nothing. What the log has
        # to tell of it is written beside the answers, since that differs.
        secret = account.secret if account is not None else None
        matches = await self.passwords.matches(password[:LONGEST_PASSWORD], secret)
        if account is None or not matches or not usable:
            self.throttle.failed(name, address)
            waits = self.throttle.wait(name, address) > timedelta(0)
            known = account.name if account is not None else None
            self.refusals.note(known, address, waits=waits)
            raise SignInRefused
        opened = await self._open(account, instead_of, address)
        self.throttle.succeeded(name)
        return opened

    async def _open(self, tried: Account, instead_of: str | None, address: str) -> Opened:
        now, token = self.clock.now(), self.passwords.token()
        session = Session(digest_of(token), tried.name, now, now, self.passwords.token())
        async with self.units.begin() as unit:
            account = await unit.accounts.find(tried.name)
            if account is None or account.disabled or account.secret != tried.secret:
                raise SignInRefused
            await unit.accounts.prune(now - SESSION_MOST, now - IDLE_MOST)
            if instead_of is not None:
                await unit.accounts.close(digest_of(instead_of))
            await unit.accounts.open(session)
            await self._log(unit, account.name, "session.opened", address=address)
        return Opened(session, token)

    async def out(self, token: str) -> None:
        """End the session of a token, if there is one."""
        digest = digest_of(token)
        found = await self.reader.signed_in(digest)
        if found is None:
            return
        async with self.units.begin() as unit:
            await unit.accounts.close(digest)
            await self._log(unit, found.account.name, "session.closed")

    async def whose(self, token: str, *, used: bool = True) -> SignedIn | None:
        """Return the living session of a token and its account, None where there is none.

        used: somebody did something, so that the session is not idle; a page that refreshes itself
        is nobody.
        """
        found = await self.reader.signed_in(digest_of(token))
        now = self.clock.now()
        if found is None or found.account.disabled or not found.session.lives(now):
            return None
        if used and now - found.session.seen_at >= _NOTED_AFTER:
            async with self.units.begin() as unit:
                await unit.accounts.seen(found.session.digest, now)
        return found

    async def _log(self, unit: Unit, name: str, action: str, **facts: Fact) -> None:
        await unit.audit.append(AuditEntry(self.clock.now(), name, action, name, facts))


async def _known(unit: Unit, name: str) -> Account:
    account = await unit.accounts.find(name)
    if account is None:
        message = f"there is no operator {name}"
        raise AccountRefused(message)
    return account


def _check_name(name: str) -> None:
    if not _NAME.fullmatch(name):
        raise AccountRefused(
            "an operator's name is a lower-case letter and then letters, digits, dots and dashes,"
            " 64 at most"
        )


def _check_password(password: str, name: str) -> None:
    if not SHORTEST_PASSWORD <= len(password) <= LONGEST_PASSWORD:
        message = f"a password has {SHORTEST_PASSWORD} to {LONGEST_PASSWORD} characters"
        raise AccountRefused(message)
    if password.casefold() == name or len(set(password)) < SHORTEST_PASSWORD // 3:
        raise AccountRefused("this password is too easy to guess")
