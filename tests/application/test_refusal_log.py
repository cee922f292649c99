"""Refused sign-ins are written beside the answers: what a stranger waits for tells nothing."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field, replace

import pytest

from application.callers import Role
from application.operators import AccountRefused, SignInRefused
from application.ports import StorageUnavailable, Unit, Units
from application.refusal_log import EVERY, MOST_WAITING, NOBODY, RefusalLog
from application.refused_sign_ins import WINDOW
from tests.application.accounts import WORD, House
from tests.application.wiring import Notebook

pytestmark = pytest.mark.anyio
HERE = "203.0.113.9"


@dataclass
class Counted:
    """Units that count how many were begun, and may be away."""

    inner: Units
    begun: list[str] = field(default_factory=list)
    away: bool = False
    batches: int = 1

    def begin(self) -> AbstractAsyncContextManager[Unit]:
        self.begun.append("unit")
        if self.away:
            raise StorageUnavailable("gone")
        return self.inner.begin()


@pytest.fixture
async def house() -> AsyncIterator[House]:
    made = House()
    for name in ("ada", "bob"):
        await made.operators.add("root", name, Role.APPROVER, WORD)
    await made.operators.disable("root", "bob")
    yield made
    made.passwords.close()


async def turns() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


def refusals(house: House) -> list[tuple[str, str, str]]:
    return [each for each in house.logged if each[1] == "session.refused"]


async def test_whether_there_is_such_an_account_changes_nothing_of_what_a_refusal_waits_for(
    house: House,
) -> None:
    units = Counted(house.units)
    log = RefusalLog(units, house.clock)
    sign_in = replace(house.sign_in, units=units, refusals=log)
    begun: dict[str, list[int]] = {}
    for _ in range(3):
        for name in ("ada", "bob", "nobody", "no-one"):
            before = len(units.begun)
            with pytest.raises(SignInRefused):
                await sign_in(name, "a wrong password", HERE)
            begun.setdefault(name, []).append(len(units.begun) - before)
    assert begun == {name: [1, 1, 1] for name in ("ada", "bob", "nobody", "no-one")}
    assert refusals(house) == [], "nothing is written before the answer"
    await log.write()
    assert [who for who, _, _ in refusals(house)] == ["ada", "bob", "-"]


@pytest.mark.parametrize("name", ["unknown", "nobody"])
async def test_no_account_is_told_as_those_are_who_have_none(house: House, name: str) -> None:
    with pytest.raises(AccountRefused):
        await house.operators.add("root", NOBODY, Role.VIEWER, WORD)
    await house.operators.add("root", name, Role.VIEWER, WORD)
    log = RefusalLog(house.units, house.clock)
    for each in (None, name):
        log.note(each, HERE, waits=False)
    await log.write()
    assert [who for who, _, _ in refusals(house)] == [NOBODY, name], "each has its own window"


async def test_what_waits_is_written_soon_and_once(house: House) -> None:
    log = RefusalLog(house.units, house.clock)
    running = asyncio.create_task(log.run())
    log.note("ada", HERE, waits=False)
    at = house.clock.now()
    await turns()
    assert refusals(house) == []
    for _ in range(3):
        house.clock.advance(EVERY)
        await turns()
    assert refusals(house) == [("ada", "session.refused", "ada")]
    assert house.entries[-1].at == at, "when it was refused, not when it was written"
    log.stop()
    await running


async def test_what_waits_at_the_end_is_written_before_it_is_over(house: House) -> None:
    log = RefusalLog(house.units, house.clock)
    running = asyncio.create_task(log.run())
    await turns()
    log.note("ada", HERE, waits=False)
    log.stop()
    await running
    assert len(refusals(house)) == 1
    late = RefusalLog(house.units, house.clock)
    late.note("bob", HERE, waits=False)
    late.stop()
    await late.run()
    assert len(refusals(house)) == 2, "also where it was stopped before it began"


async def test_while_the_store_is_away_entries_wait_and_are_not_lost(house: House) -> None:
    units, notebook = Counted(house.units, away=True), Notebook()
    log = RefusalLog(units, house.clock, notebook)
    running = asyncio.create_task(log.run())
    log.note("ada", HERE, waits=False)
    for _ in range(2):
        await turns()
        house.clock.advance(EVERY)
    await turns()
    assert {where for where, _ in notebook.faults} == {"refused sign-ins"}
    assert refusals(house) == []
    units.away = False
    log.stop()
    await running
    assert len(refusals(house)) == 1


async def test_no_more_entries_wait_than_there_is_room_for_and_the_rest_is_counted(
    house: House,
) -> None:
    log = RefusalLog(house.units, house.clock)
    for number in range(MOST_WAITING):
        log.note(f"name-{number}", HERE, waits=False)
    log.note("ada", HERE, waits=False)
    await log.write()
    assert len(refusals(house)) == MOST_WAITING
    house.clock.advance(WINDOW)
    log.note("ada", HERE, waits=False)
    await log.write()
    entry = house.entries[-1]
    assert (entry.subject, entry.facts["refused"], entry.facts["unwritten"]) == ("ada", 1, 1)
