"""One's own limits: every line, what is used and left, and when it starts anew."""

from datetime import timedelta
from typing import Any

import pytest

from application.callers import Caller
from tests.adapters.web.house import PROVIDERS, QUOTE, House, check_problem

pytestmark = pytest.mark.anyio

LIMITS = "/api/payments/limits"
Line = dict[str, Any]


async def lines(api: House, user: str = "user-1") -> dict[tuple[str, str], Line]:
    answer = await api.get(LIMITS, user=user)
    assert answer.status_code == 200, answer.text
    found: list[Line] = answer.json()["data"]["limits"]
    return {(each["provider"], each["currency"]): each for each in found}


async def test_there_is_a_line_for_each_currency_of_each_provider(api: House) -> None:
    listed = (await api.get(PROVIDERS)).json()["data"]["providers"]
    priced = {
        (provider["id"], tariff["currency"])
        for provider in listed
        for corridor in provider["corridors"]
        for tariff in corridor["tariffs"]
    }
    assert priced
    assert priced <= set(await lines(api))


async def test_what_is_taken_is_used_and_the_rest_is_left(api: House) -> None:
    await api.made(amount=1_500)
    await api.made(amount=2_500)
    line = (await lines(api))["orange_money", "XOF"]
    assert line == {
        "provider": "orange_money",
        "currency": "XOF",
        "available": True,
        "minAmount": 600,
        "maxAmount": 3_000_000,
        "daily": {
            "limit": 6_000_000,
            "used": 4_000,
            "remaining": 5_996_000,
            "resetsAt": "2026-11-24T00:00:00.000Z",
        },
        "monthly": {
            "limit": 30_000_000,
            "used": 4_000,
            "remaining": 29_996_000,
            "resetsAt": "2026-12-01T00:00:00.000Z",
        },
    }
    other = (await lines(api, user="user-2"))["orange_money", "XOF"]
    assert other["daily"]["used"] == 0


async def test_a_new_utc_day_begins_anew_and_the_month_goes_on(api: House) -> None:
    await api.made(amount=1_500)
    api.clock.advance(timedelta(minutes=45))
    api.clock.set_wall(api.clock.now() + timedelta(hours=14))
    found = await api.parts.limits(Caller("user-1"))
    (line,) = [
        each
        for each in found
        if (each.provider.id, each.row.currency.code) == ("orange_money", "XOF")
    ]
    assert (line.day.used.minor, line.month.used.minor) == (0, 1_500)


async def test_a_quote_warns_of_what_would_be_refused_or_may_be_a_slip(api: House) -> None:
    for _ in range(2):
        await api.made(amount=3_000_000)
    asked = {"provider": "orange_money", "currency": "XOF", "amount": "1500"}
    told = (await api.get(QUOTE, params=asked)).json()["data"]
    assert told["availability"] == "OPERATIONAL"
    assert told["daily"]["remaining"] == 0
    assert told["warnings"] == [
        "This is more than is left in this UTC day: 0 XOF until 2026-11-24T00:00Z."
    ]
    # A number that another operator issued: ported numbers are paid, so it is a hint.
    hinted = await api.get(QUOTE, params={**asked, "providerAccountId": "+2250500000789"})
    assert "another operator" in hinted.json()["data"]["warnings"][0]


async def test_limits_are_for_those_who_are_signed_in(api: House) -> None:
    check_problem(await api.client.get(LIMITS), 401, "UNAUTHORIZED")
