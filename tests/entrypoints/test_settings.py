"""Settings: what a process is told, and how it refuses what it does not understand."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from entrypoints.settings import Settings, SettingsRefused, read_settings

SECRET = "a-token-secret-that-nobody-guesses-0123456789"
AFRIMONEY = {
    "AFRIMONEY_API_URL": "https://api.afrimoney.example",
    "AFRIMONEY_API_KEY": "ak_0123456789abcdef",
    "AFRIMONEY_API_SECRET": "as_0123456789abcdef",
}


Read = Callable[..., Settings]


@pytest.fixture(name="read")
def reads_settings(tmp_path: Path) -> Read:
    def read(**environ: str) -> Settings:
        return read_settings({"CASHOUT_DATA_DIR": str(tmp_path), **environ})

    return read


def faults_of(read: Read, **environ: str) -> tuple[str, ...]:
    with pytest.raises(SettingsRefused) as refused:
        read(**environ)
    return refused.value.faults


def test_an_empty_environment_is_enough_to_develop(read: Read, tmp_path: Path) -> None:
    """The defaults of the contract hold."""
    settings = read()
    assert (settings.host, settings.port, settings.app_env) == ("127.0.0.1", 3004, "development")
    assert settings.database_url == f"sqlite+aiosqlite:///{tmp_path / 'cashout.db'}"
    assert settings.nats_url == ""
    assert settings.workers_in_api
    assert settings.rate_limit_per_minute == 600
    patience = settings.patience
    assert patience.call == timedelta(seconds=30)
    assert patience.retry_base == timedelta(seconds=30)
    assert patience.retry_max_attempts == 3
    assert patience.first_poll == timedelta(seconds=5)
    assert patience.not_found_grace == timedelta(seconds=900)
    assert patience.review_after == timedelta(days=1)
    assert settings.providers == {}


def test_a_lease_outlives_the_longest_call_twice_over(read: Read) -> None:
    policy = read().patience.policy(read().configuration.policy)
    assert policy.lease >= 2 * policy.call_deadline


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORT", "http"),
        ("PORT", "70000"),
        ("APP_ENV", "live"),
        ("DATABASE_URL", "postgres://somewhere/db"),
        ("NATS_URL", "somewhere"),
        ("JWT_SECRET", "short"),
        ("JWT_PUBLIC_KEY", "not a key"),
        ("JWT_ALGORITHM", "none"),
        ("CORS_ALLOWED_ORIGINS", "app.test"),
        ("RATE_LIMIT_PER_MINUTE", "-1"),
        ("WORKERS_IN_API", "perhaps"),
        ("PROVIDER_TIMEOUT_SECONDS", "0"),
        ("PROVIDER_TIMEOUT_SECONDS", "NaN"),
        ("RETRY_BASE_SECONDS", "1e400"),
        ("RETRY_MAX_ATTEMPTS", "three"),
        ("STATUS_POLL_SECONDS", "-5"),
        ("NOT_FOUND_GRACE_SECONDS", "soon"),
        ("REVIEW_AFTER_SECONDS", """ """ + "x"),
        ("CASHOUT_CONFIG", "/nowhere/cashout.toml"),
        ("NATS_REPLICAS", "٣"),
    ],
)
def test_a_malformed_setting_is_named_and_its_value_is_not(
    read: Read, name: str, value: str
) -> None:
    faults = faults_of(read, **{name: value})
    assert len(faults) == 1
    assert faults[0].startswith(name)
    assert value not in faults[0].replace("/nowhere/cashout.toml", "") or len(value) < 3


def test_every_fault_is_told_at_once(read: Read) -> None:
    faults = faults_of(read, PORT="x", JWT_SECRET="y", WORKERS_IN_API="z")
    assert [fault.split()[0] for fault in faults] == ["PORT", "JWT_SECRET", "WORKERS_IN_API"]


def test_a_misspelt_setting_is_refused_with_the_right_name(read: Read) -> None:
    assert faults_of(read, DATABSE_URL="x") == (
        "DATABSE_URL is not a setting; did you mean DATABASE_URL?",
    )


def test_an_unknown_setting_of_a_provider_is_refused(read: Read) -> None:
    assert faults_of(read, AFRIMONEY_COLOUR="blue") == ("AFRIMONEY_COLOUR is not a setting",)


def test_names_that_platforms_add_for_their_services_are_left_alone(read: Read) -> None:
    read(NATS_PORT="tcp://10.0.0.1:4222", CASHOUT_SERVICE_HOST="x", PATH="/bin", HOSTNAME="box")


def test_only_one_way_of_checking_tokens_may_be_set(read: Read) -> None:
    key = "-----BEGIN PUBLIC KEY-----\\nAAAA\\n-----END PUBLIC KEY-----"
    faults = faults_of(read, JWT_SECRET=SECRET, JWT_PUBLIC_KEY=key)
    assert faults == ("set only one of JWT_SECRET, JWT_PUBLIC_KEY and JWT_JWKS_URL",)


def test_a_cluster_of_brokers_is_named_by_commas(read: Read) -> None:
    cluster = "nats://a.example:4222,tls://b.example:4222"
    assert read(NATS_URL=cluster).nats_url == cluster
    assert faults_of(read, NATS_URL="nats://a.example,ws://b.example") == (
        "NATS_URL must be a URL that begins with nats:// or tls://",
    )


def test_a_provider_is_on_when_it_is_configured(read: Read) -> None:
    settings = read(**AFRIMONEY)
    assert set(settings.providers) == {"afrimoney"}
    assert settings.providers["afrimoney"]["API_KEY"] == "ak_0123456789abcdef"


def test_the_kept_secret_is_used_outside_production_only(read: Read, tmp_path: Path) -> None:
    (tmp_path / "jwt-secret").write_text(SECRET)
    assert read().tokens.secret == SECRET
    faults = faults_of(read, APP_ENV="production", **AFRIMONEY)
    assert faults == ("JWT_SECRET (or JWT_PUBLIC_KEY, JWT_JWKS_URL) must be set in production",)


def test_production_refuses_weak_secrets_and_plain_http(read: Read) -> None:
    faults = faults_of(
        read,
        APP_ENV="production",
        JWT_SECRET="a" * 32,
        AFRIMONEY_API_URL="http://api.afrimoney.example",
        AFRIMONEY_API_KEY="ak_0123456789abcdef",
        AFRIMONEY_API_SECRET="short",
    )
    assert faults == (
        "AFRIMONEY_API_URL must begin with https:// in production",
        "AFRIMONEY_API_SECRET is too short for production: at least 16 characters",
        "JWT_SECRET repeats itself: make one with openssl rand -hex 32",
    )


def test_production_refuses_the_sandbox(read: Read) -> None:
    faults = faults_of(
        read,
        APP_ENV="production",
        JWT_SECRET=SECRET,
        **{**AFRIMONEY, "AFRIMONEY_API_SECRET": "sandbox-afrimoney-api-secret-0001"},
    )
    assert faults == ("AFRIMONEY_API_SECRET is a sandbox's: production needs the provider's own",)


def test_no_secret_is_in_the_repr_of_the_settings(read: Read) -> None:
    shown = repr(
        read(JWT_SECRET=SECRET, DATABASE_URL="postgresql+asyncpg://u:pw-canary@h/d", **AFRIMONEY)
    )
    for secret in (SECRET, "pw-canary", "as_0123456789abcdef", "ak_0123456789abcdef"):
        assert secret not in shown
