"""Steering by what was seen: who acts on an older standing than the stored one is told so."""

from datetime import timedelta

import pytest

from application.ports import AuditEntry, Conflict
from application.steer_providers import LONGEST_NOTE, SteerProviders
from domain.health_refusals import InvalidSteering
from domain.refusals import CurrencyNotSupported, InvalidProvider, Refusal
from domain.standings import Route, Standing
from tests.application.wiring import ADMIN, World
from tests.strategies import ORANGE

pytestmark = pytest.mark.anyio
WHOLE = Route(ORANGE)


@pytest.fixture
def steer(world: World) -> SteerProviders:
    one = world.one
    return SteerProviders(
        one.units, world.catalogue, one.board, world.clock, one.signals, one.journal
    )


async def stored(world: World) -> list[Standing]:
    async with world.one.units.begin() as unit:
        return await unit.health.standings()


async def test_what_was_closed_again_meanwhile_is_not_opened(
    world: World, steer: SteerProviders
) -> None:
    seen = (await steer.close(ADMIN, WHOLE, "planned")).standing
    await steer.open(ADMIN, WHOLE, "over")
    await steer.close(ADMIN, WHOLE, "their statement does not agree")
    with pytest.raises(Conflict):
        await steer.open(ADMIN, WHOLE, "over", expected=seen.version)
    (now,) = await stored(world)
    assert (now.shut, now.note) == (True, "their statement does not agree")
    opened = await steer.open(ADMIN, WHOLE, "over", expected=now.version)
    assert (opened.changed, opened.standing.version) == (True, now.version + 1)


async def test_what_was_never_touched_is_version_nought(
    world: World, steer: SteerProviders
) -> None:
    with pytest.raises(Conflict):
        await steer.close(ADMIN, WHOLE, "planned", expected=1)
    assert await stored(world) == []
    assert (await steer.close(ADMIN, WHOLE, "planned", expected=0)).changed


async def test_what_is_so_already_is_no_conflict(steer: SteerProviders) -> None:
    await steer.close(ADMIN, WHOLE, "planned")
    again = await steer.close(ADMIN, WHOLE, "pressed twice", expected=0)
    assert (again.changed, again.standing.note) == (False, "planned")


async def test_who_is_out_of_date_is_told_at_once_and_not_tried_again(
    world: World, steer: SteerProviders
) -> None:
    await steer.close(ADMIN, WHOLE, "planned")
    begun, begin = [], world.one.units.begin

    class Counted:
        batches = 1

        def begin(self) -> object:
            begun.append("unit")
            return begin()

    counted = SteerProviders(
        Counted(),  # type: ignore[arg-type]
        world.catalogue,
        world.one.board,
        world.clock,
        world.one.signals,
    )
    with pytest.raises(Conflict):
        await counted.open(ADMIN, WHOLE, "over", expected=0)
    assert len(begun) == 1


async def test_the_log_keeps_what_it_was_and_why(world: World, steer: SteerProviders) -> None:
    world.clock.advance(timedelta(hours=1))
    await steer.close(ADMIN, WHOLE, "planned")
    closed_at = world.clock.now()
    world.clock.advance(timedelta(hours=1))
    await steer.open(ADMIN, WHOLE, "over")
    closed, opened = (logged.entry for _, logged in sorted(world.store.operators_log.items()))
    assert closed == AuditEntry(
        closed_at,
        ADMIN.name,
        "provider.closed",
        str(WHOLE),
        {"reason": "planned", "was": "OPERATIONAL", "wasFor": None},
    )
    assert opened == AuditEntry(
        world.clock.now(),
        ADMIN.name,
        "provider.opened",
        str(WHOLE),
        {"reason": "over", "was": "CLOSED", "wasFor": "by_hand"},
    )
    assert world.one.board.read_at == world.clock.now()


@pytest.mark.parametrize(
    ("route", "note", "refusal", "says"),
    [
        (Route("nobody"), "x", InvalidProvider, "Available: orange_money, "),
        (Route(ORANGE, "XX"), "x", InvalidSteering, " pays in: CI, SN, MG, CD."),
        (
            Route(ORANGE, "", "XOF"),
            "x",
            InvalidSteering,
            "Say in which country this currency is paid.",
        ),
        (Route(ORANGE, "CI", "MGA"), "x", CurrencyNotSupported, "Supported: USD, XOF."),
        (WHOLE, " ", InvalidSteering, f"Give a reason of one line and at most {LONGEST_NOTE} "),
        (WHOLE, "x" * (LONGEST_NOTE + 1), InvalidSteering, "Give a reason of one line"),
        (WHOLE, "a\nb", InvalidSteering, "Give a reason of one line"),
    ],
)
async def test_what_cannot_be_meant_says_what_could(
    steer: SteerProviders, route: Route, note: str, refusal: type[Refusal], says: str
) -> None:
    with pytest.raises(refusal) as refused:
        await steer.close(ADMIN, route, note)
    assert says in refused.value.message


async def test_a_reason_may_be_as_long_as_it_says(steer: SteerProviders) -> None:
    assert (await steer.close(ADMIN, WHOLE, "x" * LONGEST_NOTE)).changed
