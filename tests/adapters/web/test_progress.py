"""Progress over a socket: the present state at once, every change, the ending, and every bound."""

import asyncio
import contextlib
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from adapters.memory.reader import MemoryReader
from adapters.memory.signals import Signals
from adapters.web.app import WebSettings
from adapters.web.deadlines import ConnectionLimits
from adapters.web.server import ApiServer
from application.follow_cash_outs import FollowCashOuts, Room
from domain.cash_out import CashOut
from tests.adapters.web.house import CASH_OUTS, WEBHOOK, House, check_problem, house, signed_in
from tests.adapters.web.partner import signature
from tests.adapters.web.sockets import connected, head, serving

pytestmark = pytest.mark.anyio

WITHIN_S = 10.0
STEP = timedelta(milliseconds=50)
Message = dict[str, str]


def path_of(cash_out_id: str) -> str:
    return f"{CASH_OUTS}/{cash_out_id}/events"


@dataclass
class Watcher:
    """A client that reads a stream: what came, part by part."""

    reader: asyncio.StreamReader
    api: House
    start: str = ""
    messages: list[Message] = field(default_factory=list)
    comments: int = 0
    ended: bool = False
    _rest: str = ""

    async def read_start(self) -> None:
        async with asyncio.timeout(WITHIN_S):
            self.start = (await self.reader.readuntil(b"\r\n\r\n")).decode()

    async def _read_some(self) -> None:
        """Read a chunk as HTTP/1.1 frames it."""
        size = int((await self.reader.readline()).strip() or b"0", 16)
        self._rest += (await self.reader.readexactly(size)).decode()
        await self.reader.readexactly(2)
        self.ended = size == 0
        while "\n\n" in self._rest:
            block, _, self._rest = self._rest.partition("\n\n")
            fields = dict(line.split(": ", 1) for line in block.split("\n"))
            if "data" in fields:
                self.messages.append(fields)
            elif "" in fields:
                self.comments += 1

    async def until(self, count: int) -> list[Message]:
        """Read until there were so many messages or the stream ended; time passes meanwhile."""
        async with asyncio.timeout(WITHIN_S):
            while len(self.messages) < count and not self.ended:
                await self._read_while_time_passes()
        return self.messages

    async def to_the_end(self) -> list[Message]:
        return await self.until(10_000)

    async def _read_while_time_passes(self) -> None:
        reading = asyncio.create_task(self._read_some())
        while not reading.done():
            self.api.clock.advance(STEP)
            await asyncio.wait({reading}, timeout=0.005)
        await reading


def data_of(message: Message) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(message["data"])
    return found


@asynccontextmanager
async def watching(
    server: ApiServer, api: House, cash_out_id: str, *lines: str, method: str = "GET"
) -> AsyncIterator[Watcher]:
    async with connected(server) as (reader, writer):
        writer.write(head(*lines, path=path_of(cash_out_id), method=method))
        watcher = Watcher(reader, api)
        await watcher.read_start()
        yield watcher


async def completed(api: House, cash_out_id: str) -> None:
    """Have it sent, and the provider tell that it is paid."""
    while await api.worker.step():
        continue
    told = {"reference": kept(api, cash_out_id).reference, "status": "DONE", "transactionId": "T-1"}
    raw = json.dumps(told).encode()
    signed = {"x-signature": signature(raw), "content-type": "application/json"}
    assert (await api.client.post(WEBHOOK, content=raw, headers=signed)).status_code == 200


def kept(api: House, cash_out_id: str) -> CashOut:
    return api.store.cash_outs[UUID(cash_out_id)]


def touch(api: House, cash_out_id: str, *, hint: bool = True) -> None:
    """Have a process write something that changes nothing visible but the version."""
    before = kept(api, cash_out_id)
    api.store.cash_outs[before.id] = replace(before, version=before.version + 1)
    signals = api.parts.await_answer.waiting
    assert isinstance(signals, Signals)
    if hint:
        signals.changed([before.id])


async def free_again(api: House) -> None:
    """Return when nobody follows anything; fail when that takes longer than it may."""
    async with asyncio.timeout(WITHIN_S):
        while api.parts.follow.followers:  # noqa: ASYNC110
            await asyncio.sleep(0.005)


async def test_it_tells_the_present_state_at_once_then_each_new_one_and_ends_with_the_ending() -> (
    None
):
    async with serving() as (server, api):
        made = await api.made()
        async with watching(server, api, made) as watcher:
            assert watcher.start.startswith("HTTP/1.1 200 ")
            assert "content-type: text/event-stream; charset=utf-8" in watcher.start
            assert "cache-control: no-store" in watcher.start
            assert "x-accel-buffering: no" in watcher.start
            (first,) = await watcher.until(1)
            assert (first["event"], first["id"]) == ("status", "1-1")
            assert data_of(first) == (await api.get(f"{CASH_OUTS}/{made}")).json()["data"]
            await completed(api, made)
            *_, last = await watcher.to_the_end()
            assert last["event"] == "cash_out.completed"
            assert data_of(last)["status"] == "completed"
            ids = [tuple(map(int, each["id"].split("-"))) for each in watcher.messages]
            assert ids == sorted(set(ids))
            stored = kept(api, made)
            assert last["id"] == f"{stored.events}-{stored.version}"
        await free_again(api)


async def test_who_comes_back_is_told_nothing_twice_and_misses_nothing() -> None:
    async with serving() as (server, api):
        made = await api.made()
        async with watching(server, api, made) as watcher:
            (first,) = await watcher.until(1)
        async with watching(server, api, made, f"Last-Event-ID: {first['id']}") as watcher:
            touch(api, made)
            (second,) = await watcher.until(1)
            assert second["id"] == "1-2"
            assert second["event"] == "status"
        touch(api, made)
        await completed(api, made)
        async with watching(server, api, made, f"Last-Event-ID: {second['id']}") as watcher:
            (ending,) = await watcher.to_the_end()
            assert ending["event"] == "cash_out.completed"
        async with watching(server, api, made, f"Last-Event-ID: {ending['id']}") as watcher:
            assert watcher.start.startswith("HTTP/1.1 204 ")
        await free_again(api)


@pytest.mark.parametrize("unreadable", ["", "7", "1-", "x-y", "9" * 30, "1-1, 1-1"])
async def test_an_id_that_we_never_gave_is_as_good_as_none(unreadable: str) -> None:
    async with serving() as (server, api):
        made = await api.made()
        async with watching(server, api, made, f"Last-Event-ID: {unreadable}") as watcher:
            (first,) = await watcher.until(1)
            assert first["id"] == "1-1"


async def test_what_has_ended_is_told_once_and_the_stream_is_over() -> None:
    async with serving() as (server, api):
        made = await api.made()
        await completed(api, made)
        async with watching(server, api, made) as watcher:
            (only,) = await watcher.to_the_end()
            assert only["event"] == "cash_out.completed"
        await free_again(api)


async def test_only_its_owner_and_who_sees_everybodys_may_follow_it(api: House) -> None:
    made = await api.made()
    check_problem(await api.get(path_of(made), user="user-2"), 403, "FORBIDDEN")
    check_problem(await api.get(path_of(str(UUID(int=7)))), 404, "NOT_FOUND")
    check_problem(await api.get(path_of("7")), 404, "NOT_FOUND")
    check_problem(await api.client.get(path_of(made)), 401, "UNAUTHORIZED")
    await completed(api, made)
    answer = await api.get(path_of(made), user="boss", role="admin")
    assert answer.status_code == 200
    assert "event: cash_out.completed\n" in answer.text
    assert api.parts.follow.followers == 0


@pytest.mark.parametrize(("role", "in_full"), [("viewer", False), ("operator", True)])
async def test_who_may_not_see_numbers_follows_without_them(
    api: House, role: str, *, in_full: bool
) -> None:
    made = await api.made()
    await completed(api, made)
    told = (await api.get(path_of(made), user="somebody", role=role)).text
    assert "event: cash_out.completed\n" in told
    assert ("+2250700000789" in told, "Awa Koné" in told) == (in_full, in_full)


async def test_messages_are_in_the_language_that_is_preferred() -> None:
    async with serving() as (server, api):
        made = await api.made()
        async with watching(server, api, made, "Accept-Language: fr") as watcher:
            assert "content-language: fr" in watcher.start
            (first,) = await watcher.until(1)
            assert data_of(first)["statusDetail"].startswith("Accepté.")


async def test_a_comment_keeps_a_quiet_stream_alive_and_after_a_while_it_ends() -> None:
    settings = WebSettings(stream_longest=timedelta(seconds=40))
    async with serving(settings=settings) as (server, api):
        made = await api.made()
        async with watching(server, api, made) as watcher:
            (only,) = await watcher.to_the_end()
            assert only["event"] == "status"
            # At 15 s, at 30 s, and the last word at 40 s.
            assert watcher.comments == 3
        await free_again(api)


async def test_a_client_may_want_a_shorter_stream_and_comes_back_with_what_it_knows() -> None:
    async with serving() as (server, api):
        made = await api.made()
        async with watching(server, api, made, "Prefer: wait=5") as watcher:
            assert "preference-applied: wait=5" in watcher.start
            began = api.clock.elapsed()
            (only,) = await watcher.to_the_end()
            assert api.clock.elapsed() - began < timedelta(seconds=14)
        touch(api, made)
        async with watching(server, api, made, f"Last-Event-ID: {only['id']}") as watcher:
            assert [each["id"] for each in await watcher.until(1)] == ["1-2"]


async def test_a_stream_of_no_time_tells_the_present_state_and_ends() -> None:
    async with serving() as (server, api):
        made = await api.made()
        async with watching(server, api, made, "Prefer: wait=0") as watcher:
            (only,) = await watcher.to_the_end()
            assert (only["event"], only["id"], watcher.comments) == ("status", "1-1", 1)


async def test_a_change_by_another_process_is_found_without_a_hint() -> None:
    async with serving() as (server, api):
        made = await api.made()
        async with watching(server, api, made) as watcher:
            await watcher.until(1)
            touch(api, made, hint=False)
            began = api.clock.elapsed()
            assert [each["id"] for each in await watcher.until(2)] == ["1-1", "1-2"]
            assert api.clock.elapsed() - began < timedelta(seconds=2)


async def test_a_stream_outlives_the_deadline_for_answers() -> None:
    async with serving(ConnectionLimits(answer_s=0.2)) as (server, api):
        made = await api.made()
        async with watching(server, api, made) as watcher:
            await watcher.until(1)
            await asyncio.sleep(0.5)
            touch(api, made)
            assert len(await watcher.until(2)) == 2


async def test_a_reader_who_fetches_nothing_is_cut_off_and_its_place_is_free() -> None:
    settings = WebSettings(stream_stall=timedelta(seconds=0.5))
    async with serving(settings=settings) as (server, api):
        made = await api.made()
        with socket.socket() as deaf:
            deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
            deaf.setblocking(False)
            await asyncio.get_running_loop().sock_connect(deaf, ("127.0.0.1", server.port))
            deaf.send(head(path=path_of(made), method="GET"))
            while not api.parts.follow.followers:  # noqa: ASYNC110
                await asyncio.sleep(0.005)
            async with asyncio.timeout(60):
                while server.connections:
                    touch(api, made)
                    api.clock.advance(STEP)
                    await asyncio.sleep(0)
        await free_again(api)


async def test_a_reader_who_hangs_up_leaves_at_once() -> None:
    async with serving() as (server, api):
        made = await api.made()
        async with watching(server, api, made) as watcher:
            await watcher.until(1)
            assert api.parts.follow.followers == 1
        # No time passes on the clock of the service meanwhile: no heartbeat finds it out.
        await free_again(api)


def crowded(room: Room) -> Any:  # noqa: ANN401
    """Return what makes a house with this much room for followers."""

    @asynccontextmanager
    async def made() -> AsyncIterator[tuple[ApiServer, House]]:
        async with house() as plain:
            signals = plain.parts.await_answer.waiting
            assert isinstance(signals, Signals)
            reader = MemoryReader(plain.store)
            follow = FollowCashOuts(plain.parts.get, reader, plain.clock, signals, room)
            parts = {name: getattr(plain.parts, name) for name in plain.parts.__slots__}
            changed = {**parts, "follow": follow}
            for taken in ("settings", "auth", "publisher", "reader"):
                changed.pop(taken)
            async with house(**changed) as api, ApiServer(api.app) as server:
                yield server, replace(api, store=plain.store, clock=plain.clock)

    return made()


@pytest.mark.parametrize(
    ("room", "status", "code"),
    [
        (Room(most_per_user=2, retry_after_s=7), 429, "RATE_LIMITED"),
        (Room(most=2, retry_after_s=7), 503, "OVERLOADED"),
    ],
)
async def test_there_is_room_for_so_many_and_whoever_is_too_many_is_told_when_to_come_back(
    room: Room, status: int, code: str
) -> None:
    async with crowded(room) as (server, api), contextlib.AsyncExitStack() as open_ones:
        made = await api.made()
        for _ in range(2):
            watcher = await open_ones.enter_async_context(watching(server, api, made))
            await watcher.until(1)
        refused = await api.get(path_of(made))
        check_problem(refused, status, code)
        assert refused.headers["retry-after"] == "7"
        await open_ones.aclose()
        await free_again(api)
        async with watching(server, api, made) as watcher:
            assert watcher.start.startswith("HTTP/1.1 200 ")


async def test_streams_end_politely_when_the_process_is_asked_to_stop() -> None:
    async with serving() as (server, api):
        made = await api.made()
        async with watching(server, api, made) as watcher:
            await watcher.until(1)
            api.parts.follow.stop()
            await asyncio.wait_for(watcher.to_the_end(), 2)
            assert watcher.ended
            check_problem(await api.get(path_of(made)), 503, "OVERLOADED")
            began = asyncio.get_running_loop().time()
            await server.shutdown()
            assert asyncio.get_running_loop().time() - began < 5


async def test_head_tells_what_get_would_and_follows_nothing() -> None:
    async with serving() as (server, api):
        made = await api.made()
        async with connected(server) as (reader, writer):
            writer.write(head("Connection: close", path=path_of(made), method="HEAD"))
            raw = await asyncio.wait_for(reader.read(), WITHIN_S)
        assert raw.startswith(b"HTTP/1.1 200 ")
        assert raw.endswith(b"\r\n\r\n")
        await free_again(api)


async def test_a_stream_is_no_request_in_flight() -> None:
    settings = WebSettings(requests_most=1)
    async with serving(settings=settings) as (server, api):
        made = await api.made()
        async with watching(server, api, made) as watcher:
            await watcher.until(1)
            assert (await api.get(f"{CASH_OUTS}/{made}")).status_code == 200


async def test_a_stream_says_nothing_that_reading_would_not() -> None:
    async with serving() as (server, api):
        made = await api.made()
        read = (await api.client.get(f"{CASH_OUTS}/{made}", headers=signed_in())).json()["data"]
        async with watching(server, api, made) as watcher:
            (first,) = await watcher.until(1)
        assert data_of(first).keys() == read.keys()
