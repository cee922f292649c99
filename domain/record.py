"""Recording: the one function that turns what was learnt into a change, for every door."""

from dataclasses import replace
from datetime import datetime
from typing import assert_never

from domain.attempts import Capabilities, OutcomeKind
from domain.cases import RULED_AS, digest_of_words, echoes_of
from domain.cash_out import CashOut, Change, Draft
from domain.corridors import Policy
from domain.evidence import (
    RAW_LIMIT,
    Doorbell,
    Evidence,
    Finding,
    News,
    NoAnswer,
    NotFound,
    Outcome,
    Overdue,
    ReviewReason,
    Ruling,
    Source,
)
from domain.failures import FailureCode
from domain.planning import asked_at, doubt, next_step, plan_next
from domain.reports import Report
from domain.settling import object_to, sentence_of, settle
from domain.states import RANK, Status, Verdict

__all__ = ["Report", "next_step", "record"]


def record(
    cash_out: CashOut, report: Report, capabilities: Capabilities, policy: Policy, now: datetime
) -> Change:
    """Return what becomes of a cash-out when this report arrives at `now`."""
    report = _as_proven(report, cash_out, capabilities)
    claimed_at = asked_at(cash_out, report, policy)
    # A machine whose clock is behind must not plan into the past: it would ask again at every poll.
    draft = Draft(cash_out, now if claimed_at is None else max(now, claimed_at))
    _learn(draft, report, policy)
    if cash_out.holds(report.lease):
        draft.set(lease=None)
    plan_next(draft, report, capabilities, policy)
    doubt(draft)
    draft.close_answered()
    draft.leave(_evidence(draft, report))
    return draft.finish()


def _as_proven(report: Report, cash_out: CashOut, capabilities: Capabilities) -> Report:
    """Return the report, where news whose signature does not cover it is only a doorbell."""
    news = report.finding
    if report.source is not Source.WEBHOOK or capabilities.webhook_proves:
        return report
    if not isinstance(news, News):
        return report
    # What it says of reference and id is not believed either: only its claim is kept.
    return replace(report, finding=Doorbell(cash_out.reference, news.word, news.status))


def _learn(draft: Draft, report: Report, policy: Policy) -> None:
    finding = report.finding
    match finding:
        case Outcome():
            _close_attempt(draft, report, finding)
            said = finding.news
            draft.verdict = _take(draft, report, said) if said else object_to(draft, finding)
        case News():
            _note_the_asking(draft, report)
            draft.verdict = _take(draft, report, finding)
            draft.set(not_found_at=None)
        case NotFound():
            _note_the_asking(draft, report)
            since = asked_at(draft.before, report, policy)
            if since is not None:
                draft.set(not_found_at=since)
        case NoAnswer():
            _note_the_asking(draft, report)
        case Doorbell():
            claims = [each for each in (finding.claim, draft.after.claim) if each is not None]
            furthest = max(claims, key=RANK.__getitem__, default=None)
            draft.set(claim=furthest, claimed_at=draft.now, not_found_at=None)
        case Overdue():
            waits_long = draft.now - draft.after.waits_since >= policy.review_after
            if not draft.after.ended and (waits_long or draft.after.case.reviewed_at is None):
                draft.call_human(ReviewReason.UNKNOWN_TOO_LONG)
        case Ruling():
            draft.verdict = settle(draft, finding, id_taken=report.id_taken)
        case _:
            assert_never(finding)


def _note_the_asking(draft: Draft, report: Report) -> None:
    if report.source is not Source.STATUS_QUERY:
        return
    draft.set(asked=draft.after.asked + 1, asked_at=draft.now)
    if isinstance(report.finding, News):
        # The provider knows of it, whatever became of our attempts.
        draft.set(claim=draft.after.claim or Status.PROCESSING, claimed_at=draft.now)
    if draft.before.holds(report.lease):
        # Whoever sent these is gone without an answer: from now on they count as unknown.
        lost = Outcome(OutcomeKind.UNKNOWN, detail="no answer was recorded")
        _close(draft, lost, {attempt.number for attempt in draft.after.attempts})


def _close_attempt(draft: Draft, report: Report, outcome: Outcome) -> None:
    # A worker whose lease has passed on may only add evidence: another one answers for the attempt.
    if report.attempt is not None and (draft.before.holds(report.lease) or draft.before.ended):
        _close(draft, outcome, {report.attempt})


def _close(draft: Draft, outcome: Outcome, numbers: set[int]) -> None:
    closed = tuple(
        replace(
            attempt,
            outcome=outcome.kind,
            code=outcome.code,
            detail=outcome.detail,
            ended_at=draft.now,
        )
        if attempt.number in numbers and attempt.outcome is None
        else attempt
        for attempt in draft.after.attempts
    )
    draft.set(attempts=closed)


def _take(draft: Draft, report: Report, news: News) -> Verdict:
    """Judge news: whom it is about first, then the provider's id, then the state."""
    suspect = _reference_was_taken(draft.after)
    if not _is_about(news, draft.after, in_full=suspect):
        reason = ReviewReason.REFERENCE_CONFLICT if suspect else ReviewReason.ECHO_MISMATCH
        draft.call_human(reason, draft.after.case.about(echoes_of(news), news.status))
        return Verdict.MISMATCH
    if _is_of_an_earlier_try(news, report.happened_at, draft.after):
        return Verdict.NOTED
    known_id = draft.after.provider_transaction_id
    said_id = news.provider_transaction_id
    if report.id_taken or (known_id and said_id and known_id != said_id):
        about = draft.after.case.about(digest_of_words(said_id or ""), news.status)
        draft.call_human(ReviewReason.PROVIDER_ID_CONFLICT, about)
        return Verdict.MISMATCH
    if said_id and known_id is None:
        draft.set(provider_transaction_id=said_id)
    if news.status is None:
        if draft.after.ended:
            about = digest_of_words(news.word)
            draft.call_human(ReviewReason.UNRECOGNISED_AFTER_ENDING, about)
        return Verdict.UNRECOGNISED
    cancelled = news.status is Status.CANCELLED
    code = news.code or (FailureCode.CANCELLED_BY_PROVIDER if cancelled else None)
    return draft.move(news.status, code=code)


def _reference_was_taken(cash_out: CashOut) -> bool:
    """Tell whether the provider knew the reference before anything of ours can have reached it."""
    sent = (each for each in cash_out.attempts if each.settled is not OutcomeKind.UNSENT)
    first = next(sent, None)
    return first is not None and first.code is FailureCode.REFERENCE_CONFLICT


def _is_of_an_earlier_try(news: News, at: datetime | None, cash_out: CashOut) -> bool:
    """Tell whether old news of a failure speaks of a try after which another was, or will be, made.

    All tries have one reference, so that only the time tells them apart. Of a single try that was
    sent it is news whatever its time says: clocks differ, and some books tell days alone.
    """
    if at is None or news.status not in _UNPAID or cash_out.ended or not cash_out.attempts:
        return False
    last = cash_out.attempts[-1]
    return last.settled is OutcomeKind.UNSENT or (last.number > 1 and at < last.started_at)


_UNPAID = frozenset({Status.FAILED, Status.CANCELLED})


def _is_about(news: News, cash_out: CashOut, *, in_full: bool) -> bool:
    """Tell whether everything that the provider repeats is ours; `in_full`: and it repeats all."""
    amount = news.amount
    if in_full and (amount is None or news.currency is None or news.payee is None):
        return False
    return (
        news.reference in {None, cash_out.reference}
        and (amount is None or (amount.is_finite() and amount == cash_out.amount.decimal))
        and news.currency in {None, cash_out.amount.currency.code}
        and (news.payee is None or cash_out.payee.msisdn.is_same_as(news.payee))
    )


def _evidence(draft: Draft, report: Report) -> Evidence:
    finding = report.finding
    said = finding.news if isinstance(finding, Outcome) else finding
    return Evidence(
        cash_out_id=draft.before.id,
        sequence=draft.after.pieces + 1,
        source=report.source,
        at=draft.now,
        verdict=draft.verdict,
        kind=type(finding).__name__,
        word=_word(said),
        status=_reported(said),
        detail=_detail(finding),
        attempt=report.attempt,
        digest=report.digest,
        raw=report.raw[:RAW_LIMIT],
    )


def _word(said: Finding | None) -> str:
    if isinstance(said, Ruling):
        return said.resolution
    return said.word if isinstance(said, News | Doorbell) else ""


def _reported(said: Finding | None) -> Status | None:
    if isinstance(said, News):
        return said.status
    if isinstance(said, Ruling):
        return next(iter(RULED_AS[said.resolution]), None)
    return said.claim if isinstance(said, Doorbell) else None


def _detail(finding: Finding) -> str:
    match finding:
        case Outcome():
            code = f" {finding.code}" if finding.code else ""
            return f"{finding.kind}{code}: {finding.detail}".removesuffix(": ")
        case News():
            return finding.reason or ""
        case NoAnswer():
            return finding.detail
        case Ruling():
            return sentence_of(finding)
        case _:
            return ""
