"""What a transaction has still to write: on PostgreSQL it is all said in one statement.

Nobody waits for the answer to a write that is checked at the end anyway, so writes are owed until
something is read or the transaction is committed. Then they are one statement of data-modifying
CTEs: one round trip instead of one for each table.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final

import asyncpg
from sqlalchemy import Insert, Table, Update

from adapters.sql.direct import Direct, direct
from application.ports import Conflict

_MOST_TEXTS: Final = 200
"""More than there are: one for each set of tables that some unit writes together."""

_PLACE = re.compile(r"\$(\d+)")

Shape = tuple[Direct, bool]
"""A statement, and whether the rows that it touches are counted."""


@dataclass(frozen=True, slots=True)
class Write:
    """A statement with its values. exactly: so many rows it must touch, or it is a Conflict."""

    statement: Direct
    into: Table
    values: Sequence[Any]
    exactly: int | None = None
    otherwise: str = ""

    @property
    def shape(self) -> Shape:
        """Return what the text of a common statement depends on."""
        return self.statement, self.exactly is not None


def write(
    statement: Insert | Update,
    parameters: Mapping[str, Any],
    exactly: int | None = None,
    otherwise: str = "",
) -> Write:
    """Return a write as the driver takes it; raise ValueError for a value that cannot be stored."""
    into = statement.table
    if not isinstance(into, Table):
        message = f"{into!r} is not a table of ours"
        raise TypeError(message)
    said = direct(statement)
    return Write(said, into, said.values(parameters), exactly, otherwise)


@dataclass(slots=True)
class Owed:
    """The writes of one transaction that the database has not been told yet, in order."""

    writes: list[Write] = field(default_factory=list)

    def __bool__(self) -> bool:
        """Tell whether anything is owed."""
        return bool(self.writes)

    def goes_beside(self, one: Write) -> bool:
        """Tell whether a write can be said together with the others.

        In one statement all see the same moment, so a table is written once.
        """
        return all(one.into is not other.into for other in self.writes)

    @property
    def checks_itself(self) -> bool:
        """Tell whether the database refuses what may not be: nothing is counted afterwards."""
        return all(one.exactly is None for one in self.writes)

    async def pay(self, connection: "asyncpg.Connection[Any]") -> None:
        """Say it all in one statement; raise Conflict where a write touched too few rows."""
        writes, self.writes = self.writes, []
        text = together(tuple(one.shape for one in writes))
        counts = await connection.fetchrow(text, *(value for one in writes for value in one.values))
        counted = [one for one in writes if one.exactly is not None]
        for one, touched in zip(counted, counts[: len(counted)], strict=True):
            if touched != one.exactly:
                raise Conflict(one.otherwise)


@lru_cache(maxsize=_MOST_TEXTS)
def together(shapes: tuple[Shape, ...]) -> str:
    """Return the text of one statement that says all of these, and selects what is counted."""
    parts: list[str] = []
    counts: list[str] = []
    places = 0
    for number, (statement, counted) in enumerate(shapes):
        text, places = _moved(statement.text, places), places + statement.size
        parts.append(f"w{number} AS ({text}{' RETURNING 1' if counted else ''})")
        if counted:
            counts.append(f"(SELECT count(*) FROM w{number})")  # noqa: S608 -- our own words
    return f"WITH {', '.join(parts)} SELECT {', '.join(counts) or '1'}"


def _moved(text: str, by: int) -> str:
    """Return a statement whose first parameter is $(by + 1)."""
    return _PLACE.sub(lambda place: f"${int(place[1]) + by}", text) if by else text
