"""Statements over HTTP: sent in by who may, within limits of their own, and read with breaks."""

import asyncio
import csv
import io
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest

from adapters.memory.statement_file import MemoryStatement
from adapters.sandbox.statements import Plant, plant, rows_of, written
from adapters.web.app import WebSettings
from adapters.web.server import ApiServer
from application.callers import Caller, Role
from application.interrupted_runs import lease_of
from domain.cash_out import CashOut
from domain.runs import Phase, Progress, RunState
from domain.states import Status
from tests.adapters.web.house import House, check_problem, fields, house, signed_in
from tests.reconciliation.scale import payouts
from tests.statement_books import booked_cash_out, keep
from tests.strategies import AFRI, ORANGE, TOKEN

pytestmark = pytest.mark.anyio

STATEMENTS = "/api/payments/statements"
UPLOAD = f"{STATEMENTS}/{ORANGE}"
OLGA, VERA, USER = (
    {"user": "olga", "role": "operator"},
    {"user": "vera", "role": "viewer"},
    {"user": "user-1"},
)
PERIOD = {"from": "2026-11-20", "until": "2026-11-22"}


@pytest.fixture(name="api")
async def an_api_with_books() -> AsyncIterator[House]:
    async with house() as api:
        await keep(api.parts.cancel.units, ours())
        yield api


def ours(count: int = 20) -> list[CashOut]:
    return [booked_cash_out(number) for number in range(1, count + 1)]


def a_statement(**wanted: int) -> bytes:
    """Return the file of these books with so many breaks of these kinds."""
    rows = rows_of(payouts(iter(ours())), ORANGE)
    planted, _ = plant(rows, {Plant(kind): n for kind, n in wanted.items()}, seed=3)
    return "".join(written(planted, ORANGE)).encode()


async def send(
    api: House,
    raw: bytes | AsyncIterator[bytes],
    path: str = UPLOAD,
    **changes: Any,  # noqa: ANN401 -- handed on to the client
) -> httpx.Response:
    who = changes.pop("who", OLGA)
    headers = {**signed_in(**who), "Content-Type": "text/csv", **changes.pop("headers", {})}
    return await api.client.post(path, content=raw, headers=headers, **changes)


async def reconciled(api: House, raw: bytes, **params: str) -> dict[str, Any]:
    """Send a statement, wait for its end and return the run with its breaks."""
    answer = await send(api, raw, params={**PERIOD, **params})
    assert answer.status_code == 202, answer.text
    begun = answer.json()["data"]
    assert (begun["state"], begun["startedBy"]) == ("running", "olga")
    assert answer.headers["location"] == f"{STATEMENTS}/{begun['runId']}"
    await api.parts.statements.receive.wait()
    read = await get(api, answer.headers["location"])
    found: dict[str, Any] = read.json()["data"]
    return found


async def get(api: House, path: str, who: dict[str, str] = OLGA, **headers: str) -> httpx.Response:
    return await api.client.get(path, headers={**signed_in(**who), **headers})


async def test_a_statement_is_reconciled_in_the_background_and_read_with_its_breaks(
    api: House,
) -> None:
    raw = a_statement(missing_here=2, missing_there=1, amount_differs=1)
    found = await reconciled(api, raw, name="may.csv")
    run = found["run"]
    assert (run["state"], run["fileName"], run["openBreaks"]) == ("finished", "may.csv", 4)
    assert run["tally"]["lines"] == 21
    assert run["tally"]["breaks"] == {"amount_differs": 1, "missing_here": 2, "missing_there": 1}
    assert sorted(each["kind"] for each in found["breaks"]) == [
        "amount_differs",
        "missing_here",
        "missing_here",
        "missing_there",
    ]
    again = await reconciled(api, raw)
    assert again["breaks"] == found["breaks"]
    assert (again["run"]["runId"], again["run"]["times"]) == (run["runId"], 2)


async def test_a_run_tells_how_far_it_is_until_it_has_ended(api: House) -> None:
    found = await reconciled(api, a_statement())
    assert "progress" not in found["run"]
    run_id = UUID(found["run"]["runId"])
    async with api.parts.cancel.units.begin() as unit:
        run = await unit.statements.run(run_id)
        assert run is not None
        at = Progress(Phase.COMPARING, 1_000, 5_000)
        await unit.statements.save(replace(run, state=RunState.RUNNING, progress=at))
    shown = (await get(api, f"{STATEMENTS}/{run_id}")).json()["data"]["run"]
    assert shown["progress"] == {"phase": "comparing", "done": 1_000, "total": 5_000}


async def test_breaks_come_as_csv_where_it_is_accepted_and_page_by_page_else(api: House) -> None:
    found = await reconciled(api, a_statement(missing_here=5, duplicate=2))
    path = f"{STATEMENTS}/{found['run']['runId']}"
    answer = await get(api, path, Accept="text/csv")
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert "attachment" in answer.headers["content-disposition"]
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert sorted(row["kind"] for row in rows) == ["duplicate"] * 2 + ["missing_here"] * 5
    first = (await get(api, f"{path}?limit=4")).json()["data"]
    rest = (await get(api, f"{path}?limit=4&cursor={first['nextCursor']}")).json()["data"]
    listed = [each["breakId"] for each in [*first["breaks"], *rest["breaks"]]]
    assert listed == [row["break"] for row in rows]
    doubles = (await get(api, f"{path}?kind=duplicate&state=open")).json()["data"]["breaks"]
    assert {each["kind"] for each in doubles} == {"duplicate"}


async def test_an_open_cash_out_is_ended_by_what_the_statement_proves(api: House) -> None:
    waits = booked_cash_out(99, Status.PROCESSING, provider_transaction_id=None)
    await keep(api.parts.cancel.units, [waits])
    paid = booked_cash_out(99)
    rows = rows_of(payouts(iter([*ours(), paid])), ORANGE)
    found = await reconciled(api, "".join(written(rows, ORANGE)).encode())
    assert found["run"]["tally"]["settled"] == 1
    assert api.store.cash_outs[waits.id].status is Status.COMPLETED


async def test_a_break_is_explained(api: House) -> None:
    found = await reconciled(api, a_statement(missing_there=1))
    path = f"/api/payments/breaks/{found['breaks'][0]['breakId']}/explanation"
    headers = {**signed_in(**OLGA), "Content-Type": "application/json"}
    answer = await api.client.post(path, json={"reason": "tomorrow's"}, headers=headers)
    told = answer.json()["data"]
    assert (told["state"], told["note"], told["changedBy"]) == ("explained", "tomorrow's", "olga")
    read = (await get(api, f"{STATEMENTS}/{found['run']['runId']}")).json()["data"]
    assert read["run"]["openBreaks"] == 0
    check_problem(
        await api.client.post(path, json={"reason": " "}, headers=headers), 400, "INVALID_NOTE"
    )
    nowhere = path.replace(path[24:32], "00000000")
    check_problem(
        await api.client.post(nowhere, json={"reason": "x"}, headers=headers), 404, "NOT_FOUND"
    )


async def test_runs_are_listed_newest_first(api: House) -> None:
    made = []
    for number in range(3):
        api.clock.advance(timedelta(minutes=1))
        made.append((await reconciled(api, a_statement(missing_here=number)))["run"]["runId"])
    first = (await get(api, f"{STATEMENTS}?limit=2", VERA)).json()["data"]
    assert [each["runId"] for each in first["runs"]] == made[:0:-1]
    path = f"{STATEMENTS}?limit=2&cursor={first['nextCursor']}"
    rest = (await get(api, path, VERA)).json()["data"]
    assert [each["runId"] for each in rest["runs"]] == made[:1]
    assert "nextCursor" not in rest


async def test_who_may_not_is_refused_before_a_byte_is_read(api: House) -> None:
    async def endless() -> AsyncIterator[bytes]:
        yield b"Orange"
        await asyncio.sleep(3_600)

    for who in (USER, VERA):
        answer = await asyncio.wait_for(send(api, endless(), who=who), 10)
        check_problem(answer, 403, "FORBIDDEN")
    check_problem(await get(api, STATEMENTS, USER), 403, "FORBIDDEN")
    answer = await api.client.post(UPLOAD, content=b"x", headers={"Content-Type": "text/csv"})
    check_problem(answer, 401, "UNAUTHORIZED")
    assert api.store.runs == {}


@pytest.mark.parametrize(
    ("path", "params", "headers", "status", "code"),
    [
        (f"{STATEMENTS}/nobody", {}, {}, 404, "INVALID_PROVIDER"),
        (UPLOAD, {}, {"Content-Type": "application/json"}, 415, "UNSUPPORTED_MEDIA_TYPE"),
        (UPLOAD, {"from": "2026-11-20"}, {}, 400, "BAD_REQUEST"),
        (UPLOAD, {"from": "2026-11-22", "until": "2026-11-20"}, {}, 400, "BAD_REQUEST"),
        (UPLOAD, {"from": "yesterday", "until": "now"}, {}, 400, "BAD_REQUEST"),
        (UPLOAD, {"colour": "red"}, {}, 400, "BAD_REQUEST"),
    ],
)
async def test_what_cannot_be_taken_is_refused_with_its_reason(
    api: House, path: str, params: dict[str, str], headers: dict[str, str], status: int, code: str
) -> None:
    answer = await send(api, a_statement(), path, params=params, headers=headers)
    error = check_problem(answer, status, code)
    assert set(fields(error)) <= {"from", "until", "colour"}
    assert api.store.runs == {}


async def test_a_file_that_is_none_of_the_providers_stops_its_run_with_the_reason(
    api: House,
) -> None:
    found = await reconciled(api, b"PK\x03\x04 a spreadsheet\r\nPK\x03\x04")
    run = found["run"]
    assert (run["state"], found["breaks"]) == ("stopped", [])
    assert "export the statement as CSV" in run["detail"]


async def test_one_statement_of_a_provider_at_a_time(api: House) -> None:
    async with api.parts.cancel.units.begin() as unit:
        now = api.clock.now()
        assert await unit.leases.take(lease_of(ORANGE), TOKEN, now, now + timedelta(minutes=5))
    check_problem(await send(api, a_statement()), 409, "RECONCILIATION_RUNNING")
    desk, olga = api.parts.statements, Caller("olga", Role.OPERATOR)
    assert (await desk.reconcile(olga, AFRI, MemoryStatement([]))).finished_at is not None
    async with api.parts.cancel.units.begin() as unit:
        await unit.leases.release(lease_of(ORANGE), TOKEN)
    assert (await reconciled(api, a_statement()))["run"]["state"] == "finished"


async def test_its_size_has_a_limit_of_its_own_declared_or_not() -> None:
    async def in_pieces() -> AsyncIterator[bytes]:
        for _ in range(20):
            yield b"x" * 10_000

    async with house(settings=WebSettings(statement_most=100_000)) as api:
        check_problem(await send(api, b"x" * 100_001), 413, "PAYLOAD_TOO_LARGE")
        check_problem(await send(api, in_pieces()), 413, "PAYLOAD_TOO_LARGE")
        assert api.store.runs == {}
        assert (await send(api, b"x" * 70_000)).status_code == 202
        await api.parts.statements.receive.wait()
        elsewhere = await api.client.post(
            "/api/payments/cash-out",
            content=b"x" * 70_000,
            headers={**signed_in(**OLGA), "Content-Type": "application/json"},
        )
        check_problem(elsewhere, 413, "PAYLOAD_TOO_LARGE")


async def test_a_real_connection_takes_megabytes_here_and_nowhere_else(api: House) -> None:
    """The door lets a megabyte through: more only where the route has made sure who sends it."""
    megabytes = a_statement() + b"\r\n" * (2 * 1_048_576)
    async with (
        ApiServer(api.app, "127.0.0.1", 0, grace_s=1) as server,
        httpx.AsyncClient(base_url=server.url, timeout=30) as client,
    ):
        headers = {**signed_in(**OLGA), "Content-Type": "text/csv"}
        taken = await client.post(UPLOAD, content=megabytes, params=PERIOD, headers=headers)
        assert taken.status_code == 202, taken.text
        await api.parts.statements.receive.wait()
        read = await client.get(taken.headers["location"], headers=signed_in(**OLGA))
        assert read.json()["data"]["run"]["tally"]["matched"] == 20
        elsewhere = await client.post(
            "/api/payments/cash-out", content=megabytes, headers=signed_in(**OLGA)
        )
        check_problem(elsewhere, 413, "PAYLOAD_TOO_LARGE")
