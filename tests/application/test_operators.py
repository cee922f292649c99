"""Accounts and sessions: who may be one, and that every change is in the log."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import pytest

from adapters.passwords.scrypt import ScryptPasswords
from application.callers import Role
from application.figures import EVERY, KeepFigures
from application.operators import AccountRefused, SignInRefused
from application.ports import StorageUnavailable
from tests.application.accounts import WORD, House
from tests.application.wiring import Notebook
from tests.contracts.stores import a_new

pytestmark = pytest.mark.anyio
NAMES = (
    "an operator's name is a lower-case letter and then letters, digits, dots and dashes,"
    " 64 at most"
)


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


async def test_the_role_of_a_new_account_is_in_the_log(house: House) -> None:
    await house.operators.add("root", "ada", Role.APPROVER, WORD)
    (entry,) = house.entries
    assert (entry.at, entry.facts) == (house.clock.now(), {"role": "approver"})


@pytest.mark.parametrize("name", ["a", "a.b_c-9", "a" * 64])
@pytest.mark.parametrize("password", ["abcd abcd ab", "abcd" * 64])
async def test_names_and_passwords_within_their_bounds_are_taken(
    house: House, name: str, password: str
) -> None:
    await house.operators.add("root", name, Role.VIEWER, password)
    (account,) = await house.operators.every()
    assert account.created_at == house.clock.now()
    assert await house.passwords.matches(password, account.secret)


@pytest.mark.parametrize(
    ("name", "password", "says"),
    [
        (
            "Ada",
            WORD,
            NAMES,
        ),
        ("ada", "elevenchars", "a password has 12 to 256 characters"),
        ("ada", "abcabcabcabcabc", "this password is too easy to guess"),
        ("longenoughname", "LongEnoughName", "this password is too easy to guess"),
    ],
)
async def test_why_an_account_is_refused_is_told(
    house: House, name: str, password: str, says: str
) -> None:
    with pytest.raises(AccountRefused) as refused:
        await house.operators.add("root", name, Role.VIEWER, password)
    assert str(refused.value) == says


async def test_another_password_is_bound_as_the_first_one_is(house: House) -> None:
    await house.operators.add("root", "longenoughname", Role.VIEWER, WORD)
    for password in ("elevenchars", "longenoughname"):
        with pytest.raises(AccountRefused, match="password"):
            await house.operators.set_password("root", "longenoughname", password)


async def test_whoever_is_unknown_is_told_by_name(house: House) -> None:
    with pytest.raises(AccountRefused) as refused:
        await house.operators.disable("root", "ada")
    assert str(refused.value) == "there is no operator ada"


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
    assert house.logged == [
        ("root", "operator.added", "ada"),
        ("root", "operator.password_changed", "ada"),
        ("root", "operator.disabled", "ada"),
        ("root", "operator.enabled", "ada"),
    ]


async def test_who_is_disabled_while_the_password_is_tried_does_not_get_in(house: House) -> None:
    await house.operators.add("root", "ada", Role.VIEWER, WORD)

    class Slow(ScryptPasswords):
        async def matches(self, password: str, secret: str | None) -> bool:
            await house.operators.disable("root", "ada")
            return await super().matches(password, secret)

    slow = Slow(log2_n=4)
    with pytest.raises(SignInRefused):
        await replace(house.sign_in, passwords=slow)("ada", WORD, "here")
    slow.close()
    assert house.store.operator_sessions == {}


async def test_signing_out_of_nothing_is_no_deed(house: House) -> None:
    await house.sign_in.out("no token of ours")
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
