"""The restore of docs/production.md, step by step: nothing is paid twice, and all is accounted for.

A database is restored to a moment T, after which money went on leaving. The steps are those of the
page, with its commands; what the page has done by hand is done by hand here.
"""

import asyncio
import json
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest

from adapters.sandbox.corridors import AFRIMONEY, ORANGE_MONEY
from adapters.sandbox.faults import Act, Endpoint, FaultRule
from adapters.sandbox.server import Sandbox
from adapters.sandbox.settings import SandboxSettings
from adapters.sql.database import open_database
from adapters.sql.read_model import SqlReader
from adapters.sql.schema import migrate
from domain.cash_out import CashOut
from domain.states import Status
from tests.documents.backups import Kept, KeptPostgres, KeptSqlite
from tests.entrypoints.console import Console, loggings
from tests.entrypoints.orders import a_client, in_a_hurry, order, signed_in, taken, until_ended
from tests.processes import api_process, worker_process
from tests.server_process import ServerProcess
from tests.servers import NatsServer

pytestmark = pytest.mark.anyio

PROVIDERS = (ORANGE_MONEY, AFRIMONEY)
LOGGED = {
    "cash_out.initiated": "cash_out_pending",
    "cash_out.failed": "cash_out_failed",
    "cash_out.cancelled": "cash_out_cancelled",
}
"""How the log calls what others are told."""
ENDINGS_THAT_PAY_NOTHING = ("cash_out.failed", "cash_out.cancelled")
USER = "user-1"
OWN = "OUR-INVOICE-0001"
LONGEST_S = 60
PAID, REFUSED, ONLY_ASKED = "001", "011", "139"


@dataclass(slots=True)
class Drill:
    """The service around one database, the provider that outlives it, and who operates both."""

    kept: Kept
    sandbox: Sandbox
    console: Console
    api: ServerProcess
    worker: ServerProcess
    client: httpx.AsyncClient
    has_broker: bool
    ids: dict[str, str] = field(default_factory=dict)

    async def take(self, name: str, provider: str, suffix: str, **fields: object) -> None:
        """Have a cash-out taken, to be known here by a name; the same name is the same key."""
        key = name.replace(" ", "-")
        self.ids[name] = await taken(self.client, USER, order(provider, suffix, **fields), key)

    async def ended(self, *names: str) -> dict[str, dict[str, Any]]:
        """Return what the API says of these, once each has ended."""
        found = await until_ended(self.client, {self.ids[name]: USER for name in names})
        return {name: found[self.ids[name]] for name in names}

    async def command(self, *words: str, expect: int = 0) -> list[Any]:
        """Run a command of the page; return the JSON that it prints, line by line."""
        done = await asyncio.to_thread(self.console.run, *words)
        assert done.returncode == expect, (words, done.stdout, done.stderr)
        lines = done.stdout.splitlines()
        return [json.loads(line) for line in lines] if "--json" in words else lines

    async def stored(self, name: str) -> CashOut:
        """Return what the database has of a cash-out."""
        # A file that was put in the place of another is another database.
        database = open_database(self.kept.url)
        try:
            found = await SqlReader(database).cash_out(UUID(self.ids[name]))
        finally:
            await database.close()
        assert found is not None, name
        return found

    async def until_stored(self, name: str, status: Status) -> None:
        """Return once a cash-out has come to this."""
        async with asyncio.timeout(LONGEST_S):
            while True:
                if (await self.stored(name)).status is status:
                    return
                await asyncio.sleep(0.1)

    @property
    def payouts(self) -> int:
        """How many payouts the provider has made until now."""
        return len(self.sandbox.ledger)


@contextmanager
def _kept(kind: str) -> Iterator[Kept]:
    with tempfile.TemporaryDirectory(prefix="cashout-restore-") as made:
        folder = Path(made)
        if kind == "sqlite":
            yield KeptSqlite(folder)
            return
        postgres = KeptPostgres(folder)
        try:
            yield postgres
        finally:
            postgres.stop()


@asynccontextmanager
async def _drill(kept: Kept, folder: Path, broker: NatsServer | None) -> AsyncIterator[Drill]:
    await migrate(kept.url)
    async with Sandbox(SandboxSettings(hang_s=3)) as sandbox:
        environment = in_a_hurry(
            DATABASE_URL=kept.url,
            WORKERS_IN_API="false",
            REVIEW_AFTER_SECONDS="3600",
            **sandbox.environment(),
            **({} if broker is None else {"NATS_URL": broker.url}),
        )
        api, url = api_process(folder, environment)
        worker = worker_process(folder, "worker", environment)
        console = Console(folder, environment)
        sandbox.webhook_base_url = f"{url}/api/payments/webhook"
        async with a_client(url) as client:
            try:
                yield Drill(kept, sandbox, console, api, worker, client, broker is not None)
            finally:
                await asyncio.to_thread(api.stop)
                await asyncio.to_thread(worker.stop)


@pytest.fixture(name="drill", params=["sqlite", "postgresql"])
async def drill_of_each_database(
    request: pytest.FixtureRequest, tmp_path: Path, nats_server: NatsServer
) -> AsyncIterator[Drill]:
    """SQLite without a broker: what was forgotten is in the logs alone. PostgreSQL with one."""
    nats_server.empty()
    broker = nats_server if request.param == "postgresql" else None
    with _kept(request.param) as kept:
        async with _drill(kept, tmp_path, broker) as drill:
            yield drill


async def _until_the_backup(drill: Drill) -> None:
    """Pay, leave one on the wire, and let others wait that were never sent."""
    if isinstance(drill.kept, KeptPostgres):
        await asyncio.to_thread(drill.kept.base_backup)
    await asyncio.to_thread(drill.api.start)
    await asyncio.to_thread(drill.worker.start)
    await drill.take("paid", ORANGE_MONEY, PAID)
    await drill.take("taken back later", AFRIMONEY, PAID)
    await drill.ended("paid", "taken back later")
    silent = FaultRule(act=Act.STATUS, endpoint=Endpoint.STATUS, suffix=ONLY_ASKED)
    drill.sandbox.engine.faults.add(silent)
    await drill.take("on the wire", ORANGE_MONEY, ONLY_ASKED)
    await drill.until_stored("on the wire", Status.PROCESSING)
    await asyncio.to_thread(drill.worker.stop)
    await drill.command("provider", "close", AFRIMONEY, "--reason", "maintenance")
    await drill.take("sent later", ORANGE_MONEY, PAID)
    await drill.take("cancelled later", AFRIMONEY, PAID)
    await drill.take("waits all the while", AFRIMONEY, PAID)
    await asyncio.to_thread(drill.kept.back_up)


async def _after_the_backup(drill: Drill) -> None:
    """Let money leave, and other things happen, that the backup does not know."""
    drill.sandbox.engine.faults.clear()
    await asyncio.to_thread(drill.worker.start)
    await drill.ended("on the wire", "sent later")
    cancel = f"/api/payments/cash-out/{drill.ids['cancelled later']}/cancel"
    answer = await drill.client.post(cancel, headers=signed_in(USER))
    assert answer.status_code == 200, answer.text
    await drill.take("forgotten and paid", ORANGE_MONEY, PAID, reference=OWN)
    await drill.take("forgotten and refused", ORANGE_MONEY, REFUSED)
    ends = await drill.ended("forgotten and paid", "forgotten and refused")
    assert [each["status"] for each in ends.values()] == ["completed", "failed"]
    if drill.has_broker:
        await _until_told(drill, 4)
    await asyncio.to_thread(drill.worker.stop)
    await drill.take("forgotten and pending", ORANGE_MONEY, PAID)
    ledger = drill.sandbox.ledger
    (payout,) = (each for each in ledger if each.provider == AFRIMONEY)
    ledger.reverse(AFRIMONEY, payout.transaction_id, datetime.now(UTC))


async def _until_told(drill: Drill, endings: int) -> None:
    async with asyncio.timeout(LONGEST_S):
        while True:
            told = await _events(drill)
            if (
                sum(each["type"] in {"cash_out.completed", "cash_out.failed"} for each in told)
                > endings
            ):
                return


async def _events(drill: Drill, *words: str) -> list[Any]:
    tail = ("events", "tail", "--from-start", "--no-follow", "--json")
    return await drill.command(*tail, *words)


async def _happened_after(moment: datetime, drill: Drill, *kinds: str) -> set[str]:
    """Return the cash-outs of which this was logged, or told to others, after a moment."""
    text = drill.api.log.read_text(encoding="utf-8") + drill.worker.log.read_text(encoding="utf-8")
    logged = {LOGGED[kind] for kind in kinds}
    found = {
        str(line["cash_out_id"])
        for line in loggings(text)
        if line["event"] in logged and datetime.fromisoformat(line["timestamp"]) > moment
    }
    if drill.has_broker:
        for kind in kinds:
            told = await _events(drill, "--type", kind)
            late = (each for each in told if datetime.fromisoformat(each["time"]) > moment)
            found |= {str(each["cashOutId"]) for each in late}
    return found


async def _hold_against_statements(drill: Drill, since: datetime) -> dict[str, list[Any]]:
    """Get each provider's statement of the span and reconcile it; return the breaks by kind."""
    until, breaks = datetime.now(UTC), list[Any]()
    for provider in PROVIDERS:
        address = f"{drill.sandbox.control_url}/statements/{provider}"
        async with httpx.AsyncClient(trust_env=False, timeout=10) as bank:
            period = {"since": since.isoformat(), "until": until.isoformat()}
            answer = await bank.get(address, params=period)
        file = drill.console.folder / f"{provider}.csv"
        file.write_bytes(answer.content)
        span = ("--from", since.isoformat(), "--until", until.isoformat())
        (told,) = await drill.command("reconcile", provider, file.name, *span, "--json", expect=1)
        breaks += told["breaks"]
    found: dict[str, list[Any]] = {}
    for each in breaks:
        found.setdefault(each["kind"], []).append(each)
    return found


async def test_after_a_restore_nothing_is_paid_twice_and_every_payout_is_accounted_for(
    drill: Drill,
) -> None:
    await _until_the_backup(drill)
    await _after_the_backup(drill)
    paid_before = drill.payouts
    # Step 1: nothing runs, the backup is put in place, T is noted.
    await asyncio.to_thread(drill.api.kill)
    await asyncio.to_thread(drill.kept.lose_and_restore)
    moment = await asyncio.to_thread(drill.kept.newest)
    # Step 2: the copy agrees with itself.
    await drill.command("verify")
    # Step 3: every provider is closed while nothing runs.
    for provider in PROVIDERS:
        await drill.command("provider", "close", provider, "--reason", "restored")
    # Step 4: the workers ask about what was on the wire, and send nothing.
    await asyncio.to_thread(drill.worker.start)
    await drill.until_stored("on the wire", Status.COMPLETED)
    for name in ("sent later", "cancelled later", "waits all the while"):
        found = await drill.stored(name)
        assert (found.status, found.attempts) == (Status.PENDING, ()), name
    assert drill.payouts == paid_before
    # Step 5: what was forgotten, and what ended without a payment.
    begun = await _happened_after(moment, drill, "cash_out.initiated")
    forgotten = {each for each in begun if await _is_forgotten(drill, each)}
    names = ("forgotten and paid", "forgotten and refused", "forgotten and pending")
    assert forgotten == {drill.ids[name] for name in names}
    for each in await _happened_after(moment, drill, *ENDINGS_THAT_PAY_NOTHING) - forgotten:
        await drill.command("cancel", each, "--admin")
    # Step 6: the statements name the payouts that nobody here knows.
    breaks = await _hold_against_statements(drill, moment - timedelta(hours=1))
    assert (await drill.stored("sent later")).status is Status.COMPLETED
    assert [each["reference"] for each in breaks["missing_here"]] == [OWN]
    assert len(breaks["late_reversal"]) == 1
    assert (await drill.stored("taken back later")).review is not None
    assert drill.payouts == paid_before
    await _open_again(drill, paid_before)
    await _all_is_accounted_for(drill, breaks)


async def _is_forgotten(drill: Drill, cash_out_id: str) -> bool:
    done = await asyncio.to_thread(drill.console.run, "status", cash_out_id, "--admin")
    assert done.returncode in {0, 3}, done.stderr
    return done.returncode == 3


async def _open_again(drill: Drill, paid_before: int) -> None:
    """Steps 7 and 8: the API is started, then the providers are opened; clients ask again."""
    await asyncio.to_thread(drill.api.start)
    for provider in PROVIDERS:
        await drill.command("provider", "open", provider, "--reason", "the books agree")
    waited = await drill.ended("waits all the while", "cancelled later")
    assert [each["status"] for each in waited.values()] == ["completed", "cancelled"]
    # Whoever asks again under a reference of their own is not paid again, although it is forgotten.
    await drill.take("forgotten and paid", ORANGE_MONEY, PAID, reference=OWN)
    await drill.take("forgotten and pending", ORANGE_MONEY, PAID)
    again = await drill.ended("forgotten and paid", "forgotten and pending")
    assert [each["status"] for each in again.values()] == ["completed", "completed"]
    assert drill.payouts == paid_before + 2


async def _all_is_accounted_for(drill: Drill, breaks: dict[str, list[Any]]) -> None:
    """Step 9, and what the whole is for."""
    await drill.command("verify")
    did = await asyncio.to_thread(drill.kept.operators_did)
    assert did.count("provider.closed") == did.count("provider.opened") == 2
    assert did.count("statement.reconciled") == 2
    assert did.count("cash_out.cancelled") == 1
    assert drill.sandbox.ledger.paid_more_than_once() == ()
    books = [await drill.stored(name) for name in drill.ids if name != "forgotten and refused"]
    here = {each.reference for each in books if each.status is Status.COMPLETED}
    named = {each["reference"] for each in breaks["missing_here"]}
    assert {payout.reference for payout in drill.sandbox.ledger} == here | named
    assert [each.status for each in books if each.reference not in here] == [Status.CANCELLED]
