"""Bugs behind which another guard stands: alone each is harmless, so both guards are taken away.

What one of such a pair does by itself is in the other lists, where a test notices it. The plan of
somebody else stands alone: whoever holds a cash-out plans anew when he is done, and what is claimed
is judged again before it is sent.
"""

from entrypoints.simulation.world import Invariant
from tests.planted.bug import Bug, Edit, by_crashes, by_seeds, by_tests

_UNSENT_WHILE_OPEN = Edit(
    "domain/attempts.py",
    "return self.outcome or OutcomeKind.UNKNOWN",
    "return self.outcome or OutcomeKind.UNSENT",
)
_SUBMIT_IS_KEPT = Edit(
    "domain/cash_out.py",
    "        plan=Plan(Action.ASK, now),\n    )\n    draft.move",
    "        plan=Plan(Action.SUBMIT, now),\n    )\n    draft.move",
)
_ANYBODY_CLOSES = Edit(
    "domain/record.py",
    "    if report.attempt is not None and (draft.before.holds(report.lease) "
    "or draft.before.ended):\n",
    "    if report.attempt is not None:\n",
)

GUARDING = (
    Bug(
        "an open attempt counts as unsent, and asking does not close it",
        "A worker that dies in the middle of a call leaves a payout that is made once more.",
        "domain/record.py",
        "        _close(draft, lost, {attempt.number for attempt in draft.after.attempts})\n",
        "        _close(draft, lost, set())\n",
        by_seeds(300, Invariant.SENT_AGAIN_ONLY_WHEN_SAFE, Invariant.FAILED_MEANS_UNPAID),
        also=(_UNSENT_WHILE_OPEN,),
    ),
    Bug(
        "an open attempt counts as unsent, and a lease does not keep a cancel away",
        "The user takes the money back while the provider is being called.",
        "domain/cash_out.py",
        "    if cash_out.ended or on_the_wire or cash_out.lease is not None:\n",
        "    if cash_out.ended or on_the_wire:\n",
        by_seeds(300, Invariant.FAILED_MEANS_UNPAID),
        also=(_UNSENT_WHILE_OPEN,),
    ),
    Bug(
        "the plan to submit is kept, and is not judged again before sending",
        "Every crash between attempt and answer pays once more.",
        "application/submit_cash_out.py",
        "            if decision.step is NextStep.SEND:\n",
        "            if decision:\n",
        by_crashes(9, Invariant.SENT_AGAIN_ONLY_WHEN_SAFE),
        also=(_SUBMIT_IS_KEPT,),
    ),
    Bug(
        "a stale worker closes the attempt, and a closed one is closed again",
        "What its next owner has found unknown is called unsent, and sent again.",
        "domain/record.py",
        "        if attempt.number in numbers and attempt.outcome is None\n",
        "        if attempt.number in numbers\n",
        by_seeds(300, Invariant.HISTORY_ONLY_GROWS),
        also=(_ANYBODY_CLOSES,),
    ),
    Bug(
        "somebody else's plan is replaced",
        "A doorbell that rings while a worker is asking is forgotten.",
        "domain/planning.py",
        "    return lapsed or draft.after.lease is not None\n",
        "    return False and lapsed\n",
        by_tests(
            "tests/domain/test_news_order.py::test_a_lapsed_lease_neither_plans_nor_closes",
            "tests/domain/test_schedule.py::test_a_webhook_does_not_touch_the_plan_of_somebody_at_work",
        ),
    ),
    Bug(
        "a lease never runs out",
        "What a worker held when it died is never looked at again.",
        "adapters/sql/cash_out_statements.py",
        "            row.lease_until.is_(None) | (row.lease_until <= moment),\n        )\n"
        "        .order_by(row.due_at",
        "            row.lease_until.is_(None),\n        )\n        .order_by(row.due_at",
        by_tests(
            "tests/contracts/test_cash_outs.py::test_a_leased_cash_out_is_claimed_again_when_its_lease_has_run_out[sqlite]"
        ),
    ),
    Bug(
        "what is due later is done at once",
        "A provider is asked as fast as we can, about everything that is open.",
        "adapters/memory/cash_outs.py",
        " and cash_out.plan.due_at <= now:\n",
        ":\n",
        by_seeds(100, Invariant.ONLY_WHAT_IS_DUE_IS_TAKEN),
    ),
    Bug(
        "the provider is sent the fee as well",
        "The payee gets what was ours, on every cash-out.",
        "application/lanes.py",
        "            amount=cash_out.amount,\n",
        "            amount=cash_out.total,\n",
        by_seeds(50, Invariant.COMPLETED_MEANS_PAID),
    ),
    Bug(
        "a limit counts in the caller's day",
        "Whoever says that it is tomorrow where he is has a second daily limit.",
        "domain/limits.py",
        "        at = accepted_at.astimezone(UTC)\n",
        "        at = accepted_at\n",
        by_tests("tests/domain/test_limits.py::test_windows_are_utc_days_and_months"),
    ),
    Bug(
        "the sequence of events has holes",
        "A reader that waits for the missing number waits for ever.",
        "domain/cash_out.py",
        "        sequence = self.after.events + 1\n",
        "        sequence = self.after.events + 2\n",
        by_seeds(50, Invariant.ONE_ENDING_ONE_EVENT),
    ),
)
