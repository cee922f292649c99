"""Refused sign-ins in the operators' log: told, counted, and never a way to fill it."""

from collections.abc import AsyncIterator, Mapping
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.memory.console_reader import MemoryConsoleReader
from adapters.memory.manual_time import ManualClock
from adapters.memory.store import MemoryStore
from adapters.memory.units import MemoryUnits
from adapters.passwords.scrypt import ScryptPasswords
from application.callers import Role
from application.operators import Operators, SignIn, SignInRefused, TooManyTries
from application.ports.audit import Fact
from application.refusal_log import RefusalLog
from application.refused_sign_ins import MOST_ENTRIES, WINDOW, Noted, RefusedSignIns
from application.throttle import NAME_FREE, Throttle
from tests.strategies import NOW

pytestmark = pytest.mark.anyio

WORD = "a password of some length"
HERE = "203.0.113.9"
SECOND = timedelta(seconds=1)


class Door:
    """Signing in over a store in memory, with an account `ada`."""

    def __init__(self) -> None:
        self.store, self.clock = MemoryStore(), ManualClock(NOW)
        self.units, self.passwords = MemoryUnits(self.store), ScryptPasswords(log2_n=4)
        reader, throttle = MemoryConsoleReader(self.store), Throttle(self.clock)
        self.refusals = RefusalLog(self.units, self.clock)
        self.sign_in = SignIn(
            self.units, reader, self.passwords, self.clock, throttle, self.refusals
        )

    async def refuse(self, name: str, address: str = HERE) -> None:
        with pytest.raises((SignInRefused, TooManyTries)):
            await self.sign_in(name, "a wrong password", address)

    async def told(self) -> list[tuple[str, Mapping[str, Fact]]]:
        await self.refusals.write()
        entries = [each.entry for each in self.store.operators_log.values()]
        return [(each.subject, each.facts) for each in entries if each.action == "session.refused"]


@pytest.fixture
async def door() -> AsyncIterator[Door]:
    made = Door()
    await Operators(made.units, made.passwords, made.clock).add("root", "ada", Role.VIEWER, WORD)
    yield made
    made.passwords.close()


def fact(refused: int, *, unwritten: int = 0, locked: bool = False) -> dict[str, Fact]:
    return {"address": HERE, "refused": refused, "unwritten": unwritten, "locked": locked}


async def test_the_first_refusal_and_the_one_that_makes_wait_are_told_and_no_other(
    door: Door,
) -> None:
    for _ in range(NAME_FREE + 20):
        await door.refuse("ada")
        door.clock.advance(SECOND * 10)
    assert await door.told() == [
        ("ada", fact(1)),
        ("ada", fact(NAME_FREE, unwritten=NAME_FREE - 2, locked=True)),
    ]


async def test_the_next_window_tells_how_many_were_not_written(door: Door) -> None:
    for _ in range(3):
        await door.refuse("ada")
    door.clock.advance(WINDOW)
    await door.refuse("ada")
    assert (await door.told())[1:] == [("ada", fact(1, unwritten=2))]


async def test_names_that_nobody_has_are_one_however_many_are_tried(door: Door) -> None:
    for number in range(300):
        await door.refuse(f"nobody-{number}", f"198.51.100.{number % 250}")
    assert [subject for subject, _ in await door.told()] == ["-"]
    assert len(door.store.operators_log) == 2, "and the account that was made"


async def test_a_flood_of_strangers_does_not_hide_who_is_guessed_at(door: Door) -> None:
    for number in range(100):
        await door.refuse(f"nobody-{number}", f"198.51.100.{number}")
    await door.refuse("ada")
    assert (await door.told())[-1] == ("ada", fact(1))


async def test_nothing_is_written_for_a_refusal_that_is_no_entry(door: Door) -> None:
    await door.refuse("ada")
    await door.refusals.write()
    before = dict(door.store.operators_log)
    for number in range(NAME_FREE - 2):
        await door.refuse("ada", f"198.51.100.{number}")
    await door.refusals.write()
    assert door.store.operators_log == before


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["ada", "bob", "-"]),
            st.integers(0, 600),
            st.booleans(),
        ),
        max_size=200,
    )
)
def test_entries_are_bounded_by_accounts_and_time_and_every_refusal_is_counted_once(
    refusals: list[tuple[str, int, bool]],
) -> None:
    refused, now, told = RefusedSignIns(), timedelta(0), list[tuple[str, timedelta, Noted]]()
    for name, passed, waits in refusals:
        now += timedelta(seconds=passed)
        noted = refused.note(name, now, waits=waits)
        if noted is not None:
            told.append((name, now, noted))
    for name in ("ada", "bob", "-"):
        mine = [(at, noted) for who, at, noted in told if who == name]
        windows = 1 + int(now / WINDOW)
        assert len(mine) <= MOST_ENTRIES * windows
        written = sum(1 + noted.unwritten for _, noted in mine)
        assert written <= sum(who == name for who, _, _ in refusals)
