"""Refusals about providers that are closed and opened by hand."""

from domain.refusals import Refusal


class InvalidSteering(Refusal):
    """What was written is missing, too long or no place where the provider pays."""

    code = "INVALID_STEERING"

    def __init__(self, field: str, message: str) -> None:
        """Take the field at fault and the sentence."""
        super().__init__(message, [(field, message)])
