"""A fresh world for each test of a use case."""

import pytest

from tests.application.wiring import World


@pytest.fixture
def world() -> World:
    """Return the service over an empty store and an honest provider."""
    return World()
