"""The database file is taken away under a running service: nothing is acknowledged into nowhere."""

import asyncio
import contextlib
import sqlite3
from pathlib import Path

import httpx
import pytest

from tests.entrypoints.orders import CASH_OUT, ask, order, signed_in, until_ended
from tests.running import Running, running

pytestmark = pytest.mark.anyio

FILE = "cashout.db"
BACK_WITHIN_S = 20


def parts_of(folder: Path) -> list[Path]:
    """Return the file and what SQLite keeps beside it."""
    return list(folder.glob(f"{FILE}*"))


async def takes(service: Running, *keys: str) -> list[httpx.Response]:
    """Ask for a cash-out with each key, all at once."""
    return await asyncio.gather(*(ask(service.client, "user-1", order(), key) for key in keys))


async def ended(service: Running, answers: list[httpx.Response]) -> set[str]:
    """Return the ids of taken cash-outs once all have ended."""
    assert {answer.status_code for answer in answers} == {202}, answers[0].text
    ids = {answer.json()["data"]["cashOutId"] for answer in answers}
    await until_ended(service.client, dict.fromkeys(ids, "user-1"))
    return ids


async def refuses_everything(service: Running, known: set[str]) -> None:
    """Every answer that needs the database is a 503 that says when to come back."""
    answers = await takes(service, *(f"meanwhile-{number}" for number in range(12)))
    for cash_out_id in known:
        path = f"{CASH_OUT}/{cash_out_id}"
        answers.append(await service.client.get(path, headers=signed_in("user-1")))
    answers.append(await service.client.get(CASH_OUT, headers=signed_in("user-1")))
    for answer in answers:
        assert answer.status_code == 503, answer.text
        assert answer.json()["error"]["code"] == "SERVICE_UNAVAILABLE"
        assert int(answer.headers["retry-after"]) >= 1
    async with asyncio.timeout(BACK_WITHIN_S):
        while (await service.client.get("/health/ready")).status_code != 503:  # noqa: ASYNC110 -- asked, not watched
            await asyncio.sleep(0.1)


async def test_nothing_is_acknowledged_into_a_deleted_file(tmp_path: Path) -> None:
    async with running(tmp_path) as service:
        known = await ended(service, await takes(service, "key-1", "key-2"))
        for part in parts_of(tmp_path):
            part.unlink()
        await refuses_everything(service, known)
        assert len(service.sandbox.ledger) == len(known)
        # No empty file stands in for the one that is gone: it would look like a fresh start.
        assert not (tmp_path / FILE).exists()


async def test_a_file_that_is_put_back_is_used_again_without_a_restart(tmp_path: Path) -> None:
    away = tmp_path / "away"
    away.mkdir()
    async with running(tmp_path) as service:
        known = await ended(service, await takes(service, "key-1", "key-2", "key-3"))
        for part in parts_of(tmp_path):
            part.rename(away / part.name)
        await refuses_everything(service, known)
        for part in away.iterdir():
            part.rename(tmp_path / part.name)
        again = await ended(service, await takes(service, "key-1", "key-2", "key-3"))
        assert again == known
        known |= await ended(service, await takes(service, "meanwhile-1", "key-4"))
        assert len(service.sandbox.ledger) == len(known) == 5
    with contextlib.closing(sqlite3.connect(tmp_path / FILE)) as database:
        assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert database.execute("SELECT count(*) FROM cash_outs").fetchone() == (5,)


async def test_another_file_in_its_place_is_not_taken_for_it(tmp_path: Path) -> None:
    async with running(tmp_path) as service:
        known = await ended(service, await takes(service, "key-1"))
        for part in parts_of(tmp_path):
            part.unlink()
        (tmp_path / FILE).touch()
        await refuses_everything(service, known)
        assert (tmp_path / FILE).stat().st_size == 0
