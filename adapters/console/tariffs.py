"""Limits and tariffs as they are in force, read only."""

from dataclasses import dataclass

from litestar import get
from litestar.handlers import HTTPRouteHandler

from adapters.console.pages import Page, Pages
from adapters.console.parts import BASE, ConsoleParts
from adapters.console.visits import PageRequest, visit_of
from adapters.console.words import minor
from domain.corridors import Provider, TariffRow

_BASIS_POINTS_PER_PERCENT = 100


@dataclass(frozen=True, slots=True)
class Priced:
    """One row of a tariff as it is shown, every amount with separators."""

    currency: str
    fee: str
    least_fee: str
    minimum: str
    maximum: str
    daily: str
    monthly: str


def tariff_routes(parts: ConsoleParts, pages: Pages) -> list[HTTPRouteHandler]:
    """Return the route."""

    @get(f"{BASE}/tariffs")
    async def tariffs(request: PageRequest) -> Page:
        now = parts.clock.now()
        shown = [
            {
                "provider": provider,
                "tariff": provider.tariff_at(now),
                "rows": [_priced(row) for row in provider.tariff_at(now).rows.values()],
                "later": [each for each in provider.tariffs if each.effective_from > now],
                "corridors": sorted(provider.corridors.values(), key=lambda c: c.country.name),
                "promises": _promises(provider),
            }
            for provider in parts.catalogue.providers.values()
        ]
        return pages.page("tariffs.html", visit_of(request), shown=shown, policy=parts.policy)

    return [tariffs]


def _priced(row: TariffRow) -> Priced:
    code = row.currency.code
    whole, rest = divmod(row.fee_bps, _BASIS_POINTS_PER_PERCENT)
    return Priced(
        currency=code,
        fee=f"{whole}.{rest:02d} %",
        least_fee=minor(row.fee_minimum, code),
        minimum=minor(row.minimum, code),
        maximum=minor(row.maximum, code),
        daily=minor(row.daily, code),
        monthly=minor(row.monthly, code),
    )


def _promises(provider: Provider) -> list[tuple[str, str]]:
    said = provider.capabilities
    final = said.not_found_final_after
    return [
        ("One reference is paid once", "yes" if said.idempotent_submit else "no"),
        ("Can be asked by our reference", "yes" if said.lookup_by_reference else "no"),
        (
            "Its webhooks prove what they say",
            "yes" if said.webhook_proves else "no, they ring",
        ),
        ("“Not found” proves that nothing was paid", f"after {final}" if final else "never"),
    ]
