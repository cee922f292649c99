"""The demo's chapters, and what each of them really left behind on both sides of the wire."""

import asyncio
import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from adapters.sandbox.corridors import AFRIMONEY, ORANGE_MONEY, sandbox_msisdn
from adapters.sandbox.deliveries import Delivery, DeliveryState
from adapters.sandbox.ledger import Payout
from adapters.sandbox.server import Sandbox
from adapters.sandbox.transactions import Report
from application.callers import Caller
from application.ports import StoredEvidence
from application.queries import Allowance
from domain.cash_out import CashOut
from domain.events import ANNOUNCES, Event, EventType
from domain.evidence import Source
from domain.states import ENDINGS, Status, Verdict
from entrypoints.cli.calls import Answer, Client
from entrypoints.cli.exits import Stopped
from entrypoints.container import Service

PATH = "/api/payments/cash-out"
_LOOK_AGAIN_S = 0.05
_MOST_EVENTS = 1_000
_DELIVERED_WITHIN_S = 3
_AT_REST = {DeliveryState.DELIVERED, DeliveryState.DROPPED}
_EXPECTED_EVENTS = (EventType.INITIATED, EventType.PROCESSING, EventType.COMPLETED)


@dataclass(frozen=True, slots=True)
class Chapter:
    """One cash-out to show. amount is in major units; suffix chooses the sandbox's scenario."""

    title: str
    moral: str
    provider: str
    country: str
    currency: str
    amount: str
    suffix: str
    name: str
    sent_twice: bool = False

    @property
    def body(self) -> dict[str, str]:
        """The request as a client sends it."""
        return {
            "walletId": "demo-wallet",
            "amount": self.amount,
            "currency": self.currency,
            "provider": self.provider,
            "providerAccountId": sandbox_msisdn(self.provider, self.country, self.suffix),
            "providerAccountName": self.name,
        }


CHAPTERS = (
    Chapter(
        "Orange Money, Côte d'Ivoire",
        "The provider says yes at once and pays a moment later; its signed webhook proves it.",
        ORANGE_MONEY,
        "CI",
        "XOF",
        "45000",
        "789",
        "Awa Koné",
    ),
    Chapter(
        "AfriMoney, Sierra Leone",
        "Its webhook's signature does not cover the outcome, so it only rings: the answer to our "
        "own question decides.",
        AFRIMONEY,
        "SL",
        "SLE",
        "1500.50",
        "789",
        "Sia Kamara",
    ),
    Chapter(
        "Orange Money pays and never answers",
        "The submit times out, the webhook is lost, the client sends its request again. Silence is "
        "not failure: we ask, and pay nothing twice.",
        ORANGE_MONEY,
        "CI",
        "XOF",
        "36000",
        "201",
        "Yao N'Guessan",
        sent_twice=True,
    ),
)


@dataclass(frozen=True, slots=True)
class Stage:
    """Both sides: a client of the HTTP API, the provider, and a reader of the database file."""

    client: Client
    sandbox: Sandbox
    service: Service


@dataclass(frozen=True, slots=True)
class Taken:
    """A request and its answer."""

    key: str
    answer: Answer
    data: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known at the end. shown: the API's own view; the rest is read at the sources."""

    shown: dict[str, Any]
    stored: CashOut
    evidence: Sequence[StoredEvidence]
    events: Sequence[Event]
    payouts: Sequence[Payout]
    deliveries: Sequence[Delivery]
    submits: int
    received: Report | None
    today: Allowance

    def faults(self, chapter: Chapter) -> list[str]:
        """Return every way in which this is not one cash-out, completed and paid exactly once."""
        stored, payee = self.stored, self.stored.payee.msisdn.e164.removeprefix("+")
        paid = [(p.amount, p.currency, p.msisdn, p.transaction_id) for p in self.payouts]
        owed = (stored.amount.decimal, chapter.currency, payee, stored.provider_transaction_id)
        checks = {
            f"the API says {self.shown.get('status')}": self.shown.get("status") == "completed",
            f"the record says {stored.status}": stored.status is Status.COMPLETED,
            f"the ledger has {len(paid)} payouts": len(paid) == 1,
            "ledger and record differ": paid == [owed],
            f"webhooks are {', '.join(each.state for each in self.deliveries) or 'missing'}": (
                bool(self.deliveries) and all(each.state in _AT_REST for each in self.deliveries)
            ),
            "amount and fee do not make the total": stored.amount + stored.fee == stored.total,
            f"told: {', '.join(each.type for each in self.events)}": (
                tuple(each.type for each in self.events) == _EXPECTED_EVENTS
            ),
        }
        return [fault for fault, is_right in checks.items() if not is_right]


@dataclass(frozen=True, slots=True, order=True)
class Moment:
    """A line of the timeline."""

    at: datetime
    who: str = field(compare=False)
    what: str = field(compare=False)


async def request(stage: Stage, chapter: Chapter, key: str) -> Taken:
    """Send the request over HTTP; raise Stopped when it is not taken."""
    answer = await stage.client.call("POST", PATH, chapter.body, {"Idempotency-Key": key})
    if answer.status not in {200, 202}:
        raise Stopped(f"the API answered {answer.status}: {answer.body.decode()}")
    return Taken(key, answer, answer.data)


async def ending(stage: Stage, taken: Taken) -> dict[str, Any]:
    """Ask the API until the cash-out has ended and its webhooks are in; return its view of it."""
    while True:
        answer = await stage.client.call("GET", f"{PATH}/{taken.data['cashOutId']}")
        if answer.data.get("status") in ENDINGS:
            await _webhooks_delivered(stage, answer.data["reference"])
            return answer.data
        await asyncio.sleep(_LOOK_AGAIN_S)


async def _webhooks_delivered(stage: Stage, reference: str) -> None:
    """Return once the provider's webhooks were taken, or when that takes too long."""
    give_up_at = time.monotonic() + _DELIVERED_WITHIN_S
    while time.monotonic() < give_up_at:
        deliveries = _deliveries(stage, reference)
        if deliveries and all(each.state in _AT_REST for each in deliveries):
            return
        await asyncio.sleep(_LOOK_AGAIN_S)


def _deliveries(stage: Stage, reference: str) -> list[Delivery]:
    return [each for each in stage.sandbox.engine.deliveries if each.reference == reference]


async def gather(stage: Stage, chapter: Chapter, shown: dict[str, Any]) -> Facts:
    """Read what both sides have about an ended cash-out; raise Stopped when it is not stored."""
    reader, sandbox = stage.service.reader, stage.sandbox
    stored = await reader.cash_out(UUID(shown["cashOutId"]))
    if stored is None:
        raise Stopped("the API shows a cash-out that is not stored")
    told = await reader.events_after(0, _MOST_EVENTS)
    caller = Caller(stored.user_id)
    priced = await stage.service.quote(caller, chapter.provider, chapter.currency, chapter.amount)
    return Facts(
        shown=shown,
        stored=stored,
        evidence=await reader.evidence(stored.id),
        events=[each.event for each in told if each.event.cash_out_id == stored.id],
        payouts=sandbox.ledger.payouts_of(stored.reference),
        deliveries=_deliveries(stage, stored.reference),
        submits=sandbox.engine.transactions.tries(chapter.provider, stored.reference),
        received=sandbox.engine.transactions.look_up(
            chapter.provider, stored.reference, sandbox.clock.now()
        ),
        today=priced.day,
    )


def timeline(facts: Facts) -> list[Moment]:
    """Return everything that happened, in order of time."""
    moments = [
        *_attempts(facts.stored),
        *_learnt(facts.evidence),
        *_provider_side(facts),
        *_told(facts.events),
    ]
    return sorted(moments)


def _attempts(stored: CashOut) -> Iterator[Moment]:
    for each in stored.attempts:
        what = "committed to the database; only then did the first byte leave"
        yield Moment(each.started_at, f"attempt {each.number}", what)


_DOORS = {Source.SUBMIT: "answer", Source.WEBHOOK: "webhook", Source.STATUS_QUERY: "look-up"}
_VERDICTS = {
    Verdict.MOVE: "that moves the state",
    Verdict.STALE: "nothing new in that",
    Verdict.NOTED: "noted; it proves nothing about the state",
    Verdict.CONTRADICTION: "a contradiction, for a person to look at",
    Verdict.UNRECOGNISED: "no word of ours, so no change",
    Verdict.MISMATCH: "about something else, never adopted",
}


def _learnt(evidence: Sequence[StoredEvidence]) -> Iterator[Moment]:
    # What we decided ourselves is told by the attempts and states.
    for each in (piece for piece in evidence if piece.source != Source.SERVICE):
        kind = "" if each.kind in {"News", "Outcome"} else each.kind
        said = ", ".join(filter(None, (kind, each.word and repr(each.word), each.detail)))
        verdict = _VERDICTS[Verdict(each.verdict)]
        yield Moment(each.at, _DOORS.get(Source(each.source), each.source), f"{said}: {verdict}")


def _told(events: Sequence[Event]) -> Iterator[Moment]:
    states = {kind: status for status, kind in ANNOUNCES.items()}
    for each in events:
        state = states.get(each.type, "unchanged")
        yield Moment(
            each.at, "state", f"{state}; others are told {each.type}, number {each.sequence}"
        )


def _provider_side(facts: Facts) -> Iterator[Moment]:
    for paid in facts.payouts:
        what = f"paid {paid.amount} {paid.currency} to {paid.msisdn}, its id {paid.transaction_id}"
        yield Moment(paid.executed_at, "provider", what)
    for each in facts.deliveries:
        body = json.dumps(json.loads(each.body), ensure_ascii=False)
        if not each.sendings:
            yield Moment(each.due_at, "provider", f"webhook {each.state}: {body}")
        for sending in each.sendings:
            answers = ", ".join(str(status) for status in sending.statuses)
            # A webhook that was taken at once is told when it went out, before what it caused.
            at = each.due_at if len(each.sendings) == 1 else sending.at
            yield Moment(at, "provider", f"signed webhook {body}, answered {answers}")
