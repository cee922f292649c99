"""A throttle for guesses: after a few failures in a row, whoever goes on has to wait."""

import ipaddress
from collections import OrderedDict
from dataclasses import dataclass, field
from datetime import timedelta

from application.ports import Clock

NAME_FREE = 5
"""Failures under one name before it has to wait."""
ADDRESS_FREE = 50
"""The same for an address, behind which a whole office may be."""
FIRST_WAIT = timedelta(seconds=2)
LONGEST_WAIT = timedelta(minutes=1)
"""Each further failure doubles the wait, up to this: nobody can lock an operator out for longer."""
LINE_BITS = 64
"""Of an address of IPv6: what all have in common that a provider gave to one line."""
FORGOTTEN_AFTER = timedelta(minutes=15)
REMEMBERED_MOST = 10_000
"""Names and addresses; beyond these the one that failed longest ago is forgotten."""


@dataclass(slots=True)
class _Failures:
    count: int
    last: timedelta


@dataclass(slots=True)
class Throttle:
    """Counts failures by name and by address, in this process and in memory alone.

    Of an address of IPv6, its network counts: one line of a provider has 2^64 of them.
    """

    clock: Clock
    _failures: OrderedDict[tuple[str, str], _Failures] = field(default_factory=OrderedDict)

    def wait(self, name: str, address: str) -> timedelta:
        """Return how long this name and address have to wait before the next try; may be zero."""
        return max(
            self._wait("name", name, NAME_FREE),
            self._wait("address", _line(address), ADDRESS_FREE),
        )

    def failed(self, name: str, address: str) -> None:
        """Count a failure."""
        for key in (("name", name), ("address", _line(address))):
            known = self._known(key)
            count = 1 if known is None else known.count + 1
            self._failures[key] = _Failures(count, self.clock.elapsed())
            self._failures.move_to_end(key)
        while len(self._failures) > REMEMBERED_MOST:
            self._failures.popitem(last=False)

    def succeeded(self, name: str) -> None:
        """Forget the failures of a name; those of its address stay."""
        self._failures.pop(("name", name), None)

    def _wait(self, kind: str, key: str, free: int) -> timedelta:
        known = self._known((kind, key))
        if known is None or known.count < free:
            return timedelta(0)
        doubled = FIRST_WAIT * (1 << min(known.count - free, 16))
        return max(timedelta(0), known.last + min(doubled, LONGEST_WAIT) - self.clock.elapsed())

    def _known(self, key: tuple[str, str]) -> _Failures | None:
        known = self._failures.get(key)
        if known is not None and self.clock.elapsed() - known.last >= FORGOTTEN_AFTER:
            del self._failures[key]
            return None
        return known


def _line(address: str) -> str:
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(found, ipaddress.IPv4Address):
        return address
    return str(ipaddress.ip_network((int(found), LINE_BITS), strict=False))
