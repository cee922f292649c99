"""Refusals about statements; see domain.refusals."""

from domain.refusals import Refusal


class InvalidStatement(Refusal):
    """The file cannot be read as this provider's statement, or what is asked of it is no period."""

    code = "INVALID_STATEMENT"

    def __init__(self, message: str) -> None:
        """Take the sentence; it repeats nothing of the file."""
        super().__init__(message, [("statement", message)])


class ReconciliationRunning(Refusal):
    """Another statement of this provider is being reconciled."""

    code = "RECONCILIATION_RUNNING"

    def __init__(self, provider: str) -> None:
        """Take the provider."""
        super().__init__(
            f"A statement of {provider} is being reconciled. Send this one when that is done."
        )


class InvalidNote(Refusal):
    """An explanation that nobody could read later."""

    code = "INVALID_NOTE"

    def __init__(self, longest: int) -> None:
        """Take the most characters."""
        message = f"Explain in 1 to {longest} characters, without control characters."
        super().__init__(message, [("note", message)])
