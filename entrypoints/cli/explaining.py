"""`cashout explain`: the story of a cash-out in the terminal."""

from datetime import UTC, datetime
from typing import Final

from rich.console import Group
from rich.padding import Padding
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from adapters.web.timeline_views import timeline_view
from application.callers import Caller, Role
from application.timeline import Entry, Risk, Timeline, Who
from entrypoints.cli.exits import Exit
from entrypoints.cli.service_here import print_json, read_id, service_here
from entrypoints.cli.terminal import Terminal, status_text

_WHO_STYLES: Final = {
    Who.USER: "bold blue",
    Who.SERVICE: "dim",
    Who.PROVIDER: "bold",
    Who.OPERATOR: "bold magenta",
    Who.CLOCK: "dim",
}
_VERDICT_STYLES: Final = {
    "move": "green",
    "contradiction": "bold red",
    "mismatch": "bold red",
    "unrecognised": "yellow",
}
_DIGITS: Final = 12
_TIME: Final = "%Y-%m-%d %H:%M:%S.%f"
_MILLISECONDS: Final = -3


async def explain_cash_out(
    cash_out_id: str, user: str, as_owner: str | None, language: str, *, as_json: bool
) -> int:
    """Show the timeline, all of it or what its owner may see; raise NotFound or Forbidden."""
    terminal = Terminal()
    who = Caller(as_owner) if as_owner is not None else Caller(user, Role.ADMIN)
    async with service_here() as service:
        timeline = await service.explain(who, read_id(cash_out_id))
    if as_json:
        print_json(terminal, timeline_view(timeline, language))
    else:
        terminal.out.print(_story(timeline, language))
    return Exit.DONE


def _story(timeline: Timeline, language: str) -> Group:
    cash_out = timeline.cash_out
    heading = Text.assemble(
        (str(cash_out.id), "bold"),
        "  ",
        status_text(cash_out.status),
        f"  {cash_out.amount} + {cash_out.fee.plain}  {cash_out.provider}",
        f"  {cash_out.payee.msisdn.masked}",
    )
    summary = Text(timeline.summary.in_language(language))
    return Group(
        heading,
        summary,
        Text(),
        _entries(timeline, language),
        Text(),
        Panel(
            _outlook(timeline, language), title="How it stands", title_align="left", expand=False
        ),
    )


def _entries(timeline: Timeline, language: str) -> Table:
    table = Table(box=None, pad_edge=False, show_header=False, padding=(0, 1))
    for _ in range(4):
        table.add_column(overflow="fold")
    for entry in timeline.entries:
        table.add_row(
            Text(_time(entry.at), style="dim"),
            Text(entry.who, style=_WHO_STYLES[entry.who]),
            _moved(entry),
            Group(Text(entry.said.in_language(language)), *_details(entry)),
        )
    return table


def _moved(entry: Entry) -> Text:
    return Text.assemble("→ ", status_text(entry.state)) if entry.state else Text("·", style="dim")


def _details(entry: Entry) -> list[Padding]:
    """Return what operators see besides: the provider's words, the verdict, events, the link."""
    lines: list[Text] = []
    proof = entry.proof
    if proof is not None:
        parts: list[str | Text | tuple[str, str]] = [
            f"{proof.sequence}. {proof.source} {proof.kind}: ",
            (proof.verdict, _VERDICT_STYLES.get(proof.verdict, "")),
        ]
        if proof.word:
            parts.append(f" “{proof.word}”")
        if proof.detail:
            parts.append(f" {proof.detail}")
        lines.append(Text.assemble(*parts, style="dim"))
    if entry.told:
        told = ", ".join(f"{each.type} ({each.sequence or '?'})" for each in entry.told)
        lines.append(Text(f"told {told}", style="dim cyan"))
    if proof is not None and (proof.digest or proof.hash):
        body = f"body {proof.digest[:_DIGITS]}  " if proof.digest else ""
        link = f"link {proof.hash[:_DIGITS]}" if proof.hash else "no link"
        lines.append(Text(f"{body}{link}", style="dim"))
    return [Padding(line, (0, 0, 0, 2)) for line in lines]


def _outlook(timeline: Timeline, language: str) -> Table:
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    doubts = [each.said.in_language(language) for each in timeline.uncertain]
    table.add_row("Uncertain", "\n".join(doubts) or "Nothing.")
    table.add_row("Next", timeline.next.said.in_language(language))
    safe = timeline.at_risk.risk is Risk.NONE
    risk = Text(timeline.at_risk.said.in_language(language), style="" if safe else "bold red")
    table.add_row("At risk", risk)
    if timeline.review_at is not None:
        table.add_row("Review", f"A person is called at {_time(timeline.review_at)} UTC.")
    if timeline.proposal is not None:
        by = timeline.proposal.proposed_by
        table.add_row("Proposed", f"{timeline.proposal.resolution} by {by}")
    acts = ", ".join(timeline.allowed_actions)
    table.add_row("You may", acts or "only look on")
    return table


def _time(at: datetime) -> str:
    return at.astimezone(UTC).strftime(_TIME)[:_MILLISECONDS]
