"""How providers are, on the terminal: shown, closed and opened by hand."""

from application.callers import Caller, Role
from application.provider_health import ProviderStanding
from domain.standings import Route, Standing, State
from entrypoints.cli.acting import name_here
from entrypoints.cli.exits import Exit
from entrypoints.cli.service_here import service_here
from entrypoints.cli.terminal import Terminal

_COLUMNS = ("provider", "country", "currency", "state", "reason", "since", "by", "note")


async def show_health(*, as_json: bool) -> int:
    """Print a line for each provider, and one for each corridor that is worse off than it."""
    terminal = Terminal()
    async with service_here() as service:
        await service.provider_health.refresh()
        found = service.provider_health.now()
    rows = [_row(each) for provider in found for each in _shown(provider)]
    if as_json:
        terminal.json([dict(zip(_COLUMNS, row, strict=True)) for row in rows])
    else:
        terminal.table(_COLUMNS, rows)
    return Exit.DONE


async def steer(provider: str, country: str, currency: str, reason: str, *, close: bool) -> int:
    """Close or open by hand, in the name of whoever is at this machine."""
    terminal, route = Terminal(), Route(provider, country.upper(), currency.upper())
    async with service_here() as service:
        how = service.steer.close if close else service.steer.open
        done = await how(Caller(name_here(), Role.ADMIN), route, reason)
        around = service.provider_health.board.standing(route)
    word = "closed" if done.standing.parked else "open"
    terminal.say(f"{route} is {word}." if done.changed else f"{route} was {word} already.")
    if around.route != route and around.state is not done.standing.state:
        terminal.say(f"Nothing is sent there all the same: {around.route} is {around.state}.")
    return Exit.DONE


def _shown(provider: ProviderStanding) -> list[Standing]:
    worse = [each for each in provider.corridors if each.state is not provider.whole.state]
    whole = provider.whole
    of_all = Standing(
        Route(provider.provider.id), whole.state, whole.reason, whole.since, 0, whole.note, whole.by
    )
    return [of_all, *worse]


def _row(standing: Standing) -> tuple[str, ...]:
    route = standing.route
    # Of one that is well, neither why nor by whom it once was not is of interest.
    parked = standing.state is not State.OPERATIONAL
    return (
        route.provider,
        route.country,
        route.currency,
        standing.state.value,
        standing.reason.value if standing.reason else "",
        standing.since.isoformat(timespec="seconds") if standing.since else "",
        standing.by if parked else "",
        standing.note if parked else "",
    )
