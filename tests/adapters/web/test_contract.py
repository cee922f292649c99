"""The document against the API: requests drawn from it, sound and unsound, get what it promises."""

import asyncio
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from typing import Any

import pytest
import schemathesis
from hypothesis import given, settings
from schemathesis.specs.openapi.checks import positive_data_acceptance

from adapters.web.app import WebSettings
from adapters.web.openapi import openapi_document
from adapters.web.server import ApiServer
from tests.adapters.web.house import house, signed_in

SCHEMA = schemathesis.openapi.from_dict(openapi_document())
UNLIMITED = WebSettings(rate_limit_per_minute=0, waiters_most=0)


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """Serve from a thread of its own: these clients block."""
    where: Future[str] = Future()
    loop, done = asyncio.new_event_loop(), asyncio.Event()

    async def serve() -> None:
        async with house(UNLIMITED) as api, ApiServer(api.app) as server:
            where.set_result(server.url)
            await done.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),))
    thread.start()
    yield where.result(10)
    loop.call_soon_threadsafe(done.set)
    thread.join(10)
    loop.close()


OPERATIONS = [
    (path, method) for path, methods in openapi_document()["paths"].items() for method in methods
]


@pytest.mark.parametrize(("path", "method"), OPERATIONS)
def test_every_operation_keeps_the_promises_of_the_document(
    path: str, method: str, url: str
) -> None:
    @given(case=SCHEMA[path][method].as_strategy())
    @settings(max_examples=25)
    def keeps(case: "schemathesis.Case[Any]") -> None:
        # What is well formed may still be refused: limits and keys are no matter of schema.
        case.call_and_validate(
            base_url=url, headers=signed_in(), excluded_checks=[positive_data_acceptance]
        )

    keeps()
