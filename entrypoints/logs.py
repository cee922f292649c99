"""Logs: structured lines on standard error, JSON where no person is looking."""

import json
import logging
import re
import sys
from collections.abc import Callable
from typing import Any, Final

import msgspec
import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

_LEVELS = logging.getLevelNamesMapping()
_NOISY = ("httpx", "httpcore", "aiosqlite", "nats", "asyncio")

# What an exception says may repeat what it was raised over: tokens, numbers, rows of a table.
_TOKEN = re.compile(r"\beyJ[\w.-]+", re.ASCII)
_LONG_NUMBER = re.compile(r"\d{4,}(?=\d{3})", re.ASCII)
_LONGEST_MESSAGE = 200


def set_up_logs(level: str, *, pretty: bool | None = None) -> None:
    """Write logs of this level and above to standard error, those of libraries among them.

    pretty: for a person; by default when standard error is a terminal. Tracebacks never show local
    variables, and of an exception's message only its masked first line: a secret may be among them.
    """
    for_a_person = sys.stderr.isatty() if pretty is None else pretty
    shared: list[Processor] = [
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    tail = _for_a_person() if for_a_person else _for_programs()
    structlog.configure(
        processors=[*shared, *tail],
        wrapper_class=structlog.make_filtering_bound_logger(_LEVELS[level.upper()]),
        logger_factory=_to_a_person() if for_a_person else _to_programs(),
        cache_logger_on_first_use=True,
    )
    # Libraries speak through the standard library; what they say below a warning is not for people
    # who run this service, and may hold addresses.
    theirs = logging.StreamHandler(sys.stderr)
    theirs.setFormatter(_formatter(shared, tail if for_a_person else [*tail[:-1], _as_text]))
    logging.basicConfig(level=max(logging.WARNING, _LEVELS[level.upper()]), handlers=[theirs])
    logging.captureWarnings(capture=True)
    for noisy in _NOISY:
        logging.getLogger(noisy).setLevel(logging.WARNING)


def _to_a_person() -> Callable[..., WrappedLogger]:
    return structlog.PrintLoggerFactory(sys.stderr)


def _to_programs() -> Callable[..., WrappedLogger]:
    # A line per request: bytes need no second encoding, and each line still goes out at once.
    return structlog.BytesLoggerFactory(sys.stderr.buffer)


def _for_a_person() -> list[Processor]:
    plainly = structlog.dev.plain_traceback
    return [structlog.dev.ConsoleRenderer(exception_formatter=plainly, pad_event_to=30)]


def _for_programs() -> list[Processor]:
    tracebacks = structlog.tracebacks.ExceptionDictTransformer(show_locals=False)
    return [
        structlog.processors.ExceptionRenderer(tracebacks),
        _mask_messages,
        _as_json,
    ]


_JSON: Final = msgspec.json.Encoder(enc_hook=repr)


def _as_json(_logger: WrappedLogger, _method: str, event: EventDict) -> bytes:
    """Return the line, also of what the quick encoder refuses: half a character, a huge number."""
    try:
        return _JSON.encode(event)
    except (TypeError, ValueError, OverflowError):
        return json.dumps(event, default=repr, skipkeys=True).encode("ascii")


def _as_text(logger: WrappedLogger, method: str, event: EventDict) -> str:
    """Return the line as the standard library wants it."""
    return _as_json(logger, method, event).decode()


def _formatter(shared: list[Processor], tail: list[Processor]) -> logging.Formatter:
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[*shared, _name_the_library],
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *tail],
    )


def _name_the_library(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Say which library it was, and mask what it said: its messages are not of our making."""
    event["library"] = event["_record"].name
    event["event"] = _masked(str(event["event"]))
    return event


def _mask_messages(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    _mask(event.get("exception") or [])
    return event


def _mask(chain: list[dict[str, Any]]) -> None:
    for raised in chain:
        raised["exc_value"] = _masked(raised["exc_value"])
        raised.pop("exc_notes", None)
        # What a group holds is a list of chains.
        for inner in raised["exceptions"]:
            _mask(inner)


def _masked(message: str) -> str:
    first = message.partition("\n")[0][:_LONGEST_MESSAGE]
    return _LONG_NUMBER.sub("***", _TOKEN.sub("***", first))
