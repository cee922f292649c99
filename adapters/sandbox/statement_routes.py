"""The control plane's statements: a provider's ledger as a CSV file, and what was planted in it."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from litestar import MediaType, Response, get
from litestar.di import NamedDependency
from litestar.exceptions import ClientException, NotFoundException
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath, FromQuery

from adapters.sandbox.clock import SandboxClock
from adapters.sandbox.corridors import PROVIDERS
from adapters.sandbox.engine import Engine
from adapters.sandbox.statements import (
    MOST_PLANTED,
    Plant,
    Planted,
    Row,
    TooFewPayouts,
    planted_view,
    rows_of,
    written,
)
from adapters.sandbox.statements import plant as draw


@dataclass(frozen=True, slots=True)
class Books:
    """What statements are made of."""

    engine: Engine
    clock: SandboxClock


@get("/statements/{provider:str}", media_type="text/csv")
async def export_statement(
    books: NamedDependency[Books],
    provider: FromPath[str],
    since: FromQuery[datetime | None] = None,
    until: FromQuery[datetime | None] = None,
    plant: FromQuery[int] = 0,
    seed: FromQuery[int] = 1,
) -> Response[str]:
    """Return what a provider paid as its statement; `plant`: so many breaks of each kind."""
    rows, _ = _drawn(books, provider, since, until, plant, seed)
    headers = {"content-disposition": f'attachment; filename="{provider}.csv"'}
    text = "".join(written(rows, provider))
    return Response(text, media_type="text/csv; charset=utf-8", headers=headers)


@get("/statements/{provider:str}/planted", media_type=MediaType.JSON)
async def list_planted(
    books: NamedDependency[Books],
    provider: FromPath[str],
    since: FromQuery[datetime | None] = None,
    until: FromQuery[datetime | None] = None,
    plant: FromQuery[int] = 0,
    seed: FromQuery[int] = 1,
) -> list[dict[str, Any]]:
    """Return which breaks the statement with these same parameters has."""
    _, planted = _drawn(books, provider, since, until, plant, seed)
    return planted_view(planted)


HANDLERS: Final[tuple[HTTPRouteHandler, ...]] = (export_statement, list_planted)


def _drawn(
    books: Books,
    provider: str,
    since: datetime | None,
    until: datetime | None,
    each: int,
    seed: int,
) -> tuple[list[Row], list[Planted]]:
    if provider not in PROVIDERS:
        raise NotFoundException("no such provider")
    if not 0 <= each <= MOST_PLANTED:
        raise ClientException(f"plant is from 0 to {MOST_PLANTED}")
    books.engine.settle(books.clock.now())
    rows = rows_of(books.engine.ledger, provider, _aware(since), _aware(until))
    try:
        return draw(rows, dict.fromkeys(Plant, each), seed)
    except TooFewPayouts as few:
        raise ClientException(str(few)) from None


def _aware(at: datetime | None) -> datetime | None:
    return at if at is None or at.tzinfo is not None else at.replace(tzinfo=UTC)
