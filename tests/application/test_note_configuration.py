"""A configuration that changed is in the operators' log, once, and the log stays one chain."""

import asyncio
from dataclasses import replace

import pytest

from adapters.memory.audit import MemoryAuditReader
from application.note_configuration import SERVICE, NoteConfiguration
from application.ports import AuditEntry
from tests.application.wiring import World

pytestmark = pytest.mark.anyio


def noting(world: World, digest: str = "d1") -> NoteConfiguration:
    return NoteConfiguration(world.units, world.clock, digest, True, {"orange_money": "2026-01"})


async def entries(world: World) -> list[AuditEntry]:
    return [each.entry for each in await MemoryAuditReader(world.store).entries(0, 100)]


async def test_a_configuration_is_noted_when_it_changes(world: World) -> None:
    note = noting(world)
    assert [await note(), await note()] == [True, False]
    assert await replace(note, digest="d2")()
    first, second = await entries(world)
    assert (first.operator, first.action) == (SERVICE, "configuration.changed")
    assert first.facts == {
        "digest": "d1",
        "previous": None,
        "fourEyes": True,
        "tariff.orange_money": "2026-01",
    }
    assert (second.facts["digest"], second.facts["previous"]) == ("d2", "d1")


async def test_what_others_write_in_between_does_not_matter(world: World) -> None:
    await noting(world)()
    async with world.units.begin() as unit:
        await unit.audit.append(AuditEntry(world.clock.now(), "ama", "review.proposed", "case-1"))
    assert not await noting(world)()


async def test_of_many_that_start_at_once_one_notes_it(world: World) -> None:
    noted = await asyncio.gather(*(noting(world)() for _ in range(10)))
    assert sum(noted) == 1
