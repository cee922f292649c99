"""Bugs that leave what is stored in disagreement with itself: evidence, seals, events, timers."""

from entrypoints.simulation.world import Invariant
from tests.planted.bug import Bug, by_seeds, by_tests

CHAINING = (
    Bug(
        "a piece is not chained to the one before",
        "Evidence can be swapped, and every piece is still as it was hashed.",
        "domain/cash_out.py",
        "hash_of(piece, before.chain)",
        'hash_of(piece, "")',
        by_seeds(50, Invariant.BOOKS_AGREE),
    ),
    Bug(
        "a cash-out is changed after it was sealed",
        "An honest change and one by hand look the same to `cashout verify`.",
        "domain/record.py",
        "    draft.close_answered()\n    draft.leave(_evidence(draft, report))\n",
        "    draft.leave(_evidence(draft, report))\n    draft.close_answered()\n",
        by_seeds(100, Invariant.BOOKS_AGREE),
    ),
    Bug(
        "a claim has no time",
        "What the provider denies counts as said after the claim, and is sent a second time.",
        "domain/record.py",
        "draft.set(claim=furthest, claimed_at=draft.now, not_found_at=None)",
        "draft.set(claim=furthest, not_found_at=None)",
        by_seeds(100, Invariant.BOOKS_AGREE),
    ),
    Bug(
        "a denial outlives a webhook",
        "A provider that was behind is believed, although it has claimed the cash-out since.",
        "domain/record.py",
        "draft.set(claim=furthest, claimed_at=draft.now, not_found_at=None)",
        "draft.set(claim=furthest, claimed_at=draft.now)",
        by_tests(
            "tests/domain/test_timers.py::test_what_was_lived_through_agrees_with_its_evidence"
        ),
    ),
    Bug(
        "a question is not dated",
        "Operators read that nobody has asked, and ask by hand.",
        "domain/record.py",
        "asked=draft.after.asked + 1, asked_at=draft.now)",
        "asked=draft.after.asked + 1)",
        by_seeds(50, Invariant.BOOKS_AGREE),
    ),
    Bug(
        "an open cash-out loses its plan",
        "Nobody asks about it any more, and its user waits for a human to notice.",
        "domain/cash_out.py",
        "        plan=Plan(Action.ASK, now),\n    )\n    moved = draft.move(Status.PROCESSING)\n",
        "        plan=None,\n    )\n    moved = draft.move(Status.PROCESSING)\n",
        by_seeds(300, Invariant.BOOKS_AGREE, Invariant.COMES_TO_REST, Invariant.NO_BUG),
    ),
)
