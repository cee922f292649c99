"""Targets: what operators write. The configuration file and the settings of the environment."""

import tempfile
from pathlib import Path
from typing import Final

from entrypoints.configuration import SHIPPED, ConfigurationRefused, read_configuration
from entrypoints.settings import SettingsRefused, read_settings
from tests.fuzz.target import Target, joined, require

_FOLDER: Final = tempfile.TemporaryDirectory(prefix="cashout-fuzz-")
_FILE: Final = Path(_FOLDER.name) / "cashout.toml"
_SHORT: Final = """
[policy]
poll_steps = [1, 2]
poll_later = 360
poll_daily_after = 259_200
poll_daily = 86_400
retry_longest = 3_600
jitter_permille = 200
[circuit]
threshold = 5
rest = 30
[providers.orange_money]
name = "Orange Money"
module = "adapters.providers.orange_money"
capabilities = { idempotent_submit = true, lookup_by_reference = true, webhook_proves = true }
operators = ["Orange"]
[providers.orange_money.corridors]
CI = { currencies = ["XOF"], number_format = "e164_digits" }
[[providers.orange_money.tariffs]]
version = "t-1"
effective_from = 2020-01-01T00:00:00Z
[providers.orange_money.tariffs.rows]
XOF.fee_percent = "2"
XOF.fee_minimum = "6"
XOF.minimum = "6"
XOF.maximum = "9"
XOF.daily = "9"
XOF.monthly = "9"
"""


def _configuration(data: bytes) -> bool:
    """A file that cannot be used is refused in lines that can be read, each naming the file."""
    _FILE.write_bytes(data)
    try:
        read = read_configuration(_FILE)
    except ConfigurationRefused as refused:
        require(refused.faults, "refused without a reason")
        for line in refused.faults:
            require(line.isprintable(), f"a line that cannot be shown: {line!r}")
            require(_FILE.name in line and len(line) < 1_000, "a line that cannot be read")
        return False
    catalogue = read.catalogue(production=False, available={})
    require(set(catalogue.providers) == set(read.providers), "a provider was lost")
    return True


def _settings(data: bytes) -> bool:
    """Settings, a line each, as a shell would give them: any bytes but NUL."""
    lines = data.replace(b"\0", b"").split(b"\n--\n")
    pairs = (line.decode("utf-8", "surrogateescape").partition("=") for line in lines)
    environ = {name: value for name, _, value in pairs if name}
    # Which files are read is not what this is about.
    for name in ("CASHOUT_CONFIG", "CASHOUT_DATA_DIR", "JWT_PUBLIC_KEY"):
        environ.pop(name, None)
    try:
        read_settings({**environ, "CASHOUT_DATA_DIR": _FOLDER.name})
    except SettingsRefused as refused:
        require(refused.faults, "refused without a reason")
        for line in refused.faults:
            require(line.isprintable() and line.strip(), f"a line that cannot be shown: {line!r}")
        return False
    return True


_GOOD: Final = _SHORT.encode()

TARGETS: Final = (
    Target(
        "configuration",
        _configuration,
        [_GOOD, SHIPPED.read_bytes()],
        [
            b"",
            b"\x00",
            b"[" * 3_000,
            b"\xff\xfe",
            _SHORT.encode("utf-16"),
            _GOOD + b'"a\\nb" = 1',
            _GOOD.replace(b'"2"', b'"1e999999"'),
            _GOOD.replace(b"360", b"9" * 5_000),
            _GOOD.replace(b"360", b"nan"),
            _GOOD.replace(b"2020-01-01T00:00:00Z", b"0001-01-01T00:00:00+23:59"),
        ],
    ),
    Target(
        "settings",
        _settings,
        [
            b"",
            joined(b"PORT=3005", b"PROVIDER_TIMEOUT_SECONDS=5.5", b"RETRY_MAX_ATTEMPTS=2"),
            joined(b"DATABASE_URL=postgresql+asyncpg://u:p@127.0.0.1:5432/db", b"PORT=1"),
        ],
        [
            b"PORT=\xff",
            b"JWT_SECRET=\xff-a-token-secret-of-the-tests-0123456789",
            b"CASHOUT_\n\xff=1",
            b"PORT=1e400",
            "PORT=٣".encode(),
            b"PROVIDER_TIMEOUT_SECONDS=nan",
            b"PROVIDER_TIMEOUT_SECONDS=1e400",
            b"RETRY_BASE_SECONDS=99999999999999999999",
            b"DATABASE_URL=postgresql+asyncpg://[",
            b"NATS_URL=nats://\xff:99999",
            joined(b"JWT_SECRET=short", b"JWT_JWKS_URL=http://["),
        ],
    ),
)
