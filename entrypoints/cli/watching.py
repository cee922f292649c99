"""`status --watch`: a cash-out's progress as the API streams it, or by looking where none does."""

import asyncio
import contextlib
import http.client
import json
import socket
import time
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from typing import Any, Self
from urllib.parse import urlsplit

from domain.cash_out import CashOut
from domain.states import ENDINGS
from entrypoints.cli.calls import TIMEOUT_S
from entrypoints.cli.exits import Stopped
from entrypoints.cli.terminal import Waiting
from entrypoints.cli.tokens import token_for
from entrypoints.container import Service

_CONNECT_S = 2.0
_COME_BACK_S = 1.0
_LONGEST_LINE = 65_536
_EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 -- where others listen


class NoStream(Exception):
    """There is no API to be reached from here that streams progress."""


@dataclass(frozen=True, slots=True)
class Told:
    """One message: its id, and the cash-out as the API shows it."""

    id: str
    data: dict[str, Any]


@dataclass(slots=True)
class _Open:
    """A stream that is open; its methods block."""

    connection: http.client.HTTPConnection
    response: http.client.HTTPResponse
    line: socket.socket = field(repr=False)

    @classmethod
    def at(cls, url: str, path: str, headers: dict[str, str]) -> Self:
        """Open it; raise NoStream where there is none, or nothing more to be told."""
        address = urlsplit(url)
        connection = http.client.HTTPConnection(
            address.hostname or "", address.port, timeout=_CONNECT_S
        )
        try:
            connection.connect()
            line: socket.socket = connection.sock
            # Longer than the pause between two comments.
            line.settimeout(TIMEOUT_S)
            connection.request("GET", path, headers=headers)
            response = connection.getresponse()
        except (OSError, http.client.HTTPException) as fault:
            connection.close()
            raise NoStream from fault
        kind = response.getheader("Content-Type", "")
        if response.status != http.HTTPStatus.OK or not kind.startswith("text/event-stream"):
            connection.close()
            raise NoStream
        return cls(connection, response, line)

    def next(self) -> Told | None:
        """Return the next message; None when the stream has ended or was cut."""
        fields: dict[str, str] = {}
        while True:
            try:
                raw = self.response.readline(_LONGEST_LINE)
            except (OSError, ValueError, http.client.HTTPException):
                return None
            if not raw:
                return None
            name, _, value = raw.decode("utf-8", "replace").rstrip("\r\n").partition(": ")
            if name:
                fields[name] = value
            elif "data" in fields:
                return Told(fields.get("id", ""), json.loads(fields["data"]))

    def close(self) -> None:
        """End it; who waits for the next message is woken."""
        with contextlib.suppress(OSError):
            self.line.shutdown(socket.SHUT_RDWR)
        self.connection.close()


async def watch(
    service: Service, cash_out: CashOut, caller: tuple[str, str], waiting: Waiting, longest_s: int
) -> CashOut:
    """Return the cash-out once the API has told of its ending, or as it is when time is up.

    caller: the user and the role that ask. Raises NoStream when the API cannot tell, or not any
    more.
    """
    with contextlib.suppress(TimeoutError):
        async with (
            asyncio.timeout(longest_s),
            contextlib.aclosing(_progress(service, cash_out, *caller)) as told,
        ):
            async for each in told:
                waiting.now(f"{each.data['status']}: {each.data['statusDetail']}")
                if each.data["status"] in ENDINGS:
                    break
    return await service.reader.cash_out(cash_out.id) or cash_out


async def _progress(
    service: Service, cash_out: CashOut, user: str, role: str
) -> AsyncGenerator[Told, None]:
    """Yield message after message, over as many streams as it takes."""
    settings = service.settings
    host = _EVERYWHERE.get(settings.host, settings.host)
    url = f"http://[{host}]:{settings.port}" if ":" in host else f"http://{host}:{settings.port}"
    try:
        headers = {"Authorization": f"Bearer {token_for(settings, user, role)}"}
    except Stopped:
        raise NoStream from None
    path = f"/api/payments/cash-out/{cash_out.id}/events"
    while True:
        stream = await asyncio.to_thread(_Open.at, url, path, headers)
        began = time.monotonic()
        try:
            while (told := await asyncio.to_thread(stream.next)) is not None:
                headers["Last-Event-ID"] = told.id
                yield told
        finally:
            stream.close()
        # It ends by itself after a while; one that ended at once shall not be asked in a circle.
        await asyncio.sleep(max(0.0, began + _COME_BACK_S - time.monotonic()))
