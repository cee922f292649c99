"""Planning: what is due next about a cash-out, from what is stored about it and what just came.

Every timer is the plan of a cash-out: an action and when it is due. Nothing open is without one.
"""

from datetime import datetime, timedelta

from domain.attempts import (
    Capabilities,
    Decision,
    NextStep,
    NotFoundProof,
    OutcomeKind,
    decide,
    proof_of_not_found,
    resends_left,
)
from domain.cash_out import Action, CashOut, Draft, Plan
from domain.corridors import Policy
from domain.evidence import Doorbell, Finding, NoAnswer, Outcome, Overdue, ReviewReason, Ruling
from domain.reports import Report
from domain.settling import NOT_FOUND
from domain.states import ENDINGS, Status


def next_step(
    cash_out: CashOut, capabilities: Capabilities, policy: Policy, now: datetime
) -> Decision:
    """Return the decision about an open cash-out from what is stored about it."""
    attempts, taken = cash_out.attempts, cash_out.provider_transaction_id is not None
    can_ask = capabilities.lookup_by_reference or taken
    denied, grace = cash_out.not_found_at, policy.not_found_grace
    tried_at = attempts[-1].started_at if attempts else None
    overdue = now - cash_out.waits_since >= policy.review_after
    decision = decide(
        attempts,
        capabilities,
        not_found=proof_of_not_found(tried_at, denied, capabilities, grace),
        taken=taken,
        resends_left=resends_left(attempts, policy.retry_max_attempts),
        can_ask=can_ask,
        overdue=overdue,
    )
    if can_ask and cash_out.claim is not None and decision.step in _ASSUMES_NOTHING_PAID:
        proof = proof_of_not_found(cash_out.claimed_at, denied, capabilities, grace)
        if not _is_denied(decision.step, proof, capabilities, said=denied is not None):
            return Decision(NextStep.ASK, needs_human=overdue)
    return decision


_ASSUMES_NOTHING_PAID = frozenset({NextStep.SEND, NextStep.FAIL})


def _is_denied(
    step: NextStep, proof: NotFoundProof, capabilities: Capabilities, *, said: bool
) -> bool:
    """Tell whether the provider's "not found" lets us act as if nobody had claimed otherwise.

    A question that was not answered never does. Sending the same reference to a provider that
    executes it once is safe whether the answer was behind or not; everything else waits until it
    cannot be behind any more.
    """
    if step is NextStep.SEND and capabilities.idempotent_submit:
        return said
    if capabilities.not_found_final_after is not None or step is NextStep.SEND:
        return proof is NotFoundProof.FINAL
    return proof is NotFoundProof.GRACE_OVER


def _is_rung_for(cash_out: CashOut) -> bool:
    """Tell whether a doorbell has claimed something about which nobody has asked yet."""
    return cash_out.claim is not None and cash_out.asked == 0


def plan_next(draft: Draft, report: Report, capabilities: Capabilities, policy: Policy) -> None:
    """Set what is due next; end the cash-out where it is proven that nothing was paid."""
    finding = report.finding
    if draft.after.ended and isinstance(finding, Ruling):
        if _is_settled(draft) and not draft.before.ended:
            _plan_after_ruling(draft, capabilities, policy)
    elif draft.after.ended:
        _plan_after_ending(draft, report, policy)
    elif isinstance(finding, Doorbell):
        _bring_forward(draft, policy)
    elif _changes_no_plan(draft, finding) or _somebody_else_plans(draft, report):
        return
    elif (rung_for := _rung_meanwhile(draft, report, policy)) is not None:
        draft.set(plan=rung_for)
    else:
        _plan_next_step(draft, report, capabilities, policy)


def _changes_no_plan(draft: Draft, finding: Finding) -> bool:
    """Tell whether nothing was learnt by which to plan: time alone, or a ruling without effect."""
    in_vain = isinstance(finding, Ruling) and not _is_settled(draft)
    return isinstance(finding, Overdue) or in_vain


def _somebody_else_plans(draft: Draft, report: Report) -> bool:
    """Tell whether the cash-out is in other hands, or its reporter's hold on it has lapsed."""
    lapsed = report.lease is not None and not draft.before.holds(report.lease)
    return lapsed or draft.after.lease is not None


def _plan_next_step(
    draft: Draft, report: Report, capabilities: Capabilities, policy: Policy
) -> None:
    decision = next_step(draft.after, capabilities, policy, draft.now)
    if decision.needs_human:
        overdue = draft.now - draft.after.waits_since >= policy.review_after
        draft.call_human(ReviewReason.UNKNOWN_TOO_LONG, "" if overdue else NOT_FOUND)
    if decision.step is NextStep.FAIL:
        draft.verdict = draft.move(Status.FAILED, code=decision.code)
        return
    action = Action.SUBMIT if decision.step is NextStep.SEND else Action.ASK
    delay = policy.jittered(_delay(draft, report, decision, policy), report.permille)
    delay = max(delay, _asked_to_wait(report.finding, policy))
    draft.set(plan=Plan(action, draft.now + delay))


def _asked_to_wait(finding: Finding, policy: Policy) -> timedelta:
    seconds = finding.retry_after_s if isinstance(finding, Outcome | NoAnswer) else None
    return timedelta(seconds=min(seconds or 0, int(policy.retry_longest.total_seconds())))


def _delay(draft: Draft, report: Report, decision: Decision, policy: Policy) -> timedelta:
    """Return how long to wait before the decided step."""
    after, finding = draft.after, report.finding
    age = draft.now - after.created_at
    waited = draft.now - after.waits_since
    last = after.attempts[-1] if after.attempts else None
    if decision.step is NextStep.SEND:
        # After "not found" beyond the grace period enough time has passed already.
        if last is None or last.settled is not OutcomeKind.UNSENT:
            return timedelta(0)
        tried_at = last.ended_at or last.started_at
        # One without a code was no try of this customer's: it was not made, or was a probe.
        tries = sum(attempt.code is not None for attempt in after.attempts)
        due_at = tried_at + policy.retry_delay(max(1, tries))
        return max(due_at - draft.now, timedelta(0))
    if decision.step is NextStep.WAIT:
        return (
            max(policy.review_after - waited, policy.first_poll)
            if not decision.needs_human
            else policy.poll_daily
        )
    unclear = last is None or last.settled is not OutcomeKind.ACCEPTED
    verify = isinstance(finding, Outcome) and finding.verify
    left_to_wait = isinstance(finding, Ruling)
    if _is_rung_for(after) or verify or left_to_wait or (unclear and after.asked == 0):
        return timedelta(0)
    return policy.poll_delay(after.asked - 1 if unclear else after.asked, age)


def _plan_after_ending(draft: Draft, report: Report, policy: Policy) -> None:
    """Ask once more when a doorbell claims another ending; otherwise nothing is due any more."""
    finding, after = report.finding, draft.after
    if isinstance(finding, Doorbell):
        if finding.claim is None or _disagrees(after):
            draft.set(plan=Plan(Action.ASK, _earliest(draft, policy)))
    elif after.plan is None or not draft.before.holds(report.lease):
        return
    elif (rung_for := _rung_meanwhile(draft, report, policy)) is not None:
        draft.set(plan=rung_for)
    elif isinstance(finding, NoAnswer) and after.asked <= len(policy.poll_steps):
        due_at = draft.now + policy.poll_delay(after.asked, timedelta(0))
        draft.set(plan=Plan(Action.ASK, due_at))
    else:
        draft.set(plan=None)


def _is_settled(draft: Draft) -> bool:
    """Tell whether a review was open and is closed now."""
    return draft.before.review is not None and draft.after.review is None


def _plan_after_ruling(draft: Draft, capabilities: Capabilities, policy: Policy) -> None:
    """Ask once more when a ruling ended what may be under way: news that disagrees is told then."""
    after = draft.after
    can_ask = capabilities.lookup_by_reference or after.provider_transaction_id is not None
    sent = any(attempt.settled is not OutcomeKind.UNSENT for attempt in after.attempts)
    if can_ask and sent:
        draft.set(plan=Plan(Action.ASK, draft.now + policy.not_found_grace), asked=0)


def _disagrees(cash_out: CashOut) -> bool:
    """Tell whether a doorbell claimed another ending than this one, or than was ruled."""
    claim = cash_out.claim
    if claim is None or claim not in ENDINGS:
        return False
    return claim is not cash_out.status or cash_out.case.is_disputed_by(claim)


def doubt(draft: Draft) -> None:
    """Call a human when a doorbell claimed another ending, and all has been asked about it."""
    if draft.after.ended and draft.after.plan is None and _disagrees(draft.after):
        draft.call_human(ReviewReason.DOORBELL_DISAGREES, draft.after.claim or "")


def _bring_forward(draft: Draft, policy: Policy) -> None:
    """Ask now, or as soon as the one who is asking already is back."""
    after = draft.after
    if after.plan is None or after.plan.action is not Action.ASK:
        return
    earliest = _earliest(draft, policy)
    # In somebody's hands, a due time behind his lease tells that it rang while he was asking.
    due_at = earliest if after.lease is not None else min(after.plan.due_at, earliest)
    draft.set(plan=Plan(Action.ASK, due_at))


def _earliest(draft: Draft, policy: Policy) -> datetime:
    """Return now; once the first questions are spent, at most once per `first_poll`."""
    after = draft.after
    if after.asked_at is None or after.asked <= len(policy.poll_steps):
        return draft.now
    return max(draft.now, after.asked_at + policy.first_poll)


def _rung_meanwhile(draft: Draft, report: Report, policy: Policy) -> Plan | None:
    """Return the plan to ask again when a doorbell rang while the reporter was on its way."""
    plan, since = draft.before.plan, asked_at(draft.before, report, policy)
    if plan is None or since is None or plan.due_at <= since:
        return None
    return Plan(Action.ASK, max(plan.due_at, draft.now))


def asked_at(cash_out: CashOut, report: Report, policy: Policy) -> datetime | None:
    """Return the earliest moment at which the holder of the lease can have asked.

    None for anybody else: an answer that comes late would speak of a time before later attempts.
    """
    if cash_out.lease is None or not cash_out.holds(report.lease):
        return None
    return cash_out.lease.until - policy.lease
