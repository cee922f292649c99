"""A provider that costs almost nothing: Orange Money's protocol without its checks, in C's shadow.

`python -m tests.bench.provider` reads a Light as JSON from standard input, prints its port and runs
until its standard input is closed. It grants tokens, accepts every order after `delay_s`, answers
look-ups with `PENDING` and, when it knows where, sends the signed webhook that says it was paid.
"""

import asyncio
import sys
from collections import deque
from itertools import cycle
from typing import Final, cast

import msgspec
import uvloop

from tests.bench.requests import webhook

_HEAD_END: Final = b"\r\n\r\n"
_TOKEN: Final = b'{"access_token":"light","token_type":"Bearer","expires_in":3600}'
_PENDING: Final = b'{"transactionId":"OM-%s","status":"PENDING"}'


class Light(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """delay_s: before an order is answered. api_ports: where webhooks go, in turns, if anywhere."""

    delay_s: float = 0.0
    secret: str = ""
    api_ports: list[int] = []
    connections: int = 16


class _Hooks:
    """Sends webhooks over a few connections, each with one in flight."""

    def __init__(self, light: Light) -> None:
        self._light = light
        self._waiting: deque[bytes] = deque()
        self._idle: deque[_Hook] = deque()
        self._open = 0
        self._ports = cycle(light.api_ports)
        self._connecting: set[asyncio.Task[None]] = set()

    def paid(self, reference: str) -> None:
        self._waiting.append(webhook(reference, self._light.secret))
        self.go_on()

    def idle(self, hook: "_Hook") -> None:
        self._idle.append(hook)
        self.go_on()

    def lost(self) -> None:
        self._open -= 1

    def go_on(self) -> None:
        while self._waiting and self._idle:
            self._idle.popleft().send(self._waiting.popleft())
        if self._waiting and self._open < self._light.connections:
            self._open += 1
            connecting = asyncio.create_task(self._connect())
            self._connecting.add(connecting)
            connecting.add_done_callback(self._connecting.discard)

    async def _connect(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            await loop.create_connection(lambda: _Hook(self), "127.0.0.1", next(self._ports))
        except OSError:
            self._open -= 1


class _Hook(asyncio.Protocol):
    def __init__(self, hooks: _Hooks) -> None:
        self._hooks = hooks
        self._transport: asyncio.Transport | None = None
        self._read = bytearray()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._hooks.idle(self)

    def connection_lost(self, _why: Exception | None) -> None:
        self._transport = None
        self._hooks.lost()

    def send(self, request: bytes) -> None:
        if self._transport is not None:
            self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        self._read += data
        message = taken(self._read)
        if message is not None:
            self._hooks.idle(self)


class _Server(asyncio.Protocol):
    def __init__(self, light: Light, hooks: _Hooks) -> None:
        self._light = light
        self._hooks = hooks
        self._transport: asyncio.Transport | None = None
        self._read = bytearray()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def connection_lost(self, _why: Exception | None) -> None:
        self._transport = None

    def data_received(self, data: bytes) -> None:
        self._read += data
        while (message := taken(self._read)) is not None:
            self._serve(*message)

    def _serve(self, head: bytes, _body: bytes) -> None:
        if head.startswith(b"POST /token"):
            self._answer(b"200 OK", _TOKEN)
        elif head.startswith(b"POST"):
            reference = _header(head, b"x-reference-id")
            if self._light.delay_s:
                loop = asyncio.get_running_loop()
                loop.call_later(self._light.delay_s, self._accept, reference)
            else:
                self._accept(reference)
        else:
            reference = head.split(b" ", 2)[1].rsplit(b"/", 1)[1]
            self._answer(b"200 OK", _PENDING % reference)

    def _accept(self, reference: bytes) -> None:
        self._answer(b"202 Accepted", _PENDING % reference)
        if self._light.api_ports:
            self._hooks.paid(reference.decode())

    def _answer(self, status: bytes, body: bytes) -> None:
        if self._transport is not None:
            self._transport.write(
                b"HTTP/1.1 %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s"
                % (status, len(body), body)
            )


def taken(read: bytearray) -> tuple[bytes, bytes] | None:
    """Take one whole message off the front: its head and its body; None while it is incomplete."""
    end = read.find(_HEAD_END)
    if end < 0:
        return None
    head = bytes(read[:end])
    length = int(_header(head, b"content-length") or 0)
    whole = end + len(_HEAD_END) + length
    if len(read) < whole:
        return None
    body = bytes(read[end + len(_HEAD_END) : whole])
    del read[:whole]
    return head, body


def _header(head: bytes, name: bytes) -> bytes:
    for line in head.split(b"\r\n")[1:]:
        key, _, value = line.partition(b":")
        if key.lower() == name:
            return value.strip()
    return b""


async def _run(light: Light) -> None:
    hooks = _Hooks(light)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: _Server(light, hooks), "127.0.0.1", 0)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    # Who started it holds the other end: it closes with them, however they end.
    over = asyncio.Event()
    loop.add_reader(sys.stdin.fileno(), over.set)
    await over.wait()
    server.close()


def main() -> None:
    """Read a Light from the first line of standard input and serve."""
    uvloop.run(_run(msgspec.json.decode(sys.stdin.buffer.readline(), type=Light)))


if __name__ == "__main__":
    main()
