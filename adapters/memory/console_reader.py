"""What operators read, over what is committed in memory."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from itertools import groupby
from uuid import UUID

from adapters.memory.store import MemoryStore
from application.ports import (
    OPEN_COUNTED_MOST,
    SCANNED_MOST,
    UNTOLD_COUNTED_MOST,
    Figure,
    Listed,
    Open,
    Received,
    SignedIn,
    Told,
    Untold,
)
from domain.cash_out import CashOut

_AGES = (
    ("minute", timedelta(minutes=1)),
    ("hour", timedelta(hours=1)),
    ("day", timedelta(days=1)),
)
_Kind = tuple[str, str, str, str, bool]


class MemoryConsoleReader:
    """Implements `ConsoleReader`."""

    def __init__(self, store: MemoryStore) -> None:
        self._store = store

    async def signed_in(self, digest: str) -> SignedIn | None:
        """Return the session of a token's digest and its account, however old they are."""
        session = self._store.operator_sessions.get(digest)
        if session is None:
            return None
        return SignedIn(session, self._store.operators[session.operator])

    async def figures(self, since: datetime, until: datetime) -> Sequence[Figure]:
        """Return the figures of all slices that began in a span, in order."""
        found = [each for each in self._store.figures.values() if since <= each.began_at < until]
        return sorted(
            found,
            key=lambda each: (
                each.began_at,
                each.provider,
                each.currency,
                each.type.value,
                each.took_ms,
            ),
        )

    async def open_now(self, now: datetime) -> Sequence[Open]:
        """Return what is open, of at most OPEN_COUNTED_MOST cash-outs."""

        def kind(each: CashOut) -> _Kind:
            age = next((name for name, most in _AGES if each.created_at >= now - most), "older")
            currency = each.amount.currency.code
            return (each.provider, currency, each.status.value, age, each.review is not None)

        looked_at = sorted(self._open()[:OPEN_COUNTED_MOST], key=kind)
        return [_together(key, list(some)) for key, some in groupby(looked_at, key=kind)]

    async def untold(self) -> Untold:
        """Return what waits in the outbox."""
        waiting = sorted(self._store.waiting)[:UNTOLD_COUNTED_MOST]
        moments = [self._store.events[each].at for each in waiting]
        return Untold(len(moments), min(moments, default=None))

    async def latest(self, limit: int, before: UUID | None = None) -> Sequence[Listed]:
        """Return the newest cash-outs, or the newest of those with smaller ids."""
        return [listed(each) for each in self._newest() if before is None or each.id < before][
            :limit
        ]

    async def longest_open(self, limit: int) -> Sequence[Listed]:
        """Return open cash-outs, the oldest first."""
        oldest = sorted(self._open(), key=lambda each: (each.created_at, each.id))
        return [listed(each) for each in oldest[:limit]]

    async def by_id(self, ids: Sequence[UUID]) -> Sequence[Listed]:
        """Return those of these that exist, newest first."""
        return [listed(each) for each in self._newest() if each.id in ids]

    async def by_reference(self, reference: str) -> Sequence[Listed]:
        """Return the cash-out of a reference, or nothing."""
        return [listed(each) for each in self._newest() if each.reference == reference]

    async def by_provider_id(self, providers: Sequence[str], given: str) -> Sequence[Listed]:
        """Return the cash-outs that these providers know by this id."""
        return [
            listed(each)
            for each in self._newest()
            if each.provider in providers and each.provider_transaction_id == given
        ]

    async def of_user(self, user_id: str, limit: int) -> Sequence[Listed]:
        """Return a user's newest cash-outs."""
        own = [each for each in self._store.cash_outs.values() if each.user_id == user_id]
        own.sort(key=lambda each: (each.created_at, each.id), reverse=True)
        return [listed(each) for each in own[:limit]]

    async def to_number(self, ending: str, limit: int) -> Sequence[Listed]:
        """Return cash-outs to numbers that end in these digits, newest first."""
        looked_at = {each.id: each for each in (*self._open(), *self._newest()[:SCANNED_MOST])}
        found = [each for each in looked_at.values() if each.payee.msisdn.e164.endswith(ending)]
        found.sort(key=lambda each: each.id, reverse=True)
        return [listed(each) for each in found[:limit]]

    async def events(self, cash_out_id: UUID) -> Sequence[Told]:
        """Return the events of a cash-out that are still kept, in order."""
        return [
            Told(position, event, self._store.sent.get(position))
            for position, event in self._store.events.items()
            if event.cash_out_id == cash_out_id
        ]

    async def cash_out_of_event(self, event_id: UUID) -> UUID | None:
        """Return whose event it is, None where it is not kept."""
        events: Iterable[UUID] = (
            event.cash_out_id for event in self._store.events.values() if event.id == event_id
        )
        return next(iter(events), None)

    async def webhooks(self, limit: int) -> Sequence[Received]:
        """Return the webhooks that were received last, newest first."""
        kept = sorted(self._store.deliveries.values(), key=lambda each: each.delivery.id)
        kept.sort(key=lambda each: each.delivery.received_at, reverse=True)
        return [
            Received(
                id=each.delivery.id,
                provider=each.delivery.provider,
                received_at=each.delivery.received_at,
                readable=each.delivery.lookup is not None,
                reference=each.delivery.lookup.reference if each.delivery.lookup else None,
                provider_transaction_id=(
                    each.delivery.lookup.provider_transaction_id if each.delivery.lookup else None
                ),
                cash_out_id=each.cash_out_id,
            )
            for each in kept[:limit]
        ]

    def _open(self) -> list[CashOut]:
        return [self._store.cash_outs[each] for each in self._store.open]

    def _newest(self) -> list[CashOut]:
        return sorted(self._store.cash_outs.values(), key=lambda each: each.id, reverse=True)


def listed(cash_out: CashOut) -> Listed:
    """Return a cash-out as lists show it."""
    return Listed(
        id=cash_out.id,
        created_at=cash_out.created_at,
        updated_at=cash_out.updated_at,
        status=cash_out.status,
        provider=cash_out.provider,
        amount=cash_out.amount,
        msisdn=cash_out.payee.msisdn,
        user_id=cash_out.user_id,
        reference=cash_out.reference,
        review=cash_out.review,
        contradicted=cash_out.contradicted,
    )


def _together(key: _Kind, some: Sequence[CashOut]) -> Open:
    provider, currency, _, age, in_review = key
    return Open(
        provider=provider,
        currency=currency,
        status=some[0].status,
        age=age,
        in_review=in_review,
        count=len(some),
        amount_minor=sum(each.amount.minor for each in some),
        oldest_at=min(each.created_at for each in some),
    )
