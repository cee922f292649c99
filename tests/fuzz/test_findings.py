"""What fuzzing found: each input that once was answered with a crash, and what it gets now."""

import base64
import json
import time
import uuid
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from adapters.memory.manual_time import ManualClock
from adapters.providers.orange_money.wire import LONGEST_TOKEN_LIFETIME_S, read_grant
from adapters.web.auth import InvalidToken, SecretTokens, _encode, _sign
from adapters.web.cursors import _LAYOUT, _check
from entrypoints.configuration import SHIPPED, ConfigurationRefused, read_configuration
from tests.adapters.web.house import CASH_OUTS, House, check_problem, house

SECRET = b"a-token-secret-of-the-tests-0123456789"
NOW = datetime(2026, 11, 23, 10, 0, tzinfo=UTC)


@pytest.fixture
async def api() -> AsyncIterator[House]:
    async with house() as opened:
        yield opened


@pytest.mark.parametrize("lifetime", ["1e999999", "1e999999999999999999", "9" * 200_000])
def test_a_lifetime_of_a_token_is_read_at_once_however_large(lifetime: str) -> None:
    """It once stopped the process for half a minute, or ended with a MemoryError."""
    answer = json.dumps({"access_token": "at-1", "expires_in": lifetime}).encode()
    began = time.monotonic()
    assert read_grant(answer) == ("at-1", LONGEST_TOKEN_LIFETIME_S)
    assert time.monotonic() - began < 5


@pytest.mark.anyio
@pytest.mark.parametrize("claim", ["exp", "nbf"])
async def test_a_signed_token_with_a_moment_beyond_every_float_is_invalid(claim: str) -> None:
    """It once was an OverflowError, so a 500."""
    claims = b'{"userId":"user-1","exp":4102444800,"%s":1%s}' % (claim.encode(), b"0" * 400)
    signed = ".".join(_encode(part) for part in (b'{"alg":"HS256"}', claims))
    token = f"{signed}.{_sign(SECRET, signed.encode()).decode()}"
    with pytest.raises(InvalidToken):
        await SecretTokens(SECRET, ManualClock(NOW)).verify(token)


@pytest.mark.anyio
@pytest.mark.parametrize("page", [0, 2**32 - 1])
async def test_a_made_up_cursor_for_a_page_that_cannot_be_is_400(api: House, page: int) -> None:
    """The one for the last page that fits into a cursor once was a 500."""
    for _ in range(2):
        await api.made()
    place = _LAYOUT.pack(4_102_444_800_000_000, uuid.uuid4().bytes, page)
    cursor = base64.urlsafe_b64encode(place + _check(place, "user-1")).decode()
    answer = await api.get(CASH_OUTS, params={"limit": 1, "cursor": cursor})
    check_problem(answer, 400, "BAD_REQUEST")


@pytest.mark.parametrize(
    ("good", "bad", "says"),
    [
        ('fee_percent = "2"', 'fee_percent = "two"', "fee_percent"),
        ('fee_percent = "2"', 'fee_percent = "1e999999"', "fee_percent"),
        ('fee_percent = "2"', 'fee_percent = "sNaN"', "fee_percent"),
        ('fee_percent = "2"', 'fee_percent = "٢"', "fee_percent"),
        ("= 2020-01-01T00:00:00Z", "= 0001-01-01T00:00:00+23:00", "effective_from"),
        ("= 2020-01-01T00:00:00Z", "= 9999-12-31T23:59:59-23:00", "effective_from"),
        ("[policy]", "x = " + "[" * 5_000 + "]" * 5_000 + "\n[policy]", "nested"),
    ],
)
def test_a_configuration_that_cannot_be_read_is_refused_in_one_line(
    good: str, bad: str, says: str, tmp_path: Path
) -> None:
    """Each of them once stopped the process with a traceback."""
    document = SHIPPED.read_text(encoding="utf-8")
    assert good in document
    written = tmp_path / "cashout.toml"
    written.write_text(document.replace(good, bad, 1), encoding="utf-8")
    with pytest.raises(ConfigurationRefused, match=says) as refused:
        read_configuration(written)
    (line,) = refused.value.faults
    assert line.isprintable()
