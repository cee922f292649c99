"""Charts: SVG made here, with a title and a description for whoever does not see them.

Presentation is in the style sheet by class, for the policy of the pages allows no style in place.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from adapters.console.markup import Html, written

_WIDTH: Final = 960
_HEIGHT: Final = 180
_FOOT: Final = 22
_HEAD: Final = 8
_LEFT: Final = 44
_BAR_WIDTH: Final = 640
_SPARK_WIDTH: Final = 160
_SPARK_HEIGHT: Final = 32
_STEPS: Final = (1, 2, 5)
_PLACE: Final = 10
_GAP_FROM: Final = 6


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its label, drawn where `marked`, and the height of each series."""

    label: str
    values: tuple[int, ...]
    marked: bool = False


@dataclass(frozen=True, slots=True)
class Series:
    """A series by name, and the class that colours it."""

    name: str
    css: str


def columns(
    identity: str, title: str, described: str, series: Sequence[Series], data: Sequence[Column]
) -> Html:
    """Return stacked columns over time; heights are exact to a pixel."""
    top = nice_top(max((sum(each.values) for each in data), default=0))
    plot = _HEIGHT - _FOOT - _HEAD
    slot = (_WIDTH - _LEFT) // max(1, len(data))
    gap = 2 if slot >= _GAP_FROM else 1
    drawn: list[str] = []
    for step in (0, top // 2 if top > 1 else top, top):
        y = _HEAD + plot - plot * step // top
        drawn.append(f'<line class="grid" x1="{_LEFT}" x2="{_WIDTH}" y1="{y}" y2="{y}"/>')
        drawn.append(f'<text class="tick" x="{_LEFT - 8}" y="{y + 4}">{step:,}</text>')
    for place, column in enumerate(data):
        x, y = _LEFT + place * slot, _HEAD + plot
        for kind, value in zip(series, column.values, strict=True):
            height = plot * value // top or (1 if value else 0)
            y -= height
            if height:
                drawn.append(
                    f'<rect class="{kind.css}" x="{x}" y="{y}" width="{max(1, slot - gap)}"'
                    f' height="{height}"/>'
                )
        if column.marked:
            drawn.append(
                f'<text class="tick foot" x="{x}" y="{_HEIGHT - 6}">{written(column.label)}</text>'
            )
    return _svg(identity, "columns", (_WIDTH, _HEIGHT), title, described, drawn)


def spark(identity: str, title: str, described: str, values: Sequence[int]) -> Html:
    """Return a small line of columns without an axis."""
    top = max(1, *values) if values else 1
    slot = _SPARK_WIDTH // max(1, len(values))
    drawn = [
        f'<rect class="spark" x="{place * slot}" y="{_SPARK_HEIGHT - height}"'
        f' width="{max(1, slot - 1)}" height="{height}"/>'
        for place, value in enumerate(values)
        if (height := _SPARK_HEIGHT * value // top or (1 if value else 0))
    ]
    drawn.append(
        f'<line class="grid" x1="0" x2="{_SPARK_WIDTH}" y1="{_SPARK_HEIGHT}" y2="{_SPARK_HEIGHT}"/>'
    )
    size = (_SPARK_WIDTH, _SPARK_HEIGHT + 1)
    return _svg(identity, "sparks", size, title, described, drawn)


def share(parts: Sequence[tuple[str, int]]) -> Html:
    """Return one bar of several parts (class, value); what it says stands beside it as text."""
    whole = sum(value for _, value in parts) or 1
    drawn: list[str] = []
    x = 0
    for css, value in parts:
        width = _BAR_WIDTH * value // whole
        if width:
            drawn.append(f'<rect class="{css}" x="{x}" y="0" width="{width}" height="8"/>')
        x += width
    inner = "".join(drawn)
    return Html(
        f'<svg class="share" viewBox="0 0 {_BAR_WIDTH} 8" preserveAspectRatio="none"'
        f' aria-hidden="true" focusable="false">{inner}</svg>'
    )


def nice_top(highest: int) -> int:
    """Return the round number at or above the highest value: 1, 2 or 5 times a power of ten."""
    place = 1
    while True:
        for step in _STEPS:
            if step * place >= highest:
                return step * place
        place *= _PLACE


def _svg(
    identity: str,
    css: str,
    size: tuple[int, int],
    title: str,
    described: str,
    drawn: Sequence[str],
) -> Html:
    width, height = size
    name, text = f"{identity}-title", f"{identity}-text"
    inner = "".join(drawn)
    return Html(
        f'<svg class="chart {css}" role="img" aria-labelledby="{name} {text}"'
        f' viewBox="0 0 {width} {height}"><title id="{name}">{written(title)}</title>'
        f'<desc id="{text}">{written(described)}</desc>{inner}</svg>'
    )
