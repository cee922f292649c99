"""Those who look at the service in the canaries' test: operators, Prometheus, a collector."""

import asyncio
import re
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx

from adapters.web.auth import issue_token
from tests.entrypoints.orders import CASH_OUT
from tests.processes import CASHOUT, MEASURED

STATEMENTS = "/api/payments/statements"
PASSWORD = "canary-password-of-an-operator"
PEOPLE = {"vera": "viewer", "oscar": "operator"}
_TOKEN = re.compile(r'name="csrf" value="([^"]+)"')


def api_paths(ids: list[str], number: str) -> list[str]:
    """Return what people with a role may ask of the API, and a few things that nobody may."""
    return [
        "/api/payments/reviews",
        "/api/payments/reviews?reason=contradiction",
        "/api/payments/reviews/orphans",
        f"/api/payments/reviews?provider={number}",
        f"{CASH_OUT}/{number}/timeline",
        *(f"/api/payments/reviews/{each}" for each in ids[:3]),
        *(f"{CASH_OUT}/{each}/timeline" for each in ids[:3]),
    ]


def console_paths(ids: list[str], number: str) -> list[str]:
    """Return the pages of the console, with a number where somebody could write one."""
    return [
        *("/console", "/console/cash-outs", "/console/reviews", "/console/webhooks"),
        *("/console/statements", "/console/breaks", "/console/tariffs", "/console/log"),
        *(f"/console/cash-outs/{each}" for each in ids[:3]),
        f"/console/cash-outs?q={number[-3:]}",
        f"/console/cash-outs/{ids[0]}?x={number}",
        f"/console/{number}",
    ]


@dataclass(frozen=True, slots=True)
class Seen:
    """What somebody was shown. needs: somebody who decides on cash-outs, where that is done."""

    text: str
    needs: bool = False


async def ask_as_operators(
    client: httpx.AsyncClient, secret: str, ids: list[str], number: str
) -> list[Seen]:
    """Return what the API answers to people with a role."""
    said = []
    for role in ("viewer", "operator", "approver"):
        now, hour = datetime.now(UTC), timedelta(hours=1)
        token = issue_token(secret.encode(), f"{role}-1", role, hour, now=now)
        for path in api_paths(ids, number):
            answer = await client.get(path, headers={"Authorization": f"Bearer {token}"})
            assert answer.status_code < 500, answer.text
            said.append(Seen(f"{answer.headers}\n{answer.text}", needs=role != "viewer"))
    return said


def a_statement(number: str, name: str) -> str:
    """Return a statement of Orange Money with a payment that nobody here knows, and a bad line."""
    now = datetime.now(UTC).strftime("%d/%m/%Y %H:%M:%S")
    heads = "Date;Type;Transaction ID;External ID;MSISDN;Amount;Fee;Currency;Status"
    lost = f"{now};CASHIN;OM-LOST;CASH-LOST;{number[1:]};1500;0;XOF;SUCCESSFUL"
    return f"STATEMENT\n{heads}\n{lost}\n{now};{name};{number};{name}\nTOTAL;1\n"


async def reconcile(client: httpx.AsyncClient, secret: str, statement: str) -> list[Seen]:
    """Bring a statement in, and one that is none; return what a viewer sees of what came of it."""
    hour, now = timedelta(hours=1), datetime.now(UTC)
    said = []
    for raw in (statement, statement.partition("\n")[2]):
        token = issue_token(secret.encode(), "admin-1", "admin", hour, now=now)
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "text/csv"}
        path = f"{STATEMENTS}/orange_money"
        answer = await client.post(path, content=raw.encode(), headers=headers)
        assert answer.status_code < 500, answer.text
        said.append(Seen(answer.text))
    token = issue_token(secret.encode(), "viewer-1", "viewer", hour, now=now)
    headers = {"Authorization": f"Bearer {token}"}
    await asyncio.sleep(1)
    runs = await client.get(STATEMENTS, headers=headers)
    said.append(Seen(runs.text))
    for run in runs.json()["data"]["runs"]:
        shown = await client.get(f"{STATEMENTS}/{run['runId']}", headers=headers)
        assert shown.status_code == 200, shown.text
        said.append(Seen(shown.text))
    return said


async def look_at_the_console(
    url: str, environment: Mapping[str, str], folder: Path, ids: list[str], number: str
) -> list[Seen]:
    """Return the console's pages as people see them who have signed in, and as strangers do."""
    said = []
    for name, role in PEOPLE.items():
        await asyncio.to_thread(_add_operator, name, role, environment, folder)
        async with httpx.AsyncClient(base_url=url, trust_env=False, timeout=10) as client:
            stranger = await client.get("/console/reviews")
            said.append(Seen(stranger.text))
            form = _TOKEN.search((await client.get("/console/sign-in")).text)
            assert form is not None
            for password in (f"{PASSWORD}-wrong", PASSWORD):
                answer = await client.post(
                    "/console/sign-in",
                    data={"csrf": form[1], "name": name, "password": password},
                    headers={"Origin": url, "Sec-Fetch-Site": "same-origin"},
                )
                said.append(Seen(answer.text))
                form = _TOKEN.search(answer.text) or form
            assert answer.status_code == 303, answer.text
            for path in console_paths(ids, number):
                page = await client.get(path)
                assert page.status_code < 500, page.text
                decides = role != "viewer" and any(each in path for each in ids)
                said.append(Seen(page.text, needs=decides))
    return said


def _add_operator(name: str, role: str, environment: Mapping[str, str], folder: Path) -> None:
    subprocess.run(
        [CASHOUT, "operator", "add", name, "--role", role],
        check=True,
        input=PASSWORD.encode(),
        capture_output=True,
        cwd=folder,
        env={**MEASURED, "PATH": "/usr/bin:/bin", **environment},
        timeout=60,
    )


async def scraped(ports: tuple[int, ...]) -> str:
    """Return the figures of processes."""
    async with httpx.AsyncClient(trust_env=False, timeout=10) as client:
        pages = [await client.get(f"http://127.0.0.1:{port}/metrics") for port in ports]
    assert {page.status_code for page in pages} == {200}
    return "\n".join(page.text for page in pages)


def doctor(environment: Mapping[str, str], folder: Path) -> str:
    """Return what `cashout doctor` says, as lines and as JSON, with the providers refusing us."""
    said = ""
    for options in ([], ["--json"]):
        done = subprocess.run(
            [CASHOUT, "doctor", *options],
            check=False,
            capture_output=True,
            text=True,
            cwd=folder,
            env={**MEASURED, "PATH": "/usr/bin:/bin", **environment},
            timeout=60,
        )
        said += done.stdout + done.stderr
    return said


def lines_with(needle: str, text: str) -> list[str]:
    """Return the lines that hold a text, shortened, for a failure that shows where."""
    return list(_around(needle, text))


def _around(needle: str, text: str) -> Iterator[str]:
    for line in text.splitlines():
        at = line.find(needle)
        if at >= 0:
            yield line[max(0, at - 150) : at + 150]
