"""`cashout sandbox statement`: a running sandbox writes a provider's statement, as it would."""

import asyncio
import http.client
import os
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import quote, urlencode, urlsplit

import msgspec

from entrypoints.cli.dev_note import environment_beside
from entrypoints.cli.exits import Exit, Stopped
from entrypoints.cli.terminal import Terminal
from entrypoints.setting_values import is_loopback

_USUAL: Final = "http://127.0.0.1:3005"
_TIMEOUT_S: Final = 60.0
_MOST_SAID: Final = 1024 * 1024
"""Bytes of an answer that is no statement: 6,000 planted breaks are less."""
_PIECE: Final = 1 << 18
_TRIES: Final = 3
_CALM: Final = "the sandbox pays while its statement is written: try again when it is calm"
_WHERE: Final = "Start `cashout dev` or `cashout sandbox`, or name its address by --at."

Planted = list[dict[str, str]]


class _Said(msgspec.Struct):
    """A refusal, as far as it is told on."""

    detail: str


@dataclass(frozen=True, slots=True)
class Wanted:
    """What was typed. breaks: how many of each kind are planted, drawn by the seed."""

    provider: str
    file: Path
    breaks: int
    seed: int
    since: str | None
    until: str | None
    at: str | None

    def path(self, leaf: str = "") -> str:
        """Return where the sandbox has it."""
        asked = {"plant": str(self.breaks), "seed": str(self.seed)}
        asked |= {"since": self.since} if self.since else {}
        asked |= {"until": self.until} if self.until else {}
        return f"/_sandbox/statements/{quote(self.provider, safe='')}{leaf}?{urlencode(asked)}"


async def export_statement(wanted: Wanted, *, as_json: bool) -> int:
    """Write the statement into the file, and tell which breaks it has."""
    origin = sandbox_beside(os.environ) if wanted.at is None else wanted.at
    planted = await asyncio.to_thread(_export, origin, wanted)
    terminal = Terminal()
    if as_json:
        size = wanted.file.stat().st_size
        terminal.json({"file": str(wanted.file), "bytes": size, "planted": planted})
        return Exit.DONE
    if planted:
        rows = [(each["kind"], each["reference"], each["transaction_id"]) for each in planted]
        terminal.table(("planted", "reference", "their id"), rows)
    terminal.say(f"{wanted.file} is as {wanted.provider} would write it. Next:")
    terminal.say(f"  cashout reconcile {wanted.provider} {wanted.file}")
    return Exit.DONE


def sandbox_beside(environ: Mapping[str, str]) -> str:
    """Return the address of the sandbox that this environment means, the usual one without any."""
    given = environment_beside(environ).get("ORANGE_MONEY_API_URL", "")
    # What is not on this machine is the provider itself, and has no statements for the asking.
    if given.startswith("http://") and is_loopback(given):
        return f"http://{urlsplit(given).netloc}"
    return _USUAL


def _export(origin: str, wanted: Wanted) -> Planted:
    """Fetch list, statement and list: two equal lists are those of the statement between them."""
    draft = wanted.file.with_name(f"{wanted.file.name}.{os.getpid()}")
    try:
        planted = _planted(origin, wanted)
        for _ in range(_TRIES):
            _fetch(origin, wanted, draft)
            before, planted = planted, _planted(origin, wanted)
            if before == planted:
                draft.replace(wanted.file)
                return planted
    except OSError as fault:
        raise Stopped(f"{wanted.file}: {fault.strerror or fault}") from fault
    finally:
        draft.unlink(missing_ok=True)
    raise Stopped(_CALM)


def _planted(origin: str, wanted: Wanted) -> Planted:
    with _answer(origin, wanted.path("/planted")) as answer:
        body = _piece(answer, origin, _MOST_SAID)
    try:
        return msgspec.json.decode(body, type=Planted)
    except msgspec.DecodeError as fault:
        raise Stopped(f"What answers at {origin} is no sandbox.", _WHERE) from fault


def _fetch(origin: str, wanted: Wanted, draft: Path) -> None:
    with _answer(origin, wanted.path()) as answer, draft.open("wb") as file:
        while piece := _piece(answer, origin, _PIECE):
            file.write(piece)


def _piece(answer: http.client.HTTPResponse, origin: str, most: int) -> bytes:
    """Return so many bytes of a body, none at its end; raise Stopped when it ends too early."""
    try:
        piece = answer.read(most)
    except (OSError, http.client.HTTPException) as fault:
        raise _hung_up(origin) from fault
    # The client calls this the end: more bytes were announced, and there are no more.
    if len(piece) < most and answer.length:
        raise _hung_up(origin)
    return piece


def _hung_up(origin: str) -> Stopped:
    return Stopped(f"The sandbox at {origin} hung up in the middle of its answer.", "Try again.")


@contextmanager
def _answer(origin: str, path: str) -> Iterator[http.client.HTTPResponse]:
    """Yield the sandbox's answer; raise Stopped when there is none, or it refuses."""
    with closing(_connection(origin)) as calling:
        try:
            calling.request("GET", path)
            answer = calling.getresponse()
        except (OSError, http.client.HTTPException) as fault:
            raise Stopped(f"No sandbox answers at {origin}.", _WHERE) from fault
        if answer.status != http.client.OK:
            raise _refusal(answer, origin)
        yield answer


def _connection(origin: str) -> http.client.HTTPConnection:
    """Return a connection that is not open yet; raise Stopped for what is no address."""
    try:
        address = urlsplit(origin)
        host, port = address.hostname, address.port
    except ValueError:
        raise _no_address() from None
    bare = origin.rstrip("/") == f"http://{address.netloc}" and "@" not in address.netloc
    if not bare or not host or port == 0:
        raise _no_address()
    try:
        # The standard library's client asks no environment for proxies: this stays where it was
        # sent. Without a port it would look for one in the host.
        return http.client.HTTPConnection(host, port or http.client.HTTP_PORT, timeout=_TIMEOUT_S)
    except http.client.InvalidURL:
        raise _no_address() from None


def _no_address() -> Stopped:
    return Stopped(f"--at takes http://HOST:PORT and nothing more, like {_USUAL}.", code=Exit.USAGE)


def _refusal(answer: http.client.HTTPResponse, origin: str) -> Stopped:
    """Return what the sandbox says against it, the number of its answer when it says nothing."""
    try:
        said = msgspec.json.decode(_piece(answer, origin, _MOST_SAID), type=_Said).detail
    except msgspec.DecodeError:
        said = f"HTTP {answer.status}"
    missing = answer.status == http.client.NOT_FOUND
    return Stopped(f"The sandbox: {said}.", code=Exit.NOT_FOUND if missing else Exit.REFUSED)
