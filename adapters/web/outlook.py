"""What users are told about providers that are slow or closed, and about what waits for them."""

from dataclasses import dataclass
from datetime import datetime

from adapters.web.wording import Parked
from application.board import Board, route_of
from domain.cash_out import Action, CashOut, cancel
from domain.corridors import Catalogue
from domain.refusals import TooLateToCancel
from domain.standings import Standing


@dataclass(frozen=True, slots=True)
class Outlook:
    """Looks at the board of this process, and never waits."""

    board: Board
    catalogue: Catalogue

    def parked(self, cash_out: CashOut, now: datetime) -> Parked | None:
        """Return for what a cash-out waits that is not sent at present; None for any other."""
        plan = cash_out.plan
        if not self.board.standings or plan is None or plan.action is not Action.SUBMIT:
            return None
        standing = self.board.standing(route_of(cash_out))
        if not standing.parked or cash_out.ended:
            return None
        return self._told(standing, cash_out, can_cancel=_can_be_cancelled(cash_out, now))

    def _told(self, standing: Standing, cash_out: CashOut, *, can_cancel: bool) -> Parked:
        provider = self.catalogue.providers.get(cash_out.provider)
        return Parked(
            provider=provider.name if provider else cash_out.provider,
            country=cash_out.payee.msisdn.country,
            state=standing.state,
            can_cancel=can_cancel,
        )


def _can_be_cancelled(cash_out: CashOut, now: datetime) -> bool:
    try:
        cancel(cash_out, now)
    except TooLateToCancel:
        return False
    return True
