"""What the race has to show, for any store."""

import secrets
from collections.abc import Mapping
from pathlib import Path

from tests.fire.aftermath import look_after
from tests.fire.race import Race, judged, run
from tests.fire.tariff import MARKETS


async def limits_hold(url: str, folder: Path, *, requests: int) -> None:
    """Race on an empty store with a new seed; raise AssertionError, the seed noted, if they do not.

    Two users with half of the requests each, three processes with skewed clocks, one of them
    killed.
    """
    race = Race(url, folder, seed=secrets.randbelow(1_000_000), requests=requests)
    try:
        outcome = await run(race)
        await look_after(url, folder)
        after = await judged(url)
        _it_was_a_fight(outcome.tally, outcome.verdict.returns)
    except AssertionError as wrong:
        wrong.add_note(f"python -m tests.fire --seed {race.seed} --requests {requests} --racers 3")
        raise
    filled = {(window[1], window[2]) for window in after.filled}
    assert filled == {(market.provider, market.currency) for market in MARKETS}


def _it_was_a_fight(tally: Mapping[str, int], returns: int) -> None:
    """Every kind of answer was given often, and much was given back in the middle of it."""
    often = ("taken", "DAILY_LIMIT_EXCEEDED", "MONTHLY_LIMIT_EXCEEDED", "replayed")
    assert all(tally[kind] > 100 for kind in often), tally
    assert all(tally[f"end: {how}"] > 20 for how in ("cancelled", "failed", "paid")), tally
    assert returns > 100, returns
