"""Cash-outs in review, rulings about them, and what news makes of them: for tests."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from domain.attempts import Capabilities, OutcomeKind
from domain.cash_out import CashOut, Change
from domain.events import EventType
from domain.evidence import (
    Finding,
    News,
    Overdue,
    Proof,
    ProofKind,
    Resolution,
    Ruling,
    Source,
)
from domain.record import Report, record
from domain.settling import digest_of, raw_of
from domain.states import Status
from tests.strategies import (
    NOW,
    POLICY,
    PROVES,
    a_lease,
    answered,
    being_sent,
    fresh,
)

PAID, NOT_PAID, KEEP_WAITING = Resolution
ENDING_EVENTS = {EventType.COMPLETED, EventType.FAILED, EventType.CANCELLED}
UNPAID = {Status.FAILED, Status.CANCELLED}
PROOF = Proof(ProofKind.STATEMENT_LINE, "2026-11-24/17")


def ruling(resolution: Resolution, said_id: str | None = None, number: int = 9) -> Ruling:
    return Ruling(
        UUID(int=number),
        resolution,
        "as the statement says",
        proposed_by="olga",
        approved_by="amadou",
        four_eyes=True,
        proof=PROOF,
        provider_transaction_id=said_id,
    )


def ruled(resolution: Resolution, said_id: str | None = None, **how: Any) -> Report:  # noqa: ANN401 -- of a report
    made = ruling(resolution, said_id)
    raw = raw_of(made)
    return Report(Source.OPERATOR, made, digest=digest_of(raw), raw=raw, **how)


def says(status: Status | None, **fields: Any) -> Report:  # noqa: ANN401 -- of news
    return Report(Source.WEBHOOK, News(str(status or "WEIRD"), status, **fields))


def asked(finding: Finding) -> Report:
    return Report(Source.STATUS_QUERY, finding)


def told(
    cash_out: CashOut,
    *reports: Report,
    capabilities: Capabilities = PROVES,
    since: datetime = NOW,
) -> list[Change]:
    """Return the changes that these reports make, a second apart."""
    changes: list[Change] = []
    for seconds, report in enumerate(reports, start=1):
        now = since + timedelta(seconds=seconds)
        changes.append(record(cash_out, report, capabilities, POLICY, now))
        cash_out = changes[-1].after
    return changes


def events(changes: Iterable[Change]) -> list[str]:
    return [each.type.removeprefix("cash_out.") for made in changes for each in made.events]


def in_review(cash_out: CashOut) -> CashOut:
    return told(cash_out, Report(Source.CLOCK, Overdue()))[-1].after


def contradicted(state: Status = Status.FAILED, by: Status = Status.COMPLETED) -> CashOut:
    return told(being_sent(), says(state), says(by))[-1].after


OPEN = {
    "never sent": fresh(),
    "on the wire": being_sent(),
    "nobody knows": told(being_sent(), answered(OutcomeKind.UNKNOWN))[-1].after,
    "taken": told(being_sent(), answered(OutcomeKind.ACCEPTED))[-1].after,
    "being asked about": replace(
        told(being_sent(), answered(OutcomeKind.ACCEPTED))[-1].after, lease=a_lease()
    ),
}
