"""Attempts: where the truth about sending lives, and the one rule of what to do next.

An attempt is committed before its first byte leaves, so a crash leaves it open, and an open
attempt counts as unknown: it may have been paid.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from domain.failures import FAILURES, FailureCode, Fault


class OutcomeKind(StrEnum):
    """How one try at the provider ended."""

    UNSENT = "unsent"
    """Proven: nothing left this process, or the provider declined to take it."""
    ACCEPTED = "accepted"
    REFUSED = "refused"
    """Definitively: the provider will not pay this, and created nothing."""
    UNKNOWN = "unknown"
    """It may have been paid."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try. `outcome` is None while it runs, and for ever after a crash: then it is unknown."""

    number: int
    reference: str
    started_at: datetime
    outcome: OutcomeKind | None = None
    code: FailureCode | None = None
    detail: str = ""
    ended_at: datetime | None = None

    @property
    def settled(self) -> OutcomeKind:
        """The outcome, where an open attempt is unknown."""
        return self.outcome or OutcomeKind.UNKNOWN

    @property
    def is_our_fault(self) -> bool:
        """Tell whether it was not taken for a reason of ours, which never fails a customer.

        An attempt without a code was never made: no provider had a say in it.
        """
        ours = self.code is None or FAILURES[self.code].fault is Fault.OURS
        return self.outcome is OutcomeKind.UNSENT and ours


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a provider promises.

    idempotent_submit: one reference is executed once. lookup_by_reference: it can be asked by our
    reference. not_found_final_after: from this age on, its "not found" proves that nothing was or
    will be paid (None: never). webhook_proves: its signature covers the body, so news in it moves
    states; otherwise a webhook is only a doorbell.
    """

    idempotent_submit: bool
    lookup_by_reference: bool
    webhook_proves: bool
    not_found_final_after: timedelta | None = None


class NotFoundProof(StrEnum):
    """What the provider's latest "not found" is worth."""

    NOTHING = "nothing"
    """It never said so, or within the grace period: its answers may be behind."""
    GRACE_OVER = "grace_over"
    """Said after the grace period: enough to send the same reference to an idempotent provider."""
    FINAL = "final"
    """Said after `not_found_final_after`: proof that nothing was paid."""


def proof_of_not_found(
    since: datetime | None,
    not_found_at: datetime | None,
    capabilities: Capabilities,
    grace: timedelta,
) -> NotFoundProof:
    """Return what "not found", last said at `not_found_at`, proves about what was sent `since`."""
    if since is None or not_found_at is None:
        return NotFoundProof.NOTHING
    silent_for = not_found_at - since
    final_after = capabilities.not_found_final_after
    if final_after is not None and silent_for >= final_after:
        return NotFoundProof.FINAL
    return NotFoundProof.GRACE_OVER if silent_for >= grace else NotFoundProof.NOTHING


class NextStep(StrEnum):
    """What is to be done about a cash-out that has not ended."""

    SEND = "send"
    ASK = "ask"
    FAIL = "fail"
    """It is proven that nothing was paid and nothing will be sent again."""
    WAIT = "wait"
    """There is no way to ask: only a webhook or a human can tell."""


@dataclass(frozen=True, slots=True)
class Decision:
    """The next step, whether a human is needed besides, and the failure code of a FAIL."""

    step: NextStep
    needs_human: bool = False
    code: FailureCode | None = None


def decide(  # noqa: PLR0911 -- a decision table reads best as one return a row
    attempts: Sequence[Attempt],
    capabilities: Capabilities,
    *,
    not_found: NotFoundProof,
    taken: bool,
    resends_left: bool,
    can_ask: bool,
    overdue: bool,
) -> Decision:
    """Decide what may be done next: the one rule of sending again, failing and calling a human.

    attempts: all tries so far, in order. taken: the provider has told us its id for this, so it
    has it, whatever our attempts say. can_ask: the provider can be asked, by its own id or by our
    reference. overdue: open for longer than `review_after`. Nothing else is looked at, so this is
    tested exhaustively.
    """
    kinds = [attempt.settled for attempt in attempts]
    accepted = taken or OutcomeKind.ACCEPTED in kinds
    if not accepted and all(kind is OutcomeKind.UNSENT for kind in kinds):
        return _after_nothing_was_sent(attempts, resends_left=resends_left, overdue=overdue)
    refused = next((each for each in attempts if each.outcome is OutcomeKind.REFUSED), None)
    may_be_paid = any(k in {OutcomeKind.ACCEPTED, OutcomeKind.UNKNOWN} for k in kinds)
    if refused is not None and not may_be_paid:
        return Decision(NextStep.FAIL, code=refused.code or FailureCode.UNSPECIFIED)
    if not accepted and not_found is NotFoundProof.FINAL:
        if refused is None:
            return _after_nothing_was_sent(attempts, resends_left=resends_left, overdue=overdue)
        return Decision(NextStep.FAIL, code=refused.code or FailureCode.UNSPECIFIED)
    if not can_ask:
        return Decision(NextStep.WAIT, needs_human=overdue)
    grace_over = not_found is not NotFoundProof.NOTHING
    may_send = not accepted and refused is None and capabilities.idempotent_submit
    if grace_over and may_send and resends_left:
        return Decision(NextStep.SEND, needs_human=overdue)
    # "Not found" after the grace period, and no safe way to send again: keep asking, and say so.
    return Decision(NextStep.ASK, needs_human=overdue or grace_over)


def _after_nothing_was_sent(
    attempts: Sequence[Attempt], *, resends_left: bool, overdue: bool
) -> Decision:
    if resends_left or not attempts:
        return Decision(NextStep.SEND, needs_human=overdue)
    last = attempts[-1].code
    return Decision(NextStep.FAIL, code=last or FailureCode.PROVIDER_UNAVAILABLE)


def resends_left(attempts: Sequence[Attempt], most: int) -> bool:
    """Tell whether the retry budget of `most` re-sends has room; our own faults do not spend it."""
    return sum(not attempt.is_our_fault for attempt in attempts) <= most
