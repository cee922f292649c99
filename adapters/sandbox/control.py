"""The control plane, `/_sandbox`: for the developer at this machine, and for nobody else."""

import ipaddress
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from decimal import Decimal, InvalidOperation
from itertools import islice
from typing import Any, Final

import msgspec
from litestar import MediaType, Response, Router, delete, get, post, put
from litestar.connection import ASGIConnection
from litestar.di import NamedDependency, Provide
from litestar.exceptions import ClientException, NotFoundException, PermissionDeniedException
from litestar.handlers import BaseRouteHandler
from litestar.params import FromPath, FromQuery, JSONBody

from adapters.sandbox.behaviour import Scenario
from adapters.sandbox.clock import SandboxClock
from adapters.sandbox.corridors import BASES, EXPONENTS, PROVIDERS, UNKNOWN_COUNTRY
from adapters.sandbox.deliveries import Delivery
from adapters.sandbox.engine import Engine
from adapters.sandbox.faults import FaultRule, TooManyRules
from adapters.sandbox.ledger import FloatAccount, Payout
from adapters.sandbox.page import CSS, render_page
from adapters.sandbox.scenarios import SCENARIOS
from adapters.sandbox.statement_routes import HANDLERS as STATEMENTS
from adapters.sandbox.statement_routes import Books
from adapters.sandbox.trying import SCRIPT, Till, trying_routes
from adapters.sandbox.webhooks import Courier

PREFIX: Final = "/_sandbox"
_MAX_ROWS: Final = 1_000
_MAX_ADVANCE_S: Final = 400 * 86_400
_FAULT_FIELDS: Final = frozenset(field.name for field in fields(FaultRule))
_LOCAL_NAMES: Final = frozenset({"localhost", "127.0.0.1", "[::1]", ""})
_PAGE_HEADERS: Final = {
    "content-security-policy": "default-src 'none'; style-src 'self'; script-src 'self';"
    " connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "cache-control": "no-store",
}


@dataclass(slots=True)
class Desk:
    """What the control plane has its hands on."""

    engine: Engine
    clock: SandboxClock
    courier: Courier
    till: Till


class SetFloat(msgspec.Struct, forbid_unknown_fields=True):
    """A float balance to set, in major units as a decimal string or a whole number."""

    provider: str
    country: str
    currency: str
    balance: str | int


class MoveClock(msgspec.Struct, forbid_unknown_fields=True):
    """Seconds to move the sandbox's clock by; back when negative."""

    advance_s: float


def only_this_machine(connection: ASGIConnection[Any, Any, Any, Any], _: BaseRouteHandler) -> None:
    """Refuse clients on other machines, and web pages of other sites in this machine's browser."""
    client = connection.client
    if client is None or not _is_loopback(client.host):
        raise PermissionDeniedException("the control plane is for clients on this machine")
    host = connection.headers.get("host", "")
    if host.rpartition(":")[0] not in _LOCAL_NAMES and host not in _LOCAL_NAMES:
        raise PermissionDeniedException("the control plane is reached by a loopback name")
    if connection.headers.get("origin", f"http://{host}") != f"http://{host}":
        raise PermissionDeniedException("other sites' pages may not use the control plane")


def control_plane(desk: Desk) -> Router:
    """Return the routes of the control plane over that desk."""
    return Router(
        PREFIX,
        route_handlers=[
            show_page,
            show_css,
            show_script,
            *trying_routes(),
            *STATEMENTS,
            list_scenarios,
            list_ledger,
            list_deliveries,
            redeliver,
            list_faults,
            add_fault,
            clear_faults,
            remove_fault,
            list_floats,
            set_float,
            show_clock,
            move_clock,
            reset,
        ],
        guards=[only_this_machine],
        dependencies={
            "desk": Provide(lambda: desk, sync_to_thread=False),
            "till": Provide(lambda: desk.till, sync_to_thread=False),
            "books": Provide(lambda: Books(desk.engine, desk.clock), sync_to_thread=False),
        },
    )


@get("/", media_type=MediaType.HTML)
async def show_page(desk: NamedDependency[Desk]) -> Response[str]:
    """Show what the sandbox does and has done, on one page."""
    desk.engine.settle(desk.clock.now())
    trying = desk.till.payer is not None
    page = render_page(desk.engine, desk.clock.now(), desk.courier.base_url, trying=trying)
    return Response(page, media_type=MediaType.HTML, headers=_PAGE_HEADERS)


@get("/page.css", media_type=MediaType.CSS)
async def show_css() -> str:
    """Return the page's style sheet."""
    return CSS


@get("/page.js", media_type="text/javascript")
async def show_script() -> str:
    """Return the page's script."""
    return SCRIPT


@get("/scenarios")
async def list_scenarios() -> list[dict[str, Any]]:
    """List every scenario with its numbers and the ending a correct client comes to."""
    return [_scenario_view(row) for row in SCENARIOS.values()]


@get("/ledger")
async def list_ledger(
    desk: NamedDependency[Desk], reference: FromQuery[str | None] = None
) -> dict[str, Any]:
    """List what was paid: for one reference, or the latest; and whatever was paid twice."""
    desk.engine.settle(desk.clock.now())
    ledger = desk.engine.ledger
    payouts: Sequence[Payout] = (
        ledger.latest(_MAX_ROWS) if reference is None else ledger.payouts_of(reference)
    )
    return {
        "total": len(ledger),
        "paid_more_than_once": ledger.paid_more_than_once(),
        "payouts": [asdict(payout) for payout in payouts],
    }


@get("/deliveries")
async def list_deliveries(
    desk: NamedDependency[Desk], reference: FromQuery[str | None] = None
) -> list[dict[str, Any]]:
    """List webhooks, the latest first: those of one reference, or all that are kept."""
    desk.engine.settle(desk.clock.now())
    chosen = (
        delivery
        for delivery in reversed(tuple(desk.engine.deliveries))
        if reference in {None, delivery.reference}
    )
    return [_delivery_view(delivery) for delivery in islice(chosen, _MAX_ROWS)]


@post("/deliveries/{number:int}/redeliver", status_code=202)
async def redeliver(desk: NamedDependency[Desk], number: FromPath[int]) -> dict[str, Any]:
    """Send a webhook again. 404 when it is not kept, or is on its way at this moment."""
    if not desk.engine.redeliver(number, desk.clock.now()):
        raise NotFoundException("no such delivery, or it is being sent now")
    desk.courier.wake()
    delivery = desk.engine.deliveries.get(number)
    return {} if delivery is None else _delivery_view(delivery)


@get("/faults")
async def list_faults(desk: NamedDependency[Desk]) -> list[dict[str, Any]]:
    """List the rules in force, with how often each matched and fired."""
    return [asdict(posted) for posted in desk.engine.faults]


@post("/faults")
async def add_fault(desk: NamedDependency[Desk], data: JSONBody[dict[str, Any]]) -> dict[str, Any]:
    """Put a rule in force: `act`, its filters and its measures. 400 says what is wrong with it."""
    unknown = sorted(data.keys() - _FAULT_FIELDS)
    if unknown:
        raise ClientException(f"unknown fields: {', '.join(unknown)}")
    try:
        rule = msgspec.convert(data, FaultRule)
        number = desk.engine.faults.add(rule)
    except msgspec.ValidationError as problem:
        raise ClientException(str(problem)) from None
    except TooManyRules:
        raise ClientException("there are too many rules: delete some") from None
    return {"number": number, "rule": asdict(rule)}


@delete("/faults")
async def clear_faults(desk: NamedDependency[Desk]) -> None:
    """Take every rule back."""
    desk.engine.faults.clear()


@delete("/faults/{number:int}")
async def remove_fault(desk: NamedDependency[Desk], number: FromPath[int]) -> None:
    """Take one rule back; 404 when there is none of that number."""
    if not desk.engine.faults.remove(number):
        raise NotFoundException("no such rule")


@get("/float")
async def list_floats(desk: NamedDependency[Desk]) -> list[dict[str, Any]]:
    """List the float accounts in use; every other one holds the default."""
    return [{**asdict(account), "balance": balance} for account, balance in desk.engine.floats]


@put("/float")
async def set_float(desk: NamedDependency[Desk], data: JSONBody[SetFloat]) -> dict[str, Any]:
    """Set one balance: an empty float refuses, a top-up lets waiting orders through."""
    account = _account(data)
    desk.engine.transactions.put_float(account, _balance(data.balance), desk.clock.now())
    return {**asdict(account), "balance": desk.engine.floats.balance(account)}


@get("/clock")
async def show_clock(desk: NamedDependency[Desk]) -> dict[str, Any]:
    """Tell the sandbox's time and how far it is from the real one."""
    return _clock_view(desk.clock)


@post("/clock", status_code=200)
async def move_clock(desk: NamedDependency[Desk], data: JSONBody[MoveClock]) -> dict[str, Any]:
    """Move the sandbox's clock; whatever becomes due happens at once."""
    if not abs(data.advance_s) <= _MAX_ADVANCE_S:
        raise ClientException("advance_s is at most 400 days")
    desk.clock.advance(data.advance_s)
    desk.courier.wake()
    return _clock_view(desk.clock)


@post("/reset", status_code=204)
async def reset(desk: NamedDependency[Desk]) -> None:
    """Forget transactions, ledger, floats, faults and deliveries. The clock stays."""
    desk.engine.reset()
    desk.courier.wake()


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        # Not an address at all: whoever that is, it is not shown to be this machine.
        return False


def _account(data: SetFloat) -> FloatAccount:
    countries = {corridor.country for corridor in BASES} | {UNKNOWN_COUNTRY}
    checks: Mapping[str, bool] = {
        "provider": data.provider in PROVIDERS,
        "country": data.country in countries,
        "currency": data.currency in EXPONENTS,
    }
    wrong = [name for name, good in checks.items() if not good]
    if wrong:
        raise ClientException(f"unknown {', '.join(wrong)}")
    return FloatAccount(data.provider, data.country, data.currency)


def _balance(written: str | int) -> Decimal:
    try:
        balance = Decimal(written)
    except InvalidOperation:
        raise ClientException("balance is not a number") from None
    if not balance.is_finite():
        raise ClientException("balance is not finite")
    return balance


def _scenario_view(row: Scenario) -> dict[str, Any]:
    return {
        "suffix": row.suffix,
        "title": row.title,
        "story": row.story,
        "notes": dict(row.notes),
        "ends": [asdict(end) for end in row.ends],
        "numbers": [
            {
                "provider": corridor.provider,
                "country": corridor.country,
                "msisdn": f"+{corridor.base}{row.suffix}",
            }
            for corridor in BASES
            if corridor.provider in row.providers
        ],
    }


def _delivery_view(delivery: Delivery) -> dict[str, Any]:
    return {
        "number": delivery.number,
        "provider": delivery.provider,
        "reference": delivery.reference,
        "transaction_id": delivery.transaction_id,
        "body": delivery.body.decode(),
        "due_at": delivery.due_at,
        "copies": delivery.copies,
        "state": delivery.state,
        "sendings": [asdict(sending) for sending in delivery.sendings],
    }


def _clock_view(clock: SandboxClock) -> dict[str, datetime | float]:
    return {"now": clock.now(), "offset_s": clock.offset.total_seconds()}
