"""The operators' log: what people did, in one chain that only ever grows."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from domain.chain import log_hash

Fact = str | int | bool | None
"""What an entry may tell: no money as a float, no text that names a payee."""


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """What somebody did.

    operator: who, as signed in; `service` for the service itself. action: a word with dots, such as
    `review.proposed`. subject: what it was done to: the id of a cash-out, run or account. facts:
    what a reader needs to understand it; no secret, no full number, no name of a payee.
    """

    at: datetime
    operator: str
    action: str
    subject: str
    facts: Mapping[str, Fact] = field(default_factory=dict)

    @property
    def written_facts(self) -> str:
        """The facts as canonical JSON: sorted, without spaces."""
        return json.dumps(
            dict(self.facts), sort_keys=True, separators=(",", ":"), ensure_ascii=False
        )


@dataclass(frozen=True, slots=True)
class LoggedEntry:
    """An entry at its place: sequence 1.. without gaps, chained by `hash` to the one before."""

    sequence: int
    entry: AuditEntry
    previous: str
    hash: str


def link(entry: AuditEntry, sequence: int, previous: str) -> LoggedEntry:
    """Return the entry as the next link behind the hash of the one before."""
    made = log_hash(
        previous,
        sequence,
        entry.at,
        entry.operator,
        entry.action,
        entry.subject,
        entry.written_facts,
    )
    return LoggedEntry(sequence, entry, previous, made)


class OperatorsLog(Protocol):
    """The log inside a transaction. Appends are made one at a time, in the order of their commits.

    Whoever appends holds up everybody else who does until the transaction ends: append last, and
    never where a cash-out is taken, sent or recorded.
    """

    async def append(self, entry: AuditEntry) -> LoggedEntry:
        """Write an entry behind the newest; return it with its link."""
        ...

    async def last(self, subject: str) -> LoggedEntry | None:
        """Return the newest entry about a subject; nobody else appends until the end."""
        ...


class AuditReader(Protocol):
    """Reads of the operators' log that need no transaction. Raises StorageUnavailable."""

    async def entries(self, after: int, limit: int) -> list[LoggedEntry]:
        """Return entries behind a sequence, oldest first; 0 is before the first."""
        ...

    async def newest(self, limit: int, *, before: int | None = None) -> list[LoggedEntry]:
        """Return entries newest first: the newest of all, or those before a sequence."""
        ...

    async def about(self, subject: str, limit: int) -> list[LoggedEntry]:
        """Return the newest entries about one subject, oldest first."""
        ...
