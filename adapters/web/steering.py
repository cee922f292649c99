"""The steering routes: a person closes a provider or corridor, and opens it again."""

from collections.abc import Awaitable, Callable
from typing import Annotated, Final

import msgspec
from litestar import post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath
from msgspec import UNSET, Meta

from adapters.web.answers import success
from adapters.web.exchange import Answer, WebRequest, caller_of
from adapters.web.headers import require_json
from adapters.web.parts import BASE, WebParts
from adapters.web.problems import Detail, bad_request
from adapters.web.schemas import SteeredView
from adapters.web.strict_json import Number, printable_name, read_object
from adapters.web.views import moment
from application.callers import Caller
from application.steer_providers import LONGEST_NOTE, Steered
from domain.standings import Route

CLOSE: Final = f"{BASE}/providers/{{provider:str}}/close"
OPEN: Final = f"{BASE}/providers/{{provider:str}}/open"
_FIELDS: Final = ("country", "currency", "reason")

Steer = Callable[[Caller, Route, str], Awaitable[Steered]]


class Steering(msgspec.Struct, rename="camel", forbid_unknown_fields=True, frozen=True):
    """What to close or open: all of the provider, a country of it, or one currency there."""

    reason: Annotated[
        str, Meta(min_length=1, max_length=LONGEST_NOTE, description="For the operators' log.")
    ]
    country: Annotated[str, Meta(pattern="^[A-Z]{2}$", examples=["GN"])] | msgspec.UnsetType = UNSET
    currency: Annotated[str, Meta(pattern="^[A-Z]{3}$", examples=["GNF"])] | msgspec.UnsetType = (
        UNSET
    )


def steering_routes(parts: WebParts) -> list[HTTPRouteHandler]:
    """Return the routes over these parts."""
    bodies = parts.bodies

    async def steer(request: WebRequest, provider: str, how: Steer) -> Answer:
        caller = caller_of(request)
        require_json(request)
        asked = _read(await bodies.read(request))
        route = Route(provider, asked.get("country", ""), asked.get("currency", ""))
        return success(_view(await how(caller, route, asked["reason"])))

    @post(CLOSE, status_code=200)
    async def close_provider(request: WebRequest, provider: FromPath[str]) -> Answer:
        return await steer(request, provider, parts.steer.close)

    @post(OPEN, status_code=200)
    async def open_provider(request: WebRequest, provider: FromPath[str]) -> Answer:
        return await steer(request, provider, parts.steer.open)

    return [close_provider, open_provider]


def _read(raw: bytes) -> dict[str, str]:
    """Return the fields of the body; raise BAD_REQUEST naming all that is wrong with them."""
    body, faults, found = read_object(raw), list[Detail](), dict[str, str]()
    for name, value in body.items():
        if name not in _FIELDS:
            faults.append((printable_name(name), "Unknown field: leave it out."))
        elif isinstance(value, str) and not isinstance(value, Number) and value:
            found[name] = value
        else:
            faults.append((name, "This must be a text that is not empty."))
    if "reason" not in body:
        faults.append(("reason", "Say why: it is kept in the operators' log."))
    if faults:
        raise bad_request(faults)
    return found


def _view(steered: Steered) -> SteeredView:
    standing = steered.standing
    return SteeredView(
        provider=standing.route.provider,
        country=standing.route.country or UNSET,
        currency=standing.route.currency or UNSET,
        state=standing.state,
        since=moment(standing.since) if standing.since else UNSET,
        changed=steered.changed,
    )
