"""Real processes under faults for the better part of a minute, by a fresh seed each time."""

import secrets

import pytest

from tests.nemesis.campaign import run

pytestmark = pytest.mark.anyio

SECONDS = 42.0
"""Of faults. Starting, coming to rest and looking take as long again on a busy machine."""


async def test_no_fault_pays_twice_or_loses_what_was_acknowledged() -> None:
    """API, two workers, PostgreSQL, NATS and provider are killed, paused and cut off, all at once.

    Afterwards the provider's ledger, our records, the event stream and what users were told agree,
    and everything acknowledged has ended or waits for a human.
    """
    outcome = await run(secrets.randbelow(1_000_000), SECONDS)
    assert not outcome.violations, "\n".join(
        [*outcome.violations, outcome.report, f"repeat the plan by: {outcome.command}"]
    )
