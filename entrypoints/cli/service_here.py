"""The service that a command drives: the settings of this environment, opened and checked."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID

import msgspec

from adapters.web.schemas import JSON_BYTES
from application.callers import Caller, Role
from domain.refusals import NotFound
from entrypoints.cli.dev_note import environment_beside
from entrypoints.cli.terminal import Terminal
from entrypoints.container import Service
from entrypoints.lifespan import open_service
from entrypoints.logs import set_up_logs
from entrypoints.schema_gate import require_current_schema
from entrypoints.settings import Settings, read_settings


def settings_here() -> Settings:
    """Return the settings of this environment; raise SettingsRefused."""
    return read_settings(environment_beside(os.environ))


@asynccontextmanager
async def service_here() -> AsyncIterator[Service]:
    """Yield the service over a database that is current; raise SettingsRefused when it is not."""
    settings = settings_here()
    # A command answers with its own words: what the service logs is for its processes.
    set_up_logs("error")
    await require_current_schema(settings)
    async with open_service(settings) as service:
        yield service


def caller(user: str, *, admin: bool = False) -> Caller:
    """Return on whose behalf a command asks."""
    return Caller(user, Role.ADMIN if admin else Role.USER)


def read_id(text: str) -> UUID:
    """Return a cash-out's id; raise NotFound for a text that cannot be one."""
    try:
        return UUID(text)
    except ValueError:
        raise NotFound from None


def print_json(terminal: Terminal, view: msgspec.Struct) -> None:
    """Print a view of the HTTP API as one line of JSON: both entrances show the same document."""
    terminal.verbatim(JSON_BYTES.encode(view).decode())
