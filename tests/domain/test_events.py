"""Events: recognisable when told twice, and exact about money."""

import json

from hypothesis import given
from hypothesis import strategies as st

from domain.cash_out import accept
from domain.events import ANNOUNCES, EventType, event
from domain.money import Money
from domain.states import Status
from tests.strategies import AN_ID, NOW, USD, a_cash_out


def test_every_state_is_announced_by_its_own_event() -> None:
    assert ANNOUNCES == {
        Status.PENDING: EventType.INITIATED,
        Status.PROCESSING: EventType.PROCESSING,
        Status.COMPLETED: EventType.COMPLETED,
        Status.FAILED: EventType.FAILED,
        Status.CANCELLED: EventType.CANCELLED,
    }


def test_the_same_event_has_the_same_id_and_another_one_has_not() -> None:
    kinds = list(EventType)
    ids = {event(kind, AN_ID, number, NOW, {}).id for kind in kinds for number in (1, 2)}
    assert len(ids) == 2 * len(kinds)
    assert event(kinds[0], AN_ID, 1, NOW, {}).id in ids


@given(
    names=st.lists(st.text(min_size=1, max_size=20), min_size=2, max_size=2),
    minor=st.integers(0, 10**12),
)
def test_any_text_survives_the_payload_and_money_is_an_exact_number(
    names: list[str], minor: int
) -> None:
    user, wallet = names
    new = a_cash_out(
        user_id=user, wallet_id=wallet, amount=Money(minor, USD), fee=Money(1, USD), events=0
    )
    told = accept(new).events[0]
    payload = json.loads(told.body, parse_float=str, parse_int=str)
    assert (payload["userId"], payload["walletId"]) == (user, wallet)
    assert payload["amount"] == Money(minor, USD).plain
    assert payload["fee"] == "0.01"
    assert "providerTransactionId" not in payload


def test_taking_a_cash_out_is_told_first_and_makes_it_due_at_once() -> None:
    change = accept(a_cash_out(plan=None, events=0))
    assert [(each.type, each.sequence) for each in change.events] == [(EventType.INITIATED, 1)]
    assert change.after.events == 1
    assert change.after.plan is not None
    assert change.after.plan.due_at == NOW


def test_letters_beyond_ascii_are_written_as_they_are() -> None:
    told = accept(a_cash_out(user_id="Awa Koné", events=0)).events[0]
    assert '"userId":"Awa Koné"' in told.body


def test_every_event_names_its_cash_out_first() -> None:
    told = accept(a_cash_out(events=0)).events[0]
    assert told.body.startswith(f'{{"cashOutId":"{AN_ID}","userId":')
