"""Canaries: secrets, tokens, names and numbers are planted everywhere, and all output is read.

An API and a worker as processes, with every setting secret that can be; ordinary traffic, every
kind of failing traffic, then database and broker killed. What the processes wrote, what the API
answered, what `cashout doctor` says, what operators see in the API and the console, the figures and
the traces are searched for what was planted.
"""

import asyncio
import base64
import hashlib
import hmac
import json
import re
import signal
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from adapters.sandbox.corridors import AFRIMONEY, ORANGE_MONEY, sandbox_msisdn
from adapters.sandbox.faults import Act, Endpoint, FaultRule
from adapters.sandbox.server import Sandbox
from adapters.sandbox.settings import SandboxSettings
from adapters.sql.schema import migrate
from adapters.web.auth import issue_token
from tests.collector import collecting
from tests.entrypoints.lookers import (
    PASSWORD,
    Seen,
    a_statement,
    ask_as_operators,
    doctor,
    lines_with,
    look_at_the_console,
    reconcile,
    scraped,
)
from tests.entrypoints.orders import CASH_OUT, a_client, in_a_hurry, order, until
from tests.processes import api_process, worker_process
from tests.server_process import ServerProcess
from tests.servers import NatsServer, PostgresServer, free_port

NAME = "Canarie Name-Diallo"
SECRETS = {
    "JWT_SECRET": "canary-jwt-secret-4f9a1c2b7d8e6f5a0b3c",
    "ORANGE_MONEY_CLIENT_ID": "canary-orange-client-id",
    "ORANGE_MONEY_CLIENT_SECRET": "canary-orange-client-secret",
    "ORANGE_MONEY_WEBHOOK_SECRET": "canary-orange-webhook-secret",
    "AFRIMONEY_API_KEY": "canary-afrimoney-api-key",
    "AFRIMONEY_API_SECRET": "canary-afrimoney-api-secret",
    "AFRIMONEY_WEBHOOK_SECRET": "canary-afrimoney-webhook-secret",
}
DATABASE_PASSWORD = "canary-database-password"
BROKER_PASSWORD = "canary-broker-password"
COOKIE = "canary-cookie-of-the-caller"
PROVIDER_TEXT = "canary-text-of-the-provider"
BASIC = base64.b64encode(
    f"{SECRETS['ORANGE_MONEY_CLIENT_ID']}:{SECRETS['ORANGE_MONEY_CLIENT_SECRET']}".encode()
).decode()
SUFFIXES = (
    "789",
    "001",
    "003",
    "089",
    "119",
    "129",
    "149",
    "159",
    "203",
    "206",
    "210",
    "212",
    "310",
)
NUMBERED_USER = "+22507000004711"
PATIENT = {"NOT_FOUND_GRACE_SECONDS": "0.5", "REVIEW_AFTER_SECONDS": "3", "LOG_LEVEL": "debug"}


@dataclass(slots=True)
class Output:
    """Everything that came out. own: answers to the owner, who may see names and numbers.

    operators: what people with a role saw of the API, and on the pages of the console.
    """

    logs: str = ""
    figures: str = ""
    traces: str = ""
    operators: list[Seen] = field(default_factory=list)
    doctor: str = ""
    own: list[str] = field(default_factory=list)
    others: list[str] = field(default_factory=list)
    provider_tokens: set[str] = field(default_factory=set)
    user_tokens: set[str] = field(default_factory=set)
    numbers: set[str] = field(default_factory=set)
    statuses: set[int] = field(default_factory=set)

    @property
    def answers(self) -> str:
        return "\n".join((*self.own, *self.others))

    @property
    def all(self) -> str:
        seen = "\n".join(each.text for each in self.operators)
        return f"{self.logs}\n{self.doctor}\n{self.answers}\n{seen}\n{self.figures}\n{self.traces}"


@dataclass(frozen=True, slots=True)
class Caller:
    """Asks the API, and keeps every answer."""

    client: httpx.AsyncClient
    output: Output

    def token(self, user: str = "user-1") -> str:
        secret = SECRETS["JWT_SECRET"].encode()
        token = issue_token(secret, user, "user", timedelta(hours=1), now=datetime.now(UTC))
        self.output.user_tokens.add(token)
        return token

    async def call(
        self,
        method: str,
        path: str,
        *,
        user: str | None = "user-1",
        **more: Any,  # noqa: ANN401 -- handed on to the client
    ) -> httpx.Response:
        headers = {
            "Cookie": f"session={COOKIE}",
            "X-Api-Key": COOKIE,
            "X-Request-Id": NUMBERED_USER[1:],
            "traceparent": f"00-{'4b' * 16}-{'f0' * 8}-01",
            "tracestate": f"canary={COOKIE}",
            **more.pop("headers", {}),
        }
        if user is not None:
            headers.setdefault("Authorization", f"Bearer {self.token(user)}")
        answer = await self.client.request(method, path, headers=headers, **more)
        # A client's own id comes back to it as it was given.
        headers_seen = {k: v for k, v in answer.headers.items() if k != "x-request-id"}
        text = f"{headers_seen}\n{answer.text}"
        its_own = user is not None and answer.is_success and path.startswith(CASH_OUT)
        (self.output.own if its_own else self.output.others).append(text)
        self.output.statuses.add(answer.status_code)
        return answer


def body(provider: str = ORANGE_MONEY, suffix: str = "789", **fields: object) -> dict[str, Any]:
    # Not the numbers that messages and documents give as examples.
    country = {ORANGE_MONEY: "SN", AFRIMONEY: "SL"}[provider]
    number = sandbox_msisdn(provider, country, suffix)
    good = {"providerAccountName": NAME, "providerAccountId": number}
    return order(provider, suffix, **{**good, **fields})


async def ordinary_traffic(caller: Caller) -> list[str]:
    """Cash-outs of every kind at both providers, read, listed and priced by their owner."""
    ids = []
    for suffix in SUFFIXES:
        for provider in (ORANGE_MONEY, AFRIMONEY):
            asked = body(provider, suffix)
            caller.output.numbers.add(asked["providerAccountId"])
            answer = await caller.call(
                "POST", CASH_OUT, json=asked, user=f"user-{suffix}-{provider}"
            )
            assert answer.status_code == 202, answer.text
            ids.append(answer.json()["data"]["cashOutId"])
    by_number = await caller.call("POST", CASH_OUT, json=body(), user=NUMBERED_USER)
    ids.append(by_number.json()["data"]["cashOutId"])
    await caller.call("GET", CASH_OUT, user=NUMBERED_USER)
    await caller.call("GET", f"{CASH_OUT}/{ids[-1]}", user=NUMBERED_USER)
    await caller.call("GET", "/api/payments/providers")
    await caller.call("GET", "/api/payments/quote?provider=orange_money&amount=1500&currency=XOF")
    return ids


async def refused_traffic(caller: Caller, ids: list[str]) -> None:
    """Strangers, wrong tokens, wrong bodies, wrong addresses."""
    number = body()["providerAccountId"]
    for cash_out_id in ids[:2]:
        await caller.call("GET", f"{CASH_OUT}/{cash_out_id}", user="stranger")
        await caller.call("POST", f"{CASH_OUT}/{cash_out_id}/cancel", user="stranger")
    for token in (
        f"{caller.token()}x",
        "eyJhbGciOiJub25lIn0.eyJ1c2VySWQiOiJjYW5hcnkifQ.",
        COOKIE,
    ):
        caller.output.user_tokens.add(token)
        headers = {"Authorization": f"Bearer {token}"}
        await caller.call("GET", CASH_OUT, user=None, headers=headers)
    for wrong in (
        body(amount="-1"),
        body(amount=COOKIE),
        body(currency="SLL"),
        body(walletId=""),
        body(providerAccountId=f"{number}00000"),
        body(AFRIMONEY, providerAccountId=number),
        body(providerAccountName=f"{NAME}\u0007"),
        body(unknown=NAME),
        body(reference="../" + NAME),
        [NAME, number],
    ):
        answer = await caller.call("POST", CASH_OUT, json=wrong)
        assert 400 <= answer.status_code < 500, answer.text
    broken = f'{{"providerAccountName": "{NAME}", "providerAccountId": "{number}"'
    await caller.call(
        "POST", CASH_OUT, content=broken, headers={"content-type": "application/json"}
    )
    for key_body in (body(), body(amount=2000, providerAccountName=f"{NAME} II")):
        await caller.call("POST", CASH_OUT, json=key_body, headers={"Idempotency-Key": "one-key"})
    for path in (
        f"/api/payments/{number}/{COOKIE}",
        f"{CASH_OUT}/{number}",
        f"{CASH_OUT}?walletId={number}&status={COOKIE}&startDate={number[1:]}",
        f"{CASH_OUT}?cursor={COOKIE}",
        "/metrics",
        "/health",
        "/health/ready",
        "/schema/openapi.json",
    ):
        await caller.call("GET", path)


async def webhooks(caller: Caller, reference: str) -> None:
    """Forged, tampered, garbage, and authentic with words and reasons of the provider's own."""
    number = body()["providerAccountId"]
    told = {
        "transactionId": "OM-CANARY",
        "status": "FAILED",
        "externalId": reference,
        "reason": f"{PROVIDER_TEXT} {NAME} {number}",
        "payee": {"partyIdType": "MSISDN", "partyId": number[1:]},
    }
    raw = json.dumps(told).encode()
    signed = _hex(SECRETS["ORANGE_MONEY_WEBHOOK_SECRET"], raw)
    garbage = f"{PROVIDER_TEXT} {NAME} {number}".encode()
    for content, signature in (
        (raw, signed),
        (raw, "0" * 64),
        (raw + b" ", signed),
        (raw, SECRETS["ORANGE_MONEY_WEBHOOK_SECRET"]),
        (garbage, _hex(SECRETS["ORANGE_MONEY_WEBHOOK_SECRET"], garbage)),
    ):
        headers = {"X-Signature": signature}
        path = "/api/payments/webhook/orange_money"
        await caller.call("POST", path, user=None, content=content, headers=headers)
    for content in (garbage, json.dumps({"externalReference": reference}).encode()):
        now = str(int(datetime.now(UTC).timestamp() * 1000))
        covered = f"{SECRETS['AFRIMONEY_API_KEY']}{now}{reference}".encode()
        signature = _hex(SECRETS["AFRIMONEY_API_SECRET"], covered)
        headers = {"X-Timestamp": now, "X-Signature": signature}
        headers["X-API-Key"] = SECRETS["AFRIMONEY_API_KEY"]
        path = "/api/payments/webhook/afrimoney"
        await caller.call("POST", path, user=None, content=content, headers=headers)


def _hex(key: str, message: bytes) -> str:
    return hmac.new(key.encode(), message, hashlib.sha256).hexdigest()


async def provider_refusals(caller: Caller, sandbox: Sandbox) -> None:
    """Answers of the providers that fail, with texts that nobody but us may read."""
    said = json.dumps(
        {
            "code": PROVIDER_TEXT,
            "message": f"{PROVIDER_TEXT} {NAME} {body()['providerAccountId']}",
            "token": SECRETS["AFRIMONEY_API_SECRET"],
        }
    )
    for endpoint, status in (
        (Endpoint.SUBMIT, 500),
        (Endpoint.SUBMIT, 400),
        (Endpoint.SUBMIT, 422),
        (Endpoint.STATUS, 500),
        (Endpoint.SUBMIT, 429),
        (Endpoint.SUBMIT, 401),
        (Endpoint.TOKEN, 401),
    ):
        sandbox.engine.faults.add(
            FaultRule(act=Act.STATUS, endpoint=endpoint, status=status, body=said, times=3)
        )
        for provider in (ORANGE_MONEY, AFRIMONEY):
            user = f"user-{endpoint}-{status}"
            await caller.call("POST", CASH_OUT, json=body(provider), user=user)
            await caller.call("GET", CASH_OUT, user=user)
        await asyncio.sleep(0.15)


@dataclass(frozen=True, slots=True)
class House:
    """The processes and servers under the traffic."""

    api: ServerProcess
    worker: ServerProcess
    postgres: PostgresServer
    nats: NatsServer
    environment: Mapping[str, str]
    folder: Path


async def outages(caller: Caller, house: House) -> None:
    """The broker dies, the database dies, both come back; callers and webhooks go on meanwhile."""
    house.nats.kill()
    await caller.call("POST", CASH_OUT, json=body())
    house.postgres.kill()
    for _ in range(3):
        answer = await caller.call("POST", CASH_OUT, json=body())
        assert answer.status_code == 503
        await caller.call("GET", CASH_OUT)
    await caller.call("GET", "/health/ready")
    await webhooks(caller, "CASH-CANARY-0001")
    await asyncio.sleep(0.5)
    await asyncio.to_thread(house.postgres.restart)
    await asyncio.to_thread(house.nats.restart)
    await asyncio.sleep(0.5)


def canary_settings(sandbox: Sandbox, postgres: PostgresServer, nats: NatsServer) -> dict[str, str]:
    database = postgres.dsn(postgres.create_database())
    return in_a_hurry(
        **{
            **PATIENT,
            **sandbox.environment(),
            **SECRETS,
            "DATABASE_URL": database.replace("cashout@", f"cashout:{DATABASE_PASSWORD}@"),
            "NATS_URL": nats.url.replace("nats://", f"nats://canary:{BROKER_PASSWORD}@"),
        }
    )


@pytest.fixture(scope="module", name="output")
def everything_that_came_out(
    tmp_path_factory: pytest.TempPathFactory,
    postgres_server: PostgresServer,
    nats_server: NatsServer,
) -> Output:
    """Plant the canaries, make the traffic, and collect all output."""
    nats_server.empty()
    folder = tmp_path_factory.mktemp("canaries")
    return asyncio.run(_collected(folder, postgres_server, nats_server))


async def _collected(folder: Path, postgres: PostgresServer, nats: NatsServer) -> Output:
    output = Output()
    own = {name.lower(): value for name, value in SECRETS.items() if name != "JWT_SECRET"}
    ports = (free_port(), free_port())
    with collecting() as collector:
        await _make_all_traffic(output, own, ports, collector.url, folder, (postgres, nats))
    output.traces = collector.raw.decode("latin-1")
    return output


async def _make_all_traffic(
    output: Output,
    own: Mapping[str, str],
    ports: tuple[int, int],
    collector: str,
    folder: Path,
    servers: tuple[PostgresServer, NatsServer],
) -> None:
    postgres, nats = servers
    async with Sandbox(SandboxSettings(hang_s=2, **own)) as sandbox:  # type: ignore[arg-type]
        environment = canary_settings(sandbox, postgres, nats)
        environment |= {"OTEL_EXPORTER_OTLP_ENDPOINT": collector, "METRICS_SURVEY_SECONDS": "0.5"}
        await migrate(environment["DATABASE_URL"])
        api, url = api_process(folder, {**environment, "METRICS_PORT": str(ports[0])})
        worker = worker_process(folder, "worker", {**environment, "METRICS_PORT": str(ports[1])})
        sandbox.webhook_base_url = f"{url}/api/payments/webhook"
        house = House(api, worker, postgres, nats, environment, folder)
        try:
            await asyncio.gather(asyncio.to_thread(api.start), asyncio.to_thread(worker.start))
            async with a_client(url) as client:
                caller = Caller(client, output)
                ids = await ordinary_traffic(caller)
                await until(lambda: len(sandbox.ledger) >= 4)
                reference = next(iter(sandbox.ledger)).reference
                await refused_traffic(caller, ids)
                await webhooks(caller, reference)
                await provider_refusals(caller, sandbox)
                output.doctor = await asyncio.to_thread(doctor, environment, folder)
                number = body()["providerAccountId"]
                secret = SECRETS["JWT_SECRET"]
                output.operators += await ask_as_operators(client, secret, ids, number)
                output.operators += await reconcile(client, secret, a_statement(number, NAME))
                output.operators += await look_at_the_console(url, environment, folder, ids, number)
                output.figures += await scraped(ports)
                await outages(caller, house)
                output.figures += await scraped(ports)
            for process in (api, worker):
                process.send(signal.SIGTERM)
                await asyncio.to_thread(process.exit_code, 20)
        finally:
            for process in (api, worker):
                process.stop()
        dialect: Any = sandbox.engine.dialects[ORANGE_MONEY]
        output.provider_tokens |= set(dialect._tokens)
    output.logs = "".join(p.log.read_text(encoding="utf-8") for p in (api, worker))


def test_the_traffic_was_what_it_should_be(output: Output) -> None:
    """Otherwise the other tests would search through nothing."""
    assert {200, 202, 400, 401, 403, 404, 422, 503} <= output.statuses
    assert 500 not in output.statuses
    assert [line for line in output.logs.splitlines() if not line.startswith("{")] == []
    events = {json.loads(line)["event"] for line in output.logs.splitlines()}
    assert {
        *("serving", "working", "stopping", "request"),
        *("cash_out_pending", "cash_out_completed", "cash_out_failed", "attempt_ended"),
        *("review_needed", "work_delayed", "provider_word_is_unknown"),
    } <= events
    assert "bug" not in events
    assert "request_broke" not in events
    assert output.provider_tokens
    assert "database" in output.doctor
    assert NAME in output.answers
    assert "cashout_accepted_total{" in output.figures
    assert "cashout_exposure_minor_units{" in output.figures
    assert "cash_out.initiated" in output.traces
    assert "orange_money disburse" in output.traces
    assert any("/console/reviews" in seen.text for seen in output.operators)
    assert any("OM-LOST" in seen.text for seen in output.operators)


@pytest.mark.parametrize(
    "secret", [*SECRETS.values(), DATABASE_PASSWORD, BROKER_PASSWORD, BASIC, COOKIE, PASSWORD]
)
def test_no_secret_comes_out(output: Output, secret: str) -> None:
    assert lines_with(secret, output.all) == []


def test_no_token_comes_out(output: Output) -> None:
    """Neither callers' tokens nor those that the provider gave us, whole or as a signature."""
    for token in output.user_tokens | output.provider_tokens:
        assert lines_with(token, output.all) == []
        assert lines_with(token.rpartition(".")[2] or token, output.all) == []
    assert lines_with("eyJ", output.logs) == []
    assert re.findall(r"\b[0-9a-f]{40,}\b", output.logs) == []


def test_no_name_is_in_the_logs_or_in_anybody_elses_answer(output: Output) -> None:
    for text in (output.logs, output.doctor, *output.others, *seen_without_need(output)):
        for part in NAME.split():
            assert lines_with(part, text) == []


def test_no_full_number_is_in_the_logs_or_in_anybody_elses_answer(output: Output) -> None:
    """Only masked: the country and the last three digits."""
    documents = '"openapi":"3.1'
    for number in (*output.numbers, NUMBERED_USER):
        for text in (output.logs, output.doctor, *output.others):
            if documents not in text:
                assert lines_with(number[1:], text) == []
                assert lines_with(number[4:], text) == []


def test_figures_and_traces_know_neither_names_nor_numbers_nor_users(output: Output) -> None:
    for text in (output.figures, output.traces):
        for canary in (*NAME.split(), NUMBERED_USER[1:], *(each[4:] for each in output.numbers)):
            assert lines_with(canary, text) == []
        assert lines_with("user-", text) == []
        assert re.findall(r"\beyJ[\w-]{8,}", text) == []


def test_no_label_of_a_figure_is_an_id(output: Output) -> None:
    labels = re.findall(r'="([^"]*)"', output.figures)
    assert labels
    for label in labels:
        assert not re.search(r"[0-9a-f]{8}-[0-9a-f]{4}|\d{6,}", label), label


def seen_without_need(output: Output) -> list[str]:
    return [seen.text for seen in output.operators if not seen.needs]


def test_who_decides_on_nothing_sees_masked_numbers_alone(output: Output) -> None:
    """Viewers, and everybody on pages that list."""
    for number in (*output.numbers, NUMBERED_USER):
        for text in seen_without_need(output):
            assert lines_with(number[1:], text) == []
            assert lines_with(number[4:], text) == []


def test_no_text_of_a_provider_is_passed_on(output: Output) -> None:
    assert lines_with(PROVIDER_TEXT, output.answers) == []
    assert lines_with(PROVIDER_TEXT, output.logs) == []


def test_nothing_of_the_inside_is_in_an_answer(output: Output) -> None:
    """No stack trace, no SQL, no address of the database, the broker or a provider."""
    for hint in ("Traceback", "SELECT ", "sqlalchemy", "asyncpg", "nats://", "127.0.0.1:"):
        assert lines_with(hint, output.answers) == []
