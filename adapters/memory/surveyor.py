"""Surveys over what is committed in memory."""

from collections.abc import Iterable
from datetime import datetime

from adapters.memory.store import MemoryStore
from application.ports.surveying import LOOKED_AT_MOST, OpenGroup, Survey, Waiting, band_of
from domain.cash_out import Action, CashOut

_Key = tuple[str, str, str, bool, str]


class MemorySurveyor:
    """Implements `Surveyor`."""

    def __init__(self, store: MemoryStore) -> None:
        self._store = store

    async def survey(self, now: datetime) -> Survey:
        """Look at everything; say of it what a bounded look would."""
        stored = self._store.cash_outs
        alike: dict[_Key, list[CashOut]] = {}
        for each in [stored[key] for key in self._store.open][:LOOKED_AT_MOST]:
            alike.setdefault(_key(each, now), []).append(each)
        waiting = [each for each in stored.values() if each.review is not None]
        reasons = sorted({each.review for each in waiting if each.review is not None})
        return Survey(
            at=now,
            groups=[_group(key, alike[key]) for key in sorted(alike)],
            reviews={
                reason: _waiting(each.review_at for each in waiting if each.review is reason)
                for reason in reasons
            },
            untold=_waiting(self._store.events[each].at for each in self._store.waiting),
            orphans=_waiting(
                self._store.deliveries[each].delivery.received_at for each in self._store.unmatched
            ),
        )


def _key(each: CashOut, now: datetime) -> _Key:
    at_risk = each.plan is not None and each.plan.action is Action.ASK
    age = band_of(now - each.created_at)
    return each.provider, each.amount.currency.code, each.status.value, at_risk, age


def _group(key: _Key, members: list[CashOut]) -> OpenGroup:
    return OpenGroup(
        provider=key[0],
        currency=key[1],
        status=members[0].status,
        at_risk=key[3],
        age=key[4],
        count=len(members),
        minor=sum(each.amount.minor for each in members),
        oldest_at=min(each.created_at for each in members),
    )


def _waiting(moments: Iterable[datetime | None]) -> Waiting:
    since = [moment for moment in moments if moment is not None][:LOOKED_AT_MOST]
    return Waiting(len(since), min(since, default=None))
