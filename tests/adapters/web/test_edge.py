"""What holds for every request: headers, ids, paths, methods, load, origins, log lines."""

import asyncio
import json
from collections.abc import AsyncIterator
from urllib.parse import unquote

import httpx
import pytest
from structlog.testing import capture_logs

from adapters.web.app import WebSettings
from application.masking import shown
from application.ports import Conflict, Overloaded
from domain.cash_out import CashOut
from domain.request import CashOutRequest
from tests.adapters.web.house import (
    BODY,
    CASH_OUTS,
    PROVIDERS,
    WEBHOOK,
    House,
    check_problem,
    house,
    signed_in,
)

pytestmark = pytest.mark.anyio

ANYWHERE = [
    ("GET", "/health", 200),
    ("GET", "/schema", 200),
    ("GET", "/schema/openapi.json", 200),
    ("GET", PROVIDERS, 401),
    ("POST", CASH_OUTS, 401),
    ("GET", "/nowhere", 404),
    ("DELETE", PROVIDERS, 405),
    ("OPTIONS", PROVIDERS, 204),
    ("POST", WEBHOOK, 401),
    ("GET", "//health", 404),
]


@pytest.mark.parametrize(("method", "path", "status"), ANYWHERE)
async def test_security_headers_are_on_every_answer(
    api: House, method: str, path: str, status: int
) -> None:
    answer = await api.client.request(method, f"http://api.test{path}")
    assert answer.status_code == status
    headers = answer.headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert headers["referrer-policy"] == "no-referrer"
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert headers["cache-control"] == "no-store"
    assert headers["x-request-id"]
    assert not {"server", "x-powered-by", "access-control-allow-origin"} & set(headers)
    assert "strict-transport-security" not in headers


async def test_in_production_browsers_are_told_to_insist_on_tls() -> None:
    async with house(WebSettings(production=True)) as api:
        answer = await api.client.get("/health")
        assert answer.headers["strict-transport-security"].startswith("max-age=31536000")


@pytest.mark.parametrize("given", ["abc", "A.b_c-9", "x" * 64])
async def test_a_well_formed_request_id_is_kept(api: House, given: str) -> None:
    answer = await api.client.get("/health", headers={"x-request-id": given})
    assert answer.headers["x-request-id"] == given


@pytest.mark.parametrize("given", ["", "a b", "x" * 65, "a\tb", "é", "<script>", "a,b"])
async def test_another_request_id_is_replaced(api: House, given: str) -> None:
    headers = [(b"x-request-id", given.encode("latin-1"))]
    answer = await api.client.get("/health", headers=headers)
    assert answer.headers["x-request-id"] != given
    assert len(answer.headers["x-request-id"]) == 32


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/api",
        "/api/payments",
        "/api/payments/cash-out/a/b",
        "/api/payments/cash-out/a/cancel/b",
        "/API/PAYMENTS/PROVIDERS",
        "/api/payments/../../health",
        "/api/payments/%2e%2e/%2e%2e/health",
        "/api/payments/%2E%2E/providers",
        "/api/payments/.%2e/providers",
        "/api//payments/providers",
        "//api/payments/providers",
        "/api/payments/providers//",
        "/api/payments/./providers",
        "/api%2fpayments%2fproviders",
        "/api/payments/providers%00",
        "/api/payments/providers%0d%0aX-Evil:%201",
        "/api\\payments\\providers",
        "/api/payments/providers;a=b",
        "/api/payments/providers/x",
        "/health/ready/x",
        "/schema/../health",
        "/schema/%2e%2e%2fserver.py",
        "/schema/__init__.py",
        "/schema/swagger-ui-bundle.js.map",
        "/.env",
        "/metrics",
    ],
)
async def test_a_path_that_leads_nowhere_is_404_in_the_envelope(api: House, path: str) -> None:
    class AsWritten(httpx.URL):
        """A URL that is sent as it is: an attacker's client tidies nothing up."""

        @property
        def raw_path(self) -> bytes:
            return path.encode()

        @property
        def path(self) -> str:
            return unquote(path)

    request = api.client.build_request("GET", "http://api.test/", headers=signed_in())
    request.url = AsWritten("http://api.test/")
    answer = await api.client.send(request)
    check_problem(answer, 404, "NOT_FOUND")
    assert "x-evil" not in answer.headers


async def test_a_trailing_slash_does_not_matter(api: House) -> None:
    assert (await api.get(f"{PROVIDERS}/")).status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("PUT", CASH_OUTS, {"GET", "HEAD", "OPTIONS", "POST"}),
        ("DELETE", f"{CASH_OUTS}/x", {"GET", "HEAD", "OPTIONS"}),
        ("POST", PROVIDERS, {"GET", "HEAD", "OPTIONS"}),
        ("GET", WEBHOOK, {"OPTIONS", "POST"}),
        ("HEAD", WEBHOOK, {"OPTIONS", "POST"}),
        ("TRACE", "/health", {"GET", "HEAD", "OPTIONS"}),
        ("BREW", "/health", {"GET", "HEAD", "OPTIONS"}),
    ],
)
async def test_a_wrong_method_is_405_with_what_is_allowed(
    api: House, method: str, path: str, allowed: set[str]
) -> None:
    answer = await api.client.request(method, path, headers=signed_in())
    assert answer.status_code == 405
    assert set(answer.headers["allow"].split(", ")) == allowed
    if method != "HEAD":
        check_problem(answer, 405, "METHOD_NOT_ALLOWED")


async def test_head_is_get_without_a_body(api: House) -> None:
    for path in ("/health", PROVIDERS, f"{CASH_OUTS}/{await api.made()}"):
        got = await api.client.get(path, headers=signed_in())
        head = await api.client.head(path, headers=signed_in())
        assert (head.status_code, head.content) == (200, b"")
        assert head.headers["content-length"] == str(len(got.content))


async def test_options_tells_the_methods(api: House) -> None:
    answer = await api.client.options(CASH_OUTS)
    assert (answer.status_code, answer.content) == (204, b"")
    assert {"GET", "POST"} <= set(answer.headers["allow"].split(", "))


async def test_a_declared_length_over_the_limit_is_413_before_anything_is_read(api: House) -> None:
    read: list[bytes] = []

    async def nothing() -> AsyncIterator[bytes]:
        read.append(b"x")
        yield b"x"

    headers = {**signed_in(), "content-length": "65537", "content-type": "application/json"}
    answer = await api.client.post(CASH_OUTS, content=nothing(), headers=headers)
    check_problem(answer, 413, "PAYLOAD_TOO_LARGE")
    assert answer.headers["connection"] == "close"
    assert read == []


async def test_a_length_without_end_is_413(api: House) -> None:
    headers = {**signed_in(), "content-length": "9" * 5000, "content-type": "application/json"}
    check_problem(
        await api.client.post(CASH_OUTS, content=b"", headers=headers), 413, "PAYLOAD_TOO_LARGE"
    )


async def test_a_chunked_body_over_the_limit_is_413(api: House) -> None:
    sent = 0

    async def chunks() -> AsyncIterator[bytes]:
        nonlocal sent
        while True:
            sent += 8_192
            yield b" " * 8_192

    headers = {**signed_in(), "content-type": "application/json"}
    answer = await api.client.post(CASH_OUTS, content=chunks(), headers=headers)
    check_problem(answer, 413, "PAYLOAD_TOO_LARGE")
    assert sent < 200_000


async def test_over_the_bound_requests_are_told_to_come_back_and_liveness_still_answers() -> None:
    hold = asyncio.Event()

    async def slow(_: CashOutRequest) -> object:
        await hold.wait()
        raise Overloaded(7)

    async with house(WebSettings(requests_most=3), request=slow) as api:
        held = [asyncio.create_task(api.post()) for _ in range(3)]
        await asyncio.sleep(0.05)
        answer = await api.post()
        check_problem(answer, 503, "OVERLOADED")
        assert answer.headers["retry-after"] == "1"
        assert (await api.client.get("/health")).status_code == 200
        hold.set()
        for each in await asyncio.gather(*held):
            check_problem(each, 503, "OVERLOADED")
            assert each.headers["retry-after"] == "7"
        assert (await api.get(PROVIDERS)).status_code == 200


async def test_a_conflict_that_would_not_end_is_503() -> None:
    async def conflicted(*_: object) -> CashOut:
        raise Conflict

    async with house(cancel=conflicted) as api:
        path = f"{CASH_OUTS}/019ab0c4-7a1e-7c3f-9d52-6f0f4f1f2a3b/cancel"
        answer = await api.client.post(path, headers=signed_in())
        check_problem(answer, 503, "SERVICE_UNAVAILABLE")


# --- bugs -----------------------------------------------------------------------------------------

CANARY = "postgresql://user:hunter2@db/canary"


async def test_a_bug_is_500_that_tells_nothing_and_is_logged_once_without_values() -> None:
    async def broken(asked: CashOutRequest) -> object:
        secret = CANARY + asked.name
        raise RuntimeError(f"call {asked.account} with {len(secret)}")

    async with house(request=broken) as api:
        with capture_logs() as logs:
            answer = await api.post(x_request_id="req-1")
    error = check_problem(answer, 500, "INTERNAL_ERROR")
    assert answer.headers["x-request-id"] == "req-1"
    assert "RuntimeError" not in str(error)
    (fault,) = [each for each in logs if each["log_level"] == "error"]
    assert (fault["request_id"], fault["fault"]) == ("req-1", "RuntimeError")
    assert "in broken" in fault["trace"]
    assert "hunter2" not in str(logs)
    assert "2250700000789" not in str(logs)
    assert "Awa" not in str(logs)


# --- the log --------------------------------------------------------------------------------------


async def test_each_request_leaves_one_line_without_anything_personal(api: House) -> None:
    made = await api.made()
    with capture_logs() as logs:
        await api.get(f"{CASH_OUTS}/{made}", x_request_id="req-7")
        await api.post({**BODY, "currency": "EUR"})
        await api.get(CASH_OUTS, params={"walletId": "wallet-of-awa"})
        await api.client.get("/nowhere/+2250700000789")
    assert [each["event"] for each in logs] == ["request"] * 4
    first, refused, _, lost = logs
    assert first == {
        "event": "request",
        "log_level": "info",
        "request_id": "req-7",
        "method": "GET",
        "route": "/api/payments/cash-out/{cash_out_id}",
        "status": 200,
        "took_ms": 0.0,
        "user": "user-1",
    }
    assert (refused["status"], refused["code"]) == (422, "CURRENCY_NOT_SUPPORTED")
    assert (lost["route"], lost["status"]) == ("none", 404)
    for secret in ("2250700000789", "Awa", "wallet-of-awa", "Bearer", "eyJ", made):
        assert secret not in str(logs)


async def test_users_that_are_phone_numbers_are_masked_in_the_log(api: House) -> None:
    with capture_logs() as logs:
        await api.get(PROVIDERS, user="+2250700000789")
    assert shown(logs[0]["user"]) == "***789", "every line is masked before it is written"


# --- origins --------------------------------------------------------------------------------------

ORIGIN = "https://app.example.com"
PREFLIGHT = {
    "Origin": ORIGIN,
    "Access-Control-Request-Method": "POST",
    "Access-Control-Request-Headers": "authorization,content-type",
}


def allowed(answer: httpx.Response) -> str | None:
    found: str | None = answer.headers.get("access-control-allow-origin")
    return found


async def test_without_listed_origins_no_page_may_call(api: House) -> None:
    assert allowed(await api.client.options(CASH_OUTS, headers=PREFLIGHT)) is None
    assert allowed(await api.client.get("/health", headers={"Origin": ORIGIN})) is None


async def test_listed_origins_alone_may_call() -> None:
    async with house(WebSettings(cors_origins=(ORIGIN,))) as api:
        preflight = await api.client.options(CASH_OUTS, headers=PREFLIGHT)
        assert (preflight.status_code, allowed(preflight)) == (204, ORIGIN)
        assert "Authorization" in preflight.headers["access-control-allow-headers"]
        assert "POST" in preflight.headers["access-control-allow-methods"]
        for path in ("/health", "/nowhere", "//", CASH_OUTS):
            answer = await api.client.get(f"http://api.test{path}", headers={"Origin": ORIGIN})
            assert allowed(answer) == ORIGIN
            assert "Retry-After" in answer.headers["access-control-expose-headers"]
            assert "access-control-allow-credentials" not in answer.headers
        for other in ("https://evil.example", "null", f"{ORIGIN}.evil", ORIGIN.upper()):
            strange = {**PREFLIGHT, "Origin": other}
            assert allowed(await api.client.options(CASH_OUTS, headers=strange)) is None
            got = await api.client.get("/health", headers={"Origin": other})
            assert allowed(got) is None
            assert got.headers["vary"] == "Origin"


async def test_a_bad_host_is_a_bad_request(api: House) -> None:
    answer = await api.client.get("/health", headers={"Host": "a b"})
    check_problem(answer, 400, "BAD_REQUEST")


async def test_answers_are_json_that_old_clients_parse(api: House) -> None:
    answer = await api.post()
    assert json.loads(answer.content)["data"]["amount"] == 1500
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["vary"] == "Accept-Language"
