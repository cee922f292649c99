"""What a request costs at the door: counts that no busy machine changes.

A step that is worth its price raises a figure, in sight of whoever reviews the change.
"""

import asyncio
import gc
import json
import sys
from types import FrameType

import pytest
from structlog.testing import capture_logs
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from adapters.web.deadlines import DeadlineProtocol
from adapters.web.server import ApiServer
from tests.adapters.web.house import BODY, CASH_OUTS, WEBHOOK, signed_in
from tests.adapters.web.partner import signature
from tests.adapters.web.sockets import connected, serving

pytestmark = pytest.mark.anyio

AT_THE_DOOR = (
    "adapters/web",
    "adapters/phones",
    "litestar",
    "uvicorn",
    "structlog",
    "phonenumbers",
)
MOST_CALLS = {"take": 176, "read": 126, "webhook": 118}
"""Functions of those that one request enters, with a tenth to spare for versions of libraries."""
REQUESTS = 20


def request(method: str, path: str, body: bytes = b"", **headers: str) -> bytes:
    named = {**signed_in(), "Content-Type": "application/json", **headers}
    lines = [f"{method} {path} HTTP/1.1", "Host: api.test"]
    lines += [f"{name}: {value}" for name, value in named.items()]
    lines += [f"Content-Length: {len(body)}"] if body else []
    return ("\r\n".join(lines) + "\r\n\r\n").encode() + body


def a_webhook() -> bytes:
    body = json.dumps({"transactionId": "OM-1", "reference": "X", "status": "DONE"}).encode()
    return request("POST", WEBHOOK, body, **{"X-Signature": signature(body)})


async def ask(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, wire: bytes, times: int
) -> None:
    """Send a request several times on one connection, each after the last one's answer."""
    for _ in range(times):
        writer.write(wire)
        head = await reader.readuntil(b"\r\n\r\n")
        length = head.lower().split(b"content-length: ", 1)[1].split(b"\r\n", 1)[0]
        await reader.readexactly(int(length))


async def entered(server: ApiServer, wire: bytes) -> float:
    """Return how many functions a request enters at the door."""
    count = 0

    def note(frame: FrameType, what: str, _argument: object) -> None:
        nonlocal count
        count += what == "call" and any(part in frame.f_code.co_filename for part in AT_THE_DOOR)

    async with connected(server) as (reader, writer):
        await ask(reader, writer, wire, 2)
        sys.setprofile(note)
        try:
            await ask(reader, writer, wire, REQUESTS)
        finally:
            sys.setprofile(None)
    return count / REQUESTS


async def test_a_request_enters_no_more_functions_at_the_door_than_it_did() -> None:
    async with serving() as (server, api):
        made = await api.made()
        asked = {
            "take": request("POST", CASH_OUTS, json.dumps(BODY).encode()),
            "read": request("GET", f"{CASH_OUTS}/{made}"),
            "webhook": a_webhook(),
        }
        with capture_logs() as lines:
            found = {name: await entered(server, wire) for name, wire in asked.items()}
    assert {each["status"] for each in lines} == {202, 200}
    assert {name: count for name, count in found.items() if count > MOST_CALLS[name]} == {}


async def test_the_phases_of_a_busy_connection_share_an_alarm(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    set_alarm, alarms = DeadlineProtocol._set_alarm, 0

    def counted(connection: DeadlineProtocol) -> None:
        nonlocal alarms
        alarms += 1
        set_alarm(connection)

    monkeypatch.setattr(DeadlineProtocol, "_set_alarm", counted)
    async with serving() as (server, _), connected(server) as (reader, writer):
        await ask(reader, writer, request("POST", CASH_OUTS, json.dumps(BODY).encode()), REQUESTS)
    # The first one, and one for each time that an alarm rang before a deadline that has moved on.
    assert 1 <= alarms <= 3


async def test_what_a_request_needed_is_let_go_without_the_garbage_collector() -> None:
    async with serving() as (server, _), connected(server) as (reader, writer):
        gc.collect()
        gc.disable()
        try:
            wire = request("POST", CASH_OUTS, json.dumps(BODY).encode())
            await ask(reader, writer, wire, REQUESTS)
            left = sum(isinstance(each, RequestResponseCycle) for each in gc.get_objects())
        finally:
            gc.enable()
    # The connection keeps its last one.
    assert left == 1
