"""The journal: a structured line per change of state, attempt and alarm; nothing personal."""

from collections.abc import Mapping, Sequence

import structlog

from application.masking import Plain
from application.ports import Conflict, Overloaded, StorageUnavailable
from application.traces import trace_id
from domain.attempts import Attempt
from domain.cash_out import CashOut, Change
from domain.failures import FailureCode
from domain.standings import RINGS, Standing, State
from domain.states import Status, Verdict

_ALARMS = {
    FailureCode.FLOAT_INSUFFICIENT: "float_is_empty",
    FailureCode.PARTNER_LIMIT_REACHED: "partner_limit_is_reached",
    FailureCode.PROVIDER_AUTH: "provider_refuses_our_credentials",
    FailureCode.PROVIDER_MISCONFIGURED: "provider_is_misconfigured",
}
"""Attempts that were not taken for a reason of ours: somebody has to act."""

_BECAME = {state: f"provider_is_{state.lower()}" for state in State}
_GRAVE = {State.OPERATIONAL: "info", State.DELAYED: "warning", State.CLOSED: "error"}
_ENTERED = {status: f"cash_out_{status}" for status in Status}
_DOUBTFUL = {
    Verdict.UNRECOGNISED: "provider_word_is_unknown",
    Verdict.MISMATCH: "news_is_about_something_else",
}


class StructuredJournal:
    """Implements application.ports.Journal, and HealthJournal, with structlog."""

    def __init__(self) -> None:
        """Log under the name `cashout`."""
        self._log = structlog.get_logger("cashout")

    def changed(self, changes: Sequence[Change]) -> None:
        """Write what each change did, in order."""
        for change in changes:
            self._tell(change)

    def fault(self, where: str, fault: BaseException) -> None:
        """Write a fault of the store by its kind, and a bug with its traceback."""
        if isinstance(fault, Conflict | Overloaded | StorageUnavailable):
            self._log.warning("work_delayed", where=where, fault=type(fault).__name__)
        else:
            self._log.error("bug", where=where, exc_info=fault)

    def _tell(self, change: Change) -> None:
        before, after = change.before, change.after
        # Given with each line: a logger that is bound to them costs more than the one line of most.
        log, which = self._log, _which(change)
        if not before.events:
            log.info(_ENTERED[after.status], amount=after.amount, payee=after.payee.msisdn, **which)
        elif after.status is not before.status:
            code = {"code": str(after.failure_code)} if after.failure_code else {}
            log.info(_ENTERED[after.status], **code, **_attempt(after), **which)
        for attempt in after.attempts:
            if attempt not in before.attempts and attempt.outcome is not None:
                self._tell_attempt(attempt, which)
        if after.review is not None and before.review is None:
            log.error("review_needed", reason=str(after.review), **which)
        if change.verdict in _DOUBTFUL:
            # Once a human is called, the same doubt again is no news.
            tell = log.error if before.review is None else log.info
            tell(_DOUBTFUL[change.verdict], words=[each.word for each in change.evidence], **which)

    def health_changed(self, before: Standing, after: Standing) -> None:
        """Write what became of a provider or corridor; as an error where somebody has to act."""
        # What a person did is in the operators' log, and nobody has to be called for it.
        grave = "info" if after.by else "error" if after.reason in RINGS else _GRAVE[after.state]
        tell = getattr(self._log, grave)
        facts = {
            "country": after.route.country,
            "currency": after.route.currency,
            "was": str(before.state),
            "reason": str(after.reason or ""),
        }
        told = {name: Plain(fact) for name, fact in facts.items() if fact}
        tell(_BECAME[after.state], provider=after.route.provider, version=after.version, **told)

    def _tell_attempt(self, attempt: Attempt, which: Mapping[str, object]) -> None:
        code = {"code": str(attempt.code)} if attempt.code else {}
        told = {"attempt": attempt.number, "outcome": str(attempt.outcome), **code}
        self._log.info("attempt_ended", **told, **which)
        if attempt.is_our_fault and attempt.code in _ALARMS:
            self._log.error(_ALARMS[attempt.code], attempt=attempt.number, **which)


def _which(change: Change) -> dict[str, object]:
    """Return what every line about a change is bound to; each is shown by its type."""
    cash_out = change.after
    # A reference that we drew is ours to show; in one of a client there may be anything.
    reference = cash_out.reference
    which: dict[str, object] = {
        "cash_out_id": cash_out.id,
        "reference": reference if cash_out.reference_given else Plain(reference),
        "provider": cash_out.provider,
    }
    if change.cause:
        which["request_id"] = change.cause
    if cash_out.trace:
        which["trace_id"] = Plain(trace_id(cash_out.trace))
    return which


def _attempt(cash_out: CashOut) -> dict[str, int]:
    return {"attempt": cash_out.attempts[-1].number} if cash_out.attempts else {}
