"""Refused sign-ins as the operators' log tells them: few entries, however many there are.

The log is kept for ever and anybody can fail to sign in: what strangers have written into it is
bounded by the number of accounts, never by theirs.
"""

from dataclasses import dataclass, field
from datetime import timedelta

WINDOW = timedelta(minutes=15)
"""From an account's first refusal; after that, the next one is a first again."""
MOST_ENTRIES = 2
"""Of an account in a window, and of all names that are none together: the first refusal, and the
first one after which somebody has to wait."""


@dataclass(slots=True)
class _Window:
    began: timedelta
    refused: int = 0
    locked: bool = False
    unwritten: int = 0


@dataclass(frozen=True, slots=True)
class Noted:
    """What an entry tells. refused: how many in this window until now, this one included.

    unwritten: how many there were before it that no entry tells of. locked: who goes on has to
    wait, for the first time in this window.
    """

    refused: int
    unwritten: int
    locked: bool


@dataclass(slots=True)
class RefusedSignIns:
    """Decides which refusals are entries, in this process and in memory alone."""

    _windows: dict[str, _Window] = field(default_factory=dict)

    def note(self, name: str, now: timedelta, *, waits: bool, full: bool = False) -> Noted | None:
        """Count a refusal; return what its entry tells, None where it is none.

        name: of an account that exists, or one for all that do not: what is kept here grows with
        the accounts. now: on the process's clock. waits: the next try has to wait. full: there is
        no room for an entry, so that a later one tells of it.
        """
        known = self._windows.get(name)
        if known is None or now - known.began >= WINDOW:
            before = known.unwritten if known is not None else 0
            known = self._windows[name] = _Window(now, unwritten=before)
        known.refused += 1
        locks = waits and not known.locked
        if full or (known.refused > 1 and not locks):
            known.unwritten += 1
            return None
        noted = Noted(known.refused, known.unwritten, locks)
        known.locked, known.unwritten = known.locked or locks, 0
        return noted
