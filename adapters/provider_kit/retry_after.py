"""The provider's `Retry-After`: seconds or a date, and never more than five minutes."""

import re
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Final

LONGEST_S: Final = 300
_SECONDS: Final = re.compile(r"[0-9]{1,9}", re.ASCII)


def retry_after_s(value: str, now: datetime) -> int | None:
    """Return the seconds to wait, 0 to 300; None when the header is absent or nonsense."""
    digits = value.strip()
    if _SECONDS.fullmatch(digits):
        return min(int(digits), LONGEST_S)
    try:
        at = parsedate_to_datetime(value)
    except (ValueError, OverflowError):
        return None
    if at.tzinfo is None:
        at = at.replace(tzinfo=UTC)
    seconds = -((now - at) // timedelta(seconds=1))
    return max(0, min(seconds, LONGEST_S))
