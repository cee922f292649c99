"""Taking cash-outs without HTTP: `python -m tests.bench.admission` reads an Admission as JSON.

The whole of the use case over the real store, as many callers at once as are asked for.
"""

import asyncio
import gc
import os
import random
import sys
import time

import msgspec
import uvloop

from application.request_cash_out import Taken
from domain.request import CashOutRequest
from entrypoints.lifespan import open_service
from entrypoints.logs import set_up_logs
from entrypoints.settings import read_settings


class Admission(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """callers: how many ask at once, each again as soon as it is answered.

    count: take so many and stop; None: take for `seconds`.
    """

    callers: int = 128
    users: int = 10_000
    first_user: int = 0
    seconds: float = 5.0
    warm_up_s: float = 1.0
    count: int | None = None


class Admitted(msgspec.Struct, frozen=True):
    """How many a second were taken, and the processor time of each in milliseconds."""

    per_second: float
    cpu_ms: float
    refused: int


async def _run(asked: Admission) -> Admitted:
    chance = random.Random(1)
    counts_from = time.perf_counter() + asked.warm_up_s
    ends_at = counts_from + asked.seconds
    taken = refused = 0
    left = sys.maxsize if asked.count is None else asked.count
    cpu_from: list[float] = []
    async with open_service(read_settings(os.environ)) as service:
        msisdn = service.numbers.read("+2250700000789")
        amount = "600"

        async def caller() -> None:
            nonlocal taken, refused, left
            while (now := time.perf_counter()) < ends_at and left > 0:
                left -= 1
                if now >= counts_from and not cpu_from:
                    cpu_from.append(time.process_time())
                user = f"user-{asked.first_user + chance.randrange(asked.users)}"
                result = await service.request(
                    CashOutRequest(
                        user_id=user,
                        wallet_id="wallet-1",
                        amount=amount,
                        currency="XOF",
                        provider="orange_money",
                        account="+2250700000789",
                        name="Awa Diallo",
                        msisdn=msisdn,
                        reference=None,
                        key=None,
                    )
                )
                if counts_from <= time.perf_counter() < ends_at:
                    if isinstance(result, Taken):
                        taken += 1
                    else:
                        refused += 1

        await asyncio.gather(*(caller() for _ in range(asked.callers)))
    used = time.process_time() - cpu_from[0]
    return Admitted(taken / asked.seconds, 1000 * used / max(taken, 1), refused)


def main() -> None:
    """Read an Admission from standard input, do it, print what came of it."""
    # As in a process of the service.
    gc.set_threshold(50_000, 20, 50)
    set_up_logs("info", pretty=False)
    asked = msgspec.json.decode(sys.stdin.buffer.read(), type=Admission)
    sys.stdout.buffer.write(msgspec.json.encode(uvloop.run(_run(asked))))


if __name__ == "__main__":
    main()
