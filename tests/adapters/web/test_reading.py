"""Reading: one cash-out, the history by page and by cursor, providers, prices, cancelling."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from adapters.web.cursors import BadCursor, Cursor, read_cursor, write_cursor
from application.ports import Place
from domain.attempts import OutcomeKind
from domain.cash_out import Action
from domain.evidence import News, Outcome
from domain.failures import FailureCode
from domain.states import Status
from tests.adapters.web.house import (
    BODY,
    CASH_OUTS,
    PROVIDERS,
    QUOTE,
    House,
    check_problem,
    fields,
    signed_in,
)

pytestmark = pytest.mark.anyio


async def test_a_user_reads_what_was_taken(api: House) -> None:
    taken = (await api.post()).json()["data"]
    answer = await api.get(f"{CASH_OUTS}/{taken['cashOutId']}")
    assert answer.status_code == 200
    assert answer.json() == {"success": True, "data": taken}


async def test_upper_case_ids_are_the_same_ids(api: House) -> None:
    made = await api.made()
    assert (await api.get(f"{CASH_OUTS}/{made.upper()}")).status_code == 200


async def test_somebody_else_s_cash_out_is_forbidden_without_any_effect(api: House) -> None:
    made = await api.made()
    await api.worker.step()
    api.clock.advance(timedelta(minutes=1))
    written, plan = api.written, api.store.cash_outs[UUID(made)].plan
    for path in (f"{CASH_OUTS}/{made}", f"{CASH_OUTS}/{made}/cancel"):
        method = "POST" if path.endswith("cancel") else "GET"
        answer = await api.client.request(method, path, headers=signed_in("user-2"))
        check_problem(answer, 403, "FORBIDDEN")
        assert "user-1" not in answer.text
    assert api.written == written
    assert api.store.cash_outs[UUID(made)].plan == plan


async def test_an_admin_reads_everybody_s(api: House) -> None:
    made = await api.made()
    answer = await api.get(f"{CASH_OUTS}/{made}", user="operator-1", role="admin")
    assert answer.json()["data"]["userId"] == "user-1"


@pytest.mark.parametrize(
    ("user", "role", "seen"),
    [
        ("vera", "viewer", ("+225*******789", "***")),
        ("user-1", "viewer", ("+2250700000789", "Awa Koné")),
        ("oscar", "operator", ("+2250700000789", "Awa Koné")),
    ],
)
async def test_to_whom_it_goes_is_told_in_full_to_its_owner_and_who_may_see_numbers(
    api: House, user: str, role: str, seen: tuple[str, str]
) -> None:
    told = (await api.get(f"{CASH_OUTS}/{await api.made()}", user=user, role=role)).json()["data"]
    assert (told["providerAccountId"], told["providerAccountName"]) == seen


async def test_reading_brings_the_next_question_forward_once(api: House) -> None:
    made = await api.made()
    await api.worker.step()
    for _ in range(4):
        api.clock.advance(timedelta(seconds=200))
        await api.worker.step()
    api.clock.advance(timedelta(seconds=10))
    before = api.store.cash_outs[UUID(made)]
    assert before.plan is not None
    assert before.plan.due_at > api.clock.now()
    await api.get(f"{CASH_OUTS}/{made}")
    hastened = api.store.cash_outs[UUID(made)].plan
    assert hastened is not None
    assert (hastened.action, hastened.due_at) == (Action.ASK, api.clock.now())
    asked = api.partner.asked
    for _ in range(20):
        await api.get(f"{CASH_OUTS}/{made}")
        await api.worker.step()
    assert api.partner.asked == asked + 1


@pytest.mark.parametrize(
    ("language", "reason", "detail"),
    [
        (
            "en",
            "This number has no mobile money account.",
            "This number has no mobile money account. Nothing was paid.",
        ),
        (
            "fr-FR, en;q=0.8",
            "Ce numéro n'a pas de compte mobile money.",
            "Ce numéro n'a pas de compte mobile money. Rien n'a été payé.",
        ),
    ],
)
async def test_a_failure_is_told_in_safe_words_of_the_reader_s_language(
    api: House, language: str, reason: str, detail: str
) -> None:
    api.partner.outcome = Outcome(
        OutcomeKind.REFUSED, code=FailureCode.RECIPIENT_NOT_FOUND, detail="E_SUBSCRIBER_42"
    )
    made = await api.made()
    await api.worker.step()
    answer = await api.get(f"{CASH_OUTS}/{made}", accept_language=language)
    data = answer.json()["data"]
    assert (data["status"], data["failureCode"]) == ("failed", "RECIPIENT_NOT_FOUND")
    assert (data["failureReason"], data["statusDetail"]) == (reason, detail)
    assert data["completedAt"]
    assert answer.headers["content-language"] == language[:2]
    assert "E_SUBSCRIBER_42" not in answer.text


async def test_a_completed_cash_out_tells_the_provider_s_id(api: House) -> None:
    api.partner.outcome = Outcome(
        OutcomeKind.ACCEPTED, news=News("DONE", Status.COMPLETED, "OM-7F3A")
    )
    made = await api.made()
    await api.worker.step()
    data = (await api.get(f"{CASH_OUTS}/{made}")).json()["data"]
    assert data["providerTransactionId"] == "OM-7F3A"
    assert (data["attempts"], data["status"]) == (1, "completed")
    assert data["completedAt"] == "2026-11-23T10:15:30.000Z"
    assert "failureReason" not in data


# --- cancelling -----------------------------------------------------------------------------------


async def test_what_is_not_on_the_wire_can_be_cancelled(api: House) -> None:
    made = await api.made()
    answer = await api.client.post(f"{CASH_OUTS}/{made}/cancel", headers=signed_in())
    assert answer.status_code == 200
    data = answer.json()["data"]
    assert (data["status"], data["failureReason"]) == ("cancelled", "Cancelled by the user.")


async def test_what_may_be_on_the_wire_cannot_be_cancelled(api: House) -> None:
    made = await api.made()
    await api.worker.step()
    answer = await api.client.post(f"{CASH_OUTS}/{made}/cancel", headers=signed_in())
    error = check_problem(answer, 409, "TOO_LATE_TO_CANCEL")
    assert error["details"] == [{"field": "status", "message": "processing"}]


# --- history --------------------------------------------------------------------------------------


async def many(api: House, number: int, user: str = "user-1") -> list[str]:
    made = []
    for _ in range(number):
        made.append(await api.made(user=user))
        api.clock.advance(timedelta(seconds=1))
    return made[::-1]


async def test_history_is_one_s_own_newest_first_in_pages(api: House) -> None:
    made = await many(api, 12)
    await many(api, 3, "user-2")
    first = (await api.get(CASH_OUTS)).json()["data"]
    assert [each["cashOutId"] for each in first["cashOuts"]] == made[:10]
    cursor = first["pagination"].pop("nextCursor")
    assert first["pagination"] == {
        "totalItems": 12,
        "totalPages": 2,
        "currentPage": 1,
        "itemsPerPage": 10,
    }
    for params in ({"page": "2"}, {"cursor": cursor}):
        last = (await api.get(CASH_OUTS, params=params)).json()["data"]
        assert [each["cashOutId"] for each in last["cashOuts"]] == made[10:]
        assert last["pagination"]["currentPage"] == 2
        assert "nextCursor" not in last["pagination"]


async def test_an_admin_s_history_is_the_admin_s_own(api: House) -> None:
    await many(api, 2)
    answer = await api.get(CASH_OUTS, user="operator-1", role="admin")
    assert answer.json()["data"]["pagination"]["totalItems"] == 0


async def test_a_cursor_walks_everything_once_while_new_ones_come(api: House) -> None:
    made = await many(api, 9)
    seen: list[str] = []
    params = {"limit": "4"}
    while True:
        data = (await api.get(CASH_OUTS, params=params)).json()["data"]
        seen += [each["cashOutId"] for each in data["cashOuts"]]
        await many(api, 1)
        if "nextCursor" not in data["pagination"]:
            break
        params = {"limit": "4", "cursor": data["pagination"]["nextCursor"]}
    assert seen == made


async def test_another_user_s_cursor_is_refused(api: House) -> None:
    await many(api, 2)
    params = {"limit": "1"}
    page = (await api.get(CASH_OUTS, params=params)).json()["data"]["pagination"]
    answer = await api.get(CASH_OUTS, user="user-2", params={"cursor": page["nextCursor"]})
    assert fields(check_problem(answer, 400, "BAD_REQUEST")) == ["cursor"]


async def test_filters_narrow_the_history(api: House) -> None:
    made = await api.made()
    other = await api.made(walletId="wallet-2")
    await api.client.post(f"{CASH_OUTS}/{other}/cancel", headers=signed_in())
    for params, expected in (
        ({"status": "pending"}, [made]),
        ({"status": "cancelled"}, [other]),
        ({"walletId": "wallet-1"}, [made]),
        ({"provider": "afrimoney"}, []),
        ({"provider": "orange_money", "status": "pending", "limit": "100"}, [made]),
    ):
        found = (await api.get(CASH_OUTS, params=params)).json()["data"]["cashOuts"]
        assert [each["cashOutId"] for each in found] == expected


@pytest.mark.parametrize(
    ("params", "found"),
    [
        ({"startDate": "2026-11-23"}, True),
        ({"startDate": "2026-11-24"}, False),
        ({"endDate": "2026-11-23"}, True),
        ({"endDate": "2026-11-22"}, False),
        ({"startDate": "2026-11-23", "endDate": "2026-11-23"}, True),
        ({"startDate": "2026-11-23T10:15:30Z", "endDate": "2026-11-23T10:15:30Z"}, True),
        ({"startDate": "2026-11-23T10:15:30.001Z"}, False),
        ({"endDate": "2026-11-23T10:15:29Z"}, False),
        ({"startDate": "2026-11-23T12:15:30+02:00"}, True),
        ({"startDate": "2026-11-23T12:15:31+02:00"}, False),
        ({"endDate": "2026-11-23T10:15:30"}, True),
    ],
)
async def test_dates_are_days_or_moments_in_utc(
    api: House, params: dict[str, str], found: bool
) -> None:
    await api.made()
    data = (await api.get(CASH_OUTS, params=params)).json()["data"]
    assert bool(data["cashOuts"]) is found


async def test_an_unencoded_plus_of_a_zone_is_understood(api: House) -> None:
    await api.made()
    answer = await api.client.get(
        f"{CASH_OUTS}?startDate=2026-11-23T12:15:30+02:00", headers=signed_in()
    )
    assert len(answer.json()["data"]["cashOuts"]) == 1


BAD_QUERIES = [
    ("status=done", "status"),
    ("status=", "status"),
    ("status[$ne]=x", "status[$ne]"),
    ("status[]=pending", "status[]"),
    ("provider=mpesa", "provider"),
    ("provider[$regex]=.*", "provider[$regex]"),
    ("walletId=", "walletId"),
    ("walletId=a%20b", "walletId"),
    ("walletId=a%00b", "walletId"),
    ("startDate=yesterday", "startDate"),
    ("startDate=2026-02-30", "startDate"),
    ("startDate=20261123", "startDate"),
    ("startDate=0001-01-01", "startDate"),
    ("endDate=9999-12-31", "endDate"),
    ("endDate=9999-12-31T23:59:59-23:59", "endDate"),
    ("endDate=2026-13-01", "endDate"),
    ("startDate=2026-11-23&endDate=2026-11-22", "endDate"),
    ("page=0", "page"),
    ("page=-1", "page"),
    ("page=1.5", "page"),
    ("page=abc", "page"),
    ("page=%D9%A1", "page"),
    ("page=99999999999999999999", "page"),
    ("limit=0", "limit"),
    ("limit=101", "limit"),
    ("limit=", "limit"),
    ("limit=1e1", "limit"),
    ("limit=5&limit=6", "limit"),
    ("cursor=abc", "cursor"),
    ("cursor=", "cursor"),
    ("cursor=%00", "cursor"),
    ("cursor=" + "A" * 48, "cursor"),
    ("userId=user-2", "userId"),
    ("sort=amount", "sort"),
    ("%FF=1", "query"),
    ("status=%FF", "query"),
    ("&".join(f"a{n}=1" for n in range(50)), "query"),
]


@pytest.mark.parametrize(("query", "field"), BAD_QUERIES)
async def test_a_bad_filter_is_400_and_named(api: House, query: str, field: str) -> None:
    answer = await api.client.get(f"{CASH_OUTS}?{query}", headers=signed_in())
    assert field in fields(check_problem(answer, 400, "BAD_REQUEST"))


async def test_every_bad_filter_is_told_at_once(api: House) -> None:
    answer = await api.client.get(
        f"{CASH_OUTS}?page=0&limit=101&status=x&cursor=y", headers=signed_in()
    )
    told = fields(check_problem(answer, 400, "BAD_REQUEST"))
    assert set(told) == {"page", "limit", "status", "cursor"}


def test_a_cursor_survives_its_writing_and_no_change() -> None:
    place = Place(datetime(2026, 11, 23, 10, 15, 30, 123_457, tzinfo=UTC), UUID(int=7))
    text = write_cursor(Cursor(place, 3), "user-1")
    assert read_cursor(text, "user-1") == Cursor(place, 3)
    for spoilt in (text[:-1], text + "A", text[1:] + text[0], text.swapcase(), f"{text}\n", ""):
        with pytest.raises(BadCursor):
            read_cursor(spoilt, "user-1")
    with pytest.raises(BadCursor):
        read_cursor(text, "user-2")


# --- providers and prices -------------------------------------------------------------------------


async def test_providers_tell_their_usd_limits_and_their_corridors(api: House) -> None:
    answer = await api.get(PROVIDERS)
    assert answer.status_code == 200
    providers = {each["id"]: each for each in answer.json()["data"]["providers"]}
    assert set(providers) == {"orange_money", "afrimoney"}
    orange = providers["orange_money"]
    assert (orange["name"], orange["available"]) == ("Orange Money", True)
    assert "Côte d'Ivoire" in orange["supportedCountries"]
    assert orange["limits"] == {
        "minAmount": 1,
        "maxAmount": 5000,
        "dailyLimit": 10000,
        "monthlyLimit": 50000,
        "currency": "USD",
    }
    assert providers["afrimoney"]["limits"]["minAmount"] == 0.5
    ivory = next(each for each in orange["corridors"] if each["country"] == "CI")
    assert (ivory["currencies"], ivory["available"]) == (["XOF", "USD"], True)
    franc = next(each for each in ivory["tariffs"] if each["currency"] == "XOF")
    assert franc["fee"] == {"percent": 2, "minimum": 600}
    assert franc["limits"]["maxAmount"] == 3_000_000
    assert '"percent":1.5' in answer.text
    assert "1E+" not in answer.text


async def test_a_price_is_told_and_nothing_reserved(api: House) -> None:
    await api.made()
    written = api.written
    params = {
        "provider": "orange_money",
        "currency": "XOF",
        "amount": "100000",
        "providerAccountId": "+2250700000789",
    }
    answer = await api.get(QUOTE, params=params)
    assert answer.status_code == 200, answer.text
    data = answer.json()["data"]
    assert (data["amount"], data["fee"], data["totalAmount"]) == (100_000, 2_000, 102_000)
    assert data["country"] == "CI"
    assert data["daily"] == {
        "limit": 6_000_000,
        "used": 1_500,
        "remaining": 5_998_500,
        "resetsAt": "2026-11-24T00:00:00.000Z",
    }
    assert api.written == written


async def test_a_price_can_be_told_without_an_account(api: House) -> None:
    params = {"provider": "orange_money", "currency": "XOF", "amount": "1500"}
    data = (await api.get(QUOTE, params=params)).json()["data"]
    assert "country" not in data


async def test_an_unencoded_plus_of_a_number_is_understood(api: House) -> None:
    answer = await api.client.get(
        f"{QUOTE}?provider=orange_money&currency=XOF&amount=1500&providerAccountId=+2250700000789",
        headers=signed_in(),
    )
    assert answer.json()["data"]["country"] == "CI"


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({"provider": "mpesa"}, 400, "INVALID_PROVIDER"),
        ({"currency": "EUR"}, 422, "CURRENCY_NOT_SUPPORTED"),
        ({"amount": "1e3"}, 400, "INVALID_AMOUNT"),
        ({"amount": "1"}, 422, "AMOUNT_BELOW_MINIMUM"),
        ({"amount": "3000001"}, 422, "AMOUNT_ABOVE_MAXIMUM"),
        ({"providerAccountId": "abc"}, 422, "INVALID_ACCOUNT"),
        ({"amount": ""}, 400, "BAD_REQUEST"),
        ({"color": "red"}, 400, "BAD_REQUEST"),
    ],
)
async def test_a_price_is_refused_as_the_request_would_be(
    api: House, changes: dict[str, str], status: int, code: str
) -> None:
    params = {"provider": "orange_money", "currency": "XOF", "amount": "1500", **changes}
    check_problem(await api.get(QUOTE, params=params), status, code)


async def test_a_price_without_its_parameters_names_them(api: House) -> None:
    error = check_problem(await api.get(QUOTE), 400, "BAD_REQUEST")
    assert fields(error) == ["provider", "currency", "amount"]


async def test_two_cash_outs_of_one_body_are_two(api: House) -> None:
    assert await api.made(**BODY) != await api.made(**BODY)
