"""Statements that go straight to PostgreSQL's driver: compiled once, many rows as columns.

Through SQLAlchemy's bridge a statement costs more processor time than a small batch's rows do. What
a statement says is still written in SQLAlchemy, once for all databases.
"""

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, Final

import asyncpg
from sqlalchemy import Dialect, Executable
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.dialects.postgresql import asyncpg as driver
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.elements import ClauseElement
from sqlalchemy.types import TypeEngine

_DIALECT: Final[Dialect] = driver.dialect()  # type: ignore[no-untyped-call]
_MOST_STATEMENTS: Final = 200
"""More than there are: each is built once and has one text for any batch."""

Write = Callable[[Any], Any]


class Direct:
    """One statement as the driver takes it."""

    def __init__(self, statement: Executable) -> None:
        if not isinstance(statement, ClauseElement):
            message = f"{statement!r} cannot be compiled"
            raise TypeError(message)
        compiled = statement.compile(dialect=_DIALECT, compile_kwargs={"render_postcompile": True})
        if not isinstance(compiled, SQLCompiler):
            message = f"{statement!r} is not a statement over rows"
            raise TypeError(message)
        self.text = compiled.string
        self._names = tuple(compiled.positiontup or ())
        self.size = len(self._names)
        self._known = dict(compiled.params)
        self._writers = {name: _writer(compiled.binds[name].type) for name in self._names}

    def values(self, parameters: Mapping[str, Any]) -> list[Any]:
        """Return the values in the statement's order; raise KeyError for one that is missing."""
        found: list[Any] = []
        for name in self._names:
            value = parameters[name] if name in parameters else self._known[name]
            write = self._writers[name]
            found.append(write(value) if write else value)
        return found

    async def fetch(
        self, connection: "asyncpg.Connection[Any]", parameters: Mapping[str, Any]
    ) -> list[dict[str, Any]]:
        """Return the rows that come back, by column name."""
        return [dict(row) for row in await connection.fetch(self.text, *self.values(parameters))]

    async def run(
        self, connection: "asyncpg.Connection[Any]", parameters: Mapping[str, Any]
    ) -> int:
        """Return how many rows were touched."""
        status = await connection.execute(self.text, *self.values(parameters))
        count = status.rpartition(" ")[2]
        return int(count) if count.isdigit() else 0


@lru_cache(maxsize=_MOST_STATEMENTS)
def direct(statement: Executable) -> Direct:
    """Return a statement as the driver takes it; it is compiled the first time only."""
    return Direct(statement)


def _writer(kind: TypeEngine[Any]) -> Write | None:
    # Arrays are written as columns already.
    if isinstance(kind, ARRAY):
        return None
    return kind.dialect_impl(_DIALECT).bind_processor(_DIALECT)
