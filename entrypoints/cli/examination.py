"""`cashout doctor`: what is well, what is not, and what to do about it. It changes nothing.

No line ever shows a value of the environment: only names, states and advice.
"""

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path

from rich.text import Text

from adapters.provider_kit.wiring import provider_module
from adapters.sql.database import durability_warnings
from application.lanes import Lane
from application.ports import Overloaded, StorageUnavailable, StoreHealth
from entrypoints.cli.dev_note import environment_beside
from entrypoints.cli.exits import Exit
from entrypoints.cli.terminal import Terminal
from entrypoints.container import Service
from entrypoints.lifespan import open_service, open_store
from entrypoints.logs import set_up_logs
from entrypoints.settings import Settings, SettingsRefused, read_settings

_PROVIDER_WITHIN_S = 15
_STALE_EVENT = timedelta(minutes=5)


class Mark(StrEnum):
    """How a finding is to be taken."""

    GOOD = "good"
    NOTE = "note"
    WARNING = "warning"
    BAD = "bad"


_STYLES = {Mark.GOOD: "green", Mark.NOTE: "dim", Mark.WARNING: "yellow", Mark.BAD: "bold red"}


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at. remedy: what to do, empty where nothing is to be done."""

    mark: Mark
    subject: str
    fact: str
    remedy: str = ""


async def examine(*, as_json: bool) -> int:
    """Look at everything, print a line each; return 1 when something must be mended."""
    terminal = Terminal()
    # What goes wrong is what is looked for: it is told in the findings, not in the log.
    set_up_logs("error")
    findings = []
    async for finding in _findings():
        findings.append(finding)
        if not as_json:
            terminal.data(_line(finding))
    well = not any(each.mark is Mark.BAD for each in findings)
    if as_json:
        terminal.json({"well": well, "findings": [_document(each) for each in findings]})
    else:
        terminal.say("All is well." if well else "Something must be mended: see `bad` above.")
    return Exit.DONE if well else Exit.FAILED


async def _findings() -> AsyncIterator[Finding]:
    try:
        settings = read_settings(environment_beside(os.environ))
    except SettingsRefused as refused:
        for fault in refused.faults:
            yield Finding(Mark.BAD, "settings", fault, "correct it in the environment")
        return
    yield Finding(Mark.GOOD, "settings", f"they can be read (APP_ENV is {settings.app_env})")
    folder = _folder(settings)
    for finding in (*_tokens(settings), *folder):
        yield finding
    if any(each.mark is Mark.BAD for each in folder):
        return
    try:
        async with open_service(settings) as service:
            health = await service.reader.health()
            for finding in _store(settings, health):
                yield finding
            for look in _looks(settings, service, health):
                for finding in await look():
                    yield finding
    except SettingsRefused as refused:
        for fault in refused.faults:
            yield Finding(Mark.BAD, "settings", fault, "correct it in the environment")


def _looks(
    settings: Settings, service: Service, health: StoreHealth
) -> Iterator[Callable[[], Awaitable[list[Finding]]]]:
    if health.reachable:
        yield lambda: _durability(settings)
    yield lambda: _broker(settings)
    yield lambda: _providers(settings, service)


def _tokens(settings: Settings) -> Iterator[Finding]:
    tokens = settings.tokens
    kinds = {
        "JWT_SECRET": bool(tokens.secret),
        "JWT_PUBLIC_KEY": bool(tokens.public_key),
        "JWT_JWKS_URL": bool(tokens.jwks_url),
    }
    used = next((name for name, is_used in kinds.items() if is_used), None)
    if used is None:
        remedy = "set JWT_SECRET (openssl rand -hex 32) or a public key; `cashout dev` keeps one"
        yield Finding(Mark.BAD, "tokens", "there is no key to check tokens with", remedy)
    else:
        yield Finding(Mark.GOOD, "tokens", f"checked by {used}")


def _folder(settings: Settings) -> list[Finding]:
    if not settings.is_sqlite:
        return []
    folder = _nearest(settings.data_dir)
    if folder.is_dir() and os.access(folder, os.W_OK | os.X_OK):
        return [Finding(Mark.GOOD, "data directory", f"{settings.data_dir} can be written")]
    remedy = "make it writable, or name another by CASHOUT_DATA_DIR"
    return [Finding(Mark.BAD, "data directory", f"{folder} cannot be written into", remedy)]


def _nearest(folder: Path) -> Path:
    """Return the folder, or the nearest of those above it that exists."""
    folder = folder.resolve()
    return next(each for each in (folder, *folder.parents) if each.exists())


def _store(settings: Settings, health: StoreHealth) -> Iterator[Finding]:
    kind = "SQLite" if settings.is_sqlite else "PostgreSQL"
    if not health.reachable:
        remedy = "check DATABASE_URL, that the server runs, and that we may connect"
        yield Finding(Mark.BAD, "database", f"{kind} cannot be reached", remedy)
        return
    yield Finding(Mark.GOOD, "database", f"{kind} answers")
    remedies = {
        "missing": "run `cashout migrate`",
        "old": "run `cashout migrate`",
        "new": "deploy the newer release: this one does not know the schema",
    }
    mark = Mark.GOOD if health.schema == "current" else Mark.BAD
    remedy = remedies.get(health.schema, "")
    yield Finding(mark, "schema", f"it is {health.schema}", remedy)
    waiting = health.oldest_event
    if waiting is not None and datetime.now(UTC) - waiting > _STALE_EVENT:
        fact = f"the oldest untold event waits since {waiting:%Y-%m-%d %H:%M} UTC"
        yield Finding(Mark.WARNING, "events", fact, "see that a worker runs and the broker answers")


async def _durability(settings: Settings) -> list[Finding]:
    database = open_store(settings)
    try:
        warnings = await durability_warnings(database)
    except (StorageUnavailable, Overloaded):
        return [
            Finding(Mark.BAD, "durability", "the database stopped answering", "look at its log")
        ]
    finally:
        await database.close()
    if not warnings:
        return [Finding(Mark.GOOD, "durability", "what the database acknowledges, it keeps")]
    return [
        Finding(Mark.BAD, "durability", fact, "change it in the database's configuration")
        for fact in warnings
    ]


async def _broker(settings: Settings) -> list[Finding]:
    if not settings.nats_url:
        fact = "no NATS_URL: events stay inside the process and in the database"
        return [Finding(Mark.WARNING if settings.production else Mark.NOTE, "broker", fact)]
    # nats-py takes half a second to import: only those pay who use it.
    from adapters.nats import doctor
    from adapters.nats.connection import NatsConnection
    from adapters.nats.stream_settings import StreamSettings

    connection = NatsConnection(settings.nats_url, name="cashout doctor")
    stream = StreamSettings(replicas=settings.nats_replicas)
    try:
        found = await doctor.examine(connection, stream, settings.nats_monitor_url or None)
    finally:
        await connection.close()
    marks = {doctor.Mark.GOOD: Mark.GOOD, doctor.Mark.BAD: Mark.BAD, doctor.Mark.UNKNOWN: Mark.NOTE}
    return [
        Finding(marks.get(each.mark, Mark.WARNING), "broker", each.fact, each.remedy)
        for each in found
    ]


async def _providers(settings: Settings, service: Service) -> list[Finding]:
    tables = settings.configuration.providers
    off = [provider_id for provider_id in tables if provider_id not in service.lanes]
    checked = await asyncio.gather(*(_provider(lane) for lane in service.lanes.values()))
    return [*checked, *(_switched_off(settings, provider_id) for provider_id in off)]


async def _provider(lane: Lane) -> Finding:
    name = lane.provider.name
    try:
        async with asyncio.timeout(_PROVIDER_WITHIN_S):
            wrong = await lane.gateway.check()
    except TimeoutError:
        wrong = f"no answer within {_PROVIDER_WITHIN_S} seconds"
    if wrong is None:
        return Finding(Mark.GOOD, name, "it answers, and takes our credentials")
    prefix = lane.provider.id.upper()
    return Finding(Mark.BAD, name, wrong, f"check {prefix}_... and the way there")


def _switched_off(settings: Settings, provider_id: str) -> Finding:
    table = settings.configuration.providers[provider_id]
    declared = provider_module(table.module).SETTINGS
    missing = ", ".join(
        f"{provider_id.upper()}_{each.suffix}"
        for each in declared
        if each.required and not each.default
    )
    return Finding(Mark.NOTE, table.name, "it is off", f"to switch it on, set {missing}")


def _line(finding: Finding) -> Text:
    remedy = f" -> {finding.remedy}" if finding.remedy else ""
    mark = Text(f"{finding.mark:<8}", style=_STYLES[finding.mark])
    return Text.assemble(mark, (f"{finding.subject:<16}", "bold"), finding.fact, (remedy, "italic"))


def _document(finding: Finding) -> dict[str, str]:
    return {
        "mark": finding.mark,
        "subject": finding.subject,
        "fact": finding.fact,
        "remedy": finding.remedy,
    }
