"""A provider is a folder and a configuration entry: a third one, and nothing else is touched."""

from pathlib import Path

import pytest

from entrypoints.configuration import SHIPPED
from tests.running import running
from tests.third_provider import LEDGER

pytestmark = pytest.mark.anyio

ENTRY = """
[providers.lonestar]
name = "Lonestar Money"
module = "tests.third_provider"

[providers.lonestar.capabilities]
idempotent_submit = false
lookup_by_reference = true
webhook_proves = false

[providers.lonestar.corridors]
SL = { currencies = ["SLE"], number_format = "national" }

[[providers.lonestar.tariffs]]
version = "lonestar-1"
effective_from = 2020-01-01T00:00:00Z

[providers.lonestar.tariffs.rows.SLE]
fee_percent = "1"
fee_minimum = "2"
minimum = "10"
maximum = "1000"
daily = "2000"
monthly = "3000"
"""


async def test_a_third_provider_pays_without_anything_else_being_touched(tmp_path: Path) -> None:
    config = tmp_path / "cashout.toml"
    config.write_text(SHIPPED.read_text(encoding="utf-8") + ENTRY, encoding="utf-8")
    async with running(
        tmp_path,
        CASHOUT_CONFIG=str(config),
        LONESTAR_API_URL="https://api.lonestar.example",
        LONESTAR_API_KEY="lonestar-key-0123456789",
    ) as service:
        answer = await service.post(
            "user-1",
            {
                "walletId": "wallet-1",
                "amount": "250.50",
                "currency": "SLE",
                "provider": "lonestar",
                "providerAccountId": "+23277000123",
                "providerAccountName": "Fatmata Kamara",
            },
        )
        assert answer.status_code == 202, answer.text
        taken = answer.json()["data"]
        assert taken["fee"] == 2.51
        record = await service.until_ended("user-1", taken["cashOutId"])
        assert LEDGER[taken["reference"]] == "250.5 SLE to 77000123"
        assert record["providerTransactionId"] == f"LM-{taken['reference']}"
        providers = await service.client.get(
            "/api/payments/providers", headers=service.signed_in("user-1")
        )
        names = [each["name"] for each in providers.json()["data"]["providers"]]
        assert names == ["Orange Money", "AfriMoney", "Lonestar Money"]
