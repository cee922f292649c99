"""What every test may ask for: the event loop, real servers, and how hard properties are tried."""

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog
from hypothesis import HealthCheck, Phase, settings

pytest_plugins = ("tests.servers",)

# Random on purpose: every run looks somewhere new, and a failure prints the line that repeats it.
settings.register_profile(
    "ci",
    max_examples=100,
    deadline=None,
    derandomize=False,
    print_blob=True,
    # A shared machine is slow at times; that says nothing about the property.
    suppress_health_check=[HealthCheck.too_slow],
)
settings.register_profile("deep", parent=settings.get_profile("ci"), max_examples=5_000)
# For `make mutants`: a verdict must be the same each time, and thousands of runs add up. That a
# test fails is all that is asked, so nothing is shrunk.
settings.register_profile(
    "mutants",
    parent=settings.get_profile("ci"),
    max_examples=25,
    derandomize=True,
    database=None,
    phases=(Phase.explicit, Phase.generate),
)
settings.load_profile("ci")


# Files of a minute or so each begin first: one that began last would leave the other core idle.
LONGEST = (
    "entrypoints/test_cli_dev.py",
    "documents/test_restore.py",
    "nemesis/test_nemesis.py",
    "console/test_pages.py",
    "simulation/test_fresh_seeds.py",
    "console/test_screenshots.py",
    "adapters/providers/test_against_sandbox.py",
    "entrypoints/test_cli_reconcile.py",
    "entrypoints/test_cli_provider_check.py",
    "adapters/web/test_smuggling.py",
    "entrypoints/test_cli_provider.py",
    "simulation/test_command.py",
    "entrypoints/test_crashes.py",
    "entrypoints/test_cli_processes.py",
    "entrypoints/test_worker_process.py",
    "entrypoints/test_api_process.py",
    "fuzz/test_http_as_admin.py",
    "fuzz/test_http_as_user.py",
    "adapters/providers/test_contract_rules.py",
)
_TURNS = {file: turn for turn, file in enumerate(LONGEST)}
_HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Have the longest files run first, everything else in its order."""
    items.sort(key=lambda item: _TURNS.get(_place(item), len(_TURNS)))


def _place(item: pytest.Item) -> str:
    return item.path.relative_to(_HERE).as_posix() if item.path.is_relative_to(_HERE) else ""


@pytest.fixture(autouse=True)
def logs_as_they_were() -> Iterator[None]:
    """Take back what a command that ran in this process set up: others look at their log lines."""
    yield
    if structlog.is_configured():
        structlog.reset_defaults()
        logging.captureWarnings(capture=False)


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """Async tests and fixtures run on asyncio, as the service does."""
    return "asyncio"
