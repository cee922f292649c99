"""Asking for cash-outs over HTTP and looking at them, as any client would."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

import httpx

from adapters.sandbox.corridors import AFRIMONEY, ORANGE_MONEY, sandbox_msisdn
from tests.running import HASTY, JWT_SECRET, token_for

CASH_OUT = "/api/payments/cash-out"
CORRIDORS = {ORANGE_MONEY: ("CI", "XOF", 1500), AFRIMONEY: ("SL", "SLE", 150)}
ENDED = {"completed", "failed", "cancelled"}
NAME = "Awa Diallo"


def order(provider: str = ORANGE_MONEY, suffix: str = "789", **fields: object) -> dict[str, Any]:
    """Return the body of a good request to a scenario of the sandbox, with these fields instead."""
    country, code, amount = CORRIDORS[provider]
    good: dict[str, Any] = {
        "walletId": "wallet-1",
        "amount": amount,
        "currency": code,
        "provider": provider,
        "providerAccountId": sandbox_msisdn(provider, country, suffix),
        "providerAccountName": NAME,
    }
    return {**good, **fields}


def signed_in(user_id: str, key: str | None = None) -> dict[str, str]:
    """Return the headers of a signed-in user, with an idempotency key where one is given."""
    keyed = {} if key is None else {"Idempotency-Key": key}
    return {"Authorization": f"Bearer {token_for(user_id)}", **keyed}


def a_client(url: str, *, connections: int = 32) -> httpx.AsyncClient:
    """Return a client for the API at an address."""
    limits = httpx.Limits(max_connections=connections)
    return httpx.AsyncClient(base_url=url, timeout=10, limits=limits, trust_env=False)


async def ask(
    client: httpx.AsyncClient,
    user_id: str,
    body: Mapping[str, Any] | None = None,
    key: str | None = None,
) -> httpx.Response:
    """Ask for a cash-out."""
    headers = signed_in(user_id, key)
    return await client.post(CASH_OUT, json=body or order(), headers=headers)


async def taken(
    client: httpx.AsyncClient,
    user_id: str,
    body: Mapping[str, Any] | None = None,
    key: str | None = None,
) -> str:
    """Ask for a cash-out that is taken; return its id."""
    answer = await ask(client, user_id, body, key)
    assert answer.status_code == 202, answer.text
    cash_out_id: str = answer.json()["data"]["cashOutId"]
    return cash_out_id


async def seen(client: httpx.AsyncClient, user_id: str, cash_out_id: str) -> dict[str, Any]:
    """Return a cash-out as its user sees it."""
    answer = await client.get(f"{CASH_OUT}/{cash_out_id}", headers=signed_in(user_id))
    assert answer.status_code == 200, answer.text
    data: dict[str, Any] = answer.json()["data"]
    return data


async def until_ended(
    client: httpx.AsyncClient, ids: Mapping[str, str], within_s: float = 30
) -> dict[str, dict[str, Any]]:
    """Return records by cash-out id once all have ended; `ids`: their users."""
    found: dict[str, dict[str, Any]] = {}
    async with asyncio.timeout(within_s):
        while len(found) < len(ids):
            for cash_out_id in ids.keys() - found.keys():
                record = await seen(client, ids[cash_out_id], cash_out_id)
                if record["status"] in ENDED:
                    found[cash_out_id] = record
            await asyncio.sleep(0.05)
    return found


async def until(true: Callable[[], bool], within_s: float = 15) -> None:
    """Return once something is so; raise TimeoutError when it does not become so in time."""
    async with asyncio.timeout(within_s):
        while not true():  # noqa: ASYNC110 -- what is looked at has no event to wait for
            await asyncio.sleep(0.01)


def in_a_hurry(**settings: str) -> dict[str, str]:
    """Return the environment of a process of the service that is quick to lose patience."""
    return {**HASTY, "JWT_SECRET": JWT_SECRET, **settings}
