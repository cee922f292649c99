"""The figures as a picture: how far each is on its way to its goal, in light and in dark."""

from collections.abc import Sequence
from xml.sax.saxutils import escape

from tests.bench.measured import Row, number

_LINE = 30
_LEFT = 490
_WIDE = 270
_RIGHT = 230
_LONGEST = 3.0
"""Bars end there: who is three times past a goal needs no longer one."""
_STYLE = """
  text { font: 13px system-ui, sans-serif; fill: #1f2328; }
  .note { fill: #59636e; }
  .met { fill: #2a6f97; }
  .full { fill: #9a6700; }
  .not { fill: #c1121f; }
  .goal { stroke: #1f2328; stroke-width: 1.5; }
  .spread { stroke: #59636e; stroke-width: 1.5; }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3; }
    .note { fill: #9198a1; }
    .met { fill: #61a5c2; }
    .full { fill: #d29922; }
    .not { fill: #f85149; }
    .goal { stroke: #e6edf3; }
    .spread { stroke: #9198a1; }
  }
"""
_CLASS = {"met": "met", "cores full": "full", "not met": "not"}


def as_svg(rows: Sequence[Row]) -> str:
    """Return a bar for each row that has a goal: the line is the goal, to its right it is met."""
    shown = [row for row in rows if row.first.goal.share(row.judged) is not None]
    width, height = _LEFT + _WIDE + _RIGHT, _LINE * len(shown) + 44
    parts = [
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
            f'width="{width}" height="{height}" role="img" '
            'aria-label="How far each figure is on its way to its goal">'
        ),
        f"<style>{_STYLE}</style>",
        f'<text class="note" x="{_at(1.0):.0f}" y="16" text-anchor="middle">the goal</text>',
    ]
    for place, row in enumerate(shown):
        parts += _bar(row, 28 + _LINE * place)
    parts += [
        f'<line class="goal" x1="{_at(1.0):.1f}" x2="{_at(1.0):.1f}" y1="22" y2="{height - 12}"/>',
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _bar(row: Row, top: int) -> list[str]:
    goal = row.first.goal
    share = goal.share(row.judged) or 0.0
    spread = [goal.share(each) or 0.0 for each in row.spread]
    kind = f" {row.first.unit}" if row.limit is None and row.first.unit else ""
    told = f"{number(row.judged)}{kind}, goal {goal}{kind}"
    return [
        f'<text x="{_LEFT - 10}" y="{top + 15}" text-anchor="end">{escape(row.first.name)}</text>',
        (
            f'<rect class="{_CLASS[row.verdict]}" x="{_LEFT}" y="{top}" '
            f'width="{_at(share) - _LEFT:.1f}" height="20" rx="2"/>'
        ),
        (
            f'<line class="spread" x1="{_at(min(spread)):.1f}" x2="{_at(max(spread)):.1f}" '
            f'y1="{top + 10}" y2="{top + 10}"/>'
        ),
        f'<text class="note" x="{_LEFT + _WIDE + 8}" y="{top + 15}">{escape(told)}</text>',
    ]


def _at(share: float) -> float:
    return _LEFT + _WIDE * min(share, _LONGEST) / _LONGEST
