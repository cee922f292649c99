"""Bugs about providers that are slow or closed: what is sent all the same, or never again."""

from tests.planted.bug import Bug, by_tests

PARKING = (
    Bug(
        "what is parked is sent all the same",
        "An hour's cash-outs are thrown at a provider that does not answer, and nobody knows which"
        " were paid.",
        "application/gate.py",
        "        if not self._parked and not self.ramps:\n",
        "        if True:\n",
        by_tests(
            "tests/application/test_gate.py::test_a_parked_corridor_is_left_out_and_the_others_go_on",
            "tests/application/test_gate.py::test_nothing_is_sent_to_what_a_person_closed",
        ),
    ),
    Bug(
        "what was begun is sent although a person has closed the provider since",
        "An operator closes it because it pays wrongly, and a hundred more go out.",
        "application/lanes.py",
        "        return route is None or not self.gate.is_shut(route, at)\n",
        "        return True\n",
        by_tests(
            "tests/application/test_gate.py::test_nothing_is_sent_to_what_a_person_closed",
        ),
    ),
    Bug(
        "a closed provider is probed like any other",
        "What a person closed is sent a cash-out every half minute.",
        "application/gate.py",
        "            return [] if parked[self.whole].shut else ",
        "            return ",
        by_tests(
            "tests/application/test_gate.py::test_nothing_is_sent_to_what_a_person_closed",
        ),
    ),
    Bug(
        "the ramp never opens",
        "A provider is back, and its queue is let through two at a time for the rest of the week.",
        "domain/ramp.py",
        "    wider = 2 * ramp.room\n",
        "    wider = ramp.room\n",
        by_tests(
            "tests/domain/test_ramp.py::test_it_doubles_after_each_step_with_an_answer_until_it_is_over",
            "tests/application/test_gate.py::test_what_comes_back_is_let_through_by_a_ramp_and_the_others_are_not_held_up",
        ),
    ),
    Bug(
        "a wrong number counts against the provider",
        "A campaign that sends customers wrong numbers closes the corridor for all the others.",
        "domain/measures.py",
        "    return Sample.REFUSED if speaks_for_itself(outcome.code) else Sample.FAILED\n",
        "    return Sample.FAILED\n",
        by_tests(
            "tests/domain/test_health.py::test_a_refusal_counts_against_a_provider_only_where_the_fault_is_its_own",
        ),
    ),
    Bug(
        "one corridor's trouble parks the others",
        "Guinea does not answer, and nobody in Mali is paid.",
        "application/gate.py",
        "        free = tuple(each for each in routes if each not in parked and ",
        "        free = tuple(each for each in () if each not in parked and ",
        by_tests(
            "tests/application/test_gate.py::test_a_parked_corridor_is_left_out_and_the_others_go_on",
        ),
    ),
    Bug(
        "a probe of an outage spends a customer's retry",
        "Whoever is tried out four times in a long night fails, while the others waited.",
        "application/submit_cash_out.py",
        "    return replace(outcome, code=None, ",
        "    return replace(outcome, ",
        by_tests(
            "tests/application/test_watch_health.py::test_an_outage_is_waited_out_and_nobody_fails_for_it",
        ),
    ),
    Bug(
        "one machine with a bad line closes the provider for all",
        "A cable is pulled in one place, and nothing is paid anywhere.",
        "domain/health.py",
        "            if route.country or all(route in each.trips for each in colleagues):\n",
        "            if colleagues:\n",
        by_tests(
            "tests/domain/test_health.py::test_a_provider_is_closed_by_circuits_only_when_all_who_send_agree",
        ),
    ),
)
