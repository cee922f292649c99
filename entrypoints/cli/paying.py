"""The commands about cash-outs: what they take and what they teach. The work is done elsewhere."""

from typing import Annotated, Literal

from cyclopts import Parameter
from cyclopts.validators import Number

from entrypoints.cli.options import (
    Account,
    Amount,
    AsJson,
    CashOutId,
    CurrencyCode,
    ProviderId,
    User,
)

StatusName = Literal["pending", "processing", "completed", "failed", "cancelled"]
EventName = Literal[
    "cash_out.initiated",
    "cash_out.processing",
    "cash_out.completed",
    "cash_out.failed",
    "cash_out.cancelled",
    "cash_out.contradicted",
    "cash_out.needs_review",
    "cash_out.review_resolved",
    "provider.health_changed",
]
_LONGEST_WAIT_S = 3_600

Wait = Annotated[
    int,
    Parameter(
        validator=Number(gte=0, lte=_LONGEST_WAIT_S),
        help="Seconds to wait for the ending, showing every change.",
    ),
]

EXAMPLES = {
    "request": """\
Examples:
  cashout request orange_money 15000 XOF +2250700000789 --name "Awa Koné" --wait 30
  cashout request afrimoney 250.50 SLE +23277000789 --name "Sia Kamara" --key order-4711 --json

With the same --key, sending it again returns the same cash-out and pays nothing twice.
""",
    "status": """\
Examples:
  cashout status 0199a3c2-7f1e-7c3a-9d52-6b1f0e8a4c11
  cashout status 0199a3c2-7f1e-7c3a-9d52-6b1f0e8a4c11 --watch 60
""",
    "history": """\
Examples:
  cashout history --status failed --since 2026-11-01
  cashout history --limit 100 --json
""",
    "cancel": """\
Example:
  cashout cancel 0199a3c2-7f1e-7c3a-9d52-6b1f0e8a4c11

Exit code 4 says that it is too late: something may be on the wire already. Evidence and operators'
log name your account here, whatever --user says.
""",
    "quote": """\
Examples:
  cashout quote orange_money 15000 XOF
  cashout quote afrimoney 250.50 SLE +23277000789 --json
""",
    "providers": """\
Example:
  cashout providers --json
""",
    "tail": """\
Examples:
  cashout events tail
  cashout events tail --type cash_out.initiated --from-start --no-follow --json
""",
}


async def request(
    provider: ProviderId,
    amount: Amount,
    currency: CurrencyCode,
    account: Account,
    /,
    *,
    name: Annotated[str, Parameter(help="The account holder's name.")],
    wallet: Annotated[str, Parameter(help="The wallet that it is taken from.")] = "cli",
    reference: Annotated[
        str | None, Parameter(help="Your own unique reference, 8 to 64 characters.")
    ] = None,
    key: Annotated[
        str | None, Parameter(help="Idempotency key: with it, sending again is safe.")
    ] = None,
    user: User = "cli",
    wait: Wait = 0,
    work: Annotated[
        bool,
        Parameter(
            negative=(),
            show_default=False,
            help="Also do the background work meanwhile, where no other process does.",
        ),
    ] = False,
    as_json: AsJson = False,
) -> int:
    """Request a cash-out.

    Once this prints an id, the cash-out is stored and cannot be lost any more; a worker sends it.
    """
    from entrypoints.cli.cash_outs import Asked, request_cash_out

    asked = Asked(provider, amount, currency, account, name, wallet, reference, key, user)
    return await request_cash_out(asked, wait_s=wait, work=work, as_json=as_json)


async def status(
    cash_out_id: CashOutId,
    /,
    *,
    watch: Annotated[
        int,
        Parameter(
            validator=Number(gte=0, lte=_LONGEST_WAIT_S),
            help="Seconds to follow it until its ending.",
        ),
    ] = 0,
    user: User = "cli",
    admin: Annotated[
        bool, Parameter(negative=(), show_default=False, help="See anybody's cash-out.")
    ] = False,
    as_json: AsJson = False,
) -> int:
    """Show one cash-out: its state, what is waited for, every attempt and all evidence."""
    from entrypoints.cli.cash_outs import show_status

    return await show_status(cash_out_id, user=user, admin=admin, watch_s=watch, as_json=as_json)


async def history(
    *,
    user: User = "cli",
    status: Annotated[StatusName | None, Parameter(help="Only this state.")] = None,
    provider: Annotated[str | None, Parameter(help="Only this provider.")] = None,
    wallet: Annotated[str | None, Parameter(help="Only this wallet.")] = None,
    since: Annotated[
        str | None, Parameter(help="From this day or moment on, ISO 8601, UTC.")
    ] = None,
    until: Annotated[
        str | None, Parameter(help="Up to this moment, or to the end of this day.")
    ] = None,
    page: Annotated[int, Parameter(validator=Number(gte=1), help="1 is the newest.")] = 1,
    limit: Annotated[int, Parameter(validator=Number(gte=1, lte=100), help="Rows a page.")] = 10,
    as_json: AsJson = False,
) -> int:
    """List a user's cash-outs, newest first."""
    from entrypoints.cli.cash_outs import Wanted, show_history

    wanted = Wanted(user, status, provider, wallet, since, until, page, limit)
    return await show_history(wanted, as_json=as_json)


async def cancel(
    cash_out_id: CashOutId,
    /,
    *,
    user: User = "cli",
    admin: Annotated[
        bool, Parameter(negative=(), show_default=False, help="Cancel anybody's cash-out.")
    ] = False,
    as_json: AsJson = False,
) -> int:
    """Withdraw a cash-out, as long as provably nothing was sent."""
    from entrypoints.cli.cash_outs import cancel_cash_out

    return await cancel_cash_out(cash_out_id, user=user, admin=admin, as_json=as_json)


async def quote(
    provider: ProviderId,
    amount: Amount,
    currency: CurrencyCode,
    account: Account | None = None,
    /,
    *,
    user: User = "cli",
    as_json: AsJson = False,
) -> int:
    """Tell the price of a cash-out and what is left of the limits; nothing is reserved."""
    from entrypoints.cli.prices import show_quote

    return await show_quote(provider, amount, currency, account, user=user, as_json=as_json)


async def providers(*, as_json: AsJson = False) -> int:
    """List the providers: where each pays, in what, for how much, within which limits."""
    from entrypoints.cli.prices import show_providers

    return await show_providers(as_json=as_json)


async def tail(
    *,
    kind: Annotated[
        EventName | None, Parameter(name="--type", help="Only events of this type.")
    ] = None,
    from_start: Annotated[
        bool, Parameter(negative=(), show_default=False, help="Begin with the oldest one kept.")
    ] = False,
    follow: Annotated[
        bool,
        Parameter(
            negative="--no-follow",
            show_default=False,
            help="Wait for more; --no-follow ends with the newest one that there is.",
        ),
    ] = True,
    count: Annotated[
        int | None, Parameter(validator=Number(gte=1), help="Stop after this many.")
    ] = None,
    as_json: AsJson = False,
) -> int:
    """Show events as they are told, from NATS where NATS_URL is set, else from the database."""
    from entrypoints.cli.tailing import tail_events

    return await tail_events(
        kind=kind, from_start=from_start, follow=follow, count=count, as_json=as_json
    )
