"""Logs: structured lines on standard error, JSON where no person is looking."""

import logging
import sys

import structlog

_LEVELS = logging.getLevelNamesMapping()


def set_up_logs(level: str, *, pretty: bool | None = None) -> None:
    """Write logs of this level and above to standard error.

    pretty: for a person; by default when standard error is a terminal. Tracebacks never show local
    variables: a secret may be among them.
    """
    for_a_person = sys.stderr.isatty() if pretty is None else pretty
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    if for_a_person:
        tail: list[structlog.typing.Processor] = [
            structlog.dev.ConsoleRenderer(
                exception_formatter=structlog.dev.plain_traceback, pad_event_to=30
            )
        ]
    else:
        tracebacks = structlog.tracebacks.ExceptionDictTransformer(show_locals=False)
        tail = [
            structlog.processors.ExceptionRenderer(tracebacks),
            structlog.processors.JSONRenderer(),
        ]
    structlog.configure(
        processors=[*shared, *tail],
        wrapper_class=structlog.make_filtering_bound_logger(_LEVELS[level.upper()]),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    # Libraries speak through the standard library; what they say below a warning is not for people
    # who run this service, and may hold addresses.
    logging.basicConfig(
        level=logging.WARNING, stream=sys.stderr, format="%(levelname)s %(message)s"
    )
    for noisy in ("httpx", "httpcore", "aiosqlite", "nats", "asyncio"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
