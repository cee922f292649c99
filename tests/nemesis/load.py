"""Users: they ask, ask again with the same key when no answer came, and remember what was said."""

import asyncio
import random
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import httpx

from adapters.sandbox.corridors import AFRIMONEY, ORANGE_MONEY
from adapters.sandbox.scenarios import SCENARIOS
from tests.entrypoints.orders import CASH_OUT, ENDED, a_client, order, signed_in

USERS = 8
RICH = 2
"""Users whose amounts are so large that they meet their limits."""
_AMOUNTS = {
    ORANGE_MONEY: ((600, 3_000), (300_000, 2_900_000)),
    AFRIMONEY: ((12, 900), (5_000, 40_000)),
}
"""The least and the most that is asked for, by the poor and by the rich."""

UNKNOWABLE = frozenset({"304", "305"})
"""The provider takes back an ending it has told. If that webhook dies with the sandbox, nobody is
told any more: only a statement could show it, so these say nothing about faults."""
_ORDINARY = ("789", "001", "139", "201", "203", "205", "206", "302")
_DRAWN = (*sorted(SCENARIOS.keys() - UNKNOWABLE), *_ORDINARY * 3)

LIMITS = frozenset({"DAILY_LIMIT_EXCEEDED", "MONTHLY_LIMIT_EXCEEDED"})
ANSWER_WITHIN_S = 4.0
_AGAIN_S = (0.05, 0.5)
_NEXT_S = (0.02, 0.5)


@dataclass(slots=True)
class Asked:
    """One order of a user and what was answered. The wallet is used by no other order."""

    user: str
    key: str
    body: dict[str, Any]
    ids: set[str] = field(default_factory=set)
    refused: bool = False
    cancelled: bool = False
    endings: set[str] = field(default_factory=set)
    """Endings that were shown; `cancelled` too."""

    @property
    def wallet(self) -> str:
        """Return what the order is known by in the records."""
        wallet: str = self.body["walletId"]
        return wallet


@dataclass(slots=True)
class Load:
    """Users at work until `over` is set; then what is unanswered is asked until it is answered."""

    url: str
    seed: int
    asked: list[Asked] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    """Answers that no fault excuses."""
    over: asyncio.Event = field(default_factory=asyncio.Event)

    async def run(self) -> None:
        """Return once every order has an answer."""
        async with a_client(self.url, connections=4 * USERS) as client:
            client.timeout = httpx.Timeout(ANSWER_WITHIN_S)
            async with asyncio.TaskGroup() as users:
                for number in range(USERS):
                    users.create_task(_User(self, client, number).run())


class _User:
    def __init__(self, load: Load, client: httpx.AsyncClient, number: int) -> None:
        self._load, self._client = load, client
        self._name, self._rich = f"user-{number}", number < RICH
        self._chance = random.Random(f"{load.seed} user {number}")

    async def run(self) -> None:
        number = 0
        while not self._load.over.is_set():
            number += 1
            await self._one(self._draw(number))
            await asyncio.sleep(self._chance.uniform(*_NEXT_S))

    def _draw(self, number: int) -> Asked:
        chance = self._chance
        provider = chance.choice((ORANGE_MONEY, AFRIMONEY))
        least, most = _AMOUNTS[provider][self._rich]
        fields: dict[str, object] = {
            "walletId": f"wallet-{self._name}-{number}",
            "amount": chance.randint(least, most),
        }
        if chance.random() < 0.3:
            fields["reference"] = f"{self._name}-order-{number:06d}"
        body = order(provider, chance.choice(_DRAWN), **fields)
        return Asked(self._name, f"key-{number}", body)

    async def _one(self, asked: Asked) -> None:
        self._load.asked.append(asked)
        double_click = self._chance.random() < 0.15
        await asyncio.gather(*(self._until_answered(asked) for _ in range(1 + double_click)))
        if asked.ids and self._chance.random() < 0.15:
            self._load.counts["sent again though answered"] += 1
            await self._send(asked)
        if asked.ids and self._chance.random() < 0.2:
            await self._cancel(asked)
        if asked.ids and self._chance.random() < 0.5:
            await self._look(asked)

    async def _until_answered(self, asked: Asked) -> None:
        while not await self._send(asked):  # noqa: ASYNC110 -- the server is asked, not watched
            await asyncio.sleep(self._chance.uniform(*_AGAIN_S))

    async def _send(self, asked: Asked) -> bool:
        """Ask; return whether that was an answer."""
        headers = signed_in(asked.user, asked.key)
        answer = await self._try("POST", CASH_OUT, json=asked.body, headers=headers)
        code = None if answer is None else _code(answer)
        if answer is None or answer.status_code == 503 or code == "IDEMPOTENCY_KEY_IN_USE":
            return False
        if answer.status_code == 422 and code in LIMITS:
            asked.refused = True
            return True
        if answer.status_code != 202:
            return self._is_wrong(answer)
        data = answer.json()["data"]
        asked.ids.add(data["cashOutId"])
        self._noted(asked, data["status"])
        return True

    async def _cancel(self, asked: Asked) -> None:
        answer = await self._try(
            "POST", f"{CASH_OUT}/{min(asked.ids)}/cancel", headers=signed_in(asked.user)
        )
        if answer is None or answer.status_code == 503:
            return
        if answer.status_code == 200:
            asked.cancelled = True
            self._noted(asked, answer.json()["data"]["status"])
            self._load.counts["cancelled by the user"] += 1
        elif _code(answer) != "TOO_LATE_TO_CANCEL":
            self._is_wrong(answer)

    async def _look(self, asked: Asked) -> None:
        answer = await self._try(
            "GET", f"{CASH_OUT}/{min(asked.ids)}", headers=signed_in(asked.user)
        )
        if answer is None or answer.status_code == 503:
            return
        if answer.status_code != 200:
            self._is_wrong(answer)
            return
        self._noted(asked, answer.json()["data"]["status"])

    async def _try(self, method: str, path: str, **more: Any) -> httpx.Response | None:  # noqa: ANN401 -- handed on
        """Return an answer, or None when none came whole."""
        try:
            answer = await self._client.request(method, path, **more)
        except httpx.TransportError:
            self._load.counts["no answer"] += 1
            return None
        self._load.counts[f"answered {answer.status_code}"] += 1
        return answer

    def _noted(self, asked: Asked, status: str) -> None:
        if status in ENDED:
            asked.endings.add(status)

    def _is_wrong(self, answer: httpx.Response) -> bool:
        request = answer.request
        self._load.wrong.append(
            f"{request.method} {request.url.path} was answered {answer.status_code}: {answer.text}"
        )
        return True


def _code(answer: httpx.Response) -> str | None:
    if answer.status_code < 400:
        return None
    code: str = answer.json()["error"]["code"]
    return code
