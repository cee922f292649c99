"""Places in a list, as an address carries them: a moment and an id."""

from datetime import UTC, datetime
from uuid import UUID

from application.ports import QueuePlace


def place_text(place: QueuePlace) -> str:
    """Return a place as text for an address."""
    return f"{place.at.astimezone(UTC):%Y%m%dT%H%M%S.%f}_{place.id}"


def read_place(text: str) -> QueuePlace | None:
    """Return the place that `place_text` wrote; None for any other text."""
    at, _, identity = text.partition("_")
    try:
        moment = datetime.strptime(at, "%Y%m%dT%H%M%S.%f").replace(tzinfo=UTC)
        return QueuePlace(moment, UUID(identity))
    except ValueError:
        return None
