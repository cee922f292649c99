"""The OpenAPI document is what the routes do, and its page needs nobody else's machine."""

import re
from typing import Any

import msgspec
import pytest
from litestar.routes import HTTPRoute

from adapters.web.new_cash_out import read_new_cash_out
from adapters.web.openapi import openapi_document
from adapters.web.openapi.examples import problems
from adapters.web.problems import REFUSAL_STATUS
from tests.adapters.web.house import BODY, CASH_OUTS, PROVIDERS, QUOTE, House, signed_in

pytestmark = pytest.mark.anyio

UNDOCUMENTED = {"/schema", "/schema/openapi.json", "/schema/{asset:str}", "/favicon.ico"}


def operations() -> list[tuple[str, str, dict[str, Any]]]:
    return [
        (method, path, operation)
        for path, methods in openapi_document()["paths"].items()
        for method, operation in methods.items()
    ]


async def test_every_route_is_documented_and_every_documented_route_exists(api: House) -> None:
    real = {
        (method.lower(), re.sub(r":str}", "}", route.path))
        for route in api.app.routes
        if isinstance(route, HTTPRoute) and route.path not in UNDOCUMENTED
        for method in set(route.methods) - {"OPTIONS"}
    }
    assert {(method, path) for method, path, _ in operations()} == real


def test_every_error_code_is_documented_with_its_status_and_an_example() -> None:
    documented: dict[str, set[str]] = {}
    for _, _, operation in operations():
        for status, response in operation["responses"].items():
            content = response.get("content", {}).get("application/json", {})
            for code, example in content.get("examples", {}).items():
                documented.setdefault(code, set()).add(status)
                told = example["value"]
                assert (told["success"], told["error"]["code"]) == (False, code)
    assert set(documented) == set(problems())
    for code, status in REFUSAL_STATUS.items():
        assert str(status) in documented[code]
    assert documented["INVALID_PROVIDER"] == {"400", "404"}


def test_request_schemas_are_closed() -> None:
    document = openapi_document()
    (body,) = [
        operation["requestBody"]["content"]["application/json"]["schema"]
        for _, path, operation in operations()
        if path == CASH_OUTS and "requestBody" in operation
    ]
    name = body["$ref"].rpartition("/")[2]
    schema = document["components"]["schemas"][name]
    assert schema["additionalProperties"] is False
    assert set(schema["required"]) == set(BODY)
    assert schema["properties"]["amount"]["type"] == ["number", "string"]


def test_every_reference_leads_somewhere_and_every_id_is_used_once() -> None:
    document = openapi_document()
    text = msgspec.json.encode(document).decode()
    schemas = document["components"]["schemas"]
    for name in re.findall(r'"#/components/schemas/([^"]+)"', text):
        assert name in schemas
    ids = [operation["operationId"] for _, _, operation in operations()]
    assert len(ids) == len(set(ids))
    assert document["openapi"] == "3.1.0"


def test_public_operations_say_so_and_the_others_need_a_token() -> None:
    document = openapi_document()
    assert document["security"] == [{"token": []}]
    public = {path for _, path, operation in operations() if operation.get("security") == []}
    assert public == {"/health", "/health/ready", "/api/payments/webhook/{provider}"}
    for _, path, operation in operations():
        assert ("401" in operation["responses"]) is (path not in {"/health", "/health/ready"})


def example_of(method: str, path: str, status: str) -> dict[str, Any]:
    response = openapi_document()["paths"][path][method]["responses"][status]
    example: dict[str, Any] = response["content"]["application/json"]["example"]
    return example


def shape(value: object) -> object:
    """Return what a JSON value looks like: its fields, and the kinds of what is in them."""
    if isinstance(value, dict):
        return {name: shape(each) for name, each in value.items()}
    if isinstance(value, list):
        return [shape(value[0])] if value else []
    if isinstance(value, bool) or value is None or isinstance(value, str):
        return type(value).__name__
    return "number"


async def test_the_examples_look_like_real_answers(api: House) -> None:
    taken = await api.post()
    assert shape(taken.json()) == shape(example_of("post", CASH_OUTS, "202"))
    history = await api.get(CASH_OUTS)
    assert shape(history.json()) == shape(example_of("get", CASH_OUTS, "200"))
    providers = await api.get(PROVIDERS)
    assert shape(providers.json()) == shape(example_of("get", PROVIDERS, "200"))
    params = {name: str(BODY[name]) for name in ("provider", "currency", "amount")}
    params["providerAccountId"] = BODY["providerAccountId"]
    quote = await api.get(QUOTE, params=params)
    assert shape(quote.json()) == shape(example_of("get", QUOTE, "200"))
    ready = await api.client.get("/health/ready")
    assert shape(ready.json()) == shape(example_of("get", "/health/ready", "200"))
    alive = await api.client.get("/health")
    assert shape(alive.json()) == shape(example_of("get", "/health", "200"))


def test_the_example_of_a_request_is_one() -> None:
    body = openapi_document()["paths"][CASH_OUTS]["post"]["requestBody"]
    raw = msgspec.json.encode(body["content"]["application/json"]["example"])
    faults: list[tuple[str, str]] = []
    assert read_new_cash_out(raw, faults) is not None
    assert faults == []


async def test_the_document_is_served_to_anyone(api: House) -> None:
    answer = await api.client.get("/schema/openapi.json")
    assert answer.json() == openapi_document()
    assert answer.headers["content-type"] == "application/json"


async def test_the_page_and_all_that_it_loads_come_from_here(api: House) -> None:
    page = await api.client.get("/schema")
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    loaded = re.findall(r'(?:src|href)="([^"]+)"', page.text)
    assert len(loaded) == 4
    for path in [*loaded, "/favicon.ico"]:
        assert path.startswith("/")
        answer = await api.client.get(path)
        assert answer.status_code == 200
        assert len(answer.content) > 100
        assert "max-age" in answer.headers["cache-control"]
    assert "http" not in (await api.client.get("/schema/start.js")).text


async def test_the_page_s_policy_lets_no_script_of_others_run(api: House) -> None:
    policy = (await api.client.get("/schema")).headers["content-security-policy"]
    rules = dict(each.strip().split(" ", 1) for each in policy.split(";"))
    assert rules["default-src"] == "'none'"
    assert rules["script-src"] == "'self'"
    assert rules["connect-src"] == "'self'"
    page = (await api.client.get("/schema", headers=signed_in())).text
    assert not re.search(r"<script>|onload=|style=", page)
