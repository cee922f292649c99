"""Uploads: a form that brings a file along. Its fields are read, its file passes in pieces."""

from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from litestar.types import Receive
from multipart import (
    MultipartError,
    MultipartSegment,
    PushMultipartParser,
    parse_options_header,
)

from adapters.console.forms import MOST_FIELDS
from adapters.console.parts import ConsoleSettings
from adapters.console.problems import Trouble, too_large

ROOM: Final = "cashout.room"
"""The extension of ASGI by which a server lets more arrive, for longer: of bytes and seconds."""
_FORM: Final = "multipart/form-data"
_FRAMING: Final = 2
"""Chunk sizes, extensions and trailers may double what is on the wire."""
Headers = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class _Part:
    """What begins now: a field, or a file that is called so."""

    name: str
    file: str | None


_Event = _Part | bytes | None
"""A part begins, goes on, or has ended."""


@dataclass(frozen=True, slots=True)
class Upload:
    """The file of a form. name: as its sender calls it. pieces: to be read once, to their end."""

    name: str
    pieces: AsyncIterator[bytes]


def brings_file(headers: Headers) -> bool:
    """Tell whether a form is of the kind that can have a file in it."""
    media: str = parse_options_header(headers.get("content-type", ""))[0]
    return media.lower() == _FORM


async def read_upload(
    headers: Headers, scope: Mapping[str, Any], receive: Receive, settings: ConsoleSettings
) -> tuple[dict[str, str], Upload]:
    """Return the fields of a form and the file that comes behind them; raise Trouble.

    Nothing of the file is read yet. A field behind the file is none: the file is the last.
    """
    options = parse_options_header(headers.get("content-type", ""))[1]
    if not options.get("boundary"):
        raise _not_whole()
    most = settings.statement_most + settings.form_most
    length = headers.get("content-length", "")
    if length.isascii() and length.isdigit() and int(length[:20]) > most:
        raise _file_too_large(settings.statement_most)
    offered: dict[str, Any] = scope.get("extensions") or {}
    make_room: Callable[[int, float], None] = offered.get(ROOM, _unlimited)
    make_room(_FRAMING * most, settings.statement_s)
    events = _events(options["boundary"], receive, settings)
    fields: dict[str, str] = {}
    room = settings.form_most
    async for event in events:
        if not isinstance(event, _Part):
            raise _not_whole()
        if event.file is not None:
            return fields, Upload(event.file, _pieces(events, settings.statement_most))
        value = await _value(events, room)
        room -= len(value)
        fields[event.name] = value.decode("utf-8", "replace")
    raise _not_whole()


async def _events(
    boundary: str, receive: Receive, settings: ConsoleSettings
) -> AsyncIterator[_Event]:
    """Yield what the parser finds; raise Trouble."""
    left = settings.statement_most + settings.form_most
    # Not strict: it would refuse the line break behind the last boundary when that comes alone.
    # What is behind the end counts as bytes of ours and is dropped.
    try:
        with PushMultipartParser(boundary, max_segment_count=MOST_FIELDS) as parser:
            while not parser.closed:
                message = await receive()
                if message["type"] != "http.request":
                    raise _not_whole()
                piece = message.get("body", b"")
                left -= len(piece)
                if left < 0:
                    raise _file_too_large(settings.statement_most)
                if piece:
                    for found in parser.parse(piece):
                        is_part = isinstance(found, MultipartSegment)
                        yield _Part(found.name, found.filename) if is_part else found
                if not message.get("more_body", False):
                    break
    except MultipartError:
        raise _not_whole() from None


async def _value(events: AsyncIterator[_Event], most: int) -> bytes:
    """Return what is in a field, at most so many bytes."""
    value = bytearray()
    async for event in events:
        if event is None:
            return bytes(value)
        if isinstance(event, _Part):
            break
        value += event
        if len(value) > most:
            raise too_large()
    raise _not_whole()


async def _pieces(events: AsyncIterator[_Event], most: int) -> AsyncIterator[bytes]:
    """Yield the file, and make sure that it arrived to its end and that nothing is behind it."""
    left = most
    async for event in events:
        if event is None:
            async for _ in events:
                raise _not_whole()
            return
        if isinstance(event, _Part):
            break
        left -= len(event)
        if left < 0:
            raise _file_too_large(most)
        yield event
    raise _not_whole()


def _file_too_large(most: int) -> Trouble:
    return Trouble(
        413,
        "This file is larger than a statement may be",
        f"It may have {most:,} bytes. Nothing was changed.",
    )


def _not_whole() -> Trouble:
    return Trouble(400, "The file did not arrive as a whole", "Nothing was changed. Send it again.")


def _unlimited(_most_bytes: int, _seconds: float) -> None:
    """Make room: there is no server here that bounds it."""
