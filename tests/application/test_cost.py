"""What deciding costs, in calls: a number that no busy machine changes."""

import sys
from collections.abc import Sequence
from types import FrameType

import pytest

from application.request_cash_out import Taken
from domain.request import CashOutRequest
from tests.application.wiring import World
from tests.strategies import a_request

pytestmark = pytest.mark.anyio

MOST_CALLS = 160
"""Python's own functions that taking one cash-out may enter, over the store in memory.

With a dozen to spare for what versions of Python inline. A new step that is worth its price
raises it, in sight of whoever reviews the change.
"""
FEW, MANY = 10, 110


async def _calls(world: World, requests: Sequence[CashOutRequest]) -> int:
    entered = 0

    def note(_frame: FrameType, what: str, _argument: object) -> None:
        nonlocal entered
        entered += what == "call"

    sys.setprofile(note)
    try:
        taken = await world.one.take_requests(requests)
    finally:
        sys.setprofile(None)
    assert all(isinstance(each, Taken) for each in taken)
    return entered


async def test_taking_one_more_enters_no_more_functions_than_it_did(world: World) -> None:
    requests = [a_request(user_id=f"user-{number}", reference=None) for number in range(MANY)]
    await _calls(world, requests[:1])
    few = await _calls(world, requests[:FEW])
    many = await _calls(world, requests)
    assert (many - few) / (MANY - FEW) <= MOST_CALLS
