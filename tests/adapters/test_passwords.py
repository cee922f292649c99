"""Passwords are kept as what cannot be turned back, and trying one costs the same for everybody."""

import asyncio
import base64
import time
from collections.abc import Iterator

import pytest

from adapters.passwords.scrypt import LOG2_N, ScryptPasswords
from application.ports import Overloaded

pytestmark = pytest.mark.anyio

WORD = "a password of some length"


@pytest.fixture
def quick() -> Iterator[ScryptPasswords]:
    made = ScryptPasswords(log2_n=4, at_once=1, waiting_most=2)
    yield made
    made.close()


async def test_the_right_password_matches_and_another_does_not(quick: ScryptPasswords) -> None:
    secret = await quick.secret_of(WORD)
    assert await quick.matches(WORD, secret)
    assert not await quick.matches(WORD + " ", secret)
    assert not await quick.matches("", secret)
    assert not await quick.matches(WORD, None)


async def test_what_is_kept_names_its_cost_and_never_the_password(quick: ScryptPasswords) -> None:
    first, second = await quick.secret_of(WORD), await quick.secret_of(WORD)
    assert first != second
    assert first.startswith("scrypt$4$8$1$")
    assert WORD not in first
    _, _, _, _, salt, hashed = first.split("$")
    assert (len(base64.b64decode(salt)), len(base64.b64decode(hashed))) == (16, 32)


async def test_what_was_kept_under_another_cost_still_matches(quick: ScryptPasswords) -> None:
    secret = await quick.secret_of(WORD)
    other = ScryptPasswords(log2_n=5)
    assert await other.matches(WORD, secret)
    other.close()


async def test_letters_are_the_same_however_a_keyboard_makes_them(quick: ScryptPasswords) -> None:
    secret = await quick.secret_of("Koné et la clé longue")
    assert await quick.matches("Kone\u0301 et la cle\u0301 longue", secret)


@pytest.mark.parametrize(
    "kept",
    ["", "plain", "scrypt$99$8$1$c2FsdA==$aGFzaA==", "scrypt$4$8$64$c2FsdA==$aGFzaA==",
     "bcrypt$4$8$1$c2FsdA==$aGFzaA==", "scrypt$4$8$1$%%%$aGFzaA==", "scrypt$x$8$1$c2FsdA==$eA=="],
)  # fmt: skip
async def test_what_is_no_hash_of_ours_matches_nothing(quick: ScryptPasswords, kept: str) -> None:
    assert not await quick.matches(WORD, kept)


async def test_only_so_many_are_tried_at_once(quick: ScryptPasswords) -> None:
    tried = await asyncio.gather(
        *(quick.matches(WORD, None) for _ in range(6)), return_exceptions=True
    )
    assert sum(isinstance(each, Overloaded) for each in tried) == 3
    assert await quick.matches(WORD, await quick.secret_of(WORD))


async def test_trying_takes_long_enough_and_as_long_for_nobody() -> None:
    slow = ScryptPasswords()
    secret = await slow.secret_of(WORD)
    assert secret.startswith(f"scrypt${LOG2_N}$")

    async def shortest(kept: str | None) -> int:
        taken = []
        for _ in range(5):
            began = time.process_time_ns()
            assert not await slow.matches("another password", kept)
            taken.append(time.process_time_ns() - began)
        return min(taken)

    known, unknown = await shortest(secret), await shortest(None)
    slow.close()
    assert min(known, unknown) > 20_000_000
    assert 2 * min(known, unknown) > max(known, unknown)


async def test_nothing_else_waits_while_one_is_tried() -> None:
    slow = ScryptPasswords()
    trying = asyncio.create_task(slow.matches(WORD, None))
    steps = 0
    while not trying.done():
        await asyncio.sleep(0)
        steps += 1
    slow.close()
    assert steps > 50


def test_tokens_are_never_the_same(quick: ScryptPasswords) -> None:
    tokens = {quick.token() for _ in range(1_000)}
    assert len(tokens) == 1_000
    assert all(len(token) >= 43 for token in tokens)
