"""Bugs behind which another guard stands: alone each is harmless, so both guards are taken away.

What one of such a pair does by itself is in the other lists, where a test notices it.
"""

from entrypoints.simulation.world import Invariant
from tests.planted.bug import Bug, Edit, by_crashes, by_seeds

_UNSENT_WHILE_OPEN = Edit(
    "domain/attempts.py",
    "return self.outcome or OutcomeKind.UNKNOWN",
    "return self.outcome or OutcomeKind.UNSENT",
)
_SUBMIT_IS_KEPT = Edit(
    "domain/cash_out.py",
    "        plan=Plan(Action.ASK, now),\n    )\n    moved = draft.move",
    "        plan=Plan(Action.SUBMIT, now),\n    )\n    moved = draft.move",
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
)
