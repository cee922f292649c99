"""Rulings, news and time in any order: what must hold holds."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.attempts import Capabilities, OutcomeKind
from domain.cases import RULED_AS
from domain.cash_out import Action, CashOut, cancel
from domain.event_facts import agrees
from domain.events import EventType
from domain.evidence import (
    Doorbell,
    NoAnswer,
    NotFound,
    Overdue,
    Resolution,
    ReviewReason,
    Source,
)
from domain.failures import FailureCode
from domain.record import Report
from domain.states import ENDINGS, Status
from tests.domain.ruled import (
    ENDING_EVENTS,
    NOT_PAID,
    OPEN,
    PAID,
    UNPAID,
    contradicted,
    events,
    in_review,
    ruled,
    says,
    told,
)
from tests.strategies import (
    BLIND,
    CAREFUL,
    DOORBELLS,
    NOW,
    PROVES,
    REFERENCE,
    a_cash_out,
    a_lease,
    an_attempt,
    answered,
    being_sent,
    echoes,
    fresh,
    statuses,
)

# --- what time alone has asked --------------------------------------------------------------------


@pytest.mark.parametrize("status", ENDINGS)
def test_a_review_that_asked_for_an_ending_alone_is_closed_by_it(status: Status) -> None:
    """After a day's outage thousands are overdue: what they were asked is answered by their end."""
    changes = told(in_review(OPEN["taken"]), says(status))
    assert events(changes) == [status, "review_resolved"]
    after = changes[-1].after
    assert (after.status, after.review, after.case.concerns) == (status, None, ())
    assert (after.case.ruled, after.case.reviewed_at) == (None, None), "nobody has ruled"
    body = changes[-1].events[-1].body
    assert f'"resolution":"{"paid" if status is Status.COMPLETED else "not_paid"}"' in body
    assert '"agrees":true' in body
    assert "resolutionId" not in body
    other = Status.FAILED if status is Status.COMPLETED else Status.COMPLETED
    assert events(told(after, says(other))) == ["contradicted", "needs_review"]


def test_a_review_that_asks_more_stays_open() -> None:
    both = told(in_review(OPEN["taken"]), says(Status.COMPLETED, reference="SOMEBODY-ELSES"))
    (ended,) = told(both[-1].after, says(Status.COMPLETED))
    assert events([ended]) == ["completed"]
    assert ended.after.review is ReviewReason.UNKNOWN_TOO_LONG
    mismatch = told(OPEN["taken"], says(Status.COMPLETED, reference="SOMEBODY-ELSES"))
    assert events(told(mismatch[-1].after, says(Status.FAILED))) == ["failed"]


def test_what_its_user_cancels_while_it_is_overdue_needs_nobody() -> None:
    change = cancel(in_review(fresh()), NOW + timedelta(days=2))
    assert events([change]) == ["cancelled", "review_resolved"]
    assert change.after.review is None


def test_what_is_proven_unpaid_by_its_attempts_closes_its_review_too() -> None:
    overdue = in_review(being_sent())
    refused = told(overdue, answered(OutcomeKind.REFUSED, FailureCode.NAME_MISMATCH))
    assert events(refused) == ["failed", "review_resolved"]


# --- all orders -----------------------------------------------------------------------------------

rulings = st.builds(ruled, st.sampled_from(Resolution), st.sampled_from([None, "OM-1", "OM-2"]))
answers = st.builds(
    answered, st.sampled_from(OutcomeKind), attempt=st.just(1), lease=st.just(a_lease().token)
)
news = st.builds(
    Report,
    st.sampled_from([Source.WEBHOOK, Source.STATUS_QUERY]),
    st.one_of(
        st.one_of(st.none(), statuses).flatmap(echoes),
        st.just(NotFound()),
        st.just(NoAnswer("silent")),
        st.builds(Doorbell, st.just(REFERENCE), st.just("word"), st.one_of(st.none(), statuses)),
        st.just(Overdue()),
    ),
    lease=st.sampled_from([a_lease().token, None]),
)
beginnings = st.sampled_from(
    [*OPEN.values(), contradicted(), contradicted(Status.COMPLETED, Status.FAILED)]
)


@given(
    cash_out=beginnings,
    reports=st.lists(st.one_of(rulings, news, answers), max_size=14),
    capabilities=st.sampled_from([PROVES, DOORBELLS, CAREFUL, BLIND]),
)
def test_whatever_the_order_of_rulings_and_news_what_must_hold_holds(
    cash_out: CashOut, reports: list[Report], capabilities: Capabilities
) -> None:
    """Endings are final, told once; limits are given back once and only for what is unpaid."""
    changes = told(cash_out, *reports, capabilities=capabilities)
    ended = cash_out.status if cash_out.ended else None
    for change in changes:
        assert ended in {None, change.after.status}
        ended = change.after.status if change.after.ended else None
        assert change.after.ended or change.after.plan is not None
        plan = change.after.plan
        assert not (change.after.ended and plan and plan.action is Action.SUBMIT)
        assert (change.after.review is None) == (change.after.case.opened_at is None)
        assert (change.after.review is None) == (change.after.case.concerns == ())
    now = changes[-1].after if changes else cash_out
    said = [each.type for change in changes for each in change.events]
    endings = [each for each in said if each in ENDING_EVENTS]
    moved = now.ended and not cash_out.ended
    assert endings == ([f"cash_out.{now.status}"] if moved else [])
    assert sum(change.frees for change in changes) == (moved and now.status in UNPAID)
    # Each review that was raised is open still, or was resolved: nothing closes one but a ruling.
    opened = said.count(EventType.NEEDS_REVIEW) + (cash_out.review is not None)
    assert opened - said.count(EventType.REVIEW_RESOLVED) == (now.review is not None)


@given(
    state=st.sampled_from(sorted(ENDINGS)),
    resolution=st.sampled_from([PAID, NOT_PAID]),
    later=st.lists(st.sampled_from(sorted(ENDINGS)), max_size=8),
)
def test_after_a_ruling_a_review_is_open_exactly_when_something_new_disagrees(
    state: Status, resolution: Resolution, later: list[Status]
) -> None:
    other = Status.FAILED if state is Status.COMPLETED else Status.COMPLETED
    settled = told(contradicted(state, other), ruled(resolution))[-1].after
    after = told(settled, *map(says, later))[-1].after if later else settled
    known = {other, *RULED_AS[resolution]}
    new = [
        each
        for each in later
        if each not in known and (each is not state or not agrees(resolution, state))
    ]
    assert (after.review is not None) == bool(new)


def test_an_open_attempt_is_no_hindrance_and_stays_as_it_is() -> None:
    lost = in_review(a_cash_out(status=Status.PROCESSING, attempts=(an_attempt(None),)))
    after = told(lost, ruled(NOT_PAID))[-1].after
    assert after.status is Status.FAILED
    assert after.attempts == lost.attempts
