"""Operators over a store in memory, with what lets them in and out: for tests."""

from datetime import timedelta

from adapters.memory.console_reader import MemoryConsoleReader
from adapters.memory.manual_time import ManualClock
from adapters.memory.store import MemoryStore
from adapters.memory.units import MemoryUnits
from adapters.passwords.scrypt import ScryptPasswords
from application.operators import Operators, SignIn
from application.ports import AuditEntry
from application.refusal_log import RefusalLog
from application.throttle import Throttle
from tests.strategies import NOW

WORD = "a password of some length"


class House:
    """Operators over a store in memory."""

    def __init__(self, passwords: ScryptPasswords | None = None) -> None:
        self.store, self.clock = MemoryStore(), ManualClock(NOW)
        self.units = MemoryUnits(self.store)
        self.passwords = passwords or ScryptPasswords(log2_n=4)
        self.operators = Operators(self.units, self.passwords, self.clock)
        self.throttle = Throttle(self.clock)
        reader = MemoryConsoleReader(self.store)
        refusals = RefusalLog(self.units, self.clock)
        self.sign_in = SignIn(
            self.units, reader, self.passwords, self.clock, self.throttle, refusals
        )

    @property
    def entries(self) -> list[AuditEntry]:
        """The operators' log."""
        return [each.entry for each in self.store.operators_log.values()]

    @property
    def logged(self) -> list[tuple[str, str, str]]:
        """Who did what to whom."""
        return [(each.operator, each.action, each.subject) for each in self.entries]

    def waits(self, name: str, address: str) -> timedelta:
        """Return how long this name and address have to wait."""
        return self.throttle.wait(name, address)
