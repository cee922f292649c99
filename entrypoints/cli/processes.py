"""The commands that run a process of the service, and the small ones around them."""

import asyncio
import os
import shlex
from collections.abc import Coroutine
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal

import msgspec
import uvloop

from entrypoints.cli.exits import Exit
from entrypoints.cli.service_here import settings_here
from entrypoints.cli.terminal import Terminal
from entrypoints.logs import set_up_logs
from entrypoints.secrets_known import secrets_of
from entrypoints.settings import SERVICE, read_settings


def run_api(*, host: str | None, port: int | None) -> int:
    """Serve until told to stop."""
    # Late: the worker does without the web framework.
    from entrypoints.api import serve

    overrides = {"HOST": host, "PORT": None if port is None else str(port)}
    given = {name: value for name, value in overrides.items() if value is not None}
    settings = read_settings(os.environ, **given)
    set_up_logs(settings.log_level, secrets=secrets_of(settings))
    return _until_done(serve(settings))


def run_workers() -> int:
    """Work until told to stop."""
    from entrypoints.worker import run_worker

    settings = read_settings(os.environ)
    set_up_logs(settings.log_level, secrets=secrets_of(settings))
    return _until_done(run_worker(settings))


def run_migrations() -> int:
    """Migrate the database of this environment."""
    from adapters.sql.schema import migrate

    settings = settings_here()
    set_up_logs("warning")
    if settings.is_sqlite:
        settings.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    asyncio.run(migrate(settings.database_url))
    Terminal().say("The database has the schema of this version.")
    return Exit.DONE


async def run_sandbox(
    *,
    host: str,
    port: int,
    webhooks_to: str | None,
    profile: Literal["instant", "realistic"],
    seed: int,
    ledger: Path | None,
    as_json: bool,
) -> int:
    """Run the sandbox alone until told to stop."""
    from adapters.sandbox.server import Sandbox
    from adapters.sandbox.settings import SandboxSettings
    from entrypoints.signals import stop_signal

    terminal = Terminal()
    told = SandboxSettings(
        host=host,
        port=port,
        app_env=os.environ.get("APP_ENV", "development"),
        webhook_base_url=webhooks_to,
        profile=profile,
        seed=seed,
        ledger_file=ledger,
    )
    stop = stop_signal()
    async with Sandbox(told) as sandbox:
        environment = sandbox.environment()
        if as_json:
            terminal.json({"sandbox": sandbox.control_url, "environment": environment})
        else:
            for name, value in environment.items():
                terminal.verbatim(f"export {name}={shlex.quote(value)}")
        terminal.say(f"What it does and has done: {sandbox.control_url}; Ctrl-C stops.")
        if webhooks_to is None:
            terminal.say("Webhooks are held back: name their address by --webhooks-to.")
        await stop.wait()
    return Exit.DONE


def make_token(*, user: str, role: str, ttl: timedelta, as_json: bool) -> int:
    """Print a token."""
    from entrypoints.cli.tokens import token_for

    terminal = Terminal()
    token = token_for(settings_here(), user, role, ttl)
    if as_json:
        seconds = int(ttl.total_seconds())
        terminal.json({"token": token, "userId": user, "role": role, "expiresInSeconds": seconds})
    else:
        terminal.verbatim(token)
    return Exit.DONE


def print_openapi() -> int:
    """Print the OpenAPI document that the API serves."""
    from adapters.web.openapi import openapi_document

    document = msgspec.json.encode(openapi_document(SERVICE))
    Terminal().verbatim(msgspec.json.format(document, indent=2).decode())
    return Exit.DONE


def _until_done(work: Coroutine[Any, Any, None]) -> int:
    uvloop.run(work)
    return Exit.DONE
