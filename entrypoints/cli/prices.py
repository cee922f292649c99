"""Commands about prices: a quote, and the list of providers."""

from datetime import UTC, datetime

from rich.text import Text

from adapters.web.problems import bad_request
from adapters.web.schemas import ProvidersView
from adapters.web.texts import LONGEST_WORD, Word, WrongText
from adapters.web.views import provider_view, quote_view
from application.queries import Allowance
from domain.corridors import Provider, TariffRow
from entrypoints.cli.exits import Exit
from entrypoints.cli.service_here import caller, print_json, service_here
from entrypoints.cli.terminal import Terminal


async def show_quote(
    provider: str, amount: str, currency: str, account: str | None, *, user: str, as_json: bool
) -> int:
    """Show what a cash-out would cost and what is left of the limits."""
    terminal = Terminal()
    _check({"provider": provider, "amount": amount, "currency": currency})
    async with service_here() as service:
        # No worker of this process keeps the board: what is stored now is what it shows.
        await service.provider_health.refresh()
        priced = await service.quote(caller(user), provider, currency, amount, account)
    if as_json:
        print_json(terminal, quote_view(priced))
        return Exit.DONE
    quote = priced.quote
    where = f" in {quote.corridor.country.name}" if quote.corridor else ""
    lines = (
        ("provider", f"{quote.provider.name}{where}"),
        ("amount", str(quote.amount)),
        ("fee", f"{quote.fee} (tariff {quote.tariff_version})"),
        ("total", str(quote.total)),
        ("today", _left(priced.day)),
        ("this month", _left(priced.month)),
    )
    for label, value in lines:
        terminal.data(Text.assemble((f"{label:<10} ", "dim"), value))
    for warning in quote.warnings:
        terminal.say(f"Note: {warning}")
    return Exit.DONE


async def show_providers(*, as_json: bool) -> int:
    """List every provider with a line for each country and currency."""
    terminal, now = Terminal(), datetime.now(UTC)
    async with service_here() as service:
        await service.provider_health.refresh()
        providers, board = service.providers(), service.provider_health.board
    if as_json:
        views = [provider_view(each, now, board) for each in providers]
        print_json(terminal, ProvidersView(providers=views))
        return Exit.DONE
    columns = ("provider", "country", "currency", "fee", "at least", "from", "to", "a day")
    terminal.table(columns, [row for each in providers for row in _rows(each, now)])
    for each in providers:
        if not each.available:
            terminal.say(f"{each.name} is off: its settings are missing.")
    return Exit.DONE


def _check(texts: dict[str, str]) -> None:
    faults = []
    for name, text in texts.items():
        try:
            Word(LONGEST_WORD)(text)
        except WrongText as wrong:
            faults.append((name, wrong.message))
    if faults:
        raise bad_request(faults)


def _left(allowance: Allowance) -> str:
    ends = allowance.resets_at.strftime("%Y-%m-%d %H:%M")
    return f"{allowance.left} of {allowance.limit} left; starts anew on {ends} UTC"


def _rows(provider: Provider, now: datetime) -> list[tuple[str, ...]]:
    tariff = provider.tariff_at(now).rows
    return [
        (provider.id, corridor.country.name, code, *_price(tariff[code]))
        for corridor in provider.open_corridors()
        for code in corridor.currencies
        if code in tariff
    ]


def _price(row: TariffRow) -> tuple[str, ...]:
    whole, rest = divmod(row.fee_bps, 100)
    percent = f"{whole}.{rest:02d}".rstrip("0").rstrip(".")
    figures = (row.fee_minimum, row.minimum, row.maximum, row.daily)
    return (f"{percent} %", *(row.money(minor).plain for minor in figures))
