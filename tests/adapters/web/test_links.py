"""The links of the OpenAPI document lead from every answer about a cash-out to what comes next."""

from typing import Any

import pytest

from adapters.web.openapi import openapi_document
from tests.adapters.web.house import House

pytestmark = pytest.mark.anyio
PREFIX = "$response.body#/"


def linked() -> list[tuple[str, str, str, dict[str, Any]]]:
    """Return each link: the operation and status it starts from, its name, and itself."""
    return [
        (operation["operationId"], status, name, link)
        for methods in openapi_document()["paths"].values()
        for operation in methods.values()
        for status, answer in operation["responses"].items()
        for name, link in answer.get("links", {}).items()
    ]


def test_every_link_names_an_operation_and_one_of_its_parameters() -> None:
    operations = {
        operation["operationId"]: {each["name"] for each in operation["parameters"]}
        for methods in openapi_document()["paths"].values()
        for operation in methods.values()
        if "parameters" in operation
    }
    for _, _, _, link in linked():
        assert set(link["parameters"]) <= operations[link["operationId"]]
    assert {(begin, name) for begin, _, name, _ in linked()} == {
        ("requestCashOut", "Read"),
        ("requestCashOut", "Cancel"),
        ("requestCashOut", "History"),
        ("getCashOut", "Cancel"),
        ("getCashOut", "History"),
        ("cancelCashOut", "Read"),
    }


async def test_every_link_points_at_something_in_a_real_answer(api: House) -> None:
    one = (await api.post()).json()
    for begin, _, name, link in linked():
        found = one
        (pointer,) = link["parameters"].values()
        assert pointer.startswith(PREFIX)
        for step in pointer.removeprefix(PREFIX).split("/"):
            found = found[step]
        assert isinstance(found, str), f"{begin}: {name}"
        assert found
