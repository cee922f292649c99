"""Many rows in one statement whose text is always the same, whatever their number.

PostgreSQL is given one array per column, SQLite one JSON document: no limit on variables is met,
and the database plans the statement once.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from operator import itemgetter
from typing import Any, TypeVar

from sqlalchemy import (
    Dialect,
    FromClause,
    Insert,
    Table,
    Text,
    bindparam,
    column,
    func,
    select,
    type_coerce,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.types import TypeDecorator, TypeEngine

from adapters.sql.columns import Moment, Words

MOST_AT_ONCE = 1_000
"""The most rows that one statement is given."""

_PREFIX = "given_"
_DOCUMENT = "given_rows"

Item = TypeVar("Item")


class Given:
    """The columns of a set of rows that is handed to the database; in statements it is `given`."""

    def __init__(self, columns: Mapping[str, TypeEngine[Any] | type[TypeEngine[Any]]]) -> None:
        self._types = {
            name: kind() if isinstance(kind, type) else kind for name, kind in columns.items()
        }

    def table(self, dialect: str) -> FromClause:
        """Return what a statement selects from or joins with."""
        return self._document() if dialect == "sqlite" else self._arrays()

    def parameters(self, dialect: Dialect, rows: Sequence[Sequence[object]]) -> dict[str, object]:
        """Return what the statement is executed with; each row has its values in column order."""
        if dialect.name != "sqlite":
            columns = zip(self._types.items(), zip(*rows, strict=True), strict=True)
            return {_PREFIX + name: _stored(kind, values) for (name, kind), values in columns}
        writers = [
            kind.dialect_impl(dialect).bind_processor(dialect) for kind in self._types.values()
        ]
        document = [
            [write(value) if write else value for write, value in zip(writers, row, strict=True)]
            for row in rows
        ]
        return {_DOCUMENT: json.dumps(document)}

    def _arrays(self) -> FromClause:
        arrays = [
            bindparam(_PREFIX + name, type_=ARRAY(_plain(kind)))
            for name, kind in self._types.items()
        ]
        columns = [column(name, kind) for name, kind in self._types.items()]
        return func.unnest(*arrays).table_valued(*columns, name="given").render_derived()

    def _document(self) -> FromClause:
        rows = func.json_each(bindparam(_DOCUMENT, type_=Text)).table_valued("value", name="each")
        values = [
            type_coerce(func.json_extract(rows.c.value, f"$[{index}]"), kind).label(name)
            for index, (name, kind) in enumerate(self._types.items())
        ]
        return select(*values).subquery("given")


class Rows:
    """Rows that go into a table together, or change it where they are in it already.

    columns: those that are given, two or more; the others get their defaults. otherwise: adds what
    happens on a conflict to the INSERT of either dialect.
    """

    def __init__(
        self,
        table: Table,
        columns: Sequence[str],
        otherwise: Callable[[Any], Insert] = lambda insert: insert,
    ) -> None:
        self.given = Given({name: table.c[name].type for name in columns})
        self.names = tuple(columns)
        self.values: Callable[[Mapping[str, Any]], tuple[object, ...]] = itemgetter(*columns)
        self._table = table
        self._otherwise = otherwise

    @cache  # noqa: B019 -- there is one for each table, as long as the process runs
    def insert(self, dialect: str) -> Insert:
        """Return the statement: for all rows at once on PostgreSQL, for each of them on SQLite."""
        if dialect == "sqlite":
            return self._otherwise(sqlite.insert(self._table))
        given = self.given.table(dialect)
        rows = select(*(given.c[name] for name in self.names))
        insert = postgresql.insert(self._table).from_select(self.names, rows)
        return self._otherwise(insert)


def _plain(kind: TypeEngine[Any]) -> TypeEngine[Any]:
    return kind.impl_instance if isinstance(kind, TypeDecorator) else kind


def _stored(kind: TypeEngine[Any], values: Sequence[Any]) -> Sequence[Any]:
    return kind.stored(values) if isinstance(kind, Moment | Words) else values


def chunks(items: Sequence[Item]) -> Iterator[Sequence[Item]]:
    """Yield the items in pieces that one statement may be given."""
    for start in range(0, len(items), MOST_AT_ONCE):
        yield items[start : start + MOST_AT_ONCE]
