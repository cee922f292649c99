"""`cashout sandbox statement --at`: which addresses are taken, and what answers there."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from entrypoints.cli.exits import Exit, Stopped
from entrypoints.cli.sandbox_statement import Wanted, export_statement, sandbox_beside

FILE = "statement.csv"
NOTHING_PLANTED = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


@asynccontextmanager
async def answering(planted: bytes, statement: bytes) -> AsyncIterator[str]:
    """Yield the address of a server that says these bytes, and hangs up."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        writer.write(planted if b"/planted?" in head else statement)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


def _left_in(folder: Path) -> list[Path]:
    return list(folder.iterdir())


async def _stopped(folder: Path, at: str) -> Stopped:
    """Return why no statement came from there; there is no file, and no part of one."""
    wanted = Wanted("orange_money", folder / FILE, breaks=0, seed=1, since=None, until=None, at=at)
    with pytest.raises(Stopped) as stopped:
        await export_statement(wanted, as_json=True)
    assert _left_in(folder) == []
    return stopped.value


@pytest.mark.parametrize(
    "at",
    [
        "127.0.0.1:3005",
        "localhost",
        "https://127.0.0.1:3005",
        "http://",
        "http://:3005",
        "http://127.0.0.1:port",
        "http://127.0.0.1:70000",
        "http://127.0.0.1:0",
        "http://[::1",
        "http://127.0.0.1:3005/orange",
        "http://127.0.0.1:3005?x",
        "http://127.0.0.1:3005#x",
        "http://user:password@127.0.0.1:3005",
        "http://two hosts:3005",
        "",
    ],
)
@pytest.mark.anyio
async def test_what_is_no_address_is_told_in_one_line_before_anything_is_asked(
    tmp_path: Path, at: str
) -> None:
    stopped = await _stopped(tmp_path, at)
    assert stopped.lines == (
        "--at takes http://HOST:PORT and nothing more, like http://127.0.0.1:3005.",
    )
    assert stopped.code == Exit.USAGE


@pytest.mark.parametrize("behind", ["", "/"])
@pytest.mark.anyio
async def test_a_server_that_hangs_up_before_it_answers_is_no_sandbox(
    tmp_path: Path, behind: str
) -> None:
    async with answering(b"", b"") as at:
        stopped = await _stopped(tmp_path, at + behind)
    assert stopped.lines[0] == f"No sandbox answers at {at}{behind}."


@pytest.mark.parametrize(
    "statement",
    [
        CHUNKED + b"5\r\nhalf\n\r\n",
        CHUNKED + b"5\r\nha",
        CHUNKED + b"many\r\nhalf\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf\n",
    ],
)
@pytest.mark.anyio
async def test_half_a_statement_is_none(tmp_path: Path, statement: bytes) -> None:
    async with answering(NOTHING_PLANTED, statement) as at:
        stopped = await _stopped(tmp_path, at)
    assert stopped.lines[0] == f"The sandbox at {at} hung up in the middle of its answer."
    assert stopped.code == Exit.FAILED


@pytest.mark.parametrize(
    "planted",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n<html>",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n\xff\xfe",
    ],
)
@pytest.mark.anyio
async def test_another_server_that_answers_is_told_to_be_no_sandbox(
    tmp_path: Path, planted: bytes
) -> None:
    async with answering(planted, b"") as at:
        stopped = await _stopped(tmp_path, at)
    assert stopped.lines[0] == f"What answers at {at} is no sandbox."


@pytest.mark.parametrize("said", [b"<html>", b"[]", b'"no"', b""])
@pytest.mark.anyio
async def test_a_refusal_without_words_is_told_by_its_number(tmp_path: Path, said: bytes) -> None:
    head = b"HTTP/1.1 418 No\r\nContent-Type: application/json\r\n"
    refusal = head + b"Content-Length: %d\r\n\r\n" % len(said) + said
    async with answering(refusal, b"") as at:
        stopped = await _stopped(tmp_path, at)
    assert stopped.lines == ("The sandbox: HTTP 418.",)
    assert stopped.code == Exit.REFUSED


@pytest.mark.parametrize("broken", ["http://[::1", "http://127.0.0.1:port", "127.0.0.1:3005"])
def test_an_address_in_the_environment_that_is_none_means_the_usual_one(
    tmp_path: Path, broken: str
) -> None:
    environ = {"CASHOUT_DATA_DIR": str(tmp_path), "ORANGE_MONEY_API_URL": broken}
    assert sandbox_beside(environ) == "http://127.0.0.1:3005"
