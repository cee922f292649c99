"""Callers: on whose behalf something is asked, and what they may see."""

from dataclasses import dataclass

from domain.cash_out import CashOut
from domain.refusals import Forbidden


@dataclass(frozen=True, slots=True)
class Caller:
    """A signed-in user; an admin may see everybody's cash-outs."""

    user_id: str
    is_admin: bool = False

    def must_own(self, cash_out: CashOut) -> None:
        """Raise Forbidden when the cash-out is somebody else's."""
        if not self.is_admin and cash_out.user_id != self.user_id:
            raise Forbidden
