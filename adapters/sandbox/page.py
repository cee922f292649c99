"""The control plane's page: what the sandbox does, which number to use, what it has done."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from html import escape
from itertools import islice
from typing import Final

from adapters.sandbox.behaviour import Expected, Scenario
from adapters.sandbox.corridors import BASES, PROVIDERS
from adapters.sandbox.deliveries import Delivery
from adapters.sandbox.engine import Engine
from adapters.sandbox.faults import Posted
from adapters.sandbox.ledger import DEFAULT_FLOAT
from adapters.sandbox.scenarios import SCENARIOS
from adapters.sandbox.trying import RUN_ALL, STYLE, buttons

_ROWS_SHOWN: Final = 50

ROUTES: Final[Sequence[tuple[str, str, str]]] = (
    ("GET", "/_sandbox", "this page"),
    ("GET", "/_sandbox/page.css", "its style sheet"),
    ("GET", "/_sandbox/page.js", "its script"),
    ("GET", "/_sandbox/scenarios", "every scenario with its numbers and its ending"),
    (
        "POST",
        "/_sandbox/cash-outs",
        'make a real cash-out, inside `cashout dev`: {"provider": "afrimoney", "suffix": "201"}',
    ),
    ("GET", "/_sandbox/cash-outs/{cash_out_id}", "how such a cash-out stands"),
    ("GET", "/_sandbox/ledger", "what was paid; ?reference= for one reference"),
    (
        "GET",
        "/_sandbox/statements/{provider}",
        "its statement as CSV; ?since= and ?until=, ?plant=2&seed=1 for breaks of each kind",
    ),
    ("GET", "/_sandbox/statements/{provider}/planted", "which breaks that statement has"),
    ("GET", "/_sandbox/deliveries", "the webhooks and their answers; ?reference= for one"),
    ("POST", "/_sandbox/deliveries/{number}/redeliver", "send a webhook again"),
    ("GET", "/_sandbox/faults", "the fault rules in force"),
    ("POST", "/_sandbox/faults", 'add one: {"act": "status", "endpoint": "submit", "nth": 1}'),
    ("DELETE", "/_sandbox/faults", "take all of them back"),
    ("DELETE", "/_sandbox/faults/{number}", "take one back"),
    ("GET", "/_sandbox/float", "the float accounts in use"),
    (
        "PUT",
        "/_sandbox/float",
        'set one: {"provider": "orange_money", "country": "CI", "currency": "XOF", "balance": "0"}',
    ),
    ("GET", "/_sandbox/clock", "the sandbox's time"),
    ("POST", "/_sandbox/clock", 'move it: {"advance_s": 60}'),
    ("POST", "/_sandbox/reset", "forget everything but the time"),
)
"""The control plane's routes: method, path, what it is for."""

FAULT_FIELDS: Final[Sequence[tuple[str, str]]] = (
    ("act", "delay, status, reset, hang, truncate; for webhooks delay, drop, duplicate, corrupt"),
    ("provider, endpoint, suffix", "what it is about; endpoint: token, submit, status, webhook"),
    ("nth, times, probability", "only the nth match, at most so many times, by chance (0 to 1)"),
    ("starts_at, ends_at", "a window of outage or degradation, ISO 8601 with a zone"),
    ("seconds", "of a delay or hang"),
    ("status, retry_after_s, body", "what is answered instead"),
    ("at_byte", "where the body is cut"),
    ("copies", "of a duplicated webhook"),
    ("executed", "true: the provider acts first, and only its answer is spoilt"),
)
"""The fields of a fault rule, for the page."""

_STYLE: Final = """\
:root { color-scheme: light dark; --ink: #1c2230; --paper: #fbfaf7; --soft: #5d6678;
  --line: #dcd8ce; --card: #ffffff; --mark: #b4470b; --good: #1d6f42; --bad: #a32020; }
@media (prefers-color-scheme: dark) { :root { --ink: #e7e5df; --paper: #14171d; --soft: #9aa3b5;
  --line: #2c323d; --card: #1b1f27; --mark: #f0924f; --good: #6cc596; --bad: #ef8080; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 72rem; padding: 2rem 1.25rem 4rem; background: var(--paper);
  color: var(--ink); font: 16px/1.5 system-ui, sans-serif; }
h1 { font-size: 1.75rem; margin: 0 0 .25rem; }
h2 { font-size: 1.15rem; margin: 2.5rem 0 .75rem; }
p { margin: .25rem 0; }
a { color: var(--mark); }
nav a { margin-right: 1rem; }
.soft { color: var(--soft); }
.good { color: var(--good); }
.bad { color: var(--bad); }
.scroll { overflow-x: auto; border: 1px solid var(--line); border-radius: .5rem;
  background: var(--card); }
table { border-collapse: collapse; width: 100%; font-size: .9rem; }
th, td { text-align: left; vertical-align: top; padding: .5rem .75rem;
  border-bottom: 1px solid var(--line); }
th { color: var(--soft); font-weight: 600; white-space: nowrap; }
tr:last-child td { border-bottom: 0; }
code, .number { font-family: ui-monospace, monospace; font-size: .85rem; white-space: nowrap; }
td code { white-space: normal; overflow-wrap: anywhere; }
summary { cursor: pointer; }
details ul { margin: .35rem 0 0; padding-left: 1.1rem; }
"""
CSS: Final = _STYLE + STYLE


def render_page(
    engine: Engine, now: datetime, webhook_base_url: str | None, *, trying: bool = False
) -> str:
    """Return the whole page as HTML, every value of it escaped; trying: with buttons to press."""
    return "\n".join(
        (
            '<!doctype html><html lang="en"><head><meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            '<title>Provider sandbox</title><link rel="stylesheet" href="/_sandbox/page.css">',
            '<script src="/_sandbox/page.js" defer></script>' if trying else "",
            "</head><body>",
            _head(engine, now, webhook_base_url),
            _section("scenarios", "Scenarios", _scenarios(trying=trying)),
            _section("ledger", "Ledger", _ledger(engine)),
            _section("deliveries", "Webhooks", _deliveries(engine)),
            _section("float", "Float", _floats(engine)),
            _section("faults", "Fault rules", _faults(engine)),
            _section("control", "Control", _control()),
            "</body></html>",
        )
    )


def _head(engine: Engine, now: datetime, webhook_base_url: str | None) -> str:
    doubles = engine.ledger.paid_more_than_once()
    verdict = (
        f'<p class="bad">Paid more than once: {_text(", ".join(doubles[:_ROWS_SHOWN]))}</p>'
        if doubles
        else '<p class="good">No reference was paid more than once.</p>'
    )
    links = ("scenarios", "ledger", "deliveries", "float", "faults", "control")
    nav = "".join(f'<a href="#{name}">{name.capitalize()}</a>' for name in links)
    webhooks = webhook_base_url or "nowhere yet"
    return (
        "<h1>Provider sandbox</h1>"
        f"<p>Orange Money at <code>/orange-money</code>, AfriMoney at <code>/afrimoney</code>; "
        f"webhooks go to <code>{_text(webhooks)}</code>.</p>"
        f'<p class="soft">Profile {_text(engine.settings.profile)}, seed {engine.settings.seed}, '
        f"sandbox time {_instant(now)}, {len(engine.ledger)} payouts.</p>"
        f"{verdict}<nav>{nav}</nav>"
    )


def _scenarios(*, trying: bool) -> str:
    rows = (
        (
            f'<span class="number">{row.suffix}</span>',
            f"<strong>{_text(row.title)}</strong><br>{_text(row.story)}{_notes(row)}",
            "<br>or ".join(_ending(end) for end in row.ends),
            _numbers(row),
            *([buttons(row)] if trying else []),
        )
        for row in SCENARIOS.values()
    )
    lead = (
        "<p>The last three digits of these numbers choose what happens; "
        "any other number simply succeeds.</p>"
    )
    heads = ("Ends in", "What happens", "A correct client ends", "Numbers")
    if trying:
        return lead + RUN_ALL + _table((*heads, "Try it"), rows)
    return lead + _table(heads, rows)


def _notes(row: Scenario) -> str:
    return "".join(
        f'<br><span class="soft">{_text(provider)}: {_text(note)}</span>'
        for provider, note in row.notes.items()
    )


def _ending(end: Expected) -> str:
    return _text(end.ending if end.code is None else f"{end.ending} {end.code}")


def _numbers(row: Scenario) -> str:
    lines = "".join(
        f'<li>{_text(c.country_name)}, {c.provider}: <span class="number">'
        f"+{c.base}{row.suffix}</span> ({', '.join(c.local_currencies)})</li>"
        for c in BASES
        if c.provider in row.providers
    )
    usual = next(c for c in BASES if c.provider == row.providers[0])
    first = f'<span class="number">+{usual.base}{row.suffix}</span>'
    return f"<details><summary>{first}</summary><ul>{lines}</ul></details>"


def _ledger(engine: Engine) -> str:
    rows = (
        (
            _instant(payout.executed_at),
            _text(payout.provider),
            f"<code>{_text(payout.reference)}</code>",
            f"<code>{_text(payout.transaction_id)}</code>",
            f'<span class="number">+{_text(payout.msisdn)}</span>',
            f"{payout.amount} {_text(payout.currency)}",
            "" if payout.reversed_at is None else _instant(payout.reversed_at),
        )
        for payout in engine.ledger.latest(_ROWS_SHOWN)
    )
    heads = ("Paid", "Provider", "Reference", "Transaction", "To", "Amount", "Reversed")
    return _statements() + _table(heads, rows)


def _statements() -> str:
    """Return links to each provider's statement, plain and with a planted break of each kind."""
    links = (
        f'<a href="/_sandbox/statements/{name}" download>{_text(name)}</a> '
        f'(<a href="/_sandbox/statements/{name}?plant=1" download>with planted breaks</a>)'
        for name in PROVIDERS
    )
    return f"<p>Statements as CSV, for <code>cashout reconcile</code>: {', '.join(links)}.</p>"


def _deliveries(engine: Engine) -> str:
    latest: Iterable[Delivery] = islice(reversed(tuple(engine.deliveries)), _ROWS_SHOWN)
    rows = (
        (
            str(delivery.number),
            _text(delivery.provider),
            f"<code>{_text(delivery.reference)}</code>",
            f"<code>{_text(delivery.body.decode())}</code>",
            _text(delivery.state),
            _text("; ".join(_answers(delivery))),
        )
        for delivery in latest
    )
    return _table(("No.", "Provider", "Reference", "Body", "State", "Answers"), rows)


def _answers(delivery: Delivery) -> Iterable[str]:
    for sending in delivery.sendings:
        yield ", ".join("no answer" if s is None else str(s) for s in sending.statuses)


def _floats(engine: Engine) -> str:
    rows = (
        (_text(a.provider), _text(a.country), _text(a.currency), f"{balance:,}")
        for a, balance in engine.floats
    )
    lead = f"<p>Accounts that are not listed hold {DEFAULT_FLOAT:,}.</p>"
    return lead + _table(("Provider", "Country", "Currency", "Balance"), rows)


def _faults(engine: Engine) -> str:
    posted: Iterable[Posted] = engine.faults
    rows = (
        (str(p.number), f"<code>{_text(repr(p.rule))}</code>", str(p.matched), str(p.fired))
        for p in posted
    )
    fields = (((f"<code>{_text(name)}</code>"), _text(what)) for name, what in FAULT_FIELDS)
    in_force = _table(("No.", "Rule", "Matched", "Fired"), rows)
    return f"{in_force}<p>A rule's fields:</p>{_table(('Field', 'Meaning'), fields)}"


def _control() -> str:
    rows = ((m, f"<code>{_text(path)}</code>", _text(what)) for m, path, what in ROUTES)
    lead = f"<p>JSON, from this machine only. Providers: {_text(', '.join(PROVIDERS))}.</p>"
    return lead + _table(("Method", "Path", "What for"), rows)


def _section(anchor: str, title: str, content: str) -> str:
    return f'<section id="{anchor}"><h2>{title}</h2>{content}</section>'


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    head = "".join(f'<th scope="col">{name}</th>' for name in heads)
    body = "".join("<tr>" + "".join(f"<td>{c}</td>" for c in row) + "</tr>" for row in rows)
    empty = f'<tr><td class="soft" colspan="{len(heads)}">nothing yet</td></tr>'
    return (
        f'<div class="scroll"><table><thead><tr>{head}</tr></thead>'
        f"<tbody>{body or empty}</tbody></table></div>"
    )


def _instant(at: datetime) -> str:
    return _text(at.isoformat(timespec="milliseconds"))


def _text(value: str) -> str:
    return escape(value, quote=True)
