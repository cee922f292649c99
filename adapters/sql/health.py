"""The health of providers in SQL."""

import json
from collections.abc import Sequence
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import (
    BigInteger,
    Delete,
    Insert,
    Select,
    bindparam,
    delete,
    func,
    select,
    tuple_,
    type_coerce,
)
from sqlalchemy.dialects import postgresql, sqlite

from adapters.sql.columns import Moment, Words
from adapters.sql.health_tables import BINS, health_buckets, health_reports, health_standings
from adapters.sql.rows import Row
from adapters.sql.session import Session
from adapters.sql.sets import Rows
from application.ports import Clock, Observed
from domain.health import ProcessReport
from domain.measures import COUNTS, Bucket, Tally
from domain.standings import Reason, Route, Standing, State

_KEY = ("provider", "country", "currency")
_SINCE = bindparam("since", type_=Moment)
_MOST = bindparam("most", type_=BigInteger)


def _added(insert: Any) -> Insert:  # noqa: ANN401 -- an INSERT of either dialect
    """Insert buckets, or add to those that are there."""
    table = health_buckets.c
    sums = {name: table[name] + insert.excluded[name] for name in (*COUNTS, *BINS)}
    added: Insert = insert.on_conflict_do_update(index_elements=[*_KEY, "start"], set_=sums)
    return added


def _moved(insert: Any) -> Insert:  # noqa: ANN401 -- an INSERT of either dialect
    """Insert standings, or put them in place of the ones that they follow."""
    new = insert.excluded
    names = ("state", "reason", "since", "version", "note", "by")
    moved: Insert = insert.on_conflict_do_update(
        index_elements=list(_KEY),
        set_={name: new[name] for name in names},
        where=health_standings.c.version == new.version - 1,
    )
    return moved


_MEASURED = Rows(health_buckets, [column.name for column in health_buckets.columns], _added)
_STANDINGS = Rows(health_standings, [column.name for column in health_standings.columns], _moved)


@cache
def _report(dialect: str, *, by_database_time: bool) -> Insert:
    at: Any = bindparam("told_at", type_=Moment)
    if by_database_time:
        at = func.clock_timestamp(type_=Moment)
    insert = sqlite.insert if dialect == "sqlite" else postgresql.insert
    new = insert(health_reports).values(
        process=bindparam("this", type_=health_reports.c.process.type),
        at=at,
        works=bindparam("working", type_=Words),
        trips=bindparam("tripped", type_=Words),
    )
    kept: Insert = new.on_conflict_do_update(
        index_elements=["process"],
        set_={name: new.excluded[name] for name in ("at", "works", "trips")},
    )
    return kept


@cache
def _standings() -> Select[Any]:
    row = health_standings.c
    return select(health_standings).order_by(row.provider, row.country, row.currency)


@cache
def _reports() -> Select[Any]:
    return select(health_reports).order_by(health_reports.c.process)


@cache
def _moment() -> Select[Any]:
    return select(type_coerce(func.clock_timestamp(), Moment).label("moment"))


@cache
def _buckets() -> Select[Any]:
    row = health_buckets.c
    return (
        select(health_buckets)
        .where(row.start >= _SINCE)
        .order_by(row.start, row.provider, row.country, row.currency)
    )


@cache
def _newest() -> Select[Any]:
    row = health_buckets.c
    return (
        select(health_buckets)
        .where(row.start >= _SINCE, row.provider == bindparam("of", type_=Words))
        .order_by(row.start.desc(), row.country.desc(), row.currency.desc())
        .limit(_MOST)
    )


@cache
def _prune() -> Delete:
    row = health_buckets.c
    before = bindparam("before", type_=Moment)
    place = tuple_(row.provider, row.country, row.currency, row.start)
    columns = (row.provider, row.country, row.currency, row.start)
    oldest = select(*columns).where(row.start < before).order_by(row.start).limit(_MOST)
    return delete(health_buckets).where(place.in_(oldest))


@cache
def _prune_reports() -> Delete:
    return delete(health_reports).where(health_reports.c.at < bindparam("before", type_=Moment))


class SqlHealth:
    """Implements `Health`. clock: see SqlCashOuts."""

    def __init__(self, session: Session, clock: Clock | None = None) -> None:
        self._session = session
        self._clock = clock

    @property
    def _by_database_time(self) -> bool:
        return self._session.is_postgres and self._clock is None

    async def add(self, buckets: Sequence[Bucket]) -> None:
        """Add counts to what is stored for the same route and start."""
        # In one order everywhere: two processes that add to the same ones do not block each other.
        ordered = sorted(buckets, key=lambda each: (each.start, each.route))
        await self._session.write(_MEASURED, [_bucket_to_row(each) for each in ordered])

    async def report(self, report: ProcessReport) -> None:
        """Keep the latest report of a process."""
        statement = _report(self._session.dialect, by_database_time=self._by_database_time)
        at = {} if self._by_database_time else {"told_at": report.at}
        trips = [[*_key(route), str(reason)] for route, reason in sorted(report.trips.items())]
        words = {"working": json.dumps(report.works), "tripped": json.dumps(trips)}
        await self._session.run(statement, {"this": report.process, **at, **words})

    async def standings(self) -> list[Standing]:
        """Return every standing that was ever stored, by route."""
        return [_standing(row) for row in await self._session.rows(_standings())]

    async def observed(self, since: datetime, now: datetime) -> Observed:
        """Return the standings, the buckets from `since` on, and the reports."""
        if self._by_database_time:
            there: datetime = (await self._session.rows(_moment()))[0]["moment"]
            since, now = since + (there - now), there
        buckets = await self._session.rows(_buckets(), {"since": since})
        reports = await self._session.rows(_reports())
        return Observed(
            now,
            tuple(await self.standings()),
            tuple(_bucket(row) for row in buckets),
            tuple(_process_report(row) for row in reports),
        )

    async def buckets(self, provider: str, since: datetime, most: int) -> list[Bucket]:
        """Return the newest `most` buckets of a provider from `since` on, in order."""
        given = {"since": since, "of": provider, "most": most}
        rows = await self._session.rows(_newest(), given)
        return [_bucket(row) for row in reversed(rows)]

    async def save(self, standings: Sequence[Standing]) -> None:
        """Store standings; raise Conflict unless each follows the stored version."""
        rows = [_standing_to_row(each) for each in sorted(standings, key=lambda each: each.route)]
        if await self._session.write(_STANDINGS, rows) != len(rows):
            raise self._session.conflict("a standing was changed meanwhile")

    async def prune(self, before: datetime, most: int) -> int:
        """Remove up to `most` buckets that start before, and old reports; return how many."""
        await self._session.run(_prune_reports(), {"before": before})
        gone = await self._session.run(_prune(), {"before": before, "most": most})
        return int(gone.rowcount)


def _key(route: Route) -> tuple[str, str, str]:
    return route.provider, route.country, route.currency


def _route(row: Row) -> Route:
    return Route(row["provider"], row["country"], row["currency"])


def _bucket_to_row(bucket: Bucket) -> dict[str, object]:
    key = dict(zip(_KEY, _key(bucket.route), strict=True))
    counts = {name: getattr(bucket.tally, name) for name in COUNTS}
    bins = dict(zip(BINS, bucket.tally.latency, strict=True))
    return {**key, "start": bucket.start, **counts, **bins}


def _bucket(row: Row) -> Bucket:
    counts = {name: row[name] for name in COUNTS}
    tally = Tally(**counts, latency=tuple(row[name] for name in BINS))
    return Bucket(_route(row), row["start"], tally)


def _standing_to_row(standing: Standing) -> dict[str, object]:
    key = dict(zip(_KEY, _key(standing.route), strict=True))
    return {
        **key,
        "state": standing.state,
        "reason": standing.reason,
        "since": standing.since,
        "version": standing.version,
        "note": standing.note,
        "by": standing.by,
    }


def _standing(row: Row) -> Standing:
    """Return a stored standing; in words that are not known here, as one that is closed."""
    unread = ""
    try:
        state = State(row["state"])
        reason = Reason(row["reason"]) if row["reason"] else None
    except ValueError:
        # As if by hand: it is not judged here, and so is as it was once its version is back.
        state, reason = State.CLOSED, Reason.BY_HAND
        unread = " ".join(each for each in (row["state"], row["reason"]) if each)
    return Standing(
        _route(row), state, reason, row["since"], row["version"], row["note"], row["by"], unread
    )


def _process_report(row: Row) -> ProcessReport:
    return ProcessReport(
        process=row["process"],
        at=row["at"],
        works=tuple(json.loads(row["works"])),
        trips={
            Route(provider, country, currency): Reason(reason)
            for provider, country, currency, reason in json.loads(row["trips"])
        },
    )
