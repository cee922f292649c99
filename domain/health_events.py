"""What others are told when a provider or corridor changes its state."""

from uuid import uuid5

from domain.events import Event, EventType, written
from domain.standings import Standing, State


def health_changed(before: Standing, after: Standing) -> Event:
    """Return the event of a change. Its order is the version of the route's standing.

    It names neither the person who acted nor the reason that was written down: those are for the
    operators' log. Raises ValueError for a standing that was never moved.
    """
    route, at = after.route, after.since
    if at is None:
        message = f"{route} has not changed"
        raise ValueError(message)
    facts = written(
        {
            "provider": route.provider,
            "country": route.country or None,
            "currency": route.currency or None,
            "state": str(after.state),
            "previousState": str(before.state),
            "reason": str(after.reason) if after.reason and after.state in _PARKED else None,
        }
    )
    return Event(
        id=uuid5(route.id, f"{after.version}/{EventType.HEALTH_CHANGED}"),
        type=EventType.HEALTH_CHANGED,
        cash_out_id=route.id,
        sequence=after.version,
        at=at,
        body="{" + ",".join(facts) + "}",
    )


_PARKED = frozenset({State.DELAYED, State.CLOSED})
