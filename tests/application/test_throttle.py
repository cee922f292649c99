"""Guessing gets slow, for a name and for an address, and nobody is locked out for long."""

from datetime import timedelta

from adapters.memory.manual_time import ManualClock
from application.throttle import (
    ADDRESS_FREE,
    FIRST_WAIT,
    FORGOTTEN_AFTER,
    LONGEST_WAIT,
    NAME_FREE,
    REMEMBERED_MOST,
    Throttle,
)

NONE = timedelta(0)


def test_the_first_failures_cost_no_wait_and_each_further_one_doubles_it() -> None:
    throttle = Throttle(ManualClock())
    waits = []
    for number in range(NAME_FREE + 8):
        waits.append(throttle.wait("ada", f"address-{number}"))
        throttle.failed("ada", f"address-{number}")
    assert waits[:NAME_FREE] == [NONE] * NAME_FREE
    assert waits[NAME_FREE : NAME_FREE + 3] == [FIRST_WAIT, 2 * FIRST_WAIT, 4 * FIRST_WAIT]
    assert max(waits) == LONGEST_WAIT


def test_an_address_that_tries_many_names_waits_too_and_others_do_not() -> None:
    throttle = Throttle(ManualClock())
    for number in range(ADDRESS_FREE):
        assert throttle.wait(f"name-{number}", "198.51.100.7") == NONE
        throttle.failed(f"name-{number}", "198.51.100.7")
    assert throttle.wait("ada", "198.51.100.7") == FIRST_WAIT
    assert throttle.wait("ada", "198.51.100.8") == NONE


def test_the_addresses_of_one_line_of_ipv6_are_one() -> None:
    throttle = Throttle(ManualClock())
    for number in range(ADDRESS_FREE):
        throttle.failed(f"name-{number}", f"2001:db8:0:1::{number:x}")
    assert throttle.wait("ada", "2001:db8:0:1:ffff::1") == FIRST_WAIT
    assert throttle.wait("ada", "2001:db8:0:2::1") == NONE


def test_waiting_is_over_when_it_is_over() -> None:
    clock = ManualClock()
    throttle = Throttle(clock)
    for _ in range(NAME_FREE):
        throttle.failed("ada", "here")
    clock.advance(FIRST_WAIT / 2)
    assert throttle.wait("ada", "here") == FIRST_WAIT / 2
    clock.advance(FIRST_WAIT / 2)
    assert throttle.wait("ada", "here") == NONE


def test_who_gets_in_starts_anew_and_old_failures_are_forgotten() -> None:
    clock = ManualClock()
    throttle = Throttle(clock)
    for _ in range(NAME_FREE):
        throttle.failed("ada", "here")
    throttle.succeeded("ada")
    assert throttle.wait("ada", "elsewhere") == NONE
    for _ in range(NAME_FREE - 1):
        throttle.failed("ada", "here")
    clock.advance(FORGOTTEN_AFTER)
    throttle.failed("ada", "here")
    assert throttle.wait("ada", "here") == NONE


def test_only_so_many_are_remembered() -> None:
    throttle = Throttle(ManualClock())
    for number in range(REMEMBERED_MOST):
        throttle.failed(f"name-{number}", f"address-{number}")
    assert len(throttle._failures) == REMEMBERED_MOST
