"""Signing in and out: who gets in, for how long, and what the log says of it."""

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from application.callers import Role
from application.operators import (
    LONGEST_PASSWORD,
    SignInRefused,
    TooManyTries,
    caller_of,
    digest_of,
)
from application.ports import IDLE_MOST, SESSION_MOST
from application.throttle import FIRST_WAIT, NAME_FREE
from tests.application.accounts import WORD, House

pytestmark = pytest.mark.anyio
MINUTE = timedelta(minutes=1)
TICK = timedelta(microseconds=1)


@pytest.fixture
async def house() -> AsyncIterator[House]:
    made = House()
    await made.operators.add("root", "ada", Role.APPROVER, WORD)
    yield made
    made.passwords.close()


async def test_who_knows_the_password_gets_a_session_of_their_own(house: House) -> None:
    opened = await house.sign_in("  ADA ", WORD, "198.51.100.7")
    session, now = opened.session, house.clock.now()
    assert (session.operator, session.opened_at, session.seen_at) == ("ada", now, now)
    assert session.digest == digest_of(opened.token)
    assert opened.token not in repr(opened) + repr(house.store)
    assert session.csrf not in {opened.token, session.digest}
    found = await house.sign_in.whose(opened.token)
    assert found is not None
    assert found.session == session
    caller = caller_of(found)
    assert (caller.user_id, caller.role) == ("ada", Role.APPROVER)
    entry = house.entries[-1]
    assert house.logged[-1] == ("ada", "session.opened", "ada")
    assert (entry.at, entry.facts) == (now, {"address": "198.51.100.7"})


async def test_a_token_may_be_any_text(house: House) -> None:
    assert await house.sign_in.whose("\ud800") is None
    await house.sign_in.out("\ud800")


@pytest.mark.parametrize(
    ("name", "password", "logged"),
    [("ada", WORD + "!", "ada"), ("ada", "", "ada"), ("nobody", WORD, "-")],
)
async def test_who_does_not_is_told_nothing_and_logged_without_what_was_typed(
    house: House, name: str, password: str, logged: str
) -> None:
    with pytest.raises(SignInRefused) as refused:
        await house.sign_in(name, password, "198.51.100.7")
    assert str(refused.value) == ""
    await house.sign_in.refusals.write()
    assert house.logged[1:] == [(logged, "session.refused", logged)]
    told = {"address": "198.51.100.7", "refused": 1, "unwritten": 0, "locked": False}
    assert house.entries[-1].facts == told
    assert house.store.operator_sessions == {}


async def test_who_is_disabled_does_not_get_in_and_is_let_in_again(house: House) -> None:
    opened = await house.sign_in("ada", WORD, "here")
    await house.operators.disable("root", "ada")
    assert await house.sign_in.whose(opened.token) is None
    with pytest.raises(SignInRefused):
        await house.sign_in("ada", WORD, "here")
    await house.operators.disable("root", "ada", disabled=False)
    assert await house.sign_in.whose(opened.token) is None
    assert (await house.sign_in("ada", WORD, "here")).session.operator == "ada"


async def test_another_password_ends_the_sessions_and_is_the_one_that_counts(house: House) -> None:
    opened = await house.sign_in("ada", WORD, "here")
    await house.operators.set_password("root", "ada", WORD + "!")
    assert await house.sign_in.whose(opened.token) is None
    with pytest.raises(SignInRefused):
        await house.sign_in("ada", WORD, "here")
    await house.sign_in("ada", WORD + "!", "here")


async def test_the_longest_password_is_tried_whole_and_what_is_beyond_is_not(house: House) -> None:
    longest = "abcd" * 64
    await house.operators.set_password("root", "ada", longest)
    await house.sign_in("ada", longest + "more", "here")
    with pytest.raises(SignInRefused):
        await house.sign_in("ada", longest[:-1], "here")
    with pytest.raises(SignInRefused):
        await house.sign_in("x" * 10_000, longest, "here")
    assert house.waits("x" * LONGEST_PASSWORD, "elsewhere") == timedelta(0)
    for _ in range(NAME_FREE):
        with pytest.raises(SignInRefused):
            await house.sign_in("y" * 10_000, longest, "here")
    assert house.waits("y" * LONGEST_PASSWORD, "elsewhere") == FIRST_WAIT


async def test_who_guesses_has_to_wait_and_is_not_even_tried(house: House) -> None:
    for _ in range(NAME_FREE):
        with pytest.raises(SignInRefused):
            await house.sign_in("ada", "a guess", "here")
    logged = len(house.logged)
    with pytest.raises(TooManyTries, match=r"^too many failed tries$") as many:
        await house.sign_in("Ada", WORD, "elsewhere")
    assert (many.value.wait, len(house.logged)) == (FIRST_WAIT, logged)
    house.clock.advance(FIRST_WAIT)
    await house.sign_in("ada", WORD, "elsewhere")
    assert house.waits("ada", "here") == timedelta(0), "who gets in starts anew"


async def test_failures_count_for_their_address_too(house: House) -> None:
    for number in range(50):
        with pytest.raises(SignInRefused):
            await house.sign_in(f"name-{number}", WORD, "198.51.100.7")
    with pytest.raises(TooManyTries):
        await house.sign_in("ada", WORD, "198.51.100.7")
    await house.sign_in("ada", WORD, "198.51.100.8")


async def test_a_session_ends_with_the_one_that_takes_its_place(house: House) -> None:
    first = await house.sign_in("ada", WORD, "here")
    other = await house.sign_in("ada", WORD, "there")
    second = await house.sign_in("ada", WORD, "here", first.token)
    assert await house.sign_in.whose(first.token) is None
    assert set(house.store.operator_sessions) == {second.session.digest, other.session.digest}


async def test_who_signs_out_is_out_and_logged_once(house: House) -> None:
    first = await house.sign_in("ada", WORD, "here")
    kept = await house.sign_in("ada", WORD, "here")
    await house.sign_in.out(first.token)
    assert await house.sign_in.whose(first.token) is None
    assert await house.sign_in.whose(kept.token) is not None
    assert house.logged[-1] == ("ada", "session.closed", "ada")
    assert house.entries[-1].facts == {}
    logged = len(house.logged)
    await house.sign_in.out(first.token)
    assert len(house.logged) == logged


async def test_a_session_is_over_when_nobody_used_it(house: House) -> None:
    opened = await house.sign_in("ada", WORD, "here")
    house.clock.advance(IDLE_MOST - TICK)
    assert await house.sign_in.whose(opened.token) is not None
    house.clock.advance(IDLE_MOST - TICK)
    assert await house.sign_in.whose(opened.token, used=False) is not None
    house.clock.advance(TICK)
    assert await house.sign_in.whose(opened.token) is None


async def test_a_session_is_over_in_the_end_however_much_it_is_used(house: House) -> None:
    opened = await house.sign_in("ada", WORD, "here")
    step = timedelta(minutes=20)
    for _ in range(SESSION_MOST // step - 1):
        house.clock.advance(step)
        assert await house.sign_in.whose(opened.token) is not None
    house.clock.advance(step)
    assert await house.sign_in.whose(opened.token) is None


async def test_when_a_session_was_used_is_noted_once_a_minute(house: House) -> None:
    opened = await house.sign_in("ada", WORD, "here")
    began = house.clock.now()

    def seen_at() -> timedelta:
        return house.store.operator_sessions[opened.session.digest].seen_at - began

    house.clock.advance(MINUTE - TICK)
    await house.sign_in.whose(opened.token)
    assert seen_at() == timedelta(0)
    house.clock.advance(TICK)
    await house.sign_in.whose(opened.token, used=False)
    assert seen_at() == timedelta(0)
    await house.sign_in.whose(opened.token)
    assert seen_at() == MINUTE


async def test_sessions_that_are_over_are_forgotten_when_somebody_signs_in(house: House) -> None:
    idle = await house.sign_in("ada", WORD, "here")
    house.clock.advance(MINUTE)
    used = await house.sign_in("ada", WORD, "here")
    house.clock.advance(IDLE_MOST - MINUTE + TICK)
    newest = await house.sign_in("ada", WORD, "here")
    kept = set(house.store.operator_sessions)
    assert kept == {used.session.digest, newest.session.digest}
    assert idle.session.digest not in kept
    step, began = IDLE_MOST / 2, house.clock.now()
    while house.clock.now() - began <= SESSION_MOST:
        house.clock.advance(step)
        await house.sign_in.whose(newest.token)
    last = await house.sign_in("ada", WORD, "here")
    assert set(house.store.operator_sessions) == {last.session.digest}
