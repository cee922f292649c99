"""`cashout sandbox statement`: a running sandbox writes a provider's statement, as it would."""

import asyncio
import http.client
import ipaddress
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import quote, urlencode, urlsplit

from entrypoints.cli.dev_note import environment_beside
from entrypoints.cli.exits import Exit, Stopped
from entrypoints.cli.terminal import Terminal

_USUAL: Final = "http://127.0.0.1:3005"
_TIMEOUT_S: Final = 60.0
_MOST_SAID: Final = 1024 * 1024
"""Bytes of an answer that is no statement: 6,000 planted breaks are less."""
_TRIES: Final = 3
_CALM: Final = "the sandbox pays while its statement is written: try again when it is calm"

Planted = list[dict[str, str]]


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
    origin = wanted.at or sandbox_beside(os.environ)
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
    given = urlsplit(environment_beside(environ).get("ORANGE_MONEY_API_URL", ""))
    # What is not on this machine is the provider itself, and has no statements for the asking.
    if given.scheme == "http" and _is_here(given.hostname or ""):
        return f"http://{given.netloc}"
    return _USUAL


def _is_here(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


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
        found: Planted = json.loads(answer.read(_MOST_SAID))
        return found


def _fetch(origin: str, wanted: Wanted, draft: Path) -> None:
    with _answer(origin, wanted.path()) as answer, draft.open("wb") as file:
        shutil.copyfileobj(answer, file)


@contextmanager
def _answer(origin: str, path: str) -> Iterator[http.client.HTTPResponse]:
    """Yield the sandbox's answer; raise Stopped when there is none, or it refuses."""
    address = urlsplit(origin)
    # The standard library's client asks no environment for proxies: this stays where it was sent.
    with closing(
        http.client.HTTPConnection(address.hostname or "", address.port, timeout=_TIMEOUT_S)
    ) as calling:
        try:
            calling.request("GET", path)
            answer = calling.getresponse()
        except (OSError, http.client.HTTPException) as fault:
            raise Stopped(
                f"No sandbox answers at {origin}.",
                "Start `cashout dev` or `cashout sandbox`, or name its address by --at.",
            ) from fault
        if answer.status != http.client.OK:
            raise _refusal(answer)
        yield answer


def _refusal(answer: http.client.HTTPResponse) -> Stopped:
    body = answer.read(_MOST_SAID)
    is_json = answer.getheader("Content-Type", "").startswith("application/json")
    detail = json.loads(body).get("detail", "") if is_json else f"HTTP {answer.status}"
    missing = answer.status == http.client.NOT_FOUND
    return Stopped(f"The sandbox: {detail}.", code=Exit.NOT_FOUND if missing else Exit.REFUSED)
