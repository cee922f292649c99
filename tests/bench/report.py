"""The figures as text, as a Markdown table and as JSON."""

import platform
from collections.abc import Mapping, Sequence
from typing import Any, Final

from tests.bench.measured import Row, number
from tests.bench.processor import CORES

_NAME = 66
BEGIN: Final = "<!-- the table begins: `--document` writes it -->"
END: Final = "<!-- the table ends -->"


def as_text(rows: Sequence[Row], crashed: Mapping[str, str]) -> str:
    """Return a table: medians, the spread of what is judged, and whether the goal is met."""
    heads = f"{'ours':>10} {'limit':>10} {'ratio':>7} {'spread':>15} {'goal':>13}"
    lines = [f"{'':{_NAME}} {heads}"]
    for row in rows:
        low, high = row.spread
        limit = "" if row.limit is None else f"{row.limit:,.2f}"
        ratio = "" if row.limit is None else f"{row.judged:.2f}"
        name = f"{row.first.name} ({row.first.unit})" if row.first.unit else row.first.name
        lines.append(
            f"{name:{_NAME}} {row.ours:10,.2f} {limit:>10} {ratio:>7} "
            f"{low:7,.2f}..{high:<6,.2f} {row.first.goal!s:>13} {row.verdict}".rstrip()
        )
        lines += [f"    {line}" for line in _details(row)]
    lines += [f"CRASHED {name}: {fault}" for name, fault in crashed.items()]
    return "\n".join(lines) + "\n"


def as_markdown(rows: Sequence[Row]) -> str:
    """Return the same as the table of docs/performance.md."""
    lines = [
        "| what | ours | limit | ratio (spread) | goal | |",
        "| --- | ---: | ---: | ---: | ---: | --- |",
    ]
    for row in rows:
        low, high = row.spread
        unit = row.first.unit
        limit = "" if row.limit is None else f"{number(row.limit)} {unit}"
        judged = f"{number(row.judged)} ({number(low)} to {number(high)})"
        what = row.first.name
        if row.first.limit_name:
            what += f"<br>limit: {row.first.limit_name}"
        lines.append(
            f"| {what} | {number(row.ours)} {unit} | {limit} | {judged} "
            f"| {row.first.goal} | {row.verdict} |"
        )
    return "\n".join(lines) + "\n"


def into_document(page: str, rows: Sequence[Row]) -> str:
    """Return a page with the table between its two marks; raise ValueError where they are not."""
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        message = f"the page has no {BEGIN} and {END}"
        raise ValueError(message)
    return f"{before}{begin}\n{as_markdown(rows)}{end}{after}"


def as_json(rows: Sequence[Row], crashed: Mapping[str, str]) -> dict[str, Any]:
    """Return everything, rounds included."""
    return {
        "python": platform.python_version(),
        "machine": platform.machine(),
        "cores": CORES,
        "crashed": dict(crashed),
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
                "verdict": row.verdict,
                "cpu_ms": row.cpu_ms(),
                "more": row.more(),
                "rounds": [{"ours": each.ours, "limit": each.limit} for each in row.rounds],
            }
            for row in rows
        ],
    }


def _details(row: Row) -> list[str]:
    lines = [f"limit: {row.first.limit_name}"] if row.first.limit_name else []
    if row.cpu_ms():
        each = ", ".join(f"{name} {value:.3f}" for name, value in row.cpu_ms().items())
        lines.append(f"cpu ms of one: {each}")
    if row.more():
        lines.append(", ".join(f"{name} {value:,.2f}" for name, value in row.more().items()))
    return lines
