"""Many rows in one statement whose text is always the same, whatever their number.

PostgreSQL is given one array per column, SQLite one JSON document: no limit on variables is met,
and the database plans the statement once.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeVar

from sqlalchemy import Dialect, FromClause, Text, bindparam, column, func, select, type_coerce
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.types import TypeEngine

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
            columns = zip(*rows, strict=True)
            return {_PREFIX + name: list(c) for name, c in zip(self._types, columns, strict=True)}
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
            bindparam(_PREFIX + name, type_=ARRAY(kind)) for name, kind in self._types.items()
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


def chunks(items: Sequence[Item]) -> Iterator[Sequence[Item]]:
    """Yield the items in pieces that one statement may be given."""
    for start in range(0, len(items), MOST_AT_ONCE):
        yield items[start : start + MOST_AT_ONCE]
