"""Rows to domain values and back."""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from domain.attempts import Attempt, OutcomeKind
from domain.cases import NO_CASE, Case
from domain.cash_out import Action, CashOut, Lease, Plan
from domain.chain import GENESIS
from domain.events import Event, EventType
from domain.evidence import Doorbell, Evidence, News, Resolution, ReviewReason, Source
from domain.failures import FailureCode
from domain.money import CURRENCIES, Money
from domain.payee import Msisdn, Payee
from domain.states import Status, Verdict

Row = Mapping[str, Any]


def to_row(cash_out: CashOut) -> dict[str, object]:
    """Return the columns of a cash-out; its attempts are rows of their own."""
    plan, lease = cash_out.plan, cash_out.lease
    return {
        "id": cash_out.id,
        "user_id": cash_out.user_id,
        "wallet_id": cash_out.wallet_id,
        "provider": cash_out.provider,
        "currency": cash_out.amount.currency.code,
        "amount_minor": cash_out.amount.minor,
        "fee_minor": cash_out.fee.minor,
        "tariff_version": cash_out.tariff_version,
        "msisdn": cash_out.payee.msisdn.e164,
        "country": cash_out.payee.msisdn.country,
        "payee_name": cash_out.payee.name,
        "reference": cash_out.reference,
        "reference_given": cash_out.reference_given,
        "created_at": cash_out.created_at,
        "updated_at": cash_out.updated_at,
        "status": cash_out.status,
        "provider_transaction_id": cash_out.provider_transaction_id,
        "failure_code": cash_out.failure_code,
        "failure_reason": cash_out.failure_reason,
        "review": cash_out.review,
        "contradicted": cash_out.contradicted,
        "completed_at": cash_out.completed_at,
        "action": plan.action if plan else None,
        "due_at": plan.due_at if plan else None,
        "lease_token": lease.token if lease else None,
        "lease_until": lease.until if lease else None,
        "asked": cash_out.asked,
        "asked_at": cash_out.asked_at,
        "not_found_at": cash_out.not_found_at,
        "claim": cash_out.claim,
        "claimed_at": cash_out.claimed_at,
        "version": cash_out.version,
        "events": cash_out.events,
        "pieces": cash_out.pieces,
        "chain": cash_out.chain or None,
        "trace": cash_out.trace,
        "review_at": cash_out.review_at,
        "reviewed_at": cash_out.case.reviewed_at,
        "review_case": case_to_text(cash_out.case),
    }


def from_row(row: Row, attempts: Iterable[Attempt]) -> CashOut:
    """Return the cash-out of a row and its attempts, which come in order."""
    currency = CURRENCIES[row["currency"]]
    action, token = row["action"], row["lease_token"]
    number = Msisdn(row["msisdn"], row["country"])
    return CashOut(
        id=row["id"],
        user_id=row["user_id"],
        wallet_id=row["wallet_id"],
        provider=row["provider"],
        amount=Money(row["amount_minor"], currency),
        fee=Money(row["fee_minor"], currency),
        tariff_version=row["tariff_version"],
        payee=Payee(number, row["payee_name"]),
        reference=row["reference"],
        reference_given=row["reference_given"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
        status=Status(row["status"]),
        provider_transaction_id=row["provider_transaction_id"],
        failure_code=FailureCode(row["failure_code"]) if row["failure_code"] else None,
        failure_reason=row["failure_reason"],
        review=ReviewReason(row["review"]) if row["review"] else None,
        contradicted=row["contradicted"],
        completed_at=row["completed_at"],
        plan=Plan(Action(action), row["due_at"]) if action else None,
        lease=Lease(token, row["lease_until"]) if token else None,
        attempts=tuple(attempts),
        asked=row["asked"],
        asked_at=row["asked_at"],
        not_found_at=row["not_found_at"],
        claim=Status(row["claim"]) if row["claim"] else None,
        claimed_at=row["claimed_at"],
        version=row["version"],
        events=row["events"],
        pieces=row["pieces"],
        chain=row["chain"] or GENESIS,
        trace=row["trace"],
        case=case_of(row),
    )


def case_to_text(case: Case) -> str | None:
    """Return what reviews were about and what was ruled as JSON; None where there was none."""
    if case is NO_CASE or not (case.concerns or case.settled or case.ruled):
        return None
    said = {"concerns": case.concerns, "settled": case.settled, "ruled": case.ruled}
    return json.dumps(said, separators=(",", ":"))


def case_of(row: Row) -> Case:
    """Return the case of a cash-out's row."""
    if row["review_case"] is None and row["review_at"] is None:
        return NO_CASE
    said = json.loads(row["review_case"]) if row["review_case"] else {}
    return Case(
        opened_at=row["review_at"],
        concerns=tuple(said.get("concerns", ())),
        settled=tuple(said.get("settled", ())),
        ruled=Resolution(said["ruled"]) if said.get("ruled") else None,
        reviewed_at=row["reviewed_at"],
    )


def attempt_to_row(cash_out_id: UUID, attempt: Attempt) -> dict[str, object]:
    """Return the columns of an attempt."""
    return {
        "cash_out_id": cash_out_id,
        "number": attempt.number,
        "reference": attempt.reference,
        "started_at": attempt.started_at,
        "outcome": attempt.outcome,
        "code": attempt.code,
        "detail": attempt.detail,
        "ended_at": attempt.ended_at,
    }


def attempt_from_row(row: Row) -> Attempt:
    """Return the attempt of a row."""
    return Attempt(
        number=row["number"],
        reference=row["reference"],
        started_at=row["started_at"],
        outcome=OutcomeKind(row["outcome"]) if row["outcome"] else None,
        code=FailureCode(row["code"]) if row["code"] else None,
        detail=row["detail"],
        ended_at=row["ended_at"],
    )


def attempts_by_cash_out(rows: Iterable[Row]) -> dict[UUID, list[Attempt]]:
    """Return the attempts of each cash-out, in the order of the rows."""
    found: dict[UUID, list[Attempt]] = defaultdict(list)
    for row in rows:
        found[row["cash_out_id"]].append(attempt_from_row(row))
    return found


def evidence_to_row(piece: Evidence) -> dict[str, object]:
    """Return the columns of a piece of evidence."""
    return {
        "cash_out_id": piece.cash_out_id,
        "sequence": piece.sequence,
        "source": piece.source,
        "at": piece.at,
        "verdict": piece.verdict,
        "kind": piece.kind,
        "word": piece.word,
        "status": piece.status,
        "detail": piece.detail,
        "attempt": piece.attempt,
        "digest": piece.digest,
        "raw": piece.raw,
        "entered": piece.entered,
        "told": " ".join(piece.told),
        "told_digest": piece.told_digest,
        "events": piece.events,
        "seal": piece.seal or None,
        "hash": piece.hash or None,
    }


# A look-up is a tenth of what calling the enumeration costs, and evidence is read by the million.
_SOURCES = {each.value: each for each in Source}
_VERDICTS = {each.value: each for each in Verdict}
_STATES = {each.value: each for each in Status}
_TYPES = {each.value: each for each in EventType}


PIECE: Final = (
    *("cash_out_id", "sequence", "source", "at", "verdict", "kind", "word", "status", "detail"),
    *("attempt", "digest", "entered", "told", "told_digest", "events", "seal", "hash"),
)
"""The columns of a piece of evidence without its raw body, in the order of `piece_of`."""


def piece_of(values: Sequence[Any]) -> Evidence:
    """Return the piece of the values of `PIECE`; raise KeyError for an unknown word.

    By position and not by name, because evidence is read by the million.
    """
    cash_out_id, sequence, source, at, verdict, kind, word, status, detail, *others = values
    attempt, digest, entered, told, told_digest, events, seal, link = others
    return Evidence(
        cash_out_id,
        sequence,
        _SOURCES[source],
        at,
        _VERDICTS[verdict],
        kind,
        word,
        _STATES[status] if status else None,
        detail,
        attempt,
        digest,
        b"",
        _STATES[entered] if entered else None,
        tuple([_TYPES[each] for each in told.split()]) if told else (),
        told_digest or "",
        events or 0,
        seal or "",
        link or "",
    )


def event_to_row(event: Event) -> dict[str, object]:
    """Return the columns of an event that waits to be told."""
    return {
        "event_id": event.id,
        "type": event.type,
        "cash_out_id": event.cash_out_id,
        "sequence": event.sequence,
        "at": event.at,
        "body": event.body,
        "trace": event.trace,
    }


def event_from_row(row: Row) -> Event:
    """Return the event of a row."""
    return Event(
        id=row["event_id"],
        type=EventType(row["type"]),
        cash_out_id=row["cash_out_id"],
        sequence=row["sequence"],
        at=row["at"],
        body=row["body"],
        trace=row["trace"],
    )


def finding_to_text(finding: News | Doorbell) -> str:
    """Return what a webhook says as JSON, from which `finding_from_text` reads it back equal."""
    # The delivery keeps the body by itself. Nothing below is a dataclass, so nothing is copied.
    names = (each.name for each in fields(finding) if each.name != "raw")
    facts = {name: getattr(finding, name) for name in names}
    if isinstance(finding, News):
        facts["amount"] = None if finding.amount is None else str(finding.amount)
    return json.dumps({"kind": type(finding).__name__, **facts})


def finding_from_text(written: str) -> News | Doorbell:
    """Return what a webhook said."""
    facts = json.loads(written)
    kind = facts.pop("kind")
    if kind == Doorbell.__name__:
        facts["claim"] = Status(facts["claim"]) if facts["claim"] else None
        return Doorbell(**facts)
    facts["status"] = Status(facts["status"]) if facts["status"] else None
    facts["code"] = FailureCode(facts["code"]) if facts["code"] else None
    facts["amount"] = None if facts["amount"] is None else Decimal(facts["amount"])
    return News(**facts)
