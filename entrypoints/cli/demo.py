"""`cashout demo`: three cash-outs through the real service, told step by step and then checked.

Nothing here is scripted: every line is read from the API's answers, the database file or the
provider's own ledger, and the exit code is 0 only when all of them agree.
"""

import asyncio
import json
import secrets
import tempfile
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

from rich.text import Text

from adapters.sandbox.faults import Act, Endpoint, FaultRule
from adapters.sandbox.ledger import Ledger
from adapters.sandbox.server import Sandbox
from adapters.sandbox.settings import SandboxSettings
from entrypoints.cli.calls import Client
from entrypoints.cli.demo_story import (
    CHAPTERS,
    PATH,
    Chapter,
    Facts,
    Stage,
    Taken,
    ending,
    gather,
    request,
    timeline,
)
from entrypoints.cli.exits import Exit, Stopped
from entrypoints.cli.stand import WEBHOOKS, standing
from entrypoints.cli.terminal import Terminal, status_text
from entrypoints.cli.tokens import token_for
from entrypoints.logs import set_up_logs
from entrypoints.settings import read_settings

_LONGEST_S = 25
_ALL_TOLD_WITHIN_S = 3
_USER = "demo"
_SETTINGS = {
    "APP_ENV": "development",
    "HOST": "127.0.0.1",
    "PORT": "0",
    # Short, so that nobody waits half a minute for the time-out that is shown.
    "PROVIDER_TIMEOUT_SECONDS": "2",
    "LOG_LEVEL": "error",
}
_WHO_STYLES: Mapping[str, str] = {"provider": "yellow", "state": "green"}


@dataclass(frozen=True, slots=True)
class _Told:
    """A chapter with what came of it."""

    chapter: Chapter
    facts: Facts
    faults: Sequence[str]


async def show(*, as_json: bool) -> int:
    """Run the demo; return 0 only when every cash-out completed and the ledgers agree."""
    terminal, began = Terminal(), time.monotonic()
    set_up_logs("error")
    narrator = _Narrator(terminal, quiet=as_json)
    try:
        async with asyncio.timeout(_LONGEST_S), _stage(narrator) as stage:
            told = [
                await _tell(stage, narrator, number, chapter)
                for number, chapter in enumerate(CHAPTERS, start=1)
            ]
            faults = [f"{each.chapter.title}: {f}" for each in told for f in each.faults]
            faults += await _faults_of_the_whole(stage, told)
            ledger = stage.sandbox.ledger
    except TimeoutError:
        raise Stopped(f"the demo did not come to its end within {_LONGEST_S} seconds") from None
    took_s = time.monotonic() - began
    if as_json:
        terminal.json(_document(told, ledger, faults))
    else:
        narrator.close(told, ledger, took_s)
    for fault in faults:
        terminal.complain(fault)
    return Exit.FAILED if faults else Exit.DONE


@asynccontextmanager
async def _stage(narrator: "_Narrator") -> AsyncIterator[Stage]:
    with tempfile.TemporaryDirectory(prefix="cashout-demo-") as folder:
        async with Sandbox(SandboxSettings(profile="instant", hang_s=_LONGEST_S)) as sandbox:
            # Not this shell's settings: the demo is the same everywhere and touches nothing else.
            environment = {
                **_SETTINGS,
                **sandbox.environment(),
                "CASHOUT_DATA_DIR": folder,
                "JWT_SECRET": secrets.token_hex(32),
            }
            settings = read_settings(environment)
            async with standing(settings) as here:
                sandbox.webhook_base_url = here.url + WEBHOOKS
                # The answer is lost by the scenario; its webhook is lost by this rule.
                lost = FaultRule(act=Act.DROP, endpoint=Endpoint.WEBHOOK, suffix="201")
                sandbox.engine.faults.add(lost)
                narrator.open(here.url, sandbox.base_url, Path(folder) / "cashout.db")
                client = Client(here.url, token_for(settings, _USER))
                yield Stage(client, sandbox, here.service)
                sandbox.webhook_base_url = None


async def _tell(stage: Stage, narrator: "_Narrator", number: int, chapter: Chapter) -> _Told:
    narrator.begin(number, chapter)
    taken = await request(stage, chapter, f"demo-{number}-{uuid4()}")
    narrator.taken(chapter, taken)
    again = await request(stage, chapter, taken.key) if chapter.sent_twice else None
    if again is not None:
        narrator.taken_again(again)
    with narrator.waiting(chapter):
        shown = await ending(stage, taken)
    facts = await gather(stage, chapter, shown)
    faults = facts.faults(chapter)
    if again is not None and again.data.get("cashOutId") != taken.data["cashOutId"]:
        faults.append("sending it again made another cash-out")
    narrator.ended(taken, facts)
    return _Told(chapter, facts, faults)


async def _faults_of_the_whole(stage: Stage, told: Sequence[_Told]) -> list[str]:
    ledger = stage.sandbox.ledger
    checks = {
        f"the ledger has {len(ledger)} payouts for {len(told)} cash-outs": len(ledger) == len(told),
        f"paid more than once: {', '.join(ledger.paid_more_than_once())}": (
            not ledger.paid_more_than_once()
        ),
        "an event was never told": await _all_told(stage),
    }
    return [fault for fault, is_right in checks.items() if not is_right]


async def _all_told(stage: Stage) -> bool:
    give_up_at = time.monotonic() + _ALL_TOLD_WITHIN_S
    while time.monotonic() < give_up_at:
        if (await stage.service.reader.health()).oldest_event is None:
            return True
        await asyncio.sleep(0.05)
    return False


class _Narrator:
    """Says what happens, in the order in which it happened."""

    def __init__(self, terminal: Terminal, *, quiet: bool) -> None:
        self._terminal = terminal
        self._quiet = quiet

    def open(self, api: str, sandbox: str, database: Path) -> None:
        """Introduce the stage."""
        self._line(f"API {api}, worker beside it, database {database}")
        self._line(f"Orange Money and AfriMoney played by the sandbox at {sandbox}")

    def begin(self, number: int, chapter: Chapter) -> None:
        """Announce a chapter."""
        self._line("")
        self._line(Text(f"{number} of {len(CHAPTERS)}  {chapter.title}", style="bold"))
        self._line(Text(chapter.moral, style="italic"))

    def taken(self, chapter: Chapter, taken: Taken) -> None:
        """Show a request and its answer."""
        data = taken.data
        self._line(f"  POST {PATH} {json.dumps(chapter.body, ensure_ascii=False)}")
        self._line(
            f"  {taken.answer.status} after {taken.answer.took_ms} ms: {data['cashOutId']}"
            f" {data['status']}; {data['amount']} + fee {data['fee']} = {data['totalAmount']}"
            f" {data['currency']}, reference {data['reference']}"
        )

    def taken_again(self, again: Taken) -> None:
        """Show what the same request got when it was sent once more."""
        replayed = again.answer.headers.get("idempotent-replayed", "absent")
        self._line(
            f"  the same again, with the same Idempotency-Key: {again.answer.status}"
            f" {again.data.get('cashOutId')}, Idempotent-Replayed: {replayed}"
        )

    def waiting(self, chapter: Chapter) -> Any:  # noqa: ANN401 -- a context manager of the terminal
        """Show that the provider is waited for."""
        return self._terminal.waiting(f"  waiting for {chapter.title}")

    def ended(self, taken: Taken, facts: Facts) -> None:
        """Tell an ended cash-out's whole story from both sides."""
        if self._quiet:
            return
        stored, moments = facts.stored, timeline(facts)
        rows = [
            (
                f"  +{(moment.at - stored.created_at).total_seconds():.3f} s",
                Text(moment.who, style=_WHO_STYLES.get(moment.who, "")),
                moment.what,
            )
            for moment in moments
        ]
        self._terminal.table(("  when", "who", "what"), rows)
        self._line(_received(facts))
        self._line(f"  limits: {facts.today.left} of {facts.today.limit} left today")
        status = status_text(str(facts.shown["status"]))
        self._line(
            Text.assemble(
                f"  GET {PATH}/{taken.data['cashOutId']}: ",
                status,
                f", {facts.shown['statusDetail']}",
            )
        )

    def close(self, told: Sequence[_Told], ledger: Ledger, took_s: float) -> None:
        """Set the provider's ledger beside our records, and sum up."""
        self._line("")
        rows = [_ledger_row(each, ledger) for each in told]
        columns = ("reference", "our record", "amount", "the provider's ledger", "payouts")
        self._terminal.table(columns, rows)
        completed = sum(each.facts.shown.get("status") == "completed" for each in told)
        agree = not any(each.faults for each in told)
        twice = len(ledger.paid_more_than_once())
        self._line("")
        self._line(
            Text(
                f"{completed} of {len(told)} cash-outs completed, {len(ledger)} payouts,"
                f" {twice} paid twice; ledger and records {'agree' if agree else 'DISAGREE'}."
                f" {took_s:.1f} s.",
                style="bold green" if agree else "bold red",
            )
        )

    def _line(self, line: str | Text) -> None:
        if not self._quiet:
            self._terminal.data(line)


def _received(facts: Facts) -> str:
    times = "once" if facts.submits == 1 else f"{facts.submits} times"
    paid = f"{len(facts.payouts)} payout{'' if len(facts.payouts) == 1 else 's'}"
    if facts.received is None:
        return f"  the provider knows nothing of {facts.stored.reference}"
    order = facts.received.order
    return (
        f"  the provider received {order.amount} {order.currency} for {order.msisdn}"
        f" ({order.reference}) {times}; its ledger has {paid} for it"
    )


def _ledger_row(told: _Told, ledger: Ledger) -> tuple[str | Text, ...]:
    stored = told.facts.stored
    payouts = ledger.payouts_of(stored.reference)
    paid = ", ".join(f"{p.transaction_id} {p.amount} {p.currency}" for p in payouts)
    return (
        stored.reference,
        status_text(stored.status),
        str(stored.amount),
        paid or "nothing",
        str(len(payouts)),
    )


def _document(told: Sequence[_Told], ledger: Ledger, faults: Sequence[str]) -> dict[str, Any]:
    return {
        "cashOuts": [
            {
                **each.facts.shown,
                "payouts": len(ledger.payouts_of(each.facts.stored.reference)),
                "submits": each.facts.submits,
                "events": [str(event.type) for event in each.facts.events],
            }
            for each in told
        ],
        "payouts": len(ledger),
        "paidMoreThanOnce": list(ledger.paid_more_than_once()),
        "faults": list(faults),
    }
