"""`events tail`: what other services are told, as it is told."""

import asyncio
import contextlib
import json
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Any

from rich.text import Text

from application.ports import Reader
from domain.events import OF_PROVIDERS, Event
from domain.states import Status
from entrypoints.cli.exits import Exit
from entrypoints.cli.service_here import service_here, settings_here
from entrypoints.cli.terminal import Terminal, status_text
from entrypoints.settings import Settings

_LOOK_AGAIN_S = 0.1
_BATCH = 500


async def tail_events(
    *, kind: str | None, from_start: bool, follow: bool, count: int | None, as_json: bool
) -> int:
    """Print events until interrupted, until there were `count`, or to the newest one there is."""
    terminal, settings = Terminal(), settings_here()
    followed = _from_broker if settings.nats_url else _from_database
    ends = "Ctrl-C ends" if follow else "up to now"
    terminal.say(f"Events from {'NATS' if settings.nats_url else 'the database'}; {ends}.")
    source = followed(settings, from_start=from_start, follow=follow)
    async with contextlib.aclosing(source) as events:
        async for event in _wanted(events, kind, count):
            if as_json:
                terminal.json(_document(event))
            else:
                terminal.data(_line(event))
    return Exit.DONE


async def _wanted(
    events: AsyncIterator[Event], kind: str | None, count: int | None
) -> AsyncIterator[Event]:
    shown = 0
    async for event in events:
        if kind is None or event.type == kind:
            yield event
            shown += 1
            if shown == count:
                return


async def _from_broker(
    settings: Settings, *, from_start: bool, follow: bool
) -> AsyncGenerator[Event, None]:
    # nats-py takes half a second to import: only those pay who use it.
    from adapters.nats.connection import NatsConnection
    from adapters.nats.stream import JetStreamEvents
    from entrypoints.logs import set_up_logs

    set_up_logs("warning")
    connection = NatsConnection(settings.nats_url, name="cashout events tail")
    try:
        stream = JetStreamEvents(connection)
        async for event in stream.follow(since_start=from_start, to_end=not follow):
            yield event
    finally:
        await connection.close()


async def _from_database(
    _settings: Settings, *, from_start: bool, follow: bool
) -> AsyncGenerator[Event, None]:
    async with service_here() as service:
        position = 0 if from_start else await _newest(service.reader)
        while True:
            entries = await service.reader.events_after(position, _BATCH)
            for entry in entries:
                position = entry.position
                yield entry.event
            if not entries and not follow:
                return
            if not entries:
                await asyncio.sleep(_LOOK_AGAIN_S)


async def _newest(reader: Reader) -> int:
    newest = await reader.events_after(-1, 1)
    return newest[-1].position if newest else 0


def _document(event: Event) -> dict[str, Any]:
    return {
        "id": str(event.id),
        "type": event.type,
        "time": event.at.isoformat().replace("+00:00", "Z"),
        ("routeId" if event.type in OF_PROVIDERS else "cashOutId"): str(event.cash_out_id),
        "sequence": event.sequence,
        "data": json.loads(event.body),
    }


def _line(event: Event) -> Text:
    group, _, name = event.type.rpartition(".")
    state = "pending" if name == "initiated" else name
    shown = status_text(state) if state in set(Status) else Text(name, style="bold")
    kind = Text.assemble(f"{group}.", Text(name, style=shown.style))
    kind.pad_right(max(0, 24 - len(kind)))
    at = event.at.isoformat(sep=" ", timespec="milliseconds").removesuffix("+00:00")
    return Text.assemble((at, "dim"), " ", kind, " ", event.body)
