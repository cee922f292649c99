"""A whole answer in one write is, byte for byte, what uvicorn makes of its two messages."""

import asyncio
import logging
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from adapters.web.edge import SECURITY_HEADERS
from adapters.web.exchange import Header
from adapters.web.whole import WHOLE, offer_whole

DATE = (b"date", b"Mon, 23 Nov 2026 10:15:30 GMT")


class Wire(asyncio.Transport):
    """Keeps what is written, and whether it was closed."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self.closed = False

    def write(self, data: Any) -> None:  # noqa: ANN401 -- whatever bytes there are
        self.written += bytes(data)

    def close(self) -> None:
        self.closed = True

    def pause_reading(self) -> None:
        """Read on: nothing is read here."""

    resume_reading = pause_reading


def a_cycle(*, keep_alive: bool = True, method: str = "GET") -> tuple[RequestResponseCycle, Wire]:
    wire = Wire()
    scope: Any = {"type": "http", "method": method}
    logger = logging.getLogger("uvicorn.error")
    cycle = RequestResponseCycle(
        scope=scope,
        transport=wire,
        flow=FlowControl(wire),
        logger=logger,
        access_logger=logger,
        access_log=False,
        default_headers=[DATE],
        message_event=asyncio.Event(),
        expect_100_continue=False,
        keep_alive=keep_alive,
        on_response=lambda: None,
    )
    offer_whole(cycle, lambda _: None)
    return cycle, wire


async def at_once(cycle: RequestResponseCycle, status: int, headers: Any, body: bytes) -> None:  # noqa: ANN401
    scope: Any = cycle.scope
    await scope["extensions"][WHOLE](status, headers, body)


async def in_two(cycle: RequestResponseCycle, status: int, headers: Any, body: bytes) -> None:  # noqa: ANN401
    await cycle.send({"type": "http.response.start", "status": status, "headers": headers})
    await cycle.send({"type": "http.response.body", "body": body, "more_body": False})


def said(way: Any, status: int, headers: Sequence[Header], body: bytes, **how: Any) -> Any:  # noqa: ANN401
    """Return what came over the wire and how the connection was left, or that it was refused."""
    cycle, wire = a_cycle(**how)
    try:
        asyncio.run(way(cycle, status, headers, body))
    except (RuntimeError, ValueError):
        return None
    done = cycle.response_started, cycle.response_complete, cycle.message_event.is_set()
    return wire.written, wire.closed, cycle.keep_alive, done


def of_length(body: bytes, *more: Header) -> list[Header]:
    return [(b"content-length", b"%d" % len(body)), *more, *SECURITY_HEADERS]


@pytest.mark.parametrize("keep_alive", [True, False])
@pytest.mark.parametrize(
    ("status", "headers", "body"),
    [
        (202, of_length(b"{}", (b"content-type", b"application/json")), b"{}"),
        (204, [(b"allow", b"GET, HEAD"), *SECURITY_HEADERS], b""),
        (413, of_length(b"{}", (b"connection", b"close")), b"{}"),
        (503, of_length(b"x" * 70_000, (b"retry-after", b"1")), b"x" * 70_000),
    ],
)
def test_one_write_says_what_two_messages_say(
    status: int, headers: list[Header], body: bytes, keep_alive: bool
) -> None:
    once = said(at_once, status, headers, body, keep_alive=keep_alive)
    assert once is not None
    assert once == said(in_two, status, headers, body, keep_alive=keep_alive)


def test_a_head_alone_has_the_length_of_what_it_leaves_out() -> None:
    headers = of_length(b"x" * 100)
    once = said(at_once, 200, headers, b"", method="HEAD")
    assert once == said(in_two, 200, headers, b"", method="HEAD")
    assert b"content-length: 100\r\n" in once[0]


@given(st.binary(max_size=20))
@example(b"a\r\nset-cookie: x=1")
@example(b"a\nb")
@example(b"a\x00b")
@example(b"tab\tand \xe9")
def test_a_value_that_uvicorn_refuses_is_refused(value: bytes) -> None:
    headers = of_length(b"{}", (b"location", value))
    once = said(at_once, 202, headers, b"{}")
    assert once == said(in_two, 202, headers, b"{}")
    assert (once is None) == any((each < 32 and each != 9) or each == 127 for each in value)


@pytest.mark.anyio
async def test_who_has_gone_is_told_nothing() -> None:
    cycle, wire = a_cycle()
    cycle.disconnected = True
    await at_once(cycle, 202, of_length(b"{}"), b"{}")
    assert wire.written == b""
