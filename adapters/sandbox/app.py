"""The sandbox as an application: both protocols as raw ASGI mounts, and the control plane."""

import asyncio
from dataclasses import dataclass, field
from typing import Final, cast

from litestar import Litestar, asgi
from litestar.handlers import ASGIRouteHandler
from litestar.types import HTTPScope, Receive, Scope, Send

from adapters.sandbox.clock import SandboxClock
from adapters.sandbox.connections import close, pause, reset, send_reply
from adapters.sandbox.control import Desk, control_plane
from adapters.sandbox.corridors import AFRIMONEY, ORANGE_MONEY
from adapters.sandbox.engine import Engine
from adapters.sandbox.trying import Till
from adapters.sandbox.webhooks import Courier
from adapters.sandbox.wire import Reaction, Reply, WireRequest, write_json

BASE_PATHS: Final = {ORANGE_MONEY: "/orange-money", AFRIMONEY: "/afrimoney"}
_SHORT_S: Final = 0.5


@dataclass(slots=True)
class Running:
    """A sandbox at work: engine, clock, courier, who pays for what is tried, and its stopping."""

    engine: Engine
    clock: SandboxClock
    courier: Courier
    till: Till = field(default_factory=Till)
    stopping: asyncio.Event = field(default_factory=asyncio.Event)


def create_app(running: Running) -> Litestar:
    """Return the application; it must be served by `connections.ExposedProtocol`."""
    desk = Desk(running.engine, running.clock, running.courier, running.till)
    counters = [_counter(running, provider, base) for provider, base in BASE_PATHS.items()]
    return Litestar(
        route_handlers=[*counters, control_plane(desk)],
        openapi_config=None,
        logging_config=None,
    )


def _counter(running: Running, provider: str, base_path: str) -> ASGIRouteHandler:
    """Return the mount where one provider speaks, with nothing between it and the wire."""

    @asgi(base_path, is_mount=True, copy_scope=True)
    async def speak(scope: Scope, receive: Receive, send: Send) -> None:
        body = await _read_body(receive, running.engine.settings.max_body_bytes)
        if body is None:
            await send_reply(Reply(413, write_json({"code": "TOO_LARGE"})), send)
            return
        request = _request(cast("HTTPScope", scope), base_path, body)
        reaction = running.engine.handle(provider, request, running.clock.now())
        running.courier.wake()
        await _act_out(reaction, running, scope, receive, send)

    return speak


async def _read_body(receive: Receive, longest: int) -> bytes | None:
    """Return the body, or None when it is longer than allowed or the client left."""
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return None
        body += message["body"]
        if len(body) > longest:
            return None
        if not message["more_body"]:
            return bytes(body)


def _request(scope: HTTPScope, base_path: str, body: bytes) -> WireRequest:
    headers: dict[str, str] = {}
    for raw_name, raw_value in scope["headers"]:
        name, value = raw_name.decode("latin-1"), raw_value.decode("latin-1")
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    # The raw path: an encoded slash in an id must not look like a path's.
    path = scope["raw_path"].decode("ascii").removeprefix(base_path)
    return WireRequest(scope["method"], path, headers, body)


async def _act_out(
    reaction: Reaction, running: Running, scope: Scope, receive: Receive, send: Send
) -> None:
    wire = reaction.wire
    if wire.after_webhooks:
        await running.courier.tried(reaction.webhooks)
    wait_s = wire.delay_s + wire.hang_s
    if 0 < wait_s <= _SHORT_S:
        await asyncio.sleep(wait_s)
    elif wait_s > 0 and not await pause(wait_s, receive, running.stopping):
        await close(scope, receive)
        return
    if wire.reset:
        await reset(scope, receive)
    elif reaction.reply is None:
        await close(scope, receive)
    elif wire.truncate_at is not None and wire.truncate_at < len(reaction.reply.body):
        await send_reply(reaction.reply, send, bytes_sent=wire.truncate_at)
        await close(scope, receive)
    else:
        await send_reply(reaction.reply, send)
