"""The disk under SQLite is full: refused clearly, nothing lost, and well again without repair."""

import asyncio
import contextlib
import sqlite3
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from adapters.sandbox.corridors import AFRIMONEY, ORANGE_MONEY
from adapters.sandbox.server import Sandbox
from adapters.sandbox.settings import SandboxSettings
from adapters.sql.schema import migrate
from tests.entrypoints.orders import a_client, ask, in_a_hurry, order, seen, until_ended
from tests.nemesis.small_disk import Disk, Limited, small_disk
from tests.processes import api_process
from tests.server_process import ServerProcess

pytestmark = pytest.mark.anyio

SUFFIXES = ("789", "001", "203", "205", "089")
BACK_WITHIN_S = 30
_WITHOUT_ROOM = 20


@dataclass(frozen=True, slots=True)
class OnADisk:
    """An API with its workers over a database on a small disk."""

    disk: Disk
    process: ServerProcess
    client: httpx.AsyncClient
    sandbox: Sandbox

    @property
    def database(self) -> Path:
        """Return the file."""
        return self.disk.folder / "cashout.db"

    async def ask(self, number: int) -> httpx.Response:
        """Ask for the order of that number, always with the same key."""
        body = order(
            (ORANGE_MONEY, AFRIMONEY)[number % 2],
            SUFFIXES[number % len(SUFFIXES)],
            walletId=f"wallet-{number}",
        )
        return await ask(self.client, "user-1", body, f"key-{number}")

    async def until_taken(self, numbers: Sequence[int]) -> dict[int, str]:
        """Ask until every one is taken; return their ids by number."""
        ids: dict[int, str] = {}
        async with asyncio.timeout(BACK_WITHIN_S):
            while len(ids) < len(numbers):
                left = sorted(set(numbers) - ids.keys())
                came = await asyncio.gather(*(self.ask(number) for number in left))
                for number, answer in zip(left, came, strict=True):
                    assert answer.status_code in {202, 503}, answer.text
                    if answer.status_code == 202:
                        ids[number] = answer.json()["data"]["cashOutId"]
                await asyncio.sleep(0.05)
        return ids


@asynccontextmanager
async def on(disk: Disk, folder: Path) -> AsyncIterator[OnADisk]:
    """Run the service over a database on that disk."""
    url = f"sqlite+aiosqlite:///{disk.folder / 'cashout.db'}"
    await migrate(url)
    async with Sandbox(SandboxSettings(hang_s=2)) as sandbox:
        environment = in_a_hurry(
            **sandbox.environment(),
            DATABASE_URL=url,
            CASHOUT_DATA_DIR=str(folder / "data"),
            REVIEW_AFTER_SECONDS="600",
        )
        process, address = api_process(folder, environment)
        sandbox.webhook_base_url = f"{address}/api/payments/webhook"
        try:
            await asyncio.to_thread(process.start)
            async with a_client(address) as client:
                yield OnADisk(disk, process, client, sandbox)
        finally:
            await asyncio.to_thread(process.stop)


@pytest.fixture(name="disk", params=["a file system", "a limit"])
def _disk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Disk]:
    # The limit is what everybody can have; where nothing may be mounted it is used twice.
    folder = tmp_path / "disk"
    if request.param == "a file system":
        with small_disk(folder) as disk:
            yield disk
    else:
        folder.mkdir()
        yield Limited(folder)


async def test_a_full_disk_loses_nothing_and_needs_no_repair(disk: Disk, tmp_path: Path) -> None:
    """503 while it is full; what was sent before still counts; then every key has one cash-out."""
    async with on(disk, tmp_path) as service:
        before = await service.until_taken(range(10))
        disk.fill(service.process.pid)
        without_room = range(10, 10 + _WITHOUT_ROOM)
        came = await asyncio.gather(*(service.ask(number) for number in without_room))
        answers = dict(zip(without_room, came, strict=True))
        _are_clear(answers.values())
        meanwhile = {
            number: answer.json()["data"]["cashOutId"]
            for number, answer in answers.items()
            if answer.status_code == 202
        }
        assert len(meanwhile) < _WITHOUT_ROOM
        # What is there can still be read.
        for cash_out_id in before.values():
            await seen(service.client, "user-1", cash_out_id)
        disk.free(service.process.pid)
        after = await service.until_taken([*range(10), *without_room])
        assert {**after, **before, **meanwhile} == after
        records = await until_ended(service.client, dict.fromkeys(after.values(), "user-1"))
        for record in records.values():
            paid = service.sandbox.ledger.count(record["reference"])
            assert paid == (record["status"] == "completed"), record
        assert len(service.sandbox.ledger) == sum(
            record["status"] == "completed" for record in records.values()
        )
    with contextlib.closing(sqlite3.connect(service.database)) as database:
        assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        kept = database.execute("SELECT wallet_id FROM cash_outs").fetchall()
    assert Counter(kept) == Counter((f"wallet-{number}",) for number in after)
    said = service.process.log.read_text(encoding="utf-8")
    assert "Traceback" not in said
    assert '"bug"' not in said


def _are_clear(answers: Iterable[httpx.Response]) -> None:
    refused = [each for each in answers if each.status_code != 202]
    for answer in refused:
        assert answer.status_code == 503, answer.text
        assert int(answer.headers["retry-after"]) >= 1
        assert answer.json()["success"] is False
        assert answer.json()["error"]["message"]
    assert refused
