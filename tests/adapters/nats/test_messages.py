"""Events as other teams parse them: a change of any of these files is a change of a contract."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from uuid import UUID

import pytest

from adapters.nats.messages import headers_of, read, subject_of
from domain.attempts import Capabilities, OutcomeKind
from domain.cash_out import CashOut, Change, Lease, accept, begin_attempt, cancel
from domain.corridors import Policy
from domain.events import Event, EventType
from domain.evidence import Finding, News, Outcome, Proof, ProofKind, Resolution, Ruling, Source
from domain.failures import FailureCode
from domain.health_events import health_changed
from domain.money import CURRENCIES, Money
from domain.payee import Msisdn, Payee
from domain.record import Report, record
from domain.standings import Reason, Route, Standing, State
from domain.states import Status
from tests.event_entries import an_entry

GOLDEN = Path(__file__).parents[2] / "golden" / "events"
NOON = datetime(2026, 11, 23, 12, 0, 0, tzinfo=UTC)
CAPABILITIES = Capabilities(idempotent_submit=True, lookup_by_reference=True, webhook_proves=True)


_RULING = Ruling(
    UUID("00000000-0000-4000-8000-00000000000b"),
    Resolution.NOT_PAID,
    "reversed by the provider",
    proposed_by="olga",
    approved_by="amadou",
    four_eyes=True,
    proof=Proof(ProofKind.STATEMENT_LINE, "2026-11-24/17"),
)


def a_cash_out() -> CashOut:
    return CashOut(
        id=UUID("01938f3a-1c00-7000-8000-000000000001"),
        user_id="user-42",
        wallet_id="wallet-7",
        provider="orange_money",
        amount=Money(1050, CURRENCIES["USD"]),
        fee=Money(100, CURRENCIES["USD"]),
        tariff_version="2026-01",
        payee=Payee(Msisdn("+2250700000789", "CI"), "Awa Koné"),
        reference="CO-8F3A1C00",
        reference_given=False,
        created_at=NOON,
        updated_at=NOON,
    )


def told(kind: EventType) -> Event:
    """Return the event of this kind from a life in which it happens."""
    if kind is EventType.HEALTH_CHANGED:
        before = Standing(Route("orange_money", "GN", "GNF"))
        return health_changed(before, before.moved(State.DELAYED, Reason.AMBIGUITY, NOON))
    changes = [accept(a_cash_out())]
    if kind is EventType.CANCELLED:
        changes.append(cancel(changes[0].after, NOON + timedelta(seconds=1)))
    else:
        changes += _lives(changes[0].after, completes=kind is not EventType.FAILED)
    return next(event for change in changes for event in change.events if event.type is kind)


def _lives(accepted: CashOut, *, completes: bool) -> list[Change]:
    """Submit, then an ending; after a completion, news that contradicts it."""
    token = UUID("00000000-0000-4000-8000-00000000000a")
    lease = Lease(token, NOON + timedelta(minutes=2))
    submitted = begin_attempt(accepted, NOON + timedelta(milliseconds=250), lease)
    paid = News("SUCCESSFUL", Status.COMPLETED, "OM-55501", amount=Decimal("10.5"))
    declined = News("FAILED", Status.FAILED, code=FailureCode.RECIPIENT_BLOCKED)
    outcomes: dict[bool, Finding] = {
        True: Outcome(OutcomeKind.ACCEPTED, news=paid),
        False: Outcome(OutcomeKind.REFUSED, code=FailureCode.RECIPIENT_BLOCKED, news=declined),
    }
    answer = Report(Source.SUBMIT, outcomes[completes], attempt=1, lease=token)
    later = NOON + timedelta(seconds=2)
    ended = record(submitted.after, answer, CAPABILITIES, Policy(), later)
    webhook = Report(Source.WEBHOOK, declined)
    again = record(ended.after, webhook, CAPABILITIES, Policy(), later + timedelta(hours=1))
    ruling = Report(Source.OPERATOR, _RULING)
    ruled = record(again.after, ruling, CAPABILITIES, Policy(), later + timedelta(hours=2))
    return [submitted, ended, again, ruled]


@pytest.mark.parametrize("kind", EventType)
def test_headers_and_payload_are_frozen(kind: EventType) -> None:
    event = told(kind)
    golden = json.loads((GOLDEN / f"{kind.value}.json").read_text())
    assert golden["subject"] == subject_of(event)
    assert golden["headers"] == headers_of(event)
    # Compared as text: the order of the members and the writing of numbers count too.
    payload = json.dumps(golden["payload"], ensure_ascii=False, separators=(",", ":"))
    assert payload == event.body


def test_every_golden_file_is_of_an_event_that_exists() -> None:
    files = {path.stem for path in GOLDEN.iterdir()}
    assert files == {kind.value for kind in EventType}


@pytest.mark.parametrize("kind", EventType)
def test_an_event_is_read_as_it_was_told(kind: EventType) -> None:
    event = told(kind)
    assert read(headers_of(event), event.body.encode()) == event


def test_the_time_is_told_in_utc_whatever_zone_it_came_in() -> None:
    lagos = timezone(timedelta(hours=1))
    event = an_entry(1, cash_out=1).event
    event = replace(event, at=datetime(2026, 11, 23, 13, 0, 0, 5, tzinfo=lagos))
    assert headers_of(event)["ce-time"] == "2026-11-23T12:00:00.000005Z"


@pytest.mark.parametrize("lost", ["ce-id", "ce-type", "ce-subject", "ce-time", "sequence"])
def test_a_message_without_a_header_it_needs_is_not_an_event(lost: str) -> None:
    headers = headers_of(an_entry(1, cash_out=1).event)
    del headers[lost]
    assert read(headers, b"{}") is None


def test_a_message_of_somebody_else_is_not_an_event() -> None:
    headers = headers_of(an_entry(1, cash_out=1).event)
    assert read(None, b"{}") is None
    assert read({**headers, "ce-type": "cash_in.initiated"}, b"{}") is None
    assert read(headers, b"\xff\xfe") is None
