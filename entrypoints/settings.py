"""Settings: the environment, read once at start. A fault stops the process, with a line each.

The lines name settings and say what to write; they never show a value.
"""

import difflib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import TypeVar

from adapters.provider_kit.wiring import Misconfigured, Setting, provider_module
from entrypoints.configuration import (
    SHIPPED,
    Configuration,
    ConfigurationRefused,
    Patience,
    read_configuration,
)
from entrypoints.setting_values import (
    Network,
    Wrong,
    any_text,
    database,
    days,
    flag,
    folder,
    is_loopback,
    long_enough,
    networks,
    ninety_days,
    one_of,
    origin,
    origins,
    pem,
    seconds,
    servers,
    some_seconds,
    unicode_text,
    url,
    whole,
)

SERVICE = "payment-integration-service"
SECRET_FILE = "jwt-secret"  # noqa: S105 -- the name of a file, not what is in it
SHORTEST_PROVIDER_SECRET = 16

_Value = TypeVar("_Value")


class SettingsRefused(Exception):
    """The process cannot start as it is configured; `faults` has one line for each reason."""

    def __init__(self, faults: tuple[str, ...]) -> None:
        """Take the lines."""
        super().__init__("\n".join(faults))
        self.faults = faults


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenSettings:
    """How tokens are checked: exactly one of secret, public_key and jwks_url is set, or none."""

    secret: str = field(default="", repr=False)
    public_key: str = ""
    jwks_url: str = field(default="", repr=False)
    algorithm: str = "RS256"
    issuer: str = ""
    audience: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ObservingSettings:
    """Who may look at a process from outside: figures without a port and traces are off.

    survey: how often what is open in the whole store is counted, by one process of all. textfiles:
    where commands leave their figures when they end.
    """

    metrics_host: str = "127.0.0.1"
    metrics_port: int | None = None
    survey: timedelta = timedelta(seconds=15)
    textfiles: Path | None = None
    traces_url: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything that a process is told. providers: per provider, its settings by suffix."""

    app_env: str
    host: str
    port: int
    data_dir: Path
    database_url: str = field(repr=False)
    nats_url: str = field(repr=False)
    nats_monitor_url: str = field(repr=False)
    nats_replicas: int
    nats_shared_tokens: bool
    tokens: TokenSettings
    review_four_eyes: bool
    cors_allowed_origins: tuple[str, ...]
    rate_limit_per_minute: int
    console: bool
    console_url: str
    trusted_proxies: tuple[Network, ...]
    workers_in_api: bool
    poll: timedelta
    shutdown_grace: timedelta
    outbox_retention: timedelta
    inbox_retention: timedelta
    statement_retention: timedelta
    log_level: str
    observing: ObservingSettings
    patience: Patience
    configuration: Configuration
    providers: Mapping[str, Mapping[str, str]] = field(repr=False)

    @property
    def production(self) -> bool:
        """Tell whether real money moves here."""
        return self.app_env == "production"

    @property
    def console_is_secure(self) -> bool:
        """Tell whether browsers reach the console over TLS alone."""
        return self.production or self.console_url.startswith("https://")

    @property
    def is_sqlite(self) -> bool:
        """Tell whether the store is a file."""
        return self.database_url.startswith("sqlite")


def read_settings(environ: Mapping[str, str], **overrides: str) -> Settings:
    """Read the environment; `overrides` are further settings, by name, that win over it.

    Raises SettingsRefused with one line for every fault found, not only the first.
    """
    return _Reading({**environ, **overrides}).settings()


@dataclass(slots=True)
class _Reading:
    """One reading of an environment, collecting faults."""

    environ: Mapping[str, str]
    faults: list[str] = field(default_factory=list)
    names: list[str] = field(default_factory=list)

    def settings(self) -> Settings:
        app_env = self.get("APP_ENV", "development", one_of("development", "test", "production"))
        production = app_env == "production"
        data_dir = self.get("CASHOUT_DATA_DIR", ".cashout", folder)
        configuration = self._configuration()
        providers = self._providers(configuration, production=production)
        settings = self._all(app_env, data_dir, configuration, providers)
        if production:
            self.faults += _too_weak_for_production(settings)
        self.faults += self._unknown_names(configuration)
        if self.faults:
            raise SettingsRefused(tuple(self.faults))
        return settings

    def get(self, name: str, default: str, read: Callable[[str], _Value]) -> _Value:
        """Return a setting's value; note a fault and return the default's value otherwise."""
        self.names.append(name)
        value = self.environ.get(name, "").strip()
        try:
            return read(unicode_text(value) or default)
        except Wrong as fault:
            self.faults.append(f"{name} {fault}")
            return read(default)

    def optional(self, name: str, read: Callable[[str], str]) -> str:
        """Return a setting that may be absent: then it is empty."""
        return self.get(name, "", lambda value: read(value) if value else "")

    def _all(
        self,
        app_env: str,
        data_dir: Path,
        configuration: Configuration,
        providers: Mapping[str, Mapping[str, str]],
    ) -> Settings:
        default_database = f"sqlite+aiosqlite:///{data_dir / 'cashout.db'}"
        return Settings(
            app_env=app_env,
            host=self.get("HOST", "127.0.0.1", any_text),
            port=self.get("PORT", "3004", whole(0, 65_535)),
            data_dir=data_dir,
            database_url=self.get("DATABASE_URL", default_database, database),
            nats_url=self.optional("NATS_URL", servers),
            nats_monitor_url=self.optional("NATS_MONITOR_URL", url("http", "https")),
            nats_replicas=self.get("NATS_REPLICAS", "1", whole(1, 5)),
            nats_shared_tokens=self.get("NATS_SHARED_TOKENS", "false", flag),
            tokens=self._tokens(app_env, data_dir),
            review_four_eyes=self.get("REVIEW_FOUR_EYES", "true", flag),
            cors_allowed_origins=self.get("CORS_ALLOWED_ORIGINS", "", origins),
            rate_limit_per_minute=self.get("RATE_LIMIT_PER_MINUTE", "600", whole(0, 1_000_000)),
            console=self.get("CONSOLE", "false" if app_env == "production" else "true", flag),
            console_url=self.optional("CONSOLE_URL", origin),
            trusted_proxies=self.get("TRUSTED_PROXIES", "", networks),
            workers_in_api=self.get("WORKERS_IN_API", "true", flag),
            poll=self.get("WORK_POLL_SECONDS", "1", some_seconds),
            shutdown_grace=self.get("SHUTDOWN_GRACE_SECONDS", "50", seconds),
            outbox_retention=self.get("OUTBOX_RETENTION_DAYS", "30", days),
            inbox_retention=self.get("INBOX_RETENTION_DAYS", "30", days),
            statement_retention=self.get("STATEMENT_RETENTION_DAYS", "400", ninety_days),
            log_level=self.get("LOG_LEVEL", "info", one_of("debug", "info", "warning", "error")),
            observing=self._observing(),
            patience=self._patience(),
            configuration=configuration,
            providers=providers,
        )

    def _observing(self) -> ObservingSettings:
        port = self.optional("METRICS_PORT", lambda value: str(whole(0, 65_535)(value)))
        textfiles = self.optional("METRICS_TEXTFILE_DIR", any_text)
        return ObservingSettings(
            metrics_host=self.get("METRICS_HOST", "127.0.0.1", any_text),
            metrics_port=int(port) if port else None,
            survey=self.get("METRICS_SURVEY_SECONDS", "15", some_seconds),
            textfiles=Path(textfiles) if textfiles else None,
            traces_url=self.optional("OTEL_EXPORTER_OTLP_ENDPOINT", url("http", "https")),
        )

    def _patience(self) -> Patience:
        return Patience(
            call=self.get("PROVIDER_TIMEOUT_SECONDS", "30", some_seconds),
            retry_base=self.get("RETRY_BASE_SECONDS", "30", some_seconds),
            retry_max_attempts=self.get("RETRY_MAX_ATTEMPTS", "3", whole(0, 100)),
            first_poll=self.get("STATUS_POLL_SECONDS", "5", some_seconds),
            not_found_grace=self.get("NOT_FOUND_GRACE_SECONDS", "900", seconds),
            review_after=self.get("REVIEW_AFTER_SECONDS", "86400", some_seconds),
        )

    def _tokens(self, app_env: str, data_dir: Path) -> TokenSettings:
        secret = self.optional("JWT_SECRET", long_enough)
        public_key = self.optional("JWT_PUBLIC_KEY", pem)
        jwks_url = self.optional("JWT_JWKS_URL", url("https", "http"))
        if sum(map(bool, (secret, public_key, jwks_url))) > 1:
            self.faults.append("set only one of JWT_SECRET, JWT_PUBLIC_KEY and JWT_JWKS_URL")
        if not (secret or public_key or jwks_url) and app_env != "production":
            secret = self._kept_secret(data_dir / SECRET_FILE)
        return TokenSettings(
            secret=secret,
            public_key=public_key,
            jwks_url=jwks_url,
            algorithm=self.get("JWT_ALGORITHM", "RS256", one_of("RS256", "ES256")),
            issuer=self.optional("JWT_ISSUER", any_text),
            audience=self.optional("JWT_AUDIENCE", any_text),
        )

    def _kept_secret(self, file: Path) -> str:
        try:
            return file.read_text(encoding="utf-8").strip() if file.is_file() else ""
        except (OSError, UnicodeDecodeError):
            self.faults.append(f"CASHOUT_DATA_DIR: {SECRET_FILE} in it cannot be read")
            return ""

    def _configuration(self) -> Configuration:
        named = self.optional("CASHOUT_CONFIG", any_text)
        try:
            return read_configuration(Path(named) if named else SHIPPED)
        except ConfigurationRefused as refused:
            self.faults += refused.faults
            return read_configuration(SHIPPED)

    def _providers(
        self, configuration: Configuration, *, production: bool
    ) -> dict[str, dict[str, str]]:
        found: dict[str, dict[str, str]] = {}
        for provider_id, table in configuration.providers.items():
            try:
                module = provider_module(table.module)
            except Misconfigured as refused:
                self.faults += refused.faults
                continue
            values: dict[str, str] = {}
            for each in module.SETTINGS:
                name = f"{provider_id.upper()}_{each.suffix}"
                value = self.optional(name, any_text)
                if value:
                    values[each.suffix] = value
                    self.faults += _provider_faults(name, value, each, production=production)
            if values:
                found[provider_id] = values
        return found

    def _unknown_names(self, configuration: Configuration) -> Iterator[str]:
        ours = (*(f"{each.upper()}_" for each in configuration.providers), "CASHOUT_")
        for name in sorted(set(self.environ) - set(self.names)):
            if _is_service_link(name):
                continue
            # A name may be any bytes: as ASCII it stays on its line and can be shown anywhere.
            shown = ascii(name)[1:-1]
            near = difflib.get_close_matches(name, self.names, n=1, cutoff=0.88)
            if near:
                yield f"{shown} is not a setting; did you mean {near[0]}?"
            elif name.startswith(ours):
                yield f"{shown} is not a setting"


def _is_service_link(name: str) -> bool:
    """Tell whether a name is of those that container platforms add for their own services."""
    return "_SERVICE_" in name or "_PORT_" in name or name.endswith("_PORT")


def _provider_faults(
    name: str,
    value: str,
    declared: Setting,
    *,
    production: bool,
) -> Iterator[str]:
    if not production:
        return
    if declared.url and value.startswith("http://") and not is_loopback(value):
        yield f"{name} must begin with https:// in production"
    if declared.secret and len(value) < SHORTEST_PROVIDER_SECRET:
        yield f"{name} is too short for production: at least {SHORTEST_PROVIDER_SECRET} characters"
    if declared.secret and "sandbox" in value.casefold():
        yield f"{name} is a sandbox's: production needs the provider's own"


def _too_weak_for_production(settings: Settings) -> Iterator[str]:
    tokens = settings.tokens
    if not (tokens.secret or tokens.public_key or tokens.jwks_url):
        yield "JWT_SECRET (or JWT_PUBLIC_KEY, JWT_JWKS_URL) must be set in production"
    if tokens.secret and len(set(tokens.secret)) < SHORTEST_PROVIDER_SECRET // 2:
        yield "JWT_SECRET repeats itself: make one with openssl rand -hex 32"
    if tokens.jwks_url.startswith("http://") and not is_loopback(tokens.jwks_url):
        yield "JWT_JWKS_URL must begin with https:// in production"
    if not settings.providers:
        yield "no provider is configured: set ORANGE_MONEY_... or AFRIMONEY_..."
