"""What every test may ask for: the event loop, real servers, and how hard properties are tried."""

import pytest
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


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """Async tests and fixtures run on asyncio, as the service does."""
    return "asyncio"
