"""The ramp: it begins with a few, doubles on good news only, and bad news takes it back."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.ramp import Ramp, RampPolicy, begun, noted, widened

POLICY = RampPolicy()
FULL = 32
START = timedelta(hours=1)
steps = st.lists(
    st.tuples(
        st.integers(0, 30).map(lambda seconds: timedelta(seconds=seconds)),
        st.sampled_from(["good", "bad", "look"]),
        st.integers(0, 40),
    ),
    max_size=60,
)


@given(steps=steps)
def test_it_is_never_narrower_than_its_beginning_nor_as_wide_as_without_it(
    steps: list[tuple[timedelta, str, int]],
) -> None:
    at, ramp = START, begun(START, POLICY)
    for passed, what, in_flight in steps:
        at += passed
        before = ramp
        if what == "look":
            wider = widened(ramp, at, POLICY, in_flight=in_flight, full=FULL)
            if wider is None:
                assert 2 * before.room >= FULL
                return
            assert wider.room in {before.room, 2 * before.room}
            ramp = wider
        else:
            ramp = noted(ramp, at, POLICY, is_bad=what == "bad")
            assert ramp.room in {before.room, POLICY.first}
        assert POLICY.first <= ramp.room < FULL


@given(good=st.integers(0, 19), rooms=st.integers(1, 4))
def test_bad_news_takes_it_back_at_once(good: int, rooms: int) -> None:
    ramp = Ramp(POLICY.first * 2**rooms, START)
    for _ in range(good):
        ramp = noted(ramp, START, POLICY, is_bad=False)
    later = START + timedelta(seconds=3)
    back = noted(ramp, later, POLICY, is_bad=True)
    if good < 19:
        assert back == begun(later, POLICY)
    else:
        assert back.room == ramp.room, "one of twenty is allowed"


@given(answered=st.integers(1, 100))
def test_it_doubles_after_each_step_with_an_answer_until_it_is_over(answered: int) -> None:
    at, ramp, rooms = START, begun(START, POLICY), []
    current: Ramp | None = ramp
    for _ in range(6):
        if current is None:
            break
        rooms.append(current.room)
        for _ in range(answered):
            current = noted(current, at, POLICY, is_bad=False)
        at += POLICY.every
        current = widened(current, at, POLICY, in_flight=3, full=FULL)
    assert rooms == [2, 4, 8, 16]


def test_it_waits_for_an_answer_as_long_as_one_is_under_way() -> None:
    ramp = begun(START, POLICY)
    much_later = START + 10 * POLICY.every
    assert widened(ramp, much_later, POLICY, in_flight=2, full=FULL) == ramp
    idle = widened(ramp, much_later, POLICY, in_flight=0, full=FULL)
    assert idle == Ramp(4, much_later), "nobody wants anything of it: it does not hold up for ever"


def test_a_step_is_not_over_before_its_time() -> None:
    ramp = noted(begun(START, POLICY), START, POLICY, is_bad=False)
    early = START + POLICY.every - timedelta(microseconds=1)
    assert widened(ramp, early, POLICY, in_flight=1, full=FULL) == ramp


@pytest.mark.parametrize(
    "fault", [{"first": 0}, {"every": timedelta(0)}, {"bad_most": 100}, {"bad_most": -1}]
)
def test_a_ramp_that_cannot_rise_is_refused(fault: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"^a ramp .* bad answers$"):
        RampPolicy(**fault)  # type: ignore[arg-type]


def test_the_narrowest_and_the_strictest_ramp_rises() -> None:
    policy = RampPolicy(first=1, every=timedelta(microseconds=1), bad_most=0)
    ramp = noted(begun(START, policy), START, policy, is_bad=False)
    at = START + policy.every
    assert widened(ramp, at, policy, in_flight=1, full=FULL) == Ramp(2, at)
    assert noted(ramp, at, policy, is_bad=True) == Ramp(1, at)
    lenient = RampPolicy(bad_most=99)
    assert noted(Ramp(8, START, 1), at, lenient, is_bad=True) == Ramp(8, START, 1, 1)
    assert noted(Ramp(8, START), at, lenient, is_bad=True) == begun(at, lenient)


def test_calls_are_counted_up_to_the_share_that_may_end_badly_and_no_further() -> None:
    policy = RampPolicy(bad_most=10)
    ramp = begun(START, policy)
    for _ in range(18):
        ramp = noted(ramp, START, policy, is_bad=False)
    for count in (1, 2):
        ramp = noted(ramp, START, policy, is_bad=True)
        assert (ramp.good, ramp.bad) == (18, count)
    later = START + timedelta(seconds=1)
    assert noted(ramp, later, policy, is_bad=True) == begun(later, policy)
