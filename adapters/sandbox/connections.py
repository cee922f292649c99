"""Wire faults on real sockets: what ASGI cannot say is done to the connection itself.

uvicorn hands no transport to an application: the protocol below puts it in the scope.
"""

import asyncio
import os
import socket
import struct
from typing import Final

from litestar.types import Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from adapters.sandbox.wire import Reply

TRANSPORT: Final = "sandbox.transport"
_LINGER_NOT: Final = struct.pack("ii", 1, 0)


class ExposedProtocol(HttpToolsProtocol):
    """uvicorn's HTTP protocol with its transport in `scope["extensions"]`."""

    def on_message_begin(self) -> None:
        """Begin a request's scope and add the transport."""
        super().on_message_begin()
        extensions: dict[str, object] = {TRANSPORT: self.transport}
        self.scope["extensions"] = extensions  # type: ignore[typeddict-item]


def _transport(scope: Scope) -> asyncio.Transport:
    transport: asyncio.Transport = scope["extensions"][TRANSPORT]  # type: ignore[index, assignment]
    return transport


async def reset(scope: Scope, receive: Receive) -> None:
    """Abort the connection with a TCP reset: no FIN, whatever was buffered is lost."""
    transport = _transport(scope)
    connection = transport.get_extra_info("socket")
    if connection is not None and not transport.is_closing():
        # uvloop shows a pseudo socket without setsockopt: go through a duplicate descriptor.
        with socket.socket(fileno=os.dup(connection.fileno())) as duplicate:
            duplicate.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_NOT)
    transport.abort()
    await _gone(receive)


async def close(scope: Scope, receive: Receive) -> None:
    """Close the connection in good order, without an answer (or without the rest of it)."""
    _transport(scope).close()
    await _gone(receive)


async def send_reply(reply: Reply, send: Send, *, bytes_sent: int | None = None) -> None:
    """Send an answer, or its head and the first bytes of its body under the full length."""
    headers = [(name.encode("ascii"), value.encode("latin-1")) for name, value in reply.headers]
    headers.append((b"content-length", str(len(reply.body)).encode()))
    await send({"type": "http.response.start", "status": reply.status, "headers": headers})
    whole = bytes_sent is None
    part = reply.body if bytes_sent is None else reply.body[:bytes_sent]
    await send({"type": "http.response.body", "body": part, "more_body": not whole})


async def pause(seconds: float, receive: Receive, stopping: asyncio.Event) -> bool:
    """Wait; return False when the client has gone or the sandbox stops before the time is over."""
    waiting = {asyncio.ensure_future(_gone(receive)), asyncio.ensure_future(stopping.wait())}
    try:
        done, _ = await asyncio.wait(waiting, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
    return not done


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        continue
