"""What storing costs us, in calls: a number that no busy machine changes."""

import sys
from types import FrameType

import pytest

from adapters.sql.database import open_database
from adapters.sql.unit_of_work import SqlUnits
from domain.cash_out import Lease, begin_attempt
from tests.contracts.stores import a_new
from tests.servers import PostgresServer
from tests.strategies import NOW, TOKEN

pytestmark = pytest.mark.anyio

MOST_CALLS = 25
"""Functions of the store that one more begun attempt may enter: its row, its try, its evidence.

With a few to spare for what versions of Python inline. A step that is worth its price raises it, in
sight of whoever reviews the change.
"""
FEW, MANY = 10, 110


class _UndoneError(Exception):
    """Ends a unit without a commit."""


async def _calls(units: SqlUnits, size: int) -> int:
    """Return how many functions of the store it enters to save so many; nothing of it is said."""
    lease = Lease(TOKEN, NOW)
    begun = [begin_attempt(a_new(number).after, NOW, lease) for number in range(size)]
    entered = 0

    def note(frame: FrameType, what: str, _argument: object) -> None:
        nonlocal entered
        entered += what == "call" and "adapters/sql" in frame.f_code.co_filename

    async def save() -> None:
        async with units.begin() as unit:
            sys.setprofile(note)
            try:
                await unit.cash_outs.save(begun)
            finally:
                sys.setprofile(None)
            raise _UndoneError

    with pytest.raises(_UndoneError):
        await save()
    return entered


async def test_saving_one_more_enters_no_more_functions_than_it_did(
    postgres_server: PostgresServer,
) -> None:
    database = open_database(postgres_server.dsn(postgres_server.create_database()))
    units = SqlUnits(database)
    await _calls(units, 1)
    few = await _calls(units, FEW)
    many = await _calls(units, MANY)
    await database.close()
    assert (many - few) / (MANY - FEW) <= MOST_CALLS
