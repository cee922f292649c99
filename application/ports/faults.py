"""Faults of the infrastructure that use cases can answer."""


class Conflict(Exception):
    """Another transaction got there first; nothing was written. Decide again from fresh data."""


class StorageUnavailable(Exception):
    """The store cannot be used now. outcome_unknown: raised by a commit that may have happened."""

    def __init__(self, message: str, *, outcome_unknown: bool = False) -> None:
        """Take a message that is safe to log and whether the commit's fate is open."""
        super().__init__(message)
        self.outcome_unknown = outcome_unknown


class Overloaded(Exception):
    """A bounded queue is full; nothing was done. retry_after_s: when to try again, in seconds."""

    def __init__(self, retry_after_s: int = 1) -> None:
        """Take the seconds after which trying again makes sense."""
        super().__init__("too much is waiting")
        self.retry_after_s = retry_after_s
