"""What the service refuses to start with: it says which setting, and never its value."""

from pathlib import Path

import pytest

from entrypoints.lifespan import open_service
from entrypoints.settings import Settings, SettingsRefused, read_settings
from tests.adapters.web.keys import RSA_PEM

pytestmark = pytest.mark.anyio

SECRET = "a-token-secret-that-nobody-guesses-0123456789"
ORANGE = {
    "ORANGE_MONEY_API_URL": "https://api.orange.example",
    "ORANGE_MONEY_CLIENT_ID": "client-0123456789",
    "ORANGE_MONEY_CLIENT_SECRET": "cs_0123456789abcdef",
    "ORANGE_MONEY_WEBHOOK_SECRET": "wh_0123456789abcdef",
}
AFRIMONEY = {
    "AFRIMONEY_API_URL": "https://api.afrimoney.example",
    "AFRIMONEY_API_KEY": "ak_0123456789abcdef",
    "AFRIMONEY_API_SECRET": "as_0123456789abcdef",
}
PRODUCTION = {"APP_ENV": "production", "JWT_SECRET": SECRET, **ORANGE, **AFRIMONEY}


def read(folder: Path, **environ: str) -> Settings:
    return read_settings({"CASHOUT_DATA_DIR": str(folder), **environ})


def faults_of(folder: Path, **environ: str) -> tuple[str, ...]:
    with pytest.raises(SettingsRefused) as refused:
        read(folder, **environ)
    return refused.value.faults


def test_production_starts_with_all_that_it_needs(tmp_path: Path) -> None:
    """Otherwise the tests below would show nothing."""
    assert read(tmp_path, **PRODUCTION).production


@pytest.mark.parametrize("name", ["ORANGE_MONEY_WEBHOOK_SECRET", "AFRIMONEY_API_SECRET"])
@pytest.mark.parametrize("empty", ["", "   "])
async def test_an_empty_webhook_secret_refuses_to_start(
    tmp_path: Path, name: str, empty: str
) -> None:
    """With an empty secret anybody could sign."""
    settings = read(tmp_path, **{**ORANGE, **AFRIMONEY, name: empty})
    with pytest.raises(SettingsRefused) as refused:
        async with open_service(settings):
            pass
    assert refused.value.faults == (f"{name} is not set",)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("JWT_SECRET", ""),
        ("JWT_SECRET", "short"),
        ("JWT_SECRET", "ab" * 20),
        ("ORANGE_MONEY_CLIENT_SECRET", "weak-one"),
        ("ORANGE_MONEY_WEBHOOK_SECRET", "weak-one"),
        ("AFRIMONEY_API_SECRET", "weak-one"),
        ("ORANGE_MONEY_API_URL", "http://api.orange.example"),
        ("ORANGE_MONEY_TOKEN_URL", "http://api.orange.example/token"),
        ("AFRIMONEY_API_URL", "http://127.0.0.2.evil.example"),
        ("AFRIMONEY_API_SECRET", "sandbox-afrimoney-api-secret-0001"),
        ("AFRIMONEY_API_SECERT", "as_0123456789abcdef"),
        ("JWT_JWKS_URL", "http://issuer.example/keys"),
        ("APP_ENV", "live"),
        ("DATABASE_URL", "mysql://u:weak-one@h/d"),
        ("NATS_URL", "http://u:weak-one@h"),
    ],
)
def test_what_is_weak_missing_or_unknown_is_named_without_its_value(
    tmp_path: Path, name: str, value: str
) -> None:
    changed = {**PRODUCTION, name: value}
    if name == "JWT_JWKS_URL":
        del changed["JWT_SECRET"]
    faults = faults_of(tmp_path, **changed)
    assert all(name in fault for fault in faults)
    assert not value or all(value not in fault for fault in faults)


CREDENTIALS = {
    "DATABASE_URL": "postgresql+asyncpg://u:canary@h/d",
    "NATS_URL": "nats://u:canary@h:4222",
    "NATS_MONITOR_URL": "http://u:canary@h:8222",
    "JWT_JWKS_URL": "https://u:canary@issuer.example/keys",
    "ORANGE_MONEY_CLIENT_SECRET": "canary-canary-canary",
    "ORANGE_MONEY_CLIENT_ID": "canary-id",
    "AFRIMONEY_API_KEY": "canary-key",
}


@pytest.mark.parametrize("name", CREDENTIALS)
def test_no_credential_is_in_the_repr_of_the_settings(tmp_path: Path, name: str) -> None:
    settings = read(tmp_path, **{name: CREDENTIALS[name]})
    assert "canary" not in repr(settings)


@pytest.mark.parametrize("key", ["JWT_PUBLIC_KEY"])
def test_a_public_key_is_enough(tmp_path: Path, key: str) -> None:
    changed = {**PRODUCTION, key: RSA_PEM}
    del changed["JWT_SECRET"]
    assert read(tmp_path, **changed).tokens.public_key
