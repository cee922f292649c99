"""What is asked for in a race, and what becomes of it: all of it drawn from the seed."""

from datetime import datetime
from enum import StrEnum
from random import Random
from uuid import UUID

from domain.request import CashOutRequest
from domain.states import Status
from tests.fire.tariff import EFFECTIVE, MARKETS, Market

PAID, UNPAID = "user-paid", "user-unpaid"
USERS = (PAID, UNPAID)
"""Some of what the first one asks for is paid in the end; the other's cash-outs all come to naught.

Each has thousands of requests and nobody else has any: two hot users, four markets each.
"""


class Fate(StrEnum):
    """What becomes of a cash-out while the race goes on, as its id decides."""

    STAYS = "stays"
    CANCELLED = "cancelled"
    FAILED = "failed"
    CONTESTED = "contested"
    """Some cancel it while others hear that it failed: it is given back once."""
    PAID = "paid"


_FATES = (
    *([Fate.STAYS] * 4 + [Fate.CANCELLED] * 3 + [Fate.FAILED] * 3),
    *([Fate.CONTESTED] * 3 + [Fate.PAID] * 2),
)


def fate_of(cash_out_id: UUID, user_id: str) -> Fate:
    """Return the same for every process, so that several of them go for one cash-out at once."""
    fate = _FATES[cash_out_id.int % len(_FATES)]
    return Fate.FAILED if fate is Fate.PAID and user_id == UNPAID else fate


def order(seed: int, number: int) -> CashOutRequest:
    """Return request `number` of the race."""
    chance = Random(f"{seed}-{number}")
    market = chance.choice(MARKETS)
    # Of the largest limit there is: what is too much for one cash-out is refused like the rest.
    steps = max(limit.day for limit in market.limits.values()) // market.step
    amount = chance.choice(
        (
            1,
            chance.randint(1, 20),
            chance.randint(1, steps // 10),
            chance.randint(1, steps // 3),
        )
    )
    named = chance.random()
    return request(
        chance.choice(USERS),
        market,
        amount * market.step,
        key=f"key-{seed}-{number}" if named < 0.2 else None,
        reference=f"RACE-{seed}-{number:08}" if 0.1 < named < 0.3 else None,
    )


def request(
    user_id: str,
    market: Market,
    minor: int,
    *,
    key: str | None = None,
    reference: str | None = None,
) -> CashOutRequest:
    """Return a sound request for so many minor units."""
    return CashOutRequest(
        user_id=user_id,
        wallet_id="wallet-1",
        amount=market.written(minor),
        currency=market.currency,
        provider=market.provider,
        account=market.payee.e164,
        name="Awa Diallo",
        msisdn=market.payee,
        reference=reference,
        key=key,
    )


def share_of(seed: int, racer: int, racers: int, requests: int) -> list[int]:
    """Return the numbers that a racer asks for: its own, and the double clicks of its neighbour.

    What carries a key or a reference is asked for by two processes, at about the same time.
    """
    mine = []
    for number in range(requests):
        asked = order(seed, number)
        twice = asked.key is not None or asked.reference is not None
        if number % racers == racer or (twice and (number + 1) % racers == racer):
            mine.append(number)
    return mine


def version_at(now: datetime) -> str:
    """Return the version of the tariff in force."""
    return max((v for v in EFFECTIVE if EFFECTIVE[v] <= now), key=EFFECTIVE.__getitem__)


FREED = frozenset({Status.FAILED, Status.CANCELLED})
"""The states in which a cash-out holds nothing."""
