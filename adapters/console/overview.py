"""The overview: what is open, what is at risk, and how the last day went."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from litestar import get
from litestar.handlers import HTTPRouteHandler

from adapters.console.charts import Column, Series, columns, share, spark
from adapters.console.markup import Html
from adapters.console.pages import Page, Pages
from adapters.console.parts import BASE, ConsoleParts
from adapters.console.summary import Spell, spells, standing
from adapters.console.visits import PageRequest, visit_of
from adapters.console.words import clock
from application.ports import OPEN_COUNTED_MOST, SLICE, UNTOLD_COUNTED_MOST, Figure
from application.provider_health import ProviderStanding
from domain.events import EventType

DAY: Final = timedelta(days=1)
HOUR: Final = timedelta(hours=1)
STEP: Final = timedelta(minutes=15)
"""The time that one column of the day's chart is about."""
_LABELLED_HOURS: Final = 3
_OUTCOMES: Final = (
    (Series("completed", "good"), EventType.COMPLETED),
    (Series("failed", "bad"), EventType.FAILED),
    (Series("cancelled", "quiet"), EventType.CANCELLED),
)


@dataclass(frozen=True, slots=True)
class Rate:
    """A provider's last hour and day, with its arrivals in the last hour as a small chart."""

    id: str
    name: str
    standing: ProviderStanding
    hour: Spell
    day: Spell
    arrivals: Html


def overview_routes(parts: ConsoleParts, pages: Pages) -> list[HTTPRouteHandler]:
    """Return the route."""

    @get(BASE)
    async def overview(request: PageRequest) -> Page:
        visit, now = visit_of(request), parts.clock.now()
        figures = list(await parts.console.figures(now - DAY - SLICE, now + SLICE))
        open_now = standing(await parts.console.open_now(now))
        untold = await parts.console.untold()
        hour = _within(figures, now - HOUR)
        return pages.page(
            "overview.html",
            visit,
            open=open_now,
            open_most=OPEN_COUNTED_MOST,
            untold=untold,
            untold_most=UNTOLD_COUNTED_MOST,
            hour=hour,
            day=_within(figures, now - DAY),
            hour_volumes=[(code, accepted) for code, accepted, _ in hour.volumes],
            ages=share([(css, number) for _, css, number in open_now.by_age]),
            reviews=sum(each.count for each in await parts.desk.read.sums(visit.caller)),
            chart=_day_chart(figures, now),
            rates=_rates(parts, figures, now),
        )

    return [overview]


def _within(figures: list[Figure], since: datetime) -> Spell:
    return spells([each for each in figures if each.began_at >= since - SLICE])


def _rates(parts: ConsoleParts, figures: list[Figure], now: datetime) -> list[Rate]:
    found: list[Rate] = []
    for standing_of in parts.health.now():
        provider = standing_of.provider
        own = [each for each in figures if each.provider == provider.id]
        found.append(
            Rate(
                id=provider.id,
                name=provider.name,
                standing=standing_of,
                hour=_within(own, now - HOUR),
                day=_within(own, now - DAY),
                arrivals=_arrivals(provider.id, provider.name, own, now),
            )
        )
    return found


def _arrivals(identity: str, name: str, own: list[Figure], now: datetime) -> Html:
    slices = int(HOUR / SLICE)
    values = [0] * slices
    for each in own:
        place = slices - 1 - int((now - each.began_at) / SLICE)
        if each.type is EventType.INITIATED and 0 <= place < slices:
            values[place] += each.count
    total = sum(values)
    title = f"Cash-outs by {name} in the last hour"
    told = f"{total} in all, at most {max(values)} in five minutes."
    return spark(f"arrivals-{identity}", title, told, values)


def _is_labelled(at: datetime) -> bool:
    return at.minute == 0 and at.hour % _LABELLED_HOURS == 0


def _day_chart(figures: list[Figure], now: datetime) -> Html:
    """Return how the cash-outs of the last day ended, a column for each quarter of an hour."""
    begins = now - (now - datetime.min.replace(tzinfo=now.tzinfo)) % STEP - DAY + STEP
    steps = int(DAY / STEP)
    heights = [[0] * len(_OUTCOMES) for _ in range(steps)]
    for each in figures:
        place = int((each.began_at - begins) / STEP) if each.began_at >= begins else -1
        for kind, (_, event_type) in enumerate(_OUTCOMES):
            if each.type is event_type and 0 <= place < steps:
                heights[place][kind] += each.count
    drawn = [
        Column(
            clock(begins + place * STEP), tuple(values), marked=_is_labelled(begins + place * STEP)
        )
        for place, values in enumerate(heights)
    ]
    sums = [sum(values[kind] for values in heights) for kind in range(len(_OUTCOMES))]
    names = [series.name for series, _ in _OUTCOMES]
    told = ", ".join(f"{total:,} {name}" for total, name in zip(sums, names, strict=True))
    return columns(
        "day",
        "Endings in the last 24 hours, in quarters of an hour",
        f"From {clock(begins)} UTC yesterday until now: {told}.",
        [series for series, _ in _OUTCOMES],
        drawn,
    )
