"""What a line says of a cash-out, and what it does not: each way in which two books disagree."""

from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from domain.evidence import News
from domain.money import CURRENCIES, Money
from domain.statements import (
    MOST_WINDOW,
    Booked,
    BreakKind,
    Judged,
    LineKind,
    Match,
    Place,
    Rule,
    StatementLine,
    Window,
    choose,
    fits,
    is_further,
    judge_line,
    judge_stranger,
    supposing_paid,
)
from domain.states import Status
from tests.statement_books import booked_cash_out, booked_of, line_of
from tests.strategies import XOF

GNF = CURRENCIES["GNF"]
OURS = booked_cash_out(1)
PAID = booked_of(OURS)
SENT = replace(PAID, status=Status.PROCESSING, completed_at=None, provider_transaction_id=None)
FAILED = replace(PAID, status=Status.FAILED)
WINDOW = Window()
TICK = timedelta(microseconds=1)


def says(status: Status | None = Status.COMPLETED, **fields: Any) -> StatementLine:  # noqa: ANN401 -- of a line
    return line_of(OURS, status=status, **fields)


def back() -> StatementLine:
    return says(None, kind=LineKind.REVERSAL, word="REVERSED")


def like(**fields: Any) -> StatementLine:  # noqa: ANN401 -- as above
    """Return a line that names no order of ours."""
    return says(**{"reference": None, "provider_transaction_id": None, **fields})


def judged(
    line: StatementLine, ours: Booked, rule: Rule = Rule.OUR_REFERENCE, *, further: bool = False
) -> tuple[BreakKind | None, str, bool]:
    match = Match(ours, rule)
    found = judge_line(line, match, further=further)
    assert found.match is match
    return found.broken, found.detail, found.tell


def test_payments_that_were_made_are_judged_first_and_reversals_last() -> None:
    lines = [back(), says(Status.FAILED), says(), says(None)]
    assert [each.place.turn for each in lines] == [2, 1, 0, 1]
    assert says().place == Place(0, says().at, says().digest)


def test_a_line_is_told_as_news_with_all_that_it_repeats() -> None:
    line = says(number=7)
    assert line.news == News(
        "SUCCESSFUL",
        Status.COMPLETED,
        line.provider_transaction_id,
        line.reference,
        line.amount.decimal,
        "XOF",
        line.msisdn,
        None,
        "line 7 of a statement",
    )
    assert line.news.raw == line.raw


def test_a_reversal_has_an_id_of_its_own_and_no_state_of_ours() -> None:
    news = replace(back(), status=Status.COMPLETED).news
    assert (news.status, news.provider_transaction_id) == (None, None)
    assert not replace(back(), status=Status.COMPLETED).paid


@pytest.mark.parametrize(
    ("other", "is_same"),
    [
        ({"provider_transaction_id": "OM-9", "at": OURS.created_at, "amount": Money(1, XOF)}, True),
        ({"provider_transaction_id": "OM-8"}, False),
        ({"provider_transaction_id": None}, True),
        ({"provider_transaction_id": None, "at": OURS.created_at}, False),
        ({"provider_transaction_id": None, "amount": Money(1, XOF)}, False),
    ],
)
def test_one_movement_is_known_by_its_id_or_else_by_time_and_amount(
    other: dict[str, Any], *, is_same: bool
) -> None:
    one = says(provider_transaction_id="OM-9")
    assert one.is_same_movement(replace(one, **other)) is is_same
    assert replace(one, **other).is_same_movement(one) is is_same


# ---------------------------------------------------------------------------- a line and its own


@pytest.mark.parametrize(
    ("fields", "names"),
    [
        ({"amount": Money(1, XOF)}, "amount"),
        ({"amount": Money(PAID.amount.minor, GNF)}, "currency"),
        ({"amount": Money(1, GNF)}, "currency"),
        ({"msisdn": "+2250799999999"}, "payee"),
        ({"reference": "SOMEBODY-ELSES"}, "reference"),
        ({"amount": Money(1, XOF), "msisdn": "+2250799999999"}, "amount and payee"),
    ],
)
def test_what_is_not_ours_is_named(fields: dict[str, Any], names: str) -> None:
    line = says(**fields)
    for further in (False, True):
        found = judged(line, PAID, further=further)
        assert found == (BreakKind.AMOUNT_DIFFERS, f"not ours: {names}", True)


def test_what_a_line_does_not_repeat_does_not_differ() -> None:
    assert judged(says(msisdn=None, reference=None), PAID) == (None, "", False)


def test_a_payment_too_many_is_told() -> None:
    found = judged(says(), PAID, further=True)
    assert found == (BreakKind.DUPLICATE, "a further payment for this cash-out", True)


@pytest.mark.parametrize("status", Status)
def test_money_that_came_back_is_a_break_unless_it_was_never_paid(status: Status) -> None:
    found = judged(back(), replace(PAID, status=status))
    if status in {Status.FAILED, Status.CANCELLED}:
        assert found == (None, "", False)
    else:
        detail = f"the money came back; the cash-out is {status} here"
        assert found == (BreakKind.LATE_REVERSAL, detail, True)


def test_a_word_that_no_mapping_knows_is_a_break() -> None:
    detail = "the statement has a status word that its mapping does not know"
    for ours in (PAID, SENT):
        assert judged(says(None), ours) == (BreakKind.STATUS_DIFFERS, detail, True)


@pytest.mark.parametrize("rule", Rule)
@pytest.mark.parametrize("there", Status)
def test_an_ending_there_ends_what_is_open_here_but_no_likeness_fails_it(
    there: Status, rule: Rule
) -> None:
    found = judged(says(there), SENT, rule)
    if there in {Status.PENDING, Status.PROCESSING}:
        assert found == (None, "", False)
    elif there is Status.COMPLETED or rule is not Rule.NUMBER_AND_AMOUNT:
        assert found == (None, "", True)
    else:
        detail = f"{there} there by number and amount alone: that proves nothing"
        assert found == (BreakKind.STATUS_DIFFERS, detail, False)


OTHER_ID = {"provider_transaction_id": "OM-OTHER"}
NO_ID = {"provider_transaction_id": None}


@pytest.mark.parametrize(
    ("here", "there", "fields", "kind", "tell"),
    [
        (Status.COMPLETED, Status.COMPLETED, {}, None, False),
        (Status.FAILED, Status.CANCELLED, {}, None, False),
        (Status.CANCELLED, Status.FAILED, NO_ID, None, False),
        (Status.COMPLETED, Status.PENDING, {}, None, False),
        (Status.COMPLETED, Status.PROCESSING, {}, None, False),
        (Status.FAILED, Status.PROCESSING, {}, BreakKind.STATUS_DIFFERS, False),
        (Status.FAILED, Status.COMPLETED, {}, BreakKind.STATUS_DIFFERS, True),
        (Status.FAILED, Status.COMPLETED, OTHER_ID, BreakKind.STATUS_DIFFERS, True),
        (Status.CANCELLED, Status.COMPLETED, {}, BreakKind.STATUS_DIFFERS, True),
        (Status.COMPLETED, Status.FAILED, {}, BreakKind.STATUS_DIFFERS, True),
        (Status.COMPLETED, Status.FAILED, NO_ID, BreakKind.STATUS_DIFFERS, True),
        (Status.COMPLETED, Status.FAILED, OTHER_ID, None, False),
        (Status.COMPLETED, Status.CANCELLED, OTHER_ID, None, False),
    ],
)
def test_what_has_ended_here_is_held_against_what_is_said_there(
    here: Status, there: Status, fields: dict[str, Any], kind: BreakKind | None, *, tell: bool
) -> None:
    found = judged(says(there, **fields), replace(PAID, status=here))
    assert found == (kind, f"{there} there, {here} here" if kind else "", tell)


def test_a_line_that_agrees_is_told_where_it_brings_the_providers_id() -> None:
    nameless = replace(PAID, provider_transaction_id=None)
    assert judged(says(), nameless) == (None, "", True)
    assert judged(says(**NO_ID), nameless) == (None, "", False)
    nameless = replace(nameless, status=Status.CANCELLED)
    assert judged(says(Status.FAILED), nameless) == (None, "", False)
    failed_there = says(Status.FAILED, **OTHER_ID)
    found = judged(failed_there, replace(PAID, provider_transaction_id=None))
    assert found[0] is BreakKind.STATUS_DIFFERS


# ---------------------------------------------------------------------------- one too many


@pytest.mark.parametrize(
    ("known", "said", "others", "further"),
    [
        ("OM-1", "OM-2", [], True),
        ("OM-1", "OM-1", [], False),
        ("OM-1", "OM-1", ["OM-2"], False),
        ("OM-1", "OM-1", ["OM-2", "OM-1"], True),
        ("OM-1", "OM-1", [None], True),
        (None, "OM-1", [], False),
        (None, "OM-1", ["OM-2"], True),
        ("OM-1", None, ["OM-1"], True),
        (None, None, [None], True),
    ],
)
def test_ids_decide_what_is_one_payment_too_many_where_both_are_known(
    known: str | None, said: str | None, others: list[str | None], *, further: bool
) -> None:
    ours = replace(PAID, provider_transaction_id=known)
    line = says(provider_transaction_id=said)
    before = [says(provider_transaction_id=each) for each in others]
    assert is_further(line, ours, before) is further
    unpaid = [replace(each, status=Status.FAILED) for each in before]
    assert is_further(line, ours, unpaid) is (known == "OM-1" and said == "OM-2")
    assert not is_further(replace(line, status=Status.FAILED), ours, before)


def test_the_first_payment_that_was_made_ends_what_is_open() -> None:
    first, second = says(provider_transaction_id="OM-1"), says(provider_transaction_id="OM-2")
    ended = replace(SENT, status=Status.COMPLETED, completed_at=first.at)
    paid = [says(Status.FAILED), first, second]
    assert supposing_paid(SENT, paid) == replace(ended, provider_transaction_id="OM-1")
    known = replace(SENT, provider_transaction_id="OM-0")
    assert supposing_paid(known, paid) == replace(ended, provider_transaction_id="OM-0")
    assert supposing_paid(SENT, [says(Status.FAILED)]) == SENT
    assert supposing_paid(FAILED, paid) == FAILED


# ---------------------------------------------------------------------------- likeness


def test_a_window_is_no_wider_than_matched_lines_are_kept_for_unknown_payments() -> None:
    assert Window(MOST_WINDOW, MOST_WINDOW).before == timedelta(days=31)
    for ends in ((MOST_WINDOW + TICK, TICK), (TICK, MOST_WINDOW + TICK)):
        with pytest.raises(ValueError, match="31 days at most"):
            Window(*ends)


def test_a_time_is_near_enough_within_the_window_its_ends_included() -> None:
    at = PAID.created_at
    for moment in (at - WINDOW.after, at, at + WINDOW.before):
        assert WINDOW.has(says(at=moment), PAID)
    for moment in (at - WINDOW.after - TICK, at + WINDOW.before + TICK):
        assert not WINDOW.has(says(at=moment), PAID)


@pytest.mark.parametrize(
    ("line", "ours", "does"),
    [
        (like(), SENT, True),
        (like(), PAID, True),
        (like(), replace(SENT, status=Status.PENDING), False),
        (like(kind=LineKind.REVERSAL), SENT, False),
        (like(reference="SOMEBODY-ELSES"), SENT, False),
        (like(msisdn=None), SENT, False),
        (like(amount=Money(1, XOF)), SENT, False),
        (like(provider_transaction_id="OM-9"), SENT, True),
        (like(provider_transaction_id="OM-9"), PAID, False),
        (like(provider_transaction_id=PAID.provider_transaction_id), PAID, True),
        (like(at=PAID.created_at + WINDOW.before + TICK), PAID, False),
        (like(at=PAID.created_at + WINDOW.before + TICK), SENT, True),
        (like(at=PAID.created_at - WINDOW.after), SENT, True),
        (like(at=PAID.created_at - WINDOW.after - TICK), SENT, False),
    ],
)
def test_what_a_line_may_be_about_by_its_likeness(
    line: StatementLine, ours: Booked, *, does: bool
) -> None:
    assert fits(line, ours, WINDOW) is does


def test_what_was_accepted_at_the_very_moment_is_not_open_since_before() -> None:
    none = Window(timedelta(0), timedelta(microseconds=-1))
    assert not fits(like(at=SENT.created_at), SENT, none)
    assert fits(like(at=SENT.created_at + TICK), SENT, none)


def test_of_several_that_ended_the_same_way_the_nearest_is_taken() -> None:
    line = like(at=PAID.created_at + timedelta(minutes=3))
    near = replace(PAID, id=UUID(int=5), created_at=line.at + timedelta(minutes=1))
    assert choose(line, [PAID, near], WINDOW) == near
    assert choose(line, [near, PAID], WINDOW) == near
    twin = replace(near, id=UUID(int=4))
    assert choose(line, [near, twin], WINDOW) == twin
    assert choose(line, [], WINDOW) is None


def test_what_is_not_to_be_guessed_is_not() -> None:
    other = replace(SENT, id=UUID(int=5))
    assert choose(like(), [SENT, other], WINDOW) is None
    assert choose(like(), [PAID, other], WINDOW) is None
    assert choose(like(), [SENT], WINDOW) == SENT
    late = like(at=SENT.created_at + WINDOW.before + TICK)
    assert choose(late, [SENT], WINDOW) is None


@pytest.mark.parametrize(
    ("line", "fitting", "detail"),
    [
        (says(), 0, "no cash-out of ours has this id or reference, or fits it"),
        (says(), 1, "no cash-out of ours has this id or reference, or fits it"),
        (
            back(),
            2,
            "2 cash-outs fit by number and amount; which one is not to be guessed",
        ),
        (back(), 0, "the reversal of a payment that is not ours"),
    ],
)
def test_a_line_about_nothing_of_ours_is_missing_here(
    line: StatementLine, fitting: int, detail: str
) -> None:
    assert judge_stranger(line, fitting) == Judged(None, BreakKind.MISSING_HERE, detail)
