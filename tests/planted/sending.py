"""Bugs that pay twice, or never: what is sent, when, and by whom."""

from entrypoints.simulation.world import Invariant
from tests.planted.bug import Bug, by_crashes, by_seeds, by_tests

SENDING = (
    Bug(
        "an unanswered submit is sent again blindly",
        "A provider that paid and whose answer was lost pays a second time.",
        "domain/attempts.py",
        "    grace_over = not_found is not NotFoundProof.NOTHING\n",
        "    grace_over = True\n",
        by_seeds(300, Invariant.SENT_AGAIN_ONLY_WHEN_SAFE),
    ),
    Bug(
        "a time-out fails the cash-out",
        "The user is told that it failed and asks again, and the provider has paid the first one.",
        "domain/attempts.py",
        "    accepted = taken or OutcomeKind.ACCEPTED in kinds\n",
        "    accepted = taken or OutcomeKind.ACCEPTED in kinds\n"
        "    if kinds[-1:] == [OutcomeKind.UNKNOWN]:\n"
        "        return Decision(NextStep.FAIL, code=FailureCode.PROVIDER_UNAVAILABLE)\n",
        by_seeds(300, Invariant.FAILED_MEANS_UNPAID),
    ),
    Bug(
        "an open attempt counts as unsent",
        "A worker that dies in the middle of a call leaves a payout that is made once more.",
        "domain/attempts.py",
        "return self.outcome or OutcomeKind.UNKNOWN",
        "return self.outcome or OutcomeKind.UNSENT",
        by_tests(
            "tests/domain/test_attempts.py::test_every_history_obeys_every_rule",
            "tests/domain/test_cash_out.py::test_only_what_is_provably_not_on_the_wire_may_be_cancelled",
        ),
    ),
    Bug(
        "an early not-found counts as not paid",
        "A submit that is still on its way is paid after its cash-out has failed.",
        "domain/attempts.py",
        "    if final_after is not None and silent_for >= final_after:\n",
        "    if final_after is not None:\n",
        by_seeds(300, Invariant.FAILED_MEANS_UNPAID, Invariant.SENT_AGAIN_ONLY_WHEN_SAFE),
    ),
    Bug(
        "a provider that promises no idempotence is sent the same again",
        "It executes one reference twice.",
        "domain/attempts.py",
        "    may_send = not accepted and refused is None and capabilities.idempotent_submit\n",
        "    may_send = not accepted and refused is None\n",
        by_seeds(300, Invariant.SENT_AGAIN_ONLY_WHEN_SAFE),
    ),
    Bug(
        "the retry budget is never spent",
        "A provider that declines is asked for ever, and the user waits for ever.",
        "domain/attempts.py",
        "    return sum(not attempt.is_our_fault for attempt in attempts) <= most\n",
        "    return True\n",
        by_seeds(300, Invariant.ATTEMPTS_ARE_BOUNDED),
    ),
    Bug(
        "a fault of our configuration spends the user's retries",
        "A wrong secret of ours fails everybody's cash-outs.",
        "domain/attempts.py",
        "        return self.outcome is OutcomeKind.UNSENT and ours\n",
        "        return False\n",
        by_tests(
            "tests/domain/test_attempts.py::test_our_own_faults_never_spend_the_retries_of_a_customer"
        ),
    ),
    Bug(
        "what the provider knows of is sent again",
        "Somebody says that it has the payout, our attempts say that nothing left: it pays twice.",
        "domain/planning.py",
        "    if can_ask and cash_out.claim is not None and decision.step",
        "    if False and decision.step",
        by_tests(
            "tests/domain/test_doorbells.py::test_a_doorbell_does_not_touch_a_send_that_waits_but_is_asked_about_before_it"
        ),
    ),
    Bug(
        "the plan to submit is kept after an attempt",
        "Every crash between attempt and answer has the next worker plan to pay again.",
        "domain/cash_out.py",
        "        plan=Plan(Action.ASK, now),\n    )\n    moved = draft.move",
        "        plan=Plan(Action.SUBMIT, now),\n    )\n    moved = draft.move",
        by_tests(
            "tests/domain/test_cash_out.py::test_an_attempt_is_written_down_open_leased_and_due_to_be_asked_about"
        ),
    ),
    Bug(
        "the attempt is not committed before the first byte",
        "A crash after acceptance looks as if nothing had been sent, and it is sent again.",
        "application/submit_cash_out.py",
        "        if changes:\n            await unit.cash_outs.save(changes)\n",
        "        if changes:\n",
        by_crashes(9, Invariant.ATTEMPT_BEFORE_FIRST_BYTE),
    ),
    Bug(
        "the lease is not checked before the call",
        "A worker that was stopped for minutes goes on and pays beside the one who took over.",
        "application/submit_cash_out.py",
        "        if self.lease_is_too_short(begun):\n",
        "        if False:\n",
        by_seeds(300, Invariant.SENT_UNDER_A_LEASE),
    ),
    Bug(
        "an attempt whose commit was lost is made all the same",
        "Nothing is on record of a payout that was made.",
        "application/submit_cash_out.py",
        "            changes = await self._those_committed(changes)\n",
        "            pass\n",
        by_seeds(300, Invariant.ATTEMPT_BEFORE_FIRST_BYTE),
    ),
    Bug(
        "any worker's token passes for the lease",
        "A stale worker's answer ends, replans and frees what another one is working on.",
        "domain/cash_out.py",
        "token is not None and self.lease.token == token\n",
        "token is not None\n",
        by_tests(
            "tests/domain/test_cash_out.py::test_an_attempt_is_written_down_open_leased_and_due_to_be_asked_about"
        ),
    ),
    Bug(
        "a stale worker closes the attempt",
        "An attempt that its next owner has found unknown is called unsent, and sent again.",
        "domain/record.py",
        "    if report.attempt is not None and (draft.before.holds(report.lease) "
        "or draft.before.ended):\n",
        "    if report.attempt is not None:\n",
        by_tests("tests/domain/test_news_order.py::test_a_lapsed_lease_neither_plans_nor_closes"),
    ),
    Bug(
        "any news takes the lease from its holder",
        "A webhook lets a second worker in while the first one is calling.",
        "domain/record.py",
        "    if cash_out.holds(report.lease):\n        draft.set",
        "    if True:\n        draft.set",
        by_tests(
            "tests/domain/test_doorbells.py::test_nothing_fails_while_a_doorbell_is_unanswered"
        ),
    ),
    Bug(
        "a not-found is dated by its answer",
        "An answer that took long proves more than it does, and a payout on its way is repeated.",
        "domain/record.py",
        "                draft.set(not_found_at=since)\n",
        "                draft.set(not_found_at=draft.now)\n",
        by_tests(
            "tests/domain/test_record.py::test_not_found_counts_from_when_it_can_have_been_asked"
        ),
    ),
    Bug(
        "a not-found outlives the news after it",
        "What the provider has learnt of since counts as unknown to it, and is sent again.",
        "domain/record.py",
        "            draft.verdict = _take(draft, report, finding)\n"
        "            draft.set(not_found_at=None)\n",
        "            draft.verdict = _take(draft, report, finding)\n",
        by_tests("tests/domain/test_record.py::test_news_takes_not_found_back"),
    ),
    Bug(
        "one denial takes a claim back",
        "The provider's answers can be behind what its webhook says: it fails what is paid.",
        "domain/planning.py",
        "    return proof is NotFoundProof.GRACE_OVER\n",
        "    return said\n",
        by_tests(
            "tests/domain/test_doorbells.py::test_nothing_fails_while_a_doorbell_is_unanswered"
        ),
    ),
    Bug(
        "what is claimed can be cancelled once it was denied",
        "The user takes the money back, and the provider's webhook was right.",
        "domain/cash_out.py",
        "    claimed = cash_out.claim is not None or",
        "    claimed = (cash_out.claim is not None and cash_out.not_found_at is None) or",
        by_tests(
            "tests/domain/test_doorbells.py::test_what_a_doorbell_claims_cannot_be_cancelled_whatever_the_provider_denies"
        ),
    ),
    Bug(
        "a cancel ignores an attempt without an answer",
        "The user takes the money back, and the provider pays.",
        "domain/cash_out.py",
        "    on_the_wire = sent or claimed",
        "    on_the_wire = claimed",
        by_seeds(1500, Invariant.FAILED_MEANS_UNPAID),
    ),
    Bug(
        "what is leased can be claimed",
        "Two workers hold one cash-out, on every database.",
        "adapters/sql/cash_out_statements.py",
        "            row.lease_until.is_(None) | (row.lease_until <= moment),\n        )\n"
        "        .order_by(row.due_at",
        "        )\n        .order_by(row.due_at",
        by_tests(
            "tests/contracts/test_cash_outs.py::test_a_leased_cash_out_is_claimed_again_when_its_lease_has_run_out[sqlite]"
        ),
    ),
    Bug(
        "a save does not compare versions",
        "Of two workers that read the same row, the later one overwrites what the first learnt.",
        "adapters/sql/cash_out_statements.py",
        "cash_outs.c.id == given.c.id, cash_outs.c.version == given.c.was_version)\n",
        "cash_outs.c.id == given.c.id)\n",
        by_tests(
            "tests/contracts/test_cash_outs.py::test_a_stale_change_is_a_conflict_and_nothing_of_its_batch_is_stored[sqlite]"
        ),
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
)
