"""The document in docs/ is the one that the API serves: clients may be generated from either."""

import json
from pathlib import Path

from adapters.web.openapi import openapi_document
from entrypoints.settings import SERVICE

CHECKED_IN = Path(__file__).parents[2] / "docs" / "openapi.json"


def test_the_document_in_docs_is_the_one_that_is_served() -> None:
    """When this fails: `cashout openapi > docs/openapi.json`, and read the difference."""
    assert json.loads(CHECKED_IN.read_text(encoding="utf-8")) == openapi_document(SERVICE)
