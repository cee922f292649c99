"""The sandbox as a server: where it listens, what it tells of itself, how it starts and stops."""

import asyncio
import socket
import time

import aiohttp
import pytest

from adapters.sandbox.corridors import AFRIMONEY
from adapters.sandbox.server import Sandbox
from adapters.sandbox.settings import (
    SandboxInProduction,
    SandboxSettings,
    refuse_in_production,
)
from tests.adapters.sandbox.calls import payee
from tests.adapters.sandbox.partner import Partner

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("app_env", ["production", "Production ", "PROD", "live"])
async def test_it_does_not_start_in_production(app_env: str) -> None:
    with pytest.raises(SandboxInProduction):
        refuse_in_production(app_env)
    with pytest.raises(SandboxInProduction):
        Sandbox(SandboxSettings(app_env=app_env))


@pytest.mark.parametrize("app_env", ["development", "test", ""])
async def test_it_starts_anywhere_else(app_env: str) -> None:
    refuse_in_production(app_env)
    assert Sandbox(SandboxSettings(app_env=app_env)).settings.app_env == app_env


async def test_it_listens_on_the_loopback_on_a_free_port() -> None:
    async with Sandbox() as one, Sandbox() as two:
        assert one.base_url.startswith("http://127.0.0.1:")
        assert one.base_url != two.base_url


async def test_it_listens_on_the_ipv6_loopback_when_told() -> None:
    async with Sandbox(SandboxSettings(host="::1")) as sandbox, aiohttp.ClientSession() as session:
        assert sandbox.base_url.startswith("http://[::1]:")
        async with session.get(sandbox.control_url) as response:
            assert response.status == 200


async def test_a_taken_port_is_an_os_error() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(OSError, match="in use"):
            async with Sandbox(SandboxSettings(port=taken.getsockname()[1])):
                raise AssertionError


async def test_it_tells_the_settings_that_lead_to_it(shared_sandbox: Sandbox) -> None:
    environment = shared_sandbox.environment()
    base = shared_sandbox.base_url
    assert environment["ORANGE_MONEY_API_URL"] == f"{base}/orange-money"
    assert environment["ORANGE_MONEY_TOKEN_URL"] == f"{base}/orange-money/oauth/v3/token"
    assert environment["AFRIMONEY_API_URL"] == f"{base}/afrimoney"
    assert all(environment.values())


async def test_its_secrets_are_not_in_its_repr() -> None:
    settings = SandboxSettings()
    for secret in (
        settings.orange_money_client_secret,
        settings.orange_money_webhook_secret,
        settings.afrimoney_api_key,
        settings.afrimoney_api_secret,
        settings.afrimoney_webhook_secret,
    ):
        assert secret not in repr(settings)


async def test_it_stops_at_once_although_a_call_hangs() -> None:
    async with aiohttp.ClientSession() as session:
        async with Sandbox() as sandbox:
            partner = Partner(sandbox, session)
            hanging = asyncio.create_task(partner.disburse("CASH-1", payee(AFRIMONEY, "201")))
            while sandbox.engine.transactions.tries(AFRIMONEY, "CASH-1") == 0:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
            began = time.monotonic()
        assert time.monotonic() - began < 2
        with pytest.raises(aiohttp.ClientConnectionError):
            await hanging


async def test_a_realistic_sandbox_takes_its_time_and_the_same_for_the_same_seed() -> None:
    async with (
        Sandbox(SandboxSettings(profile="realistic", seed=5)) as sandbox,
        aiohttp.ClientSession() as session,
    ):
        partner = Partner(sandbox, session)
        began = time.monotonic()
        assert (await partner.disburse("CASH-1", payee(AFRIMONEY, "001"))).status == 200
        assert time.monotonic() - began >= 0.06


async def test_numbers_are_written_with_a_plus_where_that_is_agreed() -> None:
    settings = SandboxSettings(plus_sign=True)
    to = payee(AFRIMONEY, "001")
    async with Sandbox(settings) as sandbox, aiohttp.ClientSession() as session:
        partner = Partner(sandbox, session)
        assert (await partner.disburse("CASH-1", to)).status == 422
        plus = type(to)(f"+{to.digits}", to.amount, to.currency)
        assert (await partner.disburse("CASH-1", plus)).status == 200
        told = (await partner.disbursement("CASH-1")).json["data"]
        assert told["recipient"] == {"phoneNumber": f"+{to.digits}"}


async def test_many_orders_at_once_are_each_paid_once() -> None:
    async with Sandbox() as sandbox, aiohttp.ClientSession() as session:
        partner = Partner(sandbox, session)
        to = payee(AFRIMONEY, "001")
        orders = [partner.disburse(f"CASH-{n % 50}", to) for n in range(200)]
        answers = await asyncio.gather(*orders)
        assert {answered.status for answered in answers} == {200}
        assert len(sandbox.ledger) == 50
        assert sandbox.ledger.paid_more_than_once() == ()
