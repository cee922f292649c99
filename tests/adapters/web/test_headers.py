"""Headers that mean something: preferences and languages, read as their standards say."""

from typing import Any

import pytest
from litestar import Request

from adapters.web.exchange import Exchange, begin, by_name
from adapters.web.headers import language, preferred_wait


def request_with(name: str, *values: str) -> Any:  # noqa: ANN401 -- a request of the framework
    headers = [(name.encode(), value.encode("latin-1")) for value in values]
    scope: Any = {"type": "http", "method": "GET", "path": "/", "headers": headers, "state": {}}
    begin(scope, Exchange("a-request", by_name(headers)))
    return Request(scope)


@pytest.mark.parametrize(
    ("values", "wanted"),
    [
        ([], None),
        (["wait=5"], 5),
        (["respond-async, wait=5"], 5),
        (["respond-async", "wait=7"], 7),
        (['wait="3"'], 3),
        (["Wait = 4 ; note=x"], 4),
        (["wait=31"], 30),
        (["wait=999999"], 30),
        (["wait=9999999"], None),
        (["wait=5.5"], None),
        (["wait=-1"], None),
        (["wait"], None),
        (["wait=five"], None),
        (["await=5"], None),
        (["wait=\xb2"], None),
    ],
)
def test_a_wait_is_read_as_rfc_7240_says(values: list[str], wanted: int | None) -> None:
    assert preferred_wait(request_with("prefer", *values)) == wanted


@pytest.mark.parametrize(
    ("value", "liked"),
    [
        ("", "en"),
        ("*", "en"),
        ("fr", "fr"),
        ("fr-CI", "fr"),
        ("FR-ci, en;q=0.5", "fr"),
        ("en, fr", "en"),
        ("en;q=0.5, fr;q=0.6", "fr"),
        ("fr;q=0", "en"),
        ("fr;q=rubbish", "en"),
        ("de, fr;q=0.1", "fr"),
        ("frob", "en"),
        (",;,", "en"),
    ],
)
def test_the_language_is_english_unless_french_is_preferred(value: str, liked: str) -> None:
    assert language(request_with("accept-language", value)) == liked
