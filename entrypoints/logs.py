"""Logs: structured lines on standard error, JSON where no person is looking.

Every value is masked by its type before a line is written, whoever wrote it and under whatever
name: see `application.masking`. On top of that, what is set as a secret is never shown, wherever it
turns up.
"""

import json
import logging
import re
import sys
import traceback
from collections.abc import Callable, Collection, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Final, TextIO
from uuid import UUID

import msgspec
import structlog
from structlog.typing import EventDict, ExcInfo, Processor, WrappedLogger

from application.masking import HIDDEN, Plain, message, scrubbed, shown

_LEVELS = logging.getLevelNamesMapping()
_NOISY = ("httpx", "httpcore", "aiosqlite", "nats", "asyncio")
_SHORTEST_SECRET: Final = 8
"""A secret of fewer characters would be found inside innocent words."""
_REMEMBERED: Final = 4_096
"""Texts whose masking is remembered: most values of most lines are the same few words."""
_SMALL: Final = 10**6
"""No phone number is smaller."""
_HARMLESS: Final = frozenset({bool, type(None), UUID, Plain})


def set_up_logs(
    level: str, *, pretty: bool | None = None, secrets: Collection[str] = frozenset()
) -> None:
    """Write logs of this level and above to standard error, those of libraries among them.

    pretty: for a person; by default when standard error is a terminal. secrets: what is hidden
    wherever it turns up. Tracebacks never show local variables, and of an exception's message only
    its masked first line.
    """
    for_a_person = sys.stderr.isatty() if pretty is None else pretty
    masks = Masks(secrets)
    shared: list[Processor] = [masks, structlog.processors.add_log_level, _add_the_time]
    tail = _for_a_person(masks) if for_a_person else _for_programs(masks)
    structlog.configure(
        processors=[*shared, *tail],
        wrapper_class=structlog.make_filtering_bound_logger(_LEVELS[level.upper()]),
        logger_factory=_to_a_person() if for_a_person else _to_programs(),
        cache_logger_on_first_use=True,
    )
    # Libraries speak through the standard library; what they say below a warning is not for people
    # who run this service, and may hold addresses.
    theirs = logging.StreamHandler(sys.stderr)
    last = tail if for_a_person else [*tail[:-1], _as_text]
    theirs.setFormatter(_formatter([_naming_the_library(masks), *shared], last))
    logging.basicConfig(level=max(logging.WARNING, _LEVELS[level.upper()]), handlers=[theirs])
    logging.captureWarnings(capture=True)
    for noisy in _NOISY:
        logging.getLogger(noisy).setLevel(logging.WARNING)


class Masks:
    """Masks the values of a line, each by its type; a processor."""

    def __init__(self, secrets: Collection[str] = frozenset()) -> None:
        known = sorted((s for s in secrets if len(s) >= _SHORTEST_SECRET), key=len, reverse=True)
        self._secrets = re.compile("|".join(map(re.escape, known))) if known else None
        self._shortest = len(known[-1]) if known else 0
        self._scrubbed = lru_cache(_REMEMBERED)(self._scrub)

    def __call__(self, _logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
        """Mask every value but that of exc_info, which is rendered and masked behind this."""
        quick = self._scrubbed
        for name, value in event.items():
            kind = type(value)
            if kind is str:
                event[name] = quick(value)
            elif (kind is int or kind is float) and -_SMALL < value < _SMALL:
                continue
            elif kind not in _HARMLESS and name not in {"exc_info", "_record"}:
                event[name] = self._known_hidden(shown(value))
        return event

    def message(self, text: str) -> str:
        """Return what is left of what an exception says."""
        return message(self._without_secrets(text))

    def _scrub(self, text: str) -> str:
        return scrubbed(self._without_secrets(text))

    def _without_secrets(self, text: str) -> str:
        if self._secrets is None or len(text) < self._shortest:
            return text
        return self._secrets.sub(HIDDEN, text)

    def _known_hidden(self, value: object) -> object:
        """Return what is shown of a value, without the secrets that are known."""
        if self._secrets is None:
            return value
        if isinstance(value, str):
            return self._without_secrets(value)
        if isinstance(value, dict):
            known = self._known_hidden
            return {self._without_secrets(key): known(each) for key, each in value.items()}
        return [self._known_hidden(each) for each in value] if isinstance(value, list) else value


def _add_the_time(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    event["timestamp"] = f"{datetime.now(UTC).isoformat()[:-6]}Z"
    return event


def _to_a_person() -> Callable[..., WrappedLogger]:
    return structlog.PrintLoggerFactory(sys.stderr)


def _to_programs() -> Callable[..., WrappedLogger]:
    # A line per request: bytes need no second encoding, and each line still goes out at once.
    return structlog.BytesLoggerFactory(sys.stderr.buffer)


def _for_a_person(masks: Masks) -> list[Processor]:
    def plainly(to: TextIO, raised: ExcInfo) -> None:
        to.write("\n".join(_told(traceback.TracebackException(*raised), masks)))

    return [structlog.dev.ConsoleRenderer(exception_formatter=plainly, pad_event_to=30)]


def _told(raised: traceback.TracebackException, masks: Masks) -> list[str]:
    """Return a traceback as lines, what caused it first; of what it says, what may be shown."""
    before = raised.__cause__ or (None if raised.__suppress_context__ else raised.__context__)
    lines = [*_told(before, masks), "which led to"] if before else []
    lines += ["Traceback (most recent call last):"]
    lines += [f"  {each.filename}:{each.lineno} in {each.name}" for each in raised.stack]
    kind = raised.exc_type.__name__ if raised.exc_type else "Exception"
    lines.append(f"{kind}: {masks.message(str(raised))}".removesuffix(": "))
    for each in raised.exceptions or ():
        lines += _told(each, masks)
    return lines


def _for_programs(masks: Masks) -> list[Processor]:
    tracebacks = structlog.tracebacks.ExceptionDictTransformer(show_locals=False)

    def mask_messages(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
        exception = event.get("exception")
        if isinstance(exception, list):
            _mask(exception, masks)
        return event

    return [structlog.processors.ExceptionRenderer(tracebacks), mask_messages, _as_json]


_JSON: Final = msgspec.json.Encoder(enc_hook=str)


def _as_json(_logger: WrappedLogger, _method: str, event: EventDict) -> bytes:
    """Return the line, also of what the quick encoder refuses: half a character, a huge number."""
    try:
        return _JSON.encode(event)
    except (TypeError, ValueError, OverflowError):
        return json.dumps(event, default=str, skipkeys=True).encode("ascii")


def _as_text(logger: WrappedLogger, method: str, event: EventDict) -> str:
    """Return the line as the standard library wants it."""
    return _as_json(logger, method, event).decode()


def _formatter(shared: list[Processor], tail: list[Processor]) -> logging.Formatter:
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *tail],
    )


def _naming_the_library(masks: Masks) -> Processor:
    def name_it(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
        """Say which library it was, and cut what it said: its messages are not of our making."""
        event["library"] = event["_record"].name
        event["event"] = masks.message(str(event["event"]))
        return event

    return name_it


def _mask(chain: Sequence[dict[str, Any]], masks: Masks) -> None:
    for raised in chain:
        raised["exc_value"] = masks.message(str(raised["exc_value"]))
        # Both repeat what was there: notes, and the line that could not be read.
        raised.pop("exc_notes", None)
        raised.pop("syntax_error", None)
        # What a group holds is a list of chains.
        for inner in raised["exceptions"]:
            _mask(inner, masks)
