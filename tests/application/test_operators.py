"""Accounts and sessions: who may be one, and that every change is in the log."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from adapters.memory.console_reader import MemoryConsoleReader
from adapters.memory.manual_time import ManualClock
from adapters.memory.store import MemoryStore
from adapters.memory.units import MemoryUnits
from adapters.passwords.scrypt import ScryptPasswords
from application.callers import Role
from application.figures import EVERY, KeepFigures
from application.operators import AccountRefused, Operators, SignIn, SignInRefused
from application.ports import StorageUnavailable
from application.throttle import Throttle
from tests.application.wiring import Notebook
from tests.contracts.stores import a_new
from tests.strategies import NOW

pytestmark = pytest.mark.anyio

WORD = "a password of some length"


class House:
    """Operators over a store in memory."""

    def __init__(self) -> None:
        self.store, self.clock = MemoryStore(), ManualClock(NOW)
        self.units = MemoryUnits(self.store)
        self.passwords = ScryptPasswords(log2_n=4)
        self.operators = Operators(self.units, self.passwords, self.clock)

    @property
    def logged(self) -> list[tuple[str, str, str]]:
        entries = [each.entry for each in self.store.operators_log.values()]
        return [(each.operator, each.action, each.subject) for each in entries]


@pytest.fixture
async def house() -> AsyncIterator[House]:
    made = House()
    yield made
    made.passwords.close()


async def test_an_account_is_made_once_and_logged(house: House) -> None:
    await house.operators.add("root", "ada", Role.APPROVER, WORD)
    with pytest.raises(AccountRefused, match="already"):
        await house.operators.add("root", "ada", Role.VIEWER, WORD)
    (account,) = await house.operators.every()
    assert (account.name, account.role, account.disabled) == ("ada", Role.APPROVER, False)
    assert house.logged == [("root", "operator.added", "ada")]
    assert WORD not in repr(house.store)


@pytest.mark.parametrize("name", ["", "Ada", "a b", "1ada", "ada\n", "a" * 65, "<ada>", "ådå"])
async def test_a_name_that_cannot_be_told_from_another_is_refused(house: House, name: str) -> None:
    with pytest.raises(AccountRefused, match="name"):
        await house.operators.add("root", name, Role.VIEWER, WORD)


@pytest.mark.parametrize(
    "password", ["", "short", "elevenchars", "x" * 257, "aaaaaaaaaaaaaaaa", "longenoughname"]
)
async def test_a_password_that_is_easily_guessed_is_refused(house: House, password: str) -> None:
    with pytest.raises(AccountRefused, match="password"):
        await house.operators.add("root", "longenoughname", Role.VIEWER, password)
    assert house.logged == []


async def test_nobody_unknown_is_changed(house: House) -> None:
    with pytest.raises(AccountRefused, match="no operator"):
        await house.operators.set_password("root", "ada", WORD)
    with pytest.raises(AccountRefused, match="no operator"):
        await house.operators.disable("root", "ada")


async def test_every_change_is_logged(house: House) -> None:
    await house.operators.add("root", "ada", Role.ADMIN, WORD)
    await house.operators.set_password("root", "ada", WORD + "!")
    await house.operators.disable("root", "ada")
    await house.operators.disable("root", "ada", disabled=False)
    assert [action for _, action, _ in house.logged] == [
        "operator.added",
        "operator.password_changed",
        "operator.disabled",
        "operator.enabled",
    ]


async def test_who_is_disabled_while_the_password_is_tried_does_not_get_in(house: House) -> None:
    await house.operators.add("root", "ada", Role.VIEWER, WORD)

    class Slow(ScryptPasswords):
        async def matches(self, password: str, secret: str | None) -> bool:
            await house.operators.disable("root", "ada")
            return await super().matches(password, secret)

    slow = Slow(log2_n=4)
    reader = MemoryConsoleReader(house.store)
    sign_in = SignIn(house.units, reader, slow, house.clock, Throttle(house.clock))
    with pytest.raises(SignInRefused):
        await sign_in("ada", WORD, "here")
    slow.close()
    assert house.store.operator_sessions == {}


async def test_signing_out_of_nothing_is_no_deed(house: House) -> None:
    reader = MemoryConsoleReader(house.store)
    sign_in = SignIn(house.units, reader, house.passwords, house.clock, Throttle(house.clock))
    await sign_in.out("no token of ours")
    assert house.logged == []


async def test_figures_are_kept_until_it_is_stopped_and_over_outages(house: House) -> None:
    notebook = Notebook()
    keep = KeepFigures(house.units, house.clock, notebook, largest=2)
    for number in range(1, 6):
        change = a_new(number)
        async with house.units.begin() as unit:
            await unit.cash_outs.add([change], [])
            await unit.outbox.add(change.events)
    running = asyncio.create_task(keep.run())
    for _ in range(20):
        await asyncio.sleep(0)
        house.clock.advance(EVERY)
        await asyncio.sleep(0)
    running.cancel()
    await asyncio.wait({running})
    assert sum(each.count for each in house.store.figures.values()) == 5
    assert notebook.faults == []


async def test_an_outage_is_noted_and_got_over(house: House) -> None:
    notebook = Notebook()

    class Away:
        batches = 1

        def begin(self) -> None:
            raise StorageUnavailable("gone")

    keep = KeepFigures(Away(), house.clock, notebook)  # type: ignore[arg-type]
    running = asyncio.create_task(keep.run())
    for _ in range(6):
        await asyncio.sleep(0)
        house.clock.advance(timedelta(seconds=3))
        await asyncio.sleep(0)
    assert not running.done()
    running.cancel()
    await asyncio.wait({running})
    assert len(notebook.faults) >= 2
    assert {where for where, _ in notebook.faults} == {"figures"}
