"""Providers: how each and its countries are, and closing or opening them by hand."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Protocol

from litestar import get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath

from adapters.console.door import NEEDS
from adapters.console.pages import Page, Pages, see_other
from adapters.console.parts import BASE, ConsoleParts
from adapters.console.visits import PageRequest, visit_of
from application.callers import Caller, Permission
from application.provider_health import ProviderStanding
from application.steer_providers import LONGEST_NOTE, Steered
from domain.corridors import Corridor, Provider
from domain.refusals import Forbidden, NotFound, Refusal
from domain.standings import Route, Standing, worst

PROVIDERS: Final = f"{BASE}/providers"
_STILL: Final = (
    "Something around or within it is closed still, and stays so until that is opened by itself."
)
_DONE: Final = {
    "closed": "Closed. What comes now waits, and can be cancelled, until a person opens it.",
    "opened": "Opened. What waited goes out by a ramp.",
    "unchanged": "Nothing was changed: it was so already.",
    "opened-still": f"Opened. {_STILL}",
    "unchanged-still": f"Nothing was changed: this itself was open. {_STILL}",
}

_VERSION: Final = re.compile(r"[0-9]{1,9}", re.ASCII)
_NEVER: Final = -1
"""The version of no standing: a form that does not say what was looked at saw nothing."""


class Steer(Protocol):
    """Closes or opens, as `SteerProviders` does."""

    async def __call__(
        self, caller: Caller, route: Route, note: str, expected: int | None
    ) -> Steered:
        """Return what became of it; raise Outdated unless the standing has this version."""
        ...


@dataclass(frozen=True, slots=True)
class Step:
    """Closing or opening. word: in the address. done: what an address says afterwards."""

    word: str
    done: str
    steer: Steer


@dataclass(frozen=True, slots=True)
class Land:
    """A country of a provider. standings: what counts for each currency. own: what was said of it.

    The first of `own` is of the country as a whole, then comes one for each currency.
    """

    corridor: Corridor
    standings: tuple[Standing, ...]
    own: tuple[Standing, ...]

    @property
    def opens(self) -> Route | None:
        """Return what is to be opened: what is parked by itself, not by the whole provider.

        The country before its currencies, and what a person closed before what was measured.
        """
        whole, *narrower = self.own
        found = worst(each for each in ([whole] if whole.parked else narrower) if each.parked)
        return found.route if found is not None else None

    @property
    def shown(self) -> tuple[tuple[str, Standing], ...]:
        """The standings with their currencies: one for all of them where they are the same."""
        told = {(each.state, each.reason, each.since) for each in self.standings}
        if len(told) == 1:
            return (("", self.standings[0]),)
        return tuple((each.route.currency, each) for each in self.standings)


def provider_routes(parts: ConsoleParts, pages: Pages) -> list[HTTPRouteHandler]:
    """Return the routes."""

    @get(PROVIDERS)
    async def providers(request: PageRequest) -> Page:
        done = _DONE.get(request.query_params.get("done", ""), "")
        shown = [
            (each, _own(parts, Route(each.provider.id)), _lands(parts, each))
            for each in parts.health.now()
        ]
        return pages.page("providers.html", visit_of(request), shown=shown, done=done)

    steps = (
        Step("close", "closed", parts.steer.close),
        Step("open", "opened", parts.steer.open),
    )
    asked = [each for step in steps for each in _step_routes(step, _Confirm(parts, pages))]
    return [providers, *asked]


@dataclass(frozen=True, slots=True)
class _Confirm:
    """Shows how it is, what closing or opening means, and asks why."""

    parts: ConsoleParts
    pages: Pages

    async def __call__(
        self, request: PageRequest, step: Step, route: Route, fault: str = "", status: int = 200
    ) -> Page:
        provider, corridor = self.find(route)
        # From the store, not from a snapshot: what is shown here is what the form answers to.
        await self.parts.health.refresh()
        return self.pages.page(
            "steer.html",
            visit_of(request),
            status,
            step=step,
            provider=provider,
            country=corridor.country if corridor is not None else None,
            route=route,
            own=_own_of(self.parts, provider, corridor),
            longest=LONGEST_NOTE,
            fault=fault,
        )

    def find(self, route: Route) -> tuple[Provider, Corridor | None]:
        """Return the provider and country of a route; raise NotFound."""
        provider = self.parts.catalogue.providers.get(route.provider)
        if provider is None or (route.country and route.country not in provider.corridors):
            raise NotFound("provider")
        return provider, provider.corridors.get(route.country)


def _step_routes(step: Step, confirm: _Confirm) -> list[HTTPRouteHandler]:
    path = f"{PROVIDERS}/{{given:str}}/{step.word}"

    @get(path, opt={NEEDS: Permission.STEER}, name=f"ask to {step.word}")
    async def ask(request: PageRequest, given: FromPath[str]) -> Page:
        return await confirm(request, step, _route(given, request.query_params))

    @post(path, opt={NEEDS: Permission.STEER}, name=f"do {step.word}")
    async def do(request: PageRequest, given: FromPath[str]) -> Page:
        visit = visit_of(request)
        route = _route(given, visit.form)
        confirm.find(route)
        try:
            reason = visit.form.get("reason", "").strip()
            seen = _seen(route, visit.form)
            steered = await step.steer(visit.caller, route, reason, seen)
        except Forbidden:
            raise
        except Refusal as refused:
            return await confirm(request, step, route, refused.message, 422)
        done = step.done if steered.changed else "unchanged"
        still = "-still" if step.word == "open" and _is_shut_still(confirm.parts, route) else ""
        return see_other(f"{PROVIDERS}?done={done}{still}")

    return [ask, do]


def _route(provider: str, asked: Mapping[str, str]) -> Route:
    return Route(provider, asked.get("country", ""), asked.get("currency", ""))


def _seen(route: Route, form: Mapping[str, str]) -> int:
    """Return the version of the standing that was looked at."""
    said = form.get(f"version{route.currency}", "")
    return int(said) if _VERSION.fullmatch(said) else _NEVER


def _own(parts: ConsoleParts, route: Route) -> Standing:
    """Return what was said of a route itself, whatever counts for it."""
    return parts.health.board.standings.get(route, Standing(route))


def _is_shut_still(parts: ConsoleParts, route: Route) -> bool:
    """Tell whether nothing is sent somewhere around a route or within it."""
    every = parts.health.board.standings.values()
    return any(
        each.shut and (each.route in route.upwards() or route in each.route.upwards())
        for each in every
    )


def _own_of(
    parts: ConsoleParts, provider: Provider, corridor: Corridor | None
) -> tuple[Standing, ...]:
    """Return what was said of a country and each of its currencies, or of the whole provider."""
    if corridor is None:
        return (_own(parts, Route(provider.id)),)
    codes = ("", *corridor.currencies)
    return tuple(_own(parts, Route(provider.id, corridor.country.iso, code)) for code in codes)


def _lands(parts: ConsoleParts, provider: ProviderStanding) -> list[Land]:
    """Return the countries of a provider by name."""
    found: list[Land] = []
    for corridor in provider.provider.corridors.values():
        own = _own_of(parts, provider.provider, corridor)
        here = tuple(s for s in provider.corridors if s.route.country == corridor.country.iso)
        found.append(Land(corridor, here, own))
    return sorted(found, key=lambda land: land.corridor.country.name)
