"""Bugs about reviews: who may settle one, how often, and what follows."""

from entrypoints.simulation.world import Invariant
from tests.planted.bug import Bug, by_seeds, by_tests

RULING = (
    Bug(
        "who proposes approves as well",
        "One person alone calls a payout unpaid, and takes the money.",
        "domain/rulings.py",
        "        (alone and four_eyes, ProposerCannotApprove),\n",
        "",
        by_seeds(300, Invariant.RULED_BY_TWO),
    ),
    Bug(
        "a proposal is approved twice",
        "Two approvers at once: the second ruling is judged and told as well.",
        "domain/rulings.py",
        "        (not proposal.is_open, ProposalAlreadyDecided),\n        (alone and four_eyes,",
        "        (alone and four_eyes,",
        by_tests(
            "tests/application/test_rule_on_reviews.py::test_of_many_who_approve_at_once_one_does"
        ),
    ),
    Bug(
        "an approval is not stored",
        "The same proposal can be approved again tomorrow.",
        "application/rule_on_reviews.py",
        "            batch = await self.news.within(unit, [arrival])\n"
        "            await unit.rulings.decide(approved)\n",
        "            batch = await self.news.within(unit, [arrival])\n",
        by_seeds(300, Invariant.RULED_BY_TWO),
    ),
    Bug(
        "what was ruled unpaid keeps its limits",
        "A user who got nothing is told for a month that the limit is used up.",
        "domain/cash_out.py",
        "        unpaid = {Status.FAILED, Status.CANCELLED}\n"
        "        return self.after.status in unpaid and self.before.status not in unpaid\n",
        "        unpaid = {Status.FAILED, Status.CANCELLED}\n"
        "        ruled = self.after.case.ruled is not None\n"
        "        return self.after.status in unpaid and self.before.status not in unpaid"
        " and not ruled\n",
        by_seeds(300, Invariant.LIMITS_HOLD),
    ),
    Bug(
        "a ruling moves what has ended",
        "What a user was told for good is told otherwise; the money is given out twice.",
        "domain/settling.py",
        "    if draft.after.ended:\n"
        "        return Verdict.STALE if agrees(resolution, status) else Verdict.CONTRADICTION\n",
        "    if agrees(resolution, status):\n        return Verdict.STALE\n"
        "    draft.set(status=RULED_AS[resolution][0], failure_code=FailureCode.UNSPECIFIED)\n"
        "    if draft.before.ended:\n        return Verdict.MOVE\n",
        by_tests(
            "tests/domain/test_settling.py::test_a_ruling_never_moves_what_has_ended_and_tells_whether_it_agrees"
        ),
    ),
    Bug(
        "a ruling closes nothing",
        "Operators settle the same case every day.",
        "domain/settling.py",
        "    draft.set(review=None, case=case)\n",
        "    draft.set(case=case)\n",
        by_seeds(300, Invariant.REVIEWS_ARE_TOLD),
    ),
    Bug(
        "a settled contradiction rings again",
        "Each webhook that the provider repeats is a new case, until nobody looks any more.",
        "domain/cash_out.py",
        "        return self.after.review is not None or concern not in self.after.case.settled\n",
        "        return True\n",
        by_tests("tests/domain/test_settling.py::test_the_same_contradiction_does_not_ring_again"),
    ),
    Bug(
        "after a ruling nothing rings any more",
        "The provider reverses a payout that operators called paid, and nobody looks.",
        "domain/cash_out.py",
        "        return self.after.review is not None or concern not in self.after.case.settled\n",
        "        return self.after.review is not None or self.after.case.ruled is None\n",
        by_tests(
            "tests/domain/test_settling.py::test_another_contradiction_rings_and_is_told_again"
        ),
    ),
    Bug(
        "a viewer may approve",
        "Whoever is let in to look settles cases.",
        "application/rule_on_reviews.py",
        "        caller.must(Permission.APPROVE)\n        settled,",
        "        settled,",
        by_seeds(300, Invariant.STRANGERS_CHANGE_NOTHING),
    ),
    Bug(
        "an approval is not logged",
        "Nobody can say afterwards who let the money go.",
        "application/rule_on_reviews.py",
        '            await unit.audit.append(_entry("review.approved", caller, approved, after))\n',
        "",
        by_seeds(300, Invariant.RULED_BY_TWO),
    ),
    Bug(
        "a webhook is judged at each replay",
        "A button that is pressed twice counts as two pieces of evidence.",
        "application/stored_webhooks.py",
        "        if await unit.rulings.judged(whose, delivery.digest):\n",
        "        if False:\n",
        by_tests(
            "tests/application/test_reviews.py::test_replaying_any_number_of_times_judges_once"
        ),
    ),
    Bug(
        "a mismatch that claims another ending is no news",
        "Ruled not paid while it was pending; now the provider says paid, and nobody is asked.",
        "domain/cases.py",
        'return what if claimed not in ENDINGS or claimed in ruled else f"{what}:{claimed}"',
        "return what if claimed in ruled else what",
        by_tests(
            "tests/domain/test_settling.py::test_a_mismatch_that_now_tells_of_another_ending_rings_again[id]"
        ),
    ),
)
