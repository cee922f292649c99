"""POST /cash-out: what is taken, how it is answered, and what a repeated request gets."""

import asyncio
from datetime import timedelta

import pytest

from adapters.web.app import WebSettings
from application.ports import StorageUnavailable
from domain.attempts import OutcomeKind
from domain.cash_out import CashOut
from domain.evidence import News, Outcome
from domain.failures import FailureCode
from domain.states import Status
from tests.adapters.web.house import BODY, CASH_OUTS, House, check_problem, fields, house, signed_in

pytestmark = pytest.mark.anyio

PAID = Outcome(OutcomeKind.ACCEPTED, news=News("DONE", Status.COMPLETED, "OM-1"))


async def test_a_cash_out_is_taken_with_202_and_a_place_to_read_it(api: House) -> None:
    answer = await api.post()
    assert answer.status_code == 202
    told = answer.json()
    data = told["data"]
    assert (told["success"], told["message"]) == (True, "Cash out request initiated")
    assert answer.headers["location"] == f"{CASH_OUTS}/{data['cashOutId']}"
    assert "idempotent-replayed" not in answer.headers
    assert data["reference"].startswith("CASH-")
    del data["cashOutId"], data["reference"]
    assert data == {
        "userId": "user-1",
        "walletId": "wallet-1",
        "amount": 1500,
        "currency": "XOF",
        "fee": 600,
        "totalAmount": 2100,
        "provider": "orange_money",
        "providerAccountId": "+2250700000789",
        "providerAccountName": "Awa Koné",
        "status": "pending",
        "statusDetail": "Accepted. It goes to the provider now.",
        "attempts": 0,
        "needsReview": False,
        "createdAt": "2026-11-23T10:15:30.000Z",
        "updatedAt": "2026-11-23T10:15:30.000Z",
    }
    assert api.partner.orders == []


@pytest.mark.parametrize(
    ("written", "read"),
    [("10.50", "10.5"), ("10.5", "10.5"), ('"10.50"', "10.5"), ("1000", "1000"), ('"7"', "7")],
)
async def test_amounts_are_read_and_written_exactly(api: House, written: str, read: str) -> None:
    raw = (
        f'{{"walletId":"w","amount":{written},"currency":"USD","provider":"orange_money",'
        '"providerAccountId":"+2250700000789","providerAccountName":"Awa"}'
    )
    answer = await api.post_raw(raw.encode())
    assert answer.status_code == 202, answer.text
    assert f'"amount":{read},' in answer.text


async def test_a_user_id_in_the_body_is_refused(api: House) -> None:
    answer = await api.post({**BODY, "userId": "user-2"})
    assert fields(check_problem(answer, 400, "BAD_REQUEST")) == ["userId"]


async def test_the_same_key_and_body_give_the_same_cash_out(api: House) -> None:
    first = await api.post(idempotency_key="key-1")
    written = api.written
    again = await api.post(idempotency_key="key-1")
    assert again.status_code == first.status_code == 202
    assert again.headers["idempotent-replayed"] == "true"
    assert again.json() == first.json()
    assert api.written == written


async def test_a_repeated_request_tells_the_present_state(api: House) -> None:
    await api.post(idempotency_key="key-1")
    api.partner.outcome = PAID
    await api.worker.step()
    again = await api.post(idempotency_key="key-1")
    assert (again.status_code, again.json()["data"]["status"]) == (202, "completed")


async def test_the_same_key_with_another_body_names_the_fields_that_differ(api: House) -> None:
    await api.post(idempotency_key="key-1")
    changed = {**BODY, "amount": 1600, "walletId": "wallet-2"}
    error = check_problem(
        await api.post(changed, idempotency_key="key-1"), 422, "IDEMPOTENCY_KEY_REUSED"
    )
    assert sorted(fields(error)) == ["amount", "walletId"]


async def test_keys_of_two_users_do_not_meet(api: House) -> None:
    first = await api.post(idempotency_key="key-1")
    other = await api.post(idempotency_key="key-1", user="user-2")
    assert other.status_code == 202
    assert other.json()["data"]["cashOutId"] != first.json()["data"]["cashOutId"]


async def test_a_refused_request_leaves_no_key_behind(api: House) -> None:
    await api.post({**BODY, "amount": 1}, idempotency_key="key-1")
    assert (await api.post(idempotency_key="key-1")).status_code == 202


async def test_fifty_at_once_with_one_key_make_one_cash_out(api: House) -> None:
    answers = await asyncio.gather(*(api.post(idempotency_key="key-1") for _ in range(50)))
    assert {each.status_code for each in answers} == {202}
    assert len({each.json()["data"]["cashOutId"] for each in answers}) == 1
    assert len(api.store.cash_outs) == 1


async def test_the_same_reference_and_body_give_the_same_cash_out(api: House) -> None:
    body = {**BODY, "reference": "ORDER-000001"}
    first, again = await api.post(body), await api.post(body)
    assert again.headers["idempotent-replayed"] == "true"
    assert again.json()["data"]["cashOutId"] == first.json()["data"]["cashOutId"]


@pytest.mark.parametrize(("user", "amount"), [("user-2", 1500), ("user-1", 1600)])
async def test_a_taken_reference_tells_nothing_of_its_owner(
    api: House, user: str, amount: int
) -> None:
    await api.post({**BODY, "reference": "ORDER-000001"})
    body = {**BODY, "reference": "ORDER-000001", "amount": amount}
    error = check_problem(await api.post(body, user=user), 409, "DUPLICATE_REFERENCE")
    assert fields(error) == ["reference"]
    assert "user-1" not in str(error)


@pytest.mark.parametrize("key", ["", "a b", "k" * 256, "é"])
async def test_a_key_that_is_none_is_told_with_the_body_s_faults(api: House, key: str) -> None:
    headers = [(b"idempotency-key", key.encode("latin-1"))]
    headers += [(name.encode(), value.encode()) for name, value in signed_in().items()]
    answer = await api.client.post(CASH_OUTS, json={**BODY, "walletId": ""}, headers=headers)
    assert fields(check_problem(answer, 400, "BAD_REQUEST")) == ["Idempotency-Key", "walletId"]


async def test_two_keys_are_refused(api: House) -> None:
    headers = [*signed_in().items(), ("idempotency-key", "a"), ("idempotency-key", "b")]
    answer = await api.client.post(CASH_OUTS, json=BODY, headers=headers)
    assert fields(check_problem(answer, 400, "BAD_REQUEST")) == ["Idempotency-Key"]


async def test_prefer_wait_answers_200_with_the_end(api: House) -> None:
    api.partner.outcome = PAID
    asked = await api.asked(prefer="respond-async, wait=10")
    await api.worker.step()
    answer = await asked
    assert (answer.status_code, answer.json()["data"]["status"]) == (200, "completed")
    assert answer.headers["preference-applied"] == "wait=10"


async def test_prefer_wait_ends_with_what_is_known_when_time_is_up(api: House) -> None:
    asked = asyncio.create_task(api.post(prefer='wait="2"'))
    while not asked.done():
        await asyncio.sleep(0)
        api.clock.advance(timedelta(milliseconds=100))
    answer = await asked
    assert (answer.status_code, answer.json()["data"]["status"]) == (202, "pending")
    assert answer.headers["preference-applied"] == "wait=2"


@pytest.mark.parametrize(
    ("asked", "granted"), [("wait=0", "wait=0"), ("WAIT = 0; x=1", "wait=0"), ("wait=-1", None)]
)
async def test_preferences_are_granted_when_they_can_be_read(
    api: House, asked: str, granted: str | None
) -> None:
    answer = await api.post(prefer=asked)
    assert answer.status_code == 202
    assert answer.headers.get("preference-applied") == granted


async def test_a_long_wait_is_granted_up_to_thirty_seconds(api: House) -> None:
    asked = asyncio.create_task(api.post(prefer="wait=9000"))
    while not asked.done():
        await asyncio.sleep(0)
        api.clock.advance(timedelta(seconds=1))
    assert (await asked).headers["preference-applied"] == "wait=30"
    assert api.clock.elapsed() < timedelta(seconds=40)


async def test_without_room_for_waiters_the_answer_comes_at_once() -> None:
    async with house(WebSettings(waiters_most=0)) as api:
        answer = await api.post(prefer="wait=10")
        assert answer.status_code == 202
        assert "preference-applied" not in answer.headers


async def test_a_store_that_goes_away_during_the_wait_takes_nothing_back() -> None:
    async def away(_: CashOut, __: timedelta) -> CashOut:
        raise StorageUnavailable("gone")

    async with house(await_answer=away) as api:
        answer = await api.post(prefer="wait=10")
        assert (answer.status_code, answer.json()["data"]["status"]) == (202, "pending")


@pytest.mark.parametrize(
    "outcome",
    [
        Outcome(OutcomeKind.UNKNOWN),
        Outcome(OutcomeKind.UNSENT, code=FailureCode.PROVIDER_UNAVAILABLE),
        Outcome(OutcomeKind.REFUSED, code=FailureCode.RECIPIENT_NOT_FOUND),
    ],
)
async def test_a_provider_in_trouble_never_makes_an_error_of_a_taken_cash_out(
    api: House, outcome: Outcome
) -> None:
    api.partner.outcome = outcome
    asked = await api.asked(prefer="wait=5")
    await api.worker.step()
    assert (await asked).status_code in {200, 202}


async def test_a_number_of_another_operator_is_taken_with_a_warning(api: House) -> None:
    answer = await api.post({**BODY, "providerAccountId": "+2250500000789"})
    assert answer.status_code == 202
    assert len(answer.json()["data"]["warnings"]) == 1


@pytest.mark.parametrize(
    "fault", [StorageUnavailable("away"), StorageUnavailable("lost", outcome_unknown=True)]
)
async def test_a_store_that_is_away_is_503_with_retry_after(fault: StorageUnavailable) -> None:
    async def away(_: object) -> object:
        raise fault

    async with house(request=away) as api:
        answer = await api.post()
        check_problem(answer, 503, "SERVICE_UNAVAILABLE")
        assert int(answer.headers["retry-after"]) > 0


async def test_users_are_held_to_their_rate_and_told_when_to_come_back() -> None:
    async with house(WebSettings(rate_limit_per_minute=2)) as api:
        assert [(await api.post()).status_code for _ in range(2)] == [202, 202]
        answer = await api.post()
        check_problem(answer, 429, "RATE_LIMITED")
        assert answer.headers["retry-after"] == "30"
        assert (await api.post(user="user-2")).status_code == 202
        assert (await api.get(CASH_OUTS)).status_code == 200
        api.clock.advance(timedelta(seconds=30))
        assert (await api.post()).status_code == 202


async def test_a_rate_of_zero_limits_nobody() -> None:
    async with house(WebSettings(rate_limit_per_minute=0)) as api:
        assert {(await api.post()).status_code for _ in range(30)} == {202}
