"""Recording: the one function that turns what was learnt into a change, for every door."""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import assert_never
from uuid import UUID

from domain.attempts import (
    Capabilities,
    Decision,
    NextStep,
    OutcomeKind,
    decide,
    proof_of_not_found,
    resends_left,
)
from domain.cash_out import Action, CashOut, Change, Draft, Plan
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
    Source,
)
from domain.failures import FailureCode
from domain.states import ENDINGS, RANK, Status, Verdict


@dataclass(frozen=True, slots=True)
class Report:
    """A finding and how it came in.

    attempt: the number of the try it answers, for a submit. lease: the token under which it was
    done. digest: hex SHA-256 of the raw body. id_taken: the provider's transaction id that it
    carries belongs to another cash-out. permille: this report's share of chance, for jitter.
    """

    source: Source
    finding: Finding
    attempt: int | None = None
    lease: UUID | None = None
    digest: str = ""
    raw: bytes = field(default=b"", repr=False)
    id_taken: bool = False
    permille: int = 0


def record(
    cash_out: CashOut, report: Report, capabilities: Capabilities, policy: Policy, now: datetime
) -> Change:
    """Return what becomes of a cash-out when this report arrives at `now`."""
    report = _as_proven(report, cash_out, capabilities)
    draft = Draft(cash_out, now)
    _learn(draft, report, policy)
    if cash_out.holds(report.lease):
        draft.after = replace(draft.after, lease=None)
    _plan(draft, report, capabilities, policy)
    _doubt(draft)
    draft.after = replace(draft.after, pieces=draft.after.pieces + 1)
    draft.evidence.append(_evidence(draft, report))
    return draft.finish()


def next_step(
    cash_out: CashOut, capabilities: Capabilities, policy: Policy, now: datetime
) -> Decision:
    """Return the decision about an open cash-out from what is stored about it."""
    attempts, taken = cash_out.attempts, cash_out.provider_transaction_id is not None
    can_ask = capabilities.lookup_by_reference or taken
    decision = decide(
        attempts,
        capabilities,
        not_found=proof_of_not_found(
            attempts, cash_out.not_found_at, capabilities, policy.not_found_grace
        ),
        taken=taken,
        resends_left=resends_left(attempts, policy.retry_max_attempts),
        can_ask=can_ask,
        overdue=now - cash_out.created_at >= policy.review_after,
    )
    if can_ask and _is_rung_for(cash_out) and decision.step in {NextStep.SEND, NextStep.FAIL}:
        # Somebody claims to know of it: hear the provider before acting as if nobody did.
        return Decision(NextStep.ASK, decision.needs_human)
    return decision


def _is_rung_for(cash_out: CashOut) -> bool:
    """Tell whether a doorbell has claimed something about which nobody has asked yet."""
    return cash_out.claim is not None and cash_out.asked == 0


def _as_proven(report: Report, cash_out: CashOut, capabilities: Capabilities) -> Report:
    """Return the report, where news whose signature does not cover it is only a doorbell."""
    news = report.finding
    if report.source is not Source.WEBHOOK or capabilities.webhook_proves:
        return report
    if not isinstance(news, News):
        return report
    reference = news.reference or cash_out.reference
    rings = Doorbell(reference, news.word, news.status, news.provider_transaction_id)
    return replace(report, finding=rings)


def _learn(draft: Draft, report: Report, policy: Policy) -> None:
    finding = report.finding
    match finding:
        case Outcome():
            _close_attempt(draft, report, finding)
            if finding.news is not None:
                draft.verdict = _take(draft, report, finding.news)
        case News():
            _note_the_asking(draft, report)
            draft.after = replace(draft.after, not_found_at=None)
            draft.verdict = _take(draft, report, finding)
        case NotFound():
            _note_the_asking(draft, report)
            asked_at = _asked_at(draft.before, report, policy)
            if asked_at is not None:
                draft.after = replace(draft.after, not_found_at=asked_at)
        case NoAnswer():
            _note_the_asking(draft, report)
        case Doorbell():
            claims = [each for each in (finding.claim, draft.after.claim) if each is not None]
            furthest = max(claims, key=RANK.__getitem__, default=None)
            draft.after = replace(draft.after, claim=furthest)
        case Overdue():
            if not draft.after.ended:
                draft.call_human(ReviewReason.UNKNOWN_TOO_LONG)
        case _:
            assert_never(finding)


def _asked_at(cash_out: CashOut, report: Report, policy: Policy) -> datetime | None:
    """Return the earliest moment at which the holder of the lease can have asked.

    None for anybody else: an answer that comes late would speak of a time before later attempts.
    """
    if cash_out.lease is None or not cash_out.holds(report.lease):
        return None
    return cash_out.lease.until - policy.lease


def _note_the_asking(draft: Draft, report: Report) -> None:
    if report.source is not Source.STATUS_QUERY:
        return
    draft.after = replace(draft.after, asked=draft.after.asked + 1, asked_at=draft.now)
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
    draft.after = replace(draft.after, attempts=closed)


def _take(draft: Draft, report: Report, news: News) -> Verdict:
    """Judge news: whom it is about first, then the provider's id, then the state."""
    suspect = _reference_was_taken(draft.after)
    if not _is_about(news, draft.after, in_full=suspect):
        reason = ReviewReason.REFERENCE_CONFLICT if suspect else ReviewReason.ECHO_MISMATCH
        draft.call_human(reason)
        return Verdict.MISMATCH
    known_id = draft.after.provider_transaction_id
    said_id = news.provider_transaction_id
    if report.id_taken or (known_id and said_id and known_id != said_id):
        draft.call_human(ReviewReason.PROVIDER_ID_CONFLICT)
        return Verdict.MISMATCH
    if said_id and known_id is None:
        draft.after = replace(draft.after, provider_transaction_id=said_id)
    if news.status is None:
        if draft.after.ended:
            draft.call_human(ReviewReason.UNRECOGNISED_AFTER_ENDING)
        return Verdict.UNRECOGNISED
    cancelled = news.status is Status.CANCELLED
    code = news.code or (FailureCode.CANCELLED_BY_PROVIDER if cancelled else None)
    return draft.move(news.status, code=code)


def _reference_was_taken(cash_out: CashOut) -> bool:
    """Tell whether the provider knew the reference before anything of ours can have reached it."""
    sent = (each for each in cash_out.attempts if each.settled is not OutcomeKind.UNSENT)
    first = next(sent, None)
    return first is not None and first.code is FailureCode.REFERENCE_CONFLICT


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


def _plan(draft: Draft, report: Report, capabilities: Capabilities, policy: Policy) -> None:
    """Set what is due next; end the cash-out where it is proven that nothing was paid."""
    finding = report.finding
    if draft.after.ended:
        _plan_after_ending(draft, report, policy)
    elif isinstance(finding, Doorbell):
        _bring_forward(draft, policy)
    elif isinstance(finding, Overdue) or _somebody_else_plans(draft, report):
        return
    elif (rung_for := _rung_meanwhile(draft, report, policy)) is not None:
        draft.after = replace(draft.after, plan=rung_for)
    else:
        _plan_next_step(draft, report, capabilities, policy)


def _somebody_else_plans(draft: Draft, report: Report) -> bool:
    """Tell whether the cash-out is in other hands, or its reporter's hold on it has lapsed."""
    lapsed = report.lease is not None and not draft.before.holds(report.lease)
    return lapsed or draft.after.lease is not None


def _plan_next_step(
    draft: Draft, report: Report, capabilities: Capabilities, policy: Policy
) -> None:
    decision = next_step(draft.after, capabilities, policy, draft.now)
    if decision.needs_human:
        draft.call_human(ReviewReason.UNKNOWN_TOO_LONG)
    if decision.step is NextStep.FAIL:
        draft.verdict = draft.move(Status.FAILED, code=decision.code)
        return
    action = Action.SUBMIT if decision.step is NextStep.SEND else Action.ASK
    delay = policy.jittered(_delay(draft, report, decision, policy), report.permille)
    delay = max(delay, _asked_to_wait(report.finding, policy))
    draft.after = replace(draft.after, plan=Plan(action, draft.now + delay))


def _asked_to_wait(finding: Finding, policy: Policy) -> timedelta:
    seconds = finding.retry_after_s if isinstance(finding, Outcome | NoAnswer) else None
    return timedelta(seconds=min(seconds or 0, int(policy.retry_longest.total_seconds())))


def _delay(draft: Draft, report: Report, decision: Decision, policy: Policy) -> timedelta:
    """Return how long to wait before the decided step."""
    after, finding = draft.after, report.finding
    age = draft.now - after.created_at
    last = after.attempts[-1] if after.attempts else None
    if decision.step is NextStep.SEND:
        # After "not found" beyond the grace period enough time has passed already.
        if last is None or last.settled is not OutcomeKind.UNSENT:
            return timedelta(0)
        tried_at = last.ended_at or last.started_at
        due_at = tried_at + policy.retry_delay(len(after.attempts))
        return max(due_at - draft.now, timedelta(0))
    if decision.step is NextStep.WAIT:
        return (
            max(policy.review_after - age, policy.first_poll)
            if not decision.needs_human
            else policy.poll_daily
        )
    unclear = last is None or last.settled is not OutcomeKind.ACCEPTED
    verify = isinstance(finding, Outcome) and finding.verify
    if _is_rung_for(after) or verify or (unclear and after.asked == 0):
        return timedelta(0)
    return policy.poll_delay(after.asked - 1 if unclear else after.asked, age)


def _plan_after_ending(draft: Draft, report: Report, policy: Policy) -> None:
    """Ask once more when a doorbell claims another ending; otherwise nothing is due any more."""
    finding, after = report.finding, draft.after
    if isinstance(finding, Doorbell):
        if finding.claim is None or _disagrees(after):
            draft.after = replace(after, plan=Plan(Action.ASK, _earliest(draft, policy)))
    elif after.plan is None or not draft.before.holds(report.lease):
        return
    elif (rung_for := _rung_meanwhile(draft, report, policy)) is not None:
        draft.after = replace(after, plan=rung_for)
    elif isinstance(finding, NoAnswer) and after.asked <= len(policy.poll_steps):
        due_at = draft.now + policy.poll_delay(after.asked, timedelta(0))
        draft.after = replace(after, plan=Plan(Action.ASK, due_at))
    else:
        draft.after = replace(after, plan=None)


def _disagrees(cash_out: CashOut) -> bool:
    """Tell whether a doorbell claimed another ending than this one."""
    return cash_out.claim in ENDINGS and cash_out.claim is not cash_out.status


def _doubt(draft: Draft) -> None:
    """Call a human when a doorbell claimed another ending, and all has been asked about it."""
    if draft.after.ended and draft.after.plan is None and _disagrees(draft.after):
        draft.call_human(ReviewReason.DOORBELL_DISAGREES)


def _bring_forward(draft: Draft, policy: Policy) -> None:
    """Ask now, or as soon as the one who is asking already is back."""
    after = draft.after
    if after.plan is None or after.plan.action is not Action.ASK:
        return
    earliest = _earliest(draft, policy)
    # In somebody's hands, a due time behind his lease tells that it rang while he was asking.
    due_at = earliest if after.lease is not None else min(after.plan.due_at, earliest)
    draft.after = replace(after, plan=Plan(Action.ASK, due_at))


def _earliest(draft: Draft, policy: Policy) -> datetime:
    """Return now; once the first questions are spent, at most once per `first_poll`."""
    after = draft.after
    if after.asked_at is None or after.asked <= len(policy.poll_steps):
        return draft.now
    return max(draft.now, after.asked_at + policy.first_poll)


def _rung_meanwhile(draft: Draft, report: Report, policy: Policy) -> Plan | None:
    """Return the plan to ask again when a doorbell rang while the reporter was on its way."""
    plan, asked_at = draft.before.plan, _asked_at(draft.before, report, policy)
    if plan is None or asked_at is None or plan.due_at <= asked_at:
        return None
    return Plan(Action.ASK, max(plan.due_at, draft.now))


def _evidence(draft: Draft, report: Report) -> Evidence:
    finding = report.finding
    said = finding.news if isinstance(finding, Outcome) else finding
    return Evidence(
        cash_out_id=draft.before.id,
        sequence=draft.after.pieces,
        source=report.source,
        at=draft.now,
        verdict=draft.verdict,
        kind=type(finding).__name__,
        word=said.word if isinstance(said, News | Doorbell) else "",
        status=_reported(said),
        detail=_detail(finding),
        attempt=report.attempt,
        digest=report.digest,
        raw=report.raw[:RAW_LIMIT],
    )


def _reported(said: Finding | None) -> Status | None:
    if isinstance(said, News):
        return said.status
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
        case _:
            return ""
