"""Settings: what a process is told, and how it refuses what it does not understand."""

import contextlib
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from entrypoints.configuration import SHIPPED
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
        ("REVIEW_FOUR_EYES", "mostly"),
        ("PROVIDER_TIMEOUT_SECONDS", "0"),
        ("PROVIDER_TIMEOUT_SECONDS", "NaN"),
        ("RETRY_BASE_SECONDS", "1e400"),
        ("RETRY_MAX_ATTEMPTS", "three"),
        ("STATUS_POLL_SECONDS", "-5"),
        ("NOT_FOUND_GRACE_SECONDS", "soon"),
        ("REVIEW_AFTER_SECONDS", """ """ + "x"),
        ("OUTBOX_RETENTION_DAYS", "0"),
        ("INBOX_RETENTION_DAYS", "3651"),
        ("STATEMENT_RETENTION_DAYS", "89"),
        ("METRICS_PORT", "70000"),
        ("METRICS_SURVEY_SECONDS", "0"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "collector:4318"),
        ("CASHOUT_CONFIG", "/nowhere/cashout.toml"),
        ("NATS_REPLICAS", "٣"),
        ("PORT", "9" * 5_000),
        ("DATABASE_URL", "sqlite+aiosqlite:///:memory:"),
        ("DATABASE_URL", "sqlite+aiosqlite:///cashout.db?mode=ro"),
        ("DATABASE_URL", "postgresql+asyncpg:///"),
        ("DATABASE_URL", "postgresql+asyncpg:///cashout"),
        ("DATABASE_URL", "postgresql+asyncpg://someone:secret@db.example"),
        ("DATABASE_URL", "postgresql+asyncpg://user:pass#word@host/cashout"),
        ("DATABASE_URL", "postgresql+asyncpg://user:password@host:port/cashout"),
        ("DATABASE_URL", "postgresql+asyncpg://user:password@[::1/cashout"),
        ("DATABASE_URL", "postgresql+asyncpg://user:password@host/cashout?sslmode=require"),
        ("DATABASE_URL", "postgresql+asyncpg://user:password@host/cashout?ssl=maybe"),
        ("CASHOUT_DATA_DIR", "what?"),
        ("CORS_ALLOWED_ORIGINS", "http://["),
        ("TRUSTED_PROXIES", "nginx"),
        ("TRUSTED_PROXIES", "10.0.0.1/8"),
        ("TRUSTED_PROXIES", "0.0.0.0/0"),
        ("TRUSTED_PROXIES", "10.0.0.1, ::/0"),
        ("TRUSTED_PROXIES", ",".join(["10.0.0.1"] * 65)),
        ("CORS_ALLOWED_ORIGINS", "https://app.test:port"),
        ("CORS_ALLOWED_ORIGINS", "https://app.test?x"),
        ("JWT_JWKS_URL", "https://host:port/keys"),
    ],
)
def test_a_malformed_setting_is_named_and_its_value_is_not(
    read: Read, name: str, value: str
) -> None:
    faults = faults_of(read, **{name: value})
    assert len(faults) == 1
    assert faults[0].startswith(name)
    assert value not in faults[0].replace("/nowhere/cashout.toml", "") or len(value) < 3


@pytest.mark.parametrize(
    "url",
    [
        "postgresql+asyncpg://user:p%23ss@db.example:5432/cashout?ssl=verify-full",
        "postgresql+asyncpg://user@[::1]:5432/cashout",
        "postgresql+asyncpg://user@/cashout?host=/var/run/postgresql",
        "postgresql+asyncpg://user:password@/cashout?host=a.example:5432&host=b.example:5432",
        "sqlite+aiosqlite:///relative.db",
        "sqlite+aiosqlite:////absolute/path.db",
    ],
)
def test_databases_are_named_in_these_ways(read: Read, url: str) -> None:
    assert read(DATABASE_URL=url).database_url == url


@given(
    name=st.sampled_from(
        [
            *("PORT", "DATABASE_URL", "NATS_URL", "NATS_MONITOR_URL", "JWT_SECRET"),
            *("JWT_PUBLIC_KEY", "JWT_JWKS_URL", "CORS_ALLOWED_ORIGINS", "CASHOUT_CONFIG"),
            *("WORK_POLL_SECONDS", "RATE_LIMIT_PER_MINUTE", "AFRIMONEY_API_URL"),
            "CASHOUT_DATA_DIR",
        ]
    ),
    start=st.sampled_from(
        ["", "http://", "https://[", "nats://", "postgresql+asyncpg://", "sqlite+aiosqlite:///"]
    ),
    text=st.text(st.characters(exclude_characters="\0", codec="utf-8")),
    production=st.booleans(),
)
def test_any_text_is_either_read_or_refused(
    name: str, start: str, text: str, production: bool
) -> None:
    """Nothing that somebody may write ends in a stack trace."""
    environ = {"APP_ENV": "production" if production else "test", name: start + text}
    with contextlib.suppress(SettingsRefused):
        read_settings({"CASHOUT_DATA_DIR": "nowhere", **environ})


def test_production_wants_a_provider_and_safe_keys(read: Read) -> None:
    faults = faults_of(read, APP_ENV="production", JWT_JWKS_URL="http://keys.example/jwks")
    assert faults == (
        "JWT_JWKS_URL must begin with https:// in production",
        "no provider is configured: set ORANGE_MONEY_... or AFRIMONEY_...",
    )


def test_a_provider_without_a_module_is_refused(read: Read, tmp_path: Path) -> None:
    config = tmp_path / "cashout.toml"
    shipped = SHIPPED.read_text(encoding="utf-8")
    config.write_text(shipped.replace("adapters.providers.afrimoney", "adapters.providers.gone"))
    (fault,) = faults_of(read, CASHOUT_CONFIG=str(config))
    assert fault == "there is no provider module adapters.providers.gone"


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


def test_a_kept_secret_that_cannot_be_read_is_said(read: Read, tmp_path: Path) -> None:
    (tmp_path / "jwt-secret").write_bytes(b"\xff\xfe")
    assert faults_of(read) == ("CASHOUT_DATA_DIR: jwt-secret in it cannot be read",)


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
