"""`provider check`: the contract of gateways, tried on one of them, and how it does on a server."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import msgspec
from rich.text import Text

from adapters.provider_kit.contract.bench import Bench, order
from adapters.provider_kit.contract.rules import RULES, Rule
from adapters.provider_kit.wiring import Misconfigured, provider_module
from adapters.sandbox.corridors import PROVIDERS
from adapters.sandbox.scenarios import SCENARIOS
from domain.attempts import Capabilities
from domain.evidence import NotFound
from entrypoints.cli.exits import Exit, Stopped
from entrypoints.cli.terminal import Terminal
from entrypoints.configuration import SHIPPED, Configuration, read_configuration
from entrypoints.logs import set_up_logs
from entrypoints.provider_trial import play

_NO_PROMISES = Capabilities(
    idempotent_submit=False, lookup_by_reference=False, webhook_proves=False
)


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was tried, and what there is to complain about: nothing when it holds."""

    what: str
    complaints: tuple[str, ...] = ()


async def check_provider(named: str, *, url: str | None, as_json: bool) -> int:
    """Try a provider against the contract, then against the sandbox or a server."""
    terminal = Terminal()
    # What gateways log while they are tried is expected.
    set_up_logs("critical")
    bench = _bench(named, _configuration())
    findings: list[Finding] = []
    with terminal.waiting(f"{bench.provider}: the contract") as waiting:
        async for finding in _findings(bench, url):
            findings.append(finding)
            waiting.now(f"{len(findings)} tried: {finding.what}")
    _show(terminal, bench, findings, as_json=as_json)
    return Exit.FAILED if any(each.complaints for each in findings) else Exit.DONE


async def _findings(bench: Bench, url: str | None) -> AsyncIterator[Finding]:
    for rule in RULES:
        yield await _tried(rule, bench)
    if url is not None:
        for finding in await _asked(bench, url):
            yield finding
    elif bench.provider in PROVIDERS:
        for row in SCENARIOS.values():
            if bench.provider in row.providers:
                played = await play(bench, row.suffix)
                complaints = (played.complaint,) if played.complaint else ()
                yield Finding(f"sandbox {row.suffix}: {row.title}", complaints)


async def _tried(rule: Rule, bench: Bench) -> Finding:
    trial = asyncio.ensure_future(rule.trial(bench))
    await asyncio.wait({trial})
    fault = trial.exception()
    if fault is None:
        return Finding(rule.says, tuple(trial.result()))
    # A gateway never raises for an answer, and says Misconfigured for its settings.
    return Finding(rule.says, (f"it raised {type(fault).__name__}: {fault}"[:300],))


async def _asked(bench: Bench, url: str) -> list[Finding]:
    """Ask a real server, with the credentials of this environment; nothing is paid."""
    prefix = f"{bench.provider.upper()}_"
    given = {n.removeprefix(prefix): v for n, v in os.environ.items() if n.startswith(prefix)}
    gateway = bench.module.build(bench.wiring({**given, "API_URL": url}))
    try:
        complaint = await gateway.check()
        said = await gateway.look_up(order())
    finally:
        await gateway.aclose()
    strange = type(said).__name__ if not isinstance(said, NotFound) else ""
    detail = getattr(said, "detail", "")
    return [
        Finding(f"{url} lets us in", (complaint,) if complaint else ()),
        Finding(
            f"{url} says that it does not know a reference that nobody used",
            (f"it said {strange} {detail}".rstrip(),) if strange else (),
        ),
    ]


def _configuration() -> Configuration:
    path = os.environ.get("CASHOUT_CONFIG", "").strip()
    return read_configuration(Path(path) if path else SHIPPED)


def _bench(named: str, configuration: Configuration) -> Bench:
    """Return the provider of this id, or the one in this folder; raise Stopped for neither."""
    entry = configuration.providers.get(named)
    if entry is not None:
        promises = Capabilities(**msgspec.structs.asdict(entry.capabilities))
        return _built(named, entry.module, promises, entry.options)
    folder = Path(named)
    if not folder.exists():
        known = ", ".join(configuration.providers)
        raise Stopped(
            f"there is no provider {named} in the configuration, and no folder of that name",
            f"known: {known}; or give the folder of a provider, like ./lonestar",
            code=Exit.NOT_FOUND,
        )
    sys.path.insert(0, str(folder.resolve().parent))
    name = folder.resolve().stem
    return _built(name, name, _NO_PROMISES, {})


def _built(
    provider: str, module: str, capabilities: Capabilities, options: Mapping[str, object]
) -> Bench:
    try:
        return Bench(provider, provider_module(module), capabilities, options)
    except Misconfigured as refused:
        raise Stopped(*refused.faults) from None


def _show(terminal: Terminal, bench: Bench, findings: list[Finding], *, as_json: bool) -> None:
    broken = [each for each in findings if each.complaints]
    if as_json:
        told = [{"what": each.what, "complaints": list(each.complaints)} for each in findings]
        kept = not broken
        terminal.json({"provider": bench.provider, "keepsTheContract": kept, "findings": told})
        return
    for each in findings:
        mark = ("broken", "bold red") if each.complaints else ("kept  ", "green")
        terminal.data(Text.assemble(mark, "  ", each.what))
        for complaint in each.complaints:
            terminal.data(f"          {complaint}")
    terminal.say(f"{bench.provider}: {len(findings) - len(broken)} kept, {len(broken)} broken.")
