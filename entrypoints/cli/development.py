"""`cashout dev`: everything on this machine, ready to be called, until Ctrl-C."""

import asyncio
import json
import os
import shlex
from collections.abc import Mapping
from contextlib import AsyncExitStack
from functools import partial
from typing import Literal
from urllib.parse import urlsplit

from rich.text import Text

from adapters.sandbox.corridors import ORANGE_MONEY, sandbox_msisdn
from adapters.sandbox.server import Sandbox
from adapters.sandbox.settings import SandboxSettings
from entrypoints.cli.accounts import dev_accounts
from entrypoints.cli.dev_note import DATA_DIR, data_dir, left_in, running_in
from entrypoints.cli.exits import Exit, Stopped
from entrypoints.cli.faults import is_taken
from entrypoints.cli.stand import WEBHOOKS, Standing, standing
from entrypoints.cli.terminal import Terminal
from entrypoints.cli.tokens import keep_secret, token_for
from entrypoints.cli.trying import payer_at
from entrypoints.logs import set_up_logs
from entrypoints.secrets_known import secrets_of
from entrypoints.settings import Settings, read_settings
from entrypoints.signals import stop_signal

_USER = "dev"
_TOKEN_KEYS = ("JWT_SECRET", "JWT_PUBLIC_KEY", "JWT_JWKS_URL")


async def run_dev(
    *,
    port: int | None,
    sandbox_port: int,
    profile: Literal["instant", "realistic"],
    as_json: bool,
) -> int:
    """Run API, worker and sandbox until SIGINT or SIGTERM, then finish what is in flight."""
    terminal, environ = Terminal(), dict(os.environ)
    if environ.get("APP_ENV") == "production":
        raise Stopped("`cashout dev` pretends to pay: with APP_ENV=production, use `cashout serve`")
    other = running_in(data_dir(environ))
    if other is not None:
        # Its cash-outs are in its own sandbox: a second one would ask there about them in vain.
        raise Stopped(
            f"`cashout dev` runs here already (process {other})",
            f"stop it, or name another folder by {DATA_DIR}",
        )
    if not any(environ.get(key) for key in _TOKEN_KEYS):
        keep_secret(data_dir(environ))
    if port is not None:
        environ["PORT"] = str(port)
    async with AsyncExitStack() as opened:
        try:
            told = SandboxSettings(port=sandbox_port, profile=profile)
            sandbox = await opened.enter_async_context(Sandbox(told))
        except OSError as fault:
            if not is_taken(fault):
                raise
            line = f"port {sandbox_port} is in use: choose another by --sandbox-port, 0 for any"
            raise Stopped(line) from None
        beside = {**_standing_in(sandbox, environ), DATA_DIR: str(data_dir(environ).resolve())}
        settings = read_settings({**environ, **beside})
        set_up_logs(settings.log_level, secrets=secrets_of(settings))
        await _serve(terminal, settings, sandbox, beside, as_json=as_json)
    return Exit.DONE


def _standing_in(sandbox: Sandbox, environ: Mapping[str, str]) -> dict[str, str]:
    """Return the sandbox's settings for every provider that has none in the environment."""
    given = sandbox.environment()
    prefixes = {"ORANGE_MONEY_", "AFRIMONEY_"}
    configured = {p for p in prefixes if any(name.startswith(p) for name in environ)}
    return {name: v for name, v in given.items() if not name.startswith(tuple(configured))}


async def _serve(
    terminal: Terminal,
    settings: Settings,
    sandbox: Sandbox,
    beside: Mapping[str, str],
    *,
    as_json: bool,
) -> None:
    # Before anything runs, so that nothing is cut off that has begun.
    stop = asyncio.create_task(stop_signal().wait())
    async with standing(settings) as here:
        sandbox.webhook_base_url = here.url + WEBHOOKS
        note = {
            **beside,
            "DATABASE_URL": settings.database_url,
            "HOST": settings.host,
            "PORT": str(urlsplit(here.url).port),
        }
        with left_in(settings.data_dir, note):
            facts = _facts(settings, sandbox, here)
            operators = here.service.operators
            accounts = await dev_accounts(operators, settings.data_dir) if settings.console else {}
            if facts["token"]:
                sandbox.till.payer = await payer_at(here.url, partial(token_for, settings, _USER))
            if as_json:
                terminal.json({**facts, "accounts": accounts})
            else:
                _introduce(terminal, facts, accounts)
            await asyncio.wait({stop, here.work}, return_when=asyncio.FIRST_COMPLETED)
            stop.cancel()
            terminal.say("Stopping: what is in flight is finished first.")


def _facts(settings: Settings, sandbox: Sandbox, here: Standing) -> dict[str, str]:
    token = token_for(settings, _USER) if settings.tokens.secret else ""
    return {
        "api": here.url,
        "console": f"{here.url}/console" if settings.console else "off",
        "docs": f"{here.url}/schema",
        "ready": f"{here.url}/health/ready",
        "sandbox": sandbox.control_url,
        "database": "SQLite file in " + str(settings.data_dir)
        if settings.is_sqlite
        else "PostgreSQL",
        "events": "NATS" if settings.nats_url else "inside this process",
        "token": token,
        "curl": _curl(here.url, token),
    }


def _curl(url: str, token: str) -> str:
    """Return a line that a shell takes as it is."""
    body = {
        "walletId": "wallet-1",
        "amount": 15000,
        "currency": "XOF",
        "provider": ORANGE_MONEY,
        "providerAccountId": sandbox_msisdn(ORANGE_MONEY, "CI", "789"),
        "providerAccountName": "Awa Koné",
    }
    words = ["curl", "-sS", f"{url}/api/payments/cash-out"]
    words += ["-H", f"Authorization: Bearer {token}"]
    words += ["-H", "Content-Type: application/json", "-H", "Prefer: wait=10"]
    words += ["-d", json.dumps(body, ensure_ascii=False)]
    return shlex.join(words)


_LABELS = {
    "api": "API",
    "console": "Console for operators",
    "docs": "Its documentation",
    "ready": "Its state",
    "sandbox": "The providers' sandbox",
    "database": "Database",
    "events": "Events",
}


def _introduce(terminal: Terminal, facts: Mapping[str, str], accounts: Mapping[str, str]) -> None:
    for name, label in _LABELS.items():
        terminal.data(Text.assemble((f"{label:<24}", "bold"), facts[name]))
    terminal.data("")
    if accounts:
        terminal.data("Who may sign in to the console:")
        for name, password in accounts.items():
            terminal.verbatim(f"  {name:<10}{password}")
        terminal.data("")
    terminal.data(f"A token for the user {_USER}, good for 12 hours:")
    terminal.verbatim(facts["token"])
    terminal.data("")
    terminal.data("A cash-out, as it is:")
    terminal.verbatim(facts["curl"])
    terminal.data("")
    terminal.data("Other last digits tell other stories; the sandbox's page has a button for each.")
    terminal.say("Ctrl-C stops, after finishing what is in flight.")
