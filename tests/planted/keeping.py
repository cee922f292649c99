"""Bugs that lose, leak or let in: requests, limits, time, calls."""

from entrypoints.simulation.world import Invariant
from tests.planted.bug import Bug, by_seeds, by_tests

KEEPING = (
    Bug(
        "an idempotency key is not looked up",
        "A client that sends again after a time-out is refused, or pays twice.",
        "application/request_cash_out.py",
        "    by_key = batch.by_key.get((request.user_id, request.key)) if request.key else None\n",
        "    by_key = None\n",
        by_seeds(300, Invariant.SAME_KEY_SAME_CASH_OUT),
    ),
    Bug(
        "an idempotency key is not kept",
        "A client that sends again after a time-out pays twice.",
        "application/request_cash_out.py",
        "    if request.key:\n        batch.remember(request.key, change.after)\n",
        "",
        by_seeds(300, Invariant.SAME_KEY_SAME_CASH_OUT),
    ),
    Bug(
        "a key answers for another body",
        "A client's mistake looks like success, and what it asked for is never paid.",
        "domain/request.py",
        "        if fields:\n            raise IdempotencyKeyReused(fields)\n",
        "",
        by_seeds(300, Invariant.SAME_KEY_SAME_CASH_OUT),
    ),
    Bug(
        "a reference shows somebody else's cash-out",
        "Whoever guesses a reference reads another user's payout.",
        "domain/request.py",
        "    if by_reference.user_id != request.user_id or differing",
        "    if differing",
        by_tests(
            "tests/domain/test_request.py::test_a_reference_of_another_user_or_another_body_tells_nothing"
        ),
    ),
    Bug(
        "a lost answer to a commit is taken for a failure",
        "A cash-out that was accepted is answered 503, and is paid all the same.",
        "application/request_cash_out.py",
        "                if lost is not None or not fault.outcome_unknown:\n",
        "                if True:\n",
        by_tests(
            "tests/application/test_request_cash_out.py::test_a_lost_commit_answer_is_resolved_by_reading",
            raises=["StorageUnavailable"],
        ),
    ),
    Bug(
        "a request does not know its own commit again",
        "Without a key, a lost answer to a commit ends in a conflict with itself.",
        "application/request_cash_out.py",
        "                results = await self._decide(candidates, again=number > 0)\n",
        "                results = await self._decide(candidates, again=False)\n",
        by_tests(
            "tests/application/test_request_cash_out.py::test_a_lost_commit_answer_is_resolved_by_reading",
            raises=["StorageUnavailable"],
        ),
    ),
    Bug(
        "a failed cash-out keeps its share of the limit",
        "Users are locked out for a day or a month by what was never paid.",
        "application/record_news.py",
        "    if freed:\n        await unit.limits.give_back(freed)\n",
        "",
        by_seeds(300, Invariant.LIMITS_HOLD),
    ),
    Bug(
        "a cancelled cash-out keeps its share of the limit",
        "The same, for whoever changes his mind.",
        "application/cancel_cash_out.py",
        "            await unit.limits.give_back({found.windows.day: minor, "
        "found.windows.month: minor})\n",
        "",
        by_seeds(300, Invariant.LIMITS_HOLD),
    ),
    Bug(
        "limits are given back once per piece of news",
        "Ten late webhooks about a failure make room for ten times the daily limit.",
        "domain/cash_out.py",
        "        return self.after.status in unpaid and self.before.status not in unpaid\n",
        "        return self.after.status in unpaid\n",
        by_seeds(300, Invariant.LIMITS_HOLD, Invariant.NO_BUG),
    ),
    Bug(
        "a limit is given back into the day it ended in",
        "What is taken before midnight is freed after it: one day is short, the next too long.",
        "domain/cash_out.py",
        "self.amount.currency.code, self.created_at)",
        "self.amount.currency.code, self.updated_at)",
        by_seeds(300, Invariant.LIMITS_HOLD, Invariant.NO_BUG),
    ),
    Bug(
        "the last cash-out of a day may pass the limit",
        "A user takes up to one whole cash-out more than he may.",
        "domain/limits.py",
        "    if day_used + amount.minor > row.daily:\n",
        "    if day_used > row.daily:\n",
        by_seeds(300, Invariant.LIMITS_HOLD, Invariant.NO_BUG),
    ),
    Bug(
        "the last cash-out of a month may pass the limit",
        "The same, with what is left of the month.",
        "domain/limits.py",
        "    if month_used + amount.minor > row.monthly:\n",
        "    if month_used > row.monthly:\n",
        by_seeds(1000, Invariant.LIMITS_HOLD, Invariant.NO_BUG),
    ),
    Bug(
        "a limit counts in the caller's day",
        "Whoever says that it is tomorrow where he is has a second daily limit.",
        "domain/limits.py",
        "        day = accepted_at.astimezone(UTC).date()",
        "        day = accepted_at.date()",
        by_tests("tests/domain/test_limits.py::test_windows_are_utc_days_and_months"),
    ),
    Bug(
        "limit counters are read without a lock",
        "Requests that race each see room for the same last unit.",
        "adapters/sql/limits.py",
        '        statement = _lock() if self._session.is_postgres else select_used("sqlite")\n',
        "        statement = select_used(self._session.dialect)\n",
        by_tests(
            "tests/contracts/test_limits.py::test_fifty_units_that_race_for_the_last_slots_fit_exactly",
            "tests/contracts/test_limits.py::test_processes_that_race_for_the_last_slots_fit_exactly",
        ),
    ),
    Bug(
        "the fee is not counted",
        "Every cash-out is sold without its fee.",
        "domain/cash_out.py",
        "        return self.amount + self.fee\n",
        "        return self.amount\n",
        by_seeds(50, Invariant.TOTALS_ADD_UP),
    ),
    Bug(
        "fees are rounded down",
        "A part of a unit is lost on each cash-out, and small ones are free.",
        "domain/money.py",
        "    return -(-numerator // unit) * step_minor\n",
        "    return numerator // unit * step_minor\n",
        by_tests(
            "tests/domain/test_money.py::test_rounding_goes_up_to_the_step_and_by_less_than_one_step"
        ),
    ),
    Bug(
        "what has ended is asked about for ever",
        "Polls pile up with every cash-out, until the provider shuts us out.",
        "domain/planning.py",
        "        draft.set(plan=None)\n",
        "        due_at = draft.now + policy.poll_daily\n"
        "        draft.set(plan=Plan(Action.ASK, due_at))\n",
        by_seeds(300, Invariant.COMES_TO_REST),
    ),
    Bug(
        "polls do not slow down",
        "A provider that is slow is asked every five seconds, about everything.",
        "domain/corridors.py",
        "self.first_poll * (steps[asked] if asked < len(steps) else self.poll_later)\n",
        "self.first_poll * steps[0]\n",
        by_seeds(300, Invariant.QUESTIONS_ARE_BOUNDED),
    ),
    Bug(
        "the probe of an open circuit is leaked",
        "After one lost probe nothing is sent to the provider until a restart.",
        "application/lanes.py",
        "        self.submits -= 1\n        self.circuit.probing = False\n",
        "        self.submits -= 1\n",
        by_tests("tests/application/test_lanes.py::test_a_probe_that_was_not_made_frees_its_place"),
    ),
    Bug(
        "room for questions is not given back",
        "After sixteen questions a worker asks nothing more.",
        "application/check_status.py",
        "            lane.queries -= 1\n",
        "            lane.queries -= 0\n",
        by_seeds(50, Invariant.ROOM_IS_GIVEN_BACK, Invariant.COMES_TO_REST),
    ),
    Bug(
        "a graceful stop drops the calls under way",
        "Every deployment leaves payouts whose fate has to be asked for.",
        "application/worker.py",
        "await asyncio.wait(set(self._calls), timeout=self._left_s())\n",
        "await asyncio.sleep(0)\n",
        by_seeds(300, Invariant.CALLS_ARE_FINISHED),
    ),
    Bug(
        "a statement's line is removed while its break is open",
        "Whoever looks at the break finds nothing to compare, and the next statement disagrees.",
        "adapters/sql/break_queries.py",
        "own, about, alike)",
        "own, alike)",
        by_tests(
            "tests/contracts/test_statement_retention.py::test_a_line_about_which_a_break_is_open_stays_until_it_is_explained[sqlite]"
        ),
    ),
    Bug(
        "one bad item fails its neighbours",
        "A request that meets a bug takes a whole batch of payouts down.",
        "application/group_commit.py",
        "        elif len(batch) > 1 and not isinstance(fault, _OF_ALL):\n",
        "        elif False:\n",
        by_tests("tests/application/test_group_commit.py::test_of_two_the_good_one_is_decided"),
    ),
    Bug(
        "everybody owns everything",
        "Any user reads and cancels any cash-out.",
        "application/callers.py",
        "        if cash_out.user_id != self.user_id and not self.may(unless):\n",
        "        if False:\n",
        by_tests("tests/application/test_cancel_cash_out.py::test_a_stranger_changes_nothing"),
    ),
    Bug(
        "transactions last as long as whoever opened them",
        "A worker that is frozen keeps its cash-outs locked: nobody else may go on with them.",
        "adapters/sql/database.py",
        "WHERE name = 'transaction_timeout'",
        "WHERE false",
        by_tests(
            "tests/contracts/test_sql_faults.py::test_who_freezes_between_two_messages_of_a_statement_loses_its_locks",
            raises=["Conflict"],
        ),
    ),
    Bug(
        "the database lets an ending move",
        "The last guard is gone: a bug anywhere above rewrites what was told to the user.",
        "adapters/sql/guards.py",
        "    legal = \", \".join(f\"('{now}', '{later}')\" for now in transitions "
        "for later in transitions[now])\n",
        "    legal = \", \".join(f\"('{now}', '{later}')\" for now in transitions "
        "for later in transitions)\n",
        by_tests(
            "tests/contracts/test_sql_guards.py::test_only_the_transitions_of_the_table_are_let_through[sqlite-pending-processing]"
        ),
    ),
)
