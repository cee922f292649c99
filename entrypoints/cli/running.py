"""The commands that run things: what they take and what they teach."""

from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter
from cyclopts.validators import Number

from entrypoints.cli.options import AsJson, Port, ProviderId

EXAMPLES = {
    "demo": """\
Example:
  cashout demo

Everything is real but the money: sockets, signatures, a database file. It leaves nothing behind.
""",
    "dev": """\
Examples:
  cashout dev
  cashout dev --port 8080 --profile instant

Then, in another terminal:
  cashout request orange_money 15000 XOF +2250700000789 --name "Awa Koné" --wait 30
""",
    "serve": """\
Examples:
  cashout migrate && cashout serve
  WORKERS_IN_API=false cashout serve --host 0.0.0.0 --port 3004
""",
    "worker": """\
Example:
  cashout worker

Run as many as you like beside `WORKERS_IN_API=false cashout serve`: they share by leases.
""",
    "sandbox": """\
Example:
  cashout sandbox --webhooks-to http://127.0.0.1:3004/api/payments/webhook --ledger sandbox.jsonl
""",
    "statement": """\
Examples:
  cashout sandbox statement orange_money statement.csv
  cashout sandbox statement orange_money statement.csv --breaks 1 --seed 7
  cashout reconcile orange_money statement.csv

The same payouts, number and seed give the same breaks.
""",
    "migrate": """\
Example:
  DATABASE_URL=postgresql+asyncpg://cashout:PASSWORD@localhost:5432/cashout cashout migrate
""",
    "republish": """\
Example:
  cashout events republish --since 2026-11-23T00:00:00Z --until 2026-11-23T06:00:00Z

For a broker that was restored or lost power. Every event keeps its id: consumers know it again.
""",
    "token": """\
Examples:
  cashout token --user user-1
  curl -H "Authorization: Bearer $(cashout token)" http://127.0.0.1:3004/api/payments/cash-out
""",
    "doctor": """\
Example:
  cashout doctor

Nothing is changed and no secret is shown. Exit code 1 says that something must be mended.
""",
    "openapi": """\
Example:
  cashout openapi > openapi.json
""",
    "completion": """\
Example:
  eval "$(cashout completion bash)"
""",
}

Profile = Annotated[
    Literal["instant", "realistic"],
    Parameter(help="How long the sandbox's providers take."),
]
Host = Annotated[str | None, Parameter(show_default=False, help="Where to listen; see HOST.")]


async def demo(*, as_json: AsJson = False) -> int:
    """Take three cash-outs from request to completed, step by step, and check the ledger."""
    from entrypoints.cli.demo import show

    return await show(as_json=as_json)


async def dev(
    *,
    port: Annotated[Port, Parameter(help="The API's port; 0 takes a free one.")] = None,
    sandbox_port: Annotated[
        int,
        Parameter(validator=Number(gte=0, lte=65_535), help="The sandbox's; 0 takes a free one."),
    ] = 3005,
    profile: Profile = "realistic",
    as_json: AsJson = False,
) -> int:
    """Run API, worker and provider sandbox over a database file, until Ctrl-C.

    Prints the addresses, a token and a curl line that works as it is. The data stays in .cashout/
    (or CASHOUT_DATA_DIR). A provider whose settings are in the environment is used as configured;
    the sandbox stands in for the others.
    """
    from entrypoints.cli.development import run_dev

    return await run_dev(port=port, sandbox_port=sandbox_port, profile=profile, as_json=as_json)


def serve(
    *,
    host: Host = None,
    port: Annotated[Port, Parameter(help="Where to listen; see PORT.")] = None,
) -> int:
    """Run the HTTP API, with the worker inside unless WORKERS_IN_API=false."""
    from entrypoints.cli.processes import run_api

    return run_api(host=host, port=port)


def worker() -> int:
    """Run the background work: send, ask, tell, until SIGTERM; then finish what is in flight."""
    from entrypoints.cli.processes import run_workers

    return run_workers()


async def sandbox(
    *,
    host: Annotated[str, Parameter(help="Where to listen.")] = "127.0.0.1",
    port: Annotated[
        int, Parameter(validator=Number(gte=0, lte=65_535), help="0 takes a free one.")
    ] = 3005,
    webhooks_to: Annotated[
        str | None,
        Parameter(help="Where webhooks go: this address, a slash and the provider's id."),
    ] = None,
    profile: Profile = "realistic",
    seed: Annotated[int, Parameter(help="The same seed takes the same chances.")] = 0,
    ledger: Annotated[
        Path | None, Parameter(help="A file that keeps what was paid over a restart.")
    ] = None,
    as_json: AsJson = False,
) -> int:
    """Run the providers' sandbox by itself, until Ctrl-C; the last three digits choose the story.

    Prints the settings that point a service at it, ready for a shell.
    """
    from entrypoints.cli.processes import run_sandbox

    return await run_sandbox(
        host=host,
        port=port,
        webhooks_to=webhooks_to,
        profile=profile,
        seed=seed,
        ledger=ledger,
        as_json=as_json,
    )


async def statement(
    provider: ProviderId,
    file: Annotated[Path, Parameter(help="Where it is written.")],
    /,
    *,
    breaks: Annotated[
        int,
        Parameter(validator=Number(gte=0, lte=1_000), help="Plant so many breaks of each kind."),
    ] = 0,
    seed: Annotated[int, Parameter(help="The same seed plants the same breaks.")] = 1,
    since: Annotated[
        str | None,
        Parameter(name="--from", show_default=False, help="Payouts from this moment on, ISO 8601."),
    ] = None,
    until: Annotated[str | None, Parameter(show_default=False, help="And before this one.")] = None,
    at: Annotated[
        str | None,
        Parameter(show_default=False, help="Where the sandbox is, like http://127.0.0.1:3005."),
    ] = None,
    as_json: AsJson = False,
) -> int:
    """Have a running sandbox write a provider's statement of what it paid, also with breaks."""
    from entrypoints.cli.sandbox_statement import Wanted, export_statement

    wanted = Wanted(provider, file, breaks, seed, since, until, at)
    return await export_statement(wanted, as_json=as_json)


def migrate() -> int:
    """Bring the database to the schema of this version; does nothing when it is there already."""
    from entrypoints.cli.processes import run_migrations

    return run_migrations()


def token(
    *,
    user: Annotated[str, Parameter(help="The `userId` in it.")] = "cli",
    role: Annotated[
        Literal["user", "viewer", "operator", "approver", "admin"],
        Parameter(help="All but a plain user see everybody's cash-outs."),
    ] = "user",
    ttl: Annotated[
        timedelta, Parameter(show_default=False, help="How long it is good, like 30m or 12h [1h].")
    ] = timedelta(hours=1),
    as_json: AsJson = False,
) -> int:
    """Make a token for the API, signed with JWT_SECRET."""
    from entrypoints.cli.processes import make_token

    return make_token(user=user, role=role, ttl=ttl, as_json=as_json)


async def doctor(*, as_json: AsJson = False) -> int:
    """Check settings, database, schema, durability, broker and providers; say what to do."""
    from entrypoints.cli.examination import examine

    return await examine(as_json=as_json)


def openapi() -> int:
    """Print the API's OpenAPI document."""
    from entrypoints.cli.processes import print_openapi

    return print_openapi()


def completion(
    shell: Annotated[Literal["bash", "zsh", "fish"], Parameter(help="Your shell.")], /
) -> int:
    """Print what teaches a shell to complete these commands."""
    from entrypoints.cli.program import build
    from entrypoints.cli.terminal import Terminal

    Terminal().verbatim(build().generate_completion(shell=shell))
    return 0


async def republish(
    *,
    since: Annotated[str, Parameter(help="Events from this moment on, ISO 8601; UTC if unsaid.")],
    until: Annotated[str | None, Parameter(help="And before this one.", show_default="now")] = None,
    as_json: AsJson = False,
) -> int:
    """Have events that were told be told again, in order and under their old ids."""
    from entrypoints.cli.republishing import republish_events

    return await republish_events(since, until, as_json=as_json)
