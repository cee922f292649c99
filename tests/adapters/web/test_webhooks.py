"""Webhooks: verified over the raw bytes, kept before they are answered, judged once."""

import asyncio
import json
from typing import Any
from uuid import UUID

import httpx
import pytest

from application.ports import StorageUnavailable
from domain.states import Status
from tests.adapters.web.house import WEBHOOK, House, check_problem, fields, house
from tests.adapters.web.partner import signature

pytestmark = pytest.mark.anyio


async def tell(api: House, raw: bytes, **headers: str) -> httpx.Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return await api.client.post(WEBHOOK, content=raw, headers=named)


async def news_of(api: House, status: str = "DONE") -> tuple[str, bytes]:
    made = await api.made()
    reference = api.store.cash_outs[UUID(made)].reference
    return made, json.dumps(
        {"transactionId": "OM-1", "reference": reference, "status": status}, indent=2
    ).encode()


async def test_good_news_is_applied_and_answered_with_the_state(api: House) -> None:
    made, raw = await news_of(api)
    answer = await tell(api, raw, x_signature=signature(raw))
    assert answer.status_code == 200
    assert answer.json() == {
        "success": True,
        "data": {"success": True, "cashOutId": made, "status": "completed"},
    }
    assert api.store.cash_outs[UUID(made)].status is Status.COMPLETED


async def test_duplicates_are_200_and_change_nothing(api: House) -> None:
    _, raw = await news_of(api)
    first = await tell(api, raw, x_signature=signature(raw))
    written = api.written
    answers = await asyncio.gather(*(tell(api, raw, x_signature=signature(raw)) for _ in range(10)))
    assert {each.status_code for each in answers} == {200}
    assert all(each.json() == first.json() for each in answers)
    assert api.written == written


@pytest.mark.parametrize("later", ["PENDING", "FAILED", "BANANA"])
async def test_stale_contradicting_and_unknown_news_are_200_and_move_no_ending(
    api: House, later: str
) -> None:
    made, raw = await news_of(api)
    await tell(api, raw, x_signature=signature(raw))
    other = raw.replace(b"DONE", later.encode())
    answer = await tell(api, other, x_signature=signature(other))
    assert answer.status_code == 200
    assert answer.json()["data"]["status"] == "completed"
    assert api.store.cash_outs[UUID(made)].status is Status.COMPLETED


async def test_an_unknown_reference_is_kept_and_told_as_not_found_in_system(api: House) -> None:
    raw = b'{"reference":"CASH-UNKNOWN","status":"DONE"}'
    answer = await tell(api, raw, x_signature=signature(raw))
    assert answer.status_code == 200
    assert answer.json()["data"] == {
        "success": True,
        "message": "Transaction not found in system",
    }
    (kept,) = api.store.deliveries.values()
    assert kept.delivery.raw == raw


RAW = b'{"reference":"CASH-1","status":"DONE"}'
GOOD = signature(RAW)


@pytest.mark.parametrize(
    "given",
    [
        [],
        [""],
        ["0" * 64],
        [GOOD[:-1]],
        [GOOD.upper()],
        [GOOD, GOOD],
        [GOOD, "0" * 64],
        [f"sha256={GOOD}"],
        ["not-hex"],
        ["é" * 64],
        ["x" * 5000],
    ],
)
async def test_a_missing_or_bad_signature_is_401_and_nothing_is_kept(
    api: House, given: list[str]
) -> None:
    headers = [(b"x-signature", value.encode("latin-1")) for value in given]
    answer = await api.client.post(WEBHOOK, content=RAW, headers=headers)
    error = check_problem(answer, 401, "INVALID_SIGNATURE")
    assert "details" not in error
    assert not any(api.written)


async def test_a_body_changed_by_a_space_is_401(api: House) -> None:
    answer = await tell(api, RAW + b" ", x_signature=GOOD)
    check_problem(answer, 401, "INVALID_SIGNATURE")


async def test_header_names_are_case_insensitive_and_repeated_ones_arrive(api: House) -> None:
    headers = [("X-SIGNATURE", GOOD), ("X-Extra", "1"), ("X-Extra", "2")]
    answer = await api.client.post(WEBHOOK, content=RAW, headers=headers)
    assert answer.status_code == 200
    assert [value for name, value in api.partner.seen if name == "x-extra"] == ["1", "2"]


@pytest.mark.parametrize(
    ("raw", "missing"),
    [
        (b"not json", []),
        (b"\xff\xfe", []),
        (b"{}", ["reference", "status"]),
        (b'{"reference":"CASH-1"}', ["status"]),
    ],
)
async def test_signed_rubbish_is_400_and_its_bytes_are_kept(
    api: House, raw: bytes, missing: list[str]
) -> None:
    answer = await tell(api, raw, x_signature=signature(raw))
    assert fields(check_problem(answer, 400, "INVALID_WEBHOOK")) == missing
    (kept,) = api.store.deliveries.values()
    assert kept.delivery.raw == raw


@pytest.mark.parametrize("provider", ["mpesa", "ORANGE_MONEY", "afrimoney", "..", "%00"])
async def test_an_unknown_provider_is_404(api: House, provider: str) -> None:
    path = WEBHOOK.replace("orange_money", provider)
    answer = await api.client.post(path, content=RAW, headers={"x-signature": GOOD})
    assert answer.status_code == 404
    assert answer.json()["error"]["code"] in {"INVALID_PROVIDER", "NOT_FOUND"}
    assert not any(api.written)


async def test_the_code_for_an_unknown_provider_is_invalid_provider(api: House) -> None:
    answer = await api.client.post(WEBHOOK.replace("orange_money", "mpesa"), content=RAW)
    check_problem(answer, 404, "INVALID_PROVIDER")


@pytest.mark.parametrize("lost", [False, True])
async def test_what_could_not_be_kept_is_503_so_that_it_is_sent_again(lost: bool) -> None:
    async def away(*_: Any, **__: Any) -> None:  # noqa: ANN401 -- whatever comes
        raise StorageUnavailable("away", outcome_unknown=lost)

    async with house(receive=away) as api:
        answer = await tell(api, RAW, x_signature=GOOD)
        check_problem(answer, 503, "SERVICE_UNAVAILABLE")
        assert int(answer.headers["retry-after"]) > 0


async def test_a_webhook_of_64_kib_is_kept_and_a_byte_more_is_413(api: House) -> None:
    fits = RAW[:-1] + b" " * (65_536 - len(RAW)) + b"}"
    assert (await tell(api, fits, x_signature=signature(fits))).status_code == 200
    longer = fits + b" "
    check_problem(await tell(api, longer, x_signature=signature(longer)), 413, "PAYLOAD_TOO_LARGE")


@pytest.mark.parametrize("content_type", ["", "text/plain", "application/x-www-form-urlencoded"])
async def test_providers_may_declare_what_they_like(api: House, content_type: str) -> None:
    answer = await tell(api, RAW, x_signature=GOOD, content_type=content_type)
    assert answer.status_code == 200


async def test_a_webhook_that_comes_before_the_submit_answer_is_applied(api: House) -> None:
    made, raw = await news_of(api, "FAILED")
    answer = await tell(api, raw, x_signature=signature(raw))
    assert answer.json()["data"]["cashOutId"] == made
