"""After the faults: what must have come to rest, and what must agree with what."""

import asyncio
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from adapters.nats.connection import NatsConnection
from adapters.nats.stream import JetStreamEvents
from adapters.sandbox.engine import Engine
from adapters.sandbox.ledger import Ledger
from adapters.sandbox.ledger_file import read_entries
from adapters.sandbox.settings import SandboxSettings
from domain.events import Event, EventType
from domain.evidence import ReviewReason
from tests.entrypoints.orders import ENDED
from tests.nemesis.cluster import OURS, Cluster
from tests.nemesis.load import Asked

REST_WITHIN_S = 90.0
_LOOK_S = 0.5
_STILL = 4
"""Looks in a row that must find everything ended, told and unchanged."""
_READ_WITHIN_S = 30.0
_SETTLE_S = 0.3
_STOPPED_WITHIN_S = 45.0
_TRACE_LINES = 80
_TRACE_MOST = 8_000

_OPEN = """
SELECT id, status, msisdn, reference FROM cash_outs
WHERE status IN ('pending', 'processing') AND review IS NULL"""
_MOVES = """
SELECT coalesce(sum(events + pieces), 0) AS moves,
       (SELECT count(*) FROM outbox WHERE sent_at IS NULL) AS untold
FROM cash_outs WHERE status IN ('completed', 'failed', 'cancelled')"""
_CASH_OUTS = """
SELECT id, user_id, wallet_id, msisdn, reference, status, review, amount_minor FROM cash_outs"""
_KEYS = "SELECT user_id, key, cash_out_id FROM idempotency_keys"
_OUTBOX = "SELECT event_id, cash_out_id, sequence, type FROM outbox"
_COUNTERS = """
SELECT * FROM limit_counters FULL JOIN (
    SELECT user_id, provider, currency, "window", sum(amount_minor) AS held
    FROM cash_outs, LATERAL (VALUES
        (to_char(created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD')),
        (to_char(created_at AT TIME ZONE 'UTC', 'YYYY-MM'))) AS windows("window")
    WHERE status NOT IN ('failed', 'cancelled')
    GROUP BY user_id, provider, currency, "window"
) AS stored USING (user_id, provider, currency, "window")
WHERE coalesce(used_minor, 0) <> coalesce(held, 0)"""

_ENDINGS = {f"cash_out.{status}": status for status in ENDED}

Row = Mapping[str, Any]


async def rest(cluster: Cluster) -> tuple[float, list[str]]:
    """Wait until nothing moves any more; return the seconds it took and what does not rest."""
    began = time.monotonic()
    before: object = None
    still = 0
    open_ones: list[Row] = []
    while time.monotonic() < began + REST_WITHIN_S:
        open_ones = await cluster.query(_OPEN)
        (moves,) = await cluster.query(_MOVES)
        calm = not open_ones and not moves["untold"] and moves == before
        still = still + 1 if calm else 0
        before = moves
        if still >= _STILL:
            return time.monotonic() - began, []
        await asyncio.sleep(_LOOK_S)
    waits = [f"{row['reference']} is {row['status']} and no review is open" for row in open_ones]
    return REST_WITHIN_S, [f"no rest within {REST_WITHIN_S:.0f} s, at last {before}", *waits]


async def stop(cluster: Cluster) -> Iterator[str]:
    """Stop our processes in an orderly way; return who did not end as asked."""
    codes = {}
    for name in ("sandbox", "api", "worker-1", "worker-2"):
        member = cluster.members[name]
        # Kept: from here on nobody starts it again.
        await member.busy.acquire()
        codes[name] = await member.stop(_STOPPED_WITHIN_S)
    return (f"{name} ended with {code} at SIGTERM" for name, code in codes.items() if code != 0)


@dataclass(frozen=True, slots=True)
class Findings:
    """All that is left, read once everything stands still."""

    cash_outs: Mapping[str, Row]
    keys: Sequence[Row]
    outbox: Sequence[Row]
    counters: Sequence[Row]
    events: Sequence[Event]
    ledger: Ledger
    logs: Mapping[str, str]

    @property
    def tally(self) -> Counter[str]:
        """Count cash-outs by how they stand."""
        return Counter(
            row["status"] + (f", review: {row['review']}" if row["review"] else "")
            for row in self.cash_outs.values()
        )


async def find(cluster: Cluster) -> Findings:
    """Read database, stream, ledger and logs."""
    rows = await cluster.query(_CASH_OUTS)
    outbox = await cluster.query(_OUTBOX)
    engine = Engine(SandboxSettings())
    engine.transactions.restore(read_entries(cluster.ledger.read_bytes(), cluster.ledger.name))
    return Findings(
        cash_outs={row["id"]: row for row in rows},
        keys=await cluster.query(_KEYS),
        outbox=outbox,
        counters=await cluster.query(_COUNTERS),
        events=await _told(cluster, {UUID(row["event_id"]) for row in outbox}),
        ledger=engine.ledger,
        logs=cluster.logs(),
    )


async def _told(cluster: Cluster, expected: set[UUID]) -> list[Event]:
    """Read the stream from its start until all that is expected came, or time is over."""
    connection = NatsConnection(cluster.nats.url)
    events: list[Event] = []
    missing = set(expected)

    async def read() -> None:
        async for event in JetStreamEvents(connection).follow(since_start=True):
            events.append(event)
            missing.discard(event.id)

    reading = asyncio.create_task(read())
    try:
        give_up_at = time.monotonic() + _READ_WITHIN_S
        while missing and time.monotonic() < give_up_at:  # noqa: ASYNC110 -- a bound, not an event
            await asyncio.sleep(_SETTLE_S)
        # Whatever is there twice, or is there without being known to us, is there by now.
        await asyncio.sleep(_SETTLE_S)
    finally:
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)
        await connection.close()
    return events


def judge(asked: Sequence[Asked], found: Findings) -> list[str]:
    """Return a line for everything that is not as it must be."""
    return [
        *_acknowledged_ones_are_kept(asked, found),
        *_no_order_is_kept_twice(asked, found),
        *_records_agree_with_the_ledger(found),
        *_the_stream_tells_the_same(found),
        *(f"limit counter and cash-outs differ: {row}" for row in found.counters),
        *_nobody_stumbled(found.logs),
    ]


def _acknowledged_ones_are_kept(asked: Sequence[Asked], found: Findings) -> Iterator[str]:
    for each in asked:
        for cash_out_id in each.ids:
            row = found.cash_outs.get(cash_out_id)
            if row is None:
                yield f"lost: {each.key} of {each.user} was answered {cash_out_id}"
                continue
            if row["status"] not in ENDED and not row["review"]:
                yield f"{row['reference']} is {row['status']} for ever"
            if each.endings - {row["status"]}:
                yield f"{row['reference']} is {row['status']}, shown before: {each.endings}"
            if each.cancelled and row["status"] != "cancelled":
                yield f"{row['reference']} was cancelled and is {row['status']}"


def _no_order_is_kept_twice(asked: Sequence[Asked], found: Findings) -> Iterator[str]:
    by_wallet: defaultdict[str, list[str]] = defaultdict(list)
    for row in found.cash_outs.values():
        by_wallet[row["wallet_id"]].append(row["id"])
    by_key = {(row["user_id"], row["key"]): row["cash_out_id"] for row in found.keys}
    known = {each.wallet for each in asked}
    for each in asked:
        ids = by_wallet.get(each.wallet, [])
        kept = by_key.get((each.user, each.key))
        if len(ids) > 1 or len(each.ids) > 1:
            yield f"{each.key} of {each.user} became {ids}, answered {each.ids}"
        if each.refused and (ids or kept):
            yield f"{each.key} of {each.user} was refused and is kept as {ids}"
        if each.ids and {kept} != each.ids:
            yield f"{each.key} of {each.user} leads to {kept}, answered {each.ids}"
    yield from (f"nobody asked for {wallet}" for wallet in by_wallet.keys() - known)


def _records_agree_with_the_ledger(found: Findings) -> Iterator[str]:
    for reference in found.ledger.paid_more_than_once():
        yield f"{reference} was paid {found.ledger.count(reference)} times"
    ours = {row["reference"] for row in found.cash_outs.values()}
    yield from (
        f"{paid.reference} was paid and is none of ours"
        for paid in found.ledger
        if paid.reference not in ours
    )
    for row in found.cash_outs.values():
        paid = found.ledger.count(row["reference"]) > 0
        excused = row["review"] not in {None, ReviewReason.UNKNOWN_TOO_LONG}
        if row["status"] in ENDED and not excused and paid != (row["status"] == "completed"):
            story = row["msisdn"][-3:]
            yield f"{row['reference']} ({story}) is {row['status']}; paid: {paid}"


def _the_stream_tells_the_same(found: Findings) -> Iterator[str]:
    once = {event.id: event for event in reversed(found.events)}
    untold = {UUID(row["event_id"]) for row in found.outbox} - once.keys()
    yield from (f"event {each} never reached the stream" for each in untold)
    first_seen: dict[UUID, Event] = {}
    for event in found.events:
        first_seen.setdefault(event.id, event)
    stories: defaultdict[str, list[Event]] = defaultdict(list)
    for event in first_seen.values():
        # How a provider does is told by the same stream, of something that is no cash-out.
        if event.type != EventType.HEALTH_CHANGED:
            stories[str(event.cash_out_id)].append(event)
    yield from (f"told of, but not kept: {each}" for each in stories.keys() - found.cash_outs)
    for cash_out_id, row in found.cash_outs.items():
        fault = _fault_of(stories.get(cash_out_id, []), row)
        if fault:
            yield f"events of {row['reference']} ({row['status']}, {row['review']}): {fault}"


def _fault_of(story: Sequence[Event], row: Row) -> str:
    types = [event.type for event in story]
    endings = [_ENDINGS[each] for each in types if each in _ENDINGS]
    if [event.sequence for event in story] != list(range(1, len(story) + 1)):
        return f"out of sequence: {[event.sequence for event in story]}"
    if not types or types[0] != EventType.INITIATED:
        return f"they begin with {types[:1]}"
    if endings != ([row["status"]] if row["status"] in ENDED else []):
        return f"endings told: {endings}"
    called, resolved = map(types.count, (EventType.NEEDS_REVIEW, EventType.REVIEW_RESOLVED))
    if called - resolved != bool(row["review"]):
        return f"its review is not told as it is: {types}"
    if row["status"] == "processing" and EventType.PROCESSING not in types:
        return f"processing was not told: {types}"
    return ""


def _nobody_stumbled(logs: Mapping[str, str]) -> Iterator[str]:
    for name in OURS:
        lines = logs[name].splitlines()
        for number, line in enumerate(lines, start=1):
            if "Traceback" in line or '"bug"' in line:
                # What went wrong is told at a traceback's end.
                told = "\n".join(lines[number - 1 : number + _TRACE_LINES])
                yield f"{name}.log, line {number}: {told[:_TRACE_MOST]}"
