"""Limits under fire on PostgreSQL: racing processes, borders of days and months, a kill."""

from pathlib import Path

import pytest

from tests.fire.shown import limits_hold

pytestmark = pytest.mark.anyio


async def test_no_limit_is_exceeded_and_no_slot_is_lost(postgres_url: str, tmp_path: Path) -> None:
    await limits_hold(postgres_url, tmp_path, requests=5_000)
