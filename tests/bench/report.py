"""The figures as text, as JSON and as a chart."""

import platform
from collections.abc import Sequence
from typing import Any
from xml.sax.saxutils import escape

from tests.bench.measured import Row

_LINE = 34
_LEFT = 430
_WIDE = 420


def as_text(rows: Sequence[Row]) -> str:
    """Return a table: medians, the spread of the ratio, and whether the goal is met."""
    lines = [
        f"{'':52} {'ours':>10} {'limit':>10} {'ratio':>7} {'spread':>15} {'goal':>8}",
    ]
    for row in rows:
        low, high = row.spread
        limit = f"{row.limit:10,.2f}" if row.limit is not None else " " * 10
        ratio = f"{row.judged:7.2f}" if row.limit is not None else " " * 7
        verdict = "met" if row.met else "NOT MET"
        lines.append(
            f"{row.first.name:52} {row.ours:10,.2f} {limit} {ratio} "
            f"{low:7.2f}..{high:<6.2f} {row.first.goal!s:>8} {verdict}"
        )
        for name, value in row.more().items():
            lines.append(f"    {name:48} {value:10,.2f}")
        if row.first.limit_name:
            lines.append(f"    limit: {row.first.limit_name}, {row.first.unit}")
    return "\n".join(lines) + "\n"


def as_json(rows: Sequence[Row]) -> dict[str, Any]:
    """Return everything, rounds included."""
    return {
        "python": platform.python_version(),
        "machine": platform.machine(),
        "rows": [
            {
                "name": row.first.name,
                "unit": row.first.unit,
                "ours": row.ours,
                "limit": row.limit,
                "limit_name": row.first.limit_name,
                "judged": row.judged,
                "spread": row.spread,
                "goal": str(row.first.goal),
                "met": row.met,
                "more": row.more(),
                "rounds": [{"ours": each.ours, "limit": each.limit} for each in row.rounds],
            }
            for row in rows
        ],
    }


def as_svg(rows: Sequence[Row]) -> str:
    """Return a bar for each row that has a limit: the limit is the line at 1."""
    shown = [row for row in rows if row.limit is not None]
    longest = max([row.judged for row in shown] + [1.0])
    height = _LINE * len(shown) + 40
    parts = [
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{_LEFT + _WIDE + 90}" '
            f'height="{height}" font-family="sans-serif" font-size="13" role="img" '
            'aria-label="Our figures as ratios to their limits">'
        ),
        f'<rect width="100%" height="{height}" fill="#fff"/>',
    ]
    for number, row in enumerate(shown):
        top = 24 + _LINE * number
        width = _WIDE * row.judged / longest
        named = escape(row.first.name)
        parts += [
            f'<text x="{_LEFT - 10}" y="{top + 14}" text-anchor="end">{named}</text>',
            f'<rect x="{_LEFT}" y="{top}" width="{width:.1f}" height="20" fill="#2a6f97"/>',
            f'<text x="{_LEFT + width + 6:.1f}" y="{top + 14}">{row.judged:.2f}</text>',
        ]
    one = _LEFT + _WIDE / longest
    parts += [
        f'<line x1="{one:.1f}" x2="{one:.1f}" y1="18" y2="{height - 12}" stroke="#c1121f"/>',
        f'<text x="{one:.1f}" y="12" text-anchor="middle" fill="#c1121f">the limit</text>',
        "</svg>",
    ]
    return "\n".join(parts) + "\n"
