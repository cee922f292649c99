"""Column types: moments that keep their zone, and text that every database takes."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import BigInteger, DateTime, Dialect, Text
from sqlalchemy.types import TypeDecorator, TypeEngine

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class Moment(TypeDecorator[datetime]):
    """An aware moment in UTC, to the microsecond.

    SQLite has no such type: there it is the microseconds since 1970, which sort as they should.
    """

    impl = DateTime(timezone=True)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Return how this database stores it."""
        plain: TypeEngine[Any] = DateTime(timezone=True)
        if dialect.name == "sqlite":
            plain = BigInteger()
        return dialect.type_descriptor(plain)

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:  # noqa: ANN401
        """Raise ValueError for a naive moment: nobody knows when it is."""
        if value is None:
            return None
        if value.tzinfo is None:
            message = "a moment without a zone cannot be stored"
            raise ValueError(message)
        if dialect.name == "sqlite":
            return (value - _EPOCH) // _MICROSECOND
        return value.astimezone(UTC)

    def stored(self, values: Sequence[datetime | None]) -> Sequence[datetime | None]:
        """Return a whole column as PostgreSQL's driver takes it; raise ValueError as above."""
        if any(value is not None and value.tzinfo is None for value in values):
            message = "a moment without a zone cannot be stored"
            raise ValueError(message)
        return values

    def process_result_value(self, value: Any | None, dialect: Dialect) -> datetime | None:  # noqa: ANN401
        """Return the moment in UTC."""
        if value is None:
            return None
        if dialect.name == "sqlite":
            return _EPOCH + _MICROSECOND * int(value)
        moment: datetime = value.astimezone(UTC)
        return moment


class Words(TypeDecorator[str]):
    """Text that others wrote. PostgreSQL takes no NUL, neither database a lone surrogate.

    Both come as U+FFFD: news with a strange character in it must be stored, not lost.
    """

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        """Return the text with the characters replaced that cannot be stored."""
        del dialect
        return None if value is None else _storable(value)

    def stored(self, values: Sequence[str | None]) -> Sequence[str | None]:
        """Return a whole column as PostgreSQL's driver takes it."""
        together = "".join(value for value in values if value is not None)
        if _is_plain(together):
            return values
        return [None if value is None else _storable(value) for value in values]


def _is_plain(value: str) -> bool:
    return value.isascii() and "\0" not in value


def _storable(value: str) -> str:
    if _is_plain(value):
        return value
    replaced = value.replace("\0", "\ufffd")
    return replaced.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
