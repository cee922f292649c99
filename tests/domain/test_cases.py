"""A case remembers what a review was about and what was ruled, within bounds."""

import tracemalloc
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from domain.cases import (
    MOST_CONCERNS,
    MOST_SETTLED,
    OVERDUE,
    Case,
    concern_of,
    digest_of_words,
    echoes_of,
)
from domain.evidence import News, Resolution, ReviewReason
from domain.states import Status
from tests.strategies import NOW

LATER = NOW + timedelta(hours=1)
OPEN = Case(NOW, ("echo_mismatch:1",), ("old",), Resolution.PAID, NOW - timedelta(days=1))


def test_a_concern_is_listed_once_and_the_review_is_as_old_as_the_first() -> None:
    first = Case().raised("a", NOW)
    assert first == Case(NOW, ("a",))
    assert first.raised("b", LATER).raised("a", LATER) == Case(NOW, ("a", "b"))


def test_there_is_a_most_to_what_is_listed_but_contradictions_are() -> None:
    full = Case(NOW, tuple(f"x:{number}" for number in range(MOST_CONCERNS)))
    assert replace(full, concerns=full.concerns[1:]).raised("y", LATER).concerns[-1] == "y"
    assert full.raised("y", LATER) == full
    assert full.raised("contradiction:failed", LATER).concerns[-1] == "contradiction:failed"


def test_what_was_before_the_operators_is_settled_and_the_oldest_forgotten() -> None:
    done = OPEN.resolved(Resolution.NOT_PAID, LATER, known=("known", "old"))
    assert done == Case(
        None,
        (),
        (
            "echo_mismatch:1",
            "known",
            "old",
            "contradiction:failed",
            "doorbell_disagrees:failed",
            "contradiction:cancelled",
            "doorbell_disagrees:cancelled",
        ),
        Resolution.NOT_PAID,
        LATER,
    )
    many = [f"x:{number}" for number in range(MOST_SETTLED)]
    kept = OPEN.resolved(Resolution.KEEP_WAITING, LATER, known=many).settled
    assert kept == tuple(many)


def test_that_it_is_late_is_never_settled() -> None:
    late = Case(NOW, (OVERDUE,))
    assert late.resolved(Resolution.KEEP_WAITING, LATER, known=()).settled == ()


def test_what_was_learnt_closes_a_review_and_leaves_what_was_ruled() -> None:
    assert OPEN.answered() == replace(OPEN, opened_at=None, concerns=())


@pytest.mark.parametrize(
    ("concerns", "about_time", "contradicts"),
    [
        ((OVERDUE,), True, False),
        (("unknown_too_long:not_found", OVERDUE), True, False),
        ((OVERDUE, "contradiction:failed"), False, True),
        (("echo_mismatch:1",), False, False),
        ((), True, False),
    ],
)
def test_what_a_review_asks_for(
    concerns: tuple[str, ...], *, about_time: bool, contradicts: bool
) -> None:
    case = Case(NOW, concerns)
    assert (case.is_about_time, case.tells_contradiction) == (about_time, contradicts)


DISPUTES = {
    None: set[Status](),
    Resolution.KEEP_WAITING: set[Status](),
    Resolution.PAID: {Status.FAILED, Status.CANCELLED},
    Resolution.NOT_PAID: {Status.PROCESSING, Status.COMPLETED},
}


@pytest.mark.parametrize("status", Status)
@pytest.mark.parametrize("ruled", DISPUTES)
def test_what_says_something_else_than_was_ruled(ruled: Resolution | None, status: Status) -> None:
    disputed = Case(ruled=ruled).is_disputed_by(status)
    assert disputed is (status in DISPUTES[ruled])


def test_a_concern_is_a_reason_and_what_it_is_about() -> None:
    assert concern_of(ReviewReason.ECHO_MISMATCH, "ab") == "echo_mismatch:ab"
    assert concern_of(ReviewReason.ECHO_MISMATCH) == "echo_mismatch"
    assert OVERDUE == "unknown_too_long"


def test_digests_of_words_are_stored_and_stay_what_they_are() -> None:
    assert digest_of_words("a", "bc") == "5310a5878878"
    assert digest_of_words("ab", "c") != digest_of_words("a", "bc")
    assert len(digest_of_words("\ud800")) == 12


def test_echoes_are_known_again_by_all_that_they_repeat() -> None:
    news = News("PAID", Status.COMPLETED, "OM-1", "REF", Decimal("1500.50"), "XOF", "+225070")
    assert echoes_of(news) == digest_of_words("REF", "1500.50", "XOF", "+225070")
    assert echoes_of(News("PAID", Status.COMPLETED)) == digest_of_words("", "", "", "")
    big = replace(news, amount=Decimal("1E+3"))
    assert echoes_of(big) == digest_of_words("REF", "1000", "XOF", "+225070")


@pytest.mark.parametrize(
    "amount", ["1E+999999999", "-1E+101", "1E-101", "NaN", "sNaN", "-Infinity"]
)
def test_an_amount_that_nobody_could_write_out_is_known_by_its_power_of_ten(amount: str) -> None:
    tracemalloc.start()
    try:
        echoes = echoes_of(News("PAID", Status.COMPLETED, amount=Decimal(amount)))
        assert tracemalloc.get_traced_memory()[1] < 10_000
    finally:
        tracemalloc.stop()
    assert echoes == digest_of_words("", amount, "", "")


@pytest.mark.parametrize("power", [100, -100])
def test_an_amount_of_a_hundred_digits_is_still_written_out(power: int) -> None:
    amount = Decimal((0, (1,), power))
    written = echoes_of(News("PAID", Status.COMPLETED, amount=amount))
    assert written == digest_of_words("", format(amount, "f"), "", "")
