"""Steering: a person closes a provider, country or corridor, and opens it again."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from application.board import Board
from application.callers import Caller, Permission
from application.ports import AuditEntry, Clock, Conflict, Nudge, Unit, Units, Work
from application.ports.health import HEARD_BY_NOBODY, HealthJournal
from application.record_news import MOST_TRIES
from domain.corridors import Catalogue
from domain.health_events import health_changed
from domain.health_refusals import InvalidSteering
from domain.refusals import CurrencyNotSupported, InvalidProvider
from domain.standings import Reason, Route, Standing, State

LONGEST_NOTE: Final = 500
"""The most characters of a reason that is given."""


class Outdated(Conflict):
    """The standing is not the one any more that was looked at; nothing was written."""


@dataclass(frozen=True, slots=True)
class Steered:
    """What became of it: the standing of the route itself, and whether that was a change."""

    standing: Standing
    changed: bool


@dataclass(frozen=True, slots=True)
class SteerProviders:
    """Closes and opens by hand. Nobody but a person opens what a person closed.

    Each is one transaction: the standing, the event that tells of it, and the entry in the
    operators' log.
    """

    units: Units
    catalogue: Catalogue
    board: Board
    clock: Clock
    nudge: Nudge
    journal: HealthJournal = HEARD_BY_NOBODY

    async def close(
        self, caller: Caller, route: Route, note: str, expected: int | None = None
    ) -> Steered:
        """Have nothing sent there any more; raise Forbidden, InvalidProvider or a refusal.

        What is on the wire is followed to its end, and what is taken waits and can be cancelled.
        expected: the version of the route's own standing that was looked at, for Outdated where it
        is another one by now; what is so already is no change, whoever made it so.
        """
        self._check(caller, route, note)
        return await self._persistently(
            lambda: self._steer(caller, route, State.CLOSED, note, expected)
        )

    async def open(
        self, caller: Caller, route: Route, note: str, expected: int | None = None
    ) -> Steered:
        """Have cash-outs sent there again, by a ramp; raise as above.

        It opens this route alone: a wider or narrower one that is closed by hand stays so.
        """
        self._check(caller, route, note)
        return await self._persistently(
            lambda: self._steer(caller, route, State.OPERATIONAL, note, expected)
        )

    def _check(self, caller: Caller, route: Route, note: str) -> None:
        caller.must(Permission.STEER)
        provider = self.catalogue.providers.get(route.provider)
        if provider is None:
            raise InvalidProvider(route.provider, list(self.catalogue.providers))
        corridor = provider.corridors.get(route.country)
        if route.country and corridor is None:
            pays = ", ".join(provider.corridors)
            raise InvalidSteering("country", f"{provider.name} pays in: {pays}.")
        if route.currency and corridor is None:
            raise InvalidSteering("country", "Say in which country this currency is paid.")
        if route.currency and corridor is not None and route.currency not in corridor.currencies:
            raise CurrencyNotSupported(route.currency, supported=corridor.currencies)
        if not note.strip() or len(note) > LONGEST_NOTE or not note.isprintable():
            message = f"Give a reason of one line and at most {LONGEST_NOTE} characters."
            raise InvalidSteering("reason", message)

    async def _steer(
        self, caller: Caller, route: Route, state: State, note: str, expected: int | None
    ) -> Steered:
        reason = Reason.BY_HAND if state is State.CLOSED else None
        async with self.units.begin() as unit:
            known = {each.route: each for each in await unit.health.standings()}
            before = known.get(route, Standing(route))
            if (before.state, before.reason, before.unread) == (state, reason, ""):
                return Steered(before, changed=False)
            if expected not in {None, before.version}:
                raise Outdated
            now = self.clock.now()
            after = before.moved(state, reason, now, note=note, by=caller.name)
            await self._store(unit, before, after)
        self.board.show({**known, route: after}.values(), now)
        self.journal.health_changed(before, after)
        self.nudge.work(Work.RELAY, Work.SUBMIT, Work.HEALTH)
        return Steered(after, changed=True)

    async def _store(self, unit: Unit, before: Standing, after: Standing) -> None:
        await unit.health.save([after])
        await unit.outbox.add([health_changed(before, after)])
        done = "provider.closed" if after.parked else "provider.opened"
        facts = {
            "reason": after.note,
            "was": str(before.state),
            "wasFor": str(before.reason) if before.reason else None,
        }
        at = after.since or self.clock.now()
        await unit.audit.append(AuditEntry(at, after.by, done, str(after.route), facts))

    async def _persistently(self, steer: Callable[[], Awaitable[Steered]]) -> Steered:
        """Try again where somebody else changed it meanwhile; raise Conflict in the end."""
        for _ in range(MOST_TRIES - 1):
            try:
                return await steer()
            except Outdated:
                raise
            except Conflict:
                continue
        return await steer()
