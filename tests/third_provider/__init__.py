"""Lonestar Money: a third provider, as small as one can be. It pays at once and keeps a ledger."""

from collections.abc import Sequence
from datetime import datetime

from adapters.provider_kit.wiring import Setting, Wiring
from application.ports import Order, Unauthentic, WebhookReading
from domain.attempts import OutcomeKind
from domain.evidence import News, NoAnswer, NotFound, Outcome
from domain.states import Status

SETTINGS = (Setting("API_URL", url=True), Setting("API_KEY", secret=True))

LEDGER: dict[str, str] = {}
"""What was paid: amount and account by reference."""


class LonestarMoney:
    """A gateway that answers every question and has no webhooks."""

    async def disburse(self, order: Order) -> Outcome:
        """Pay at once; say that it was taken."""
        LEDGER[order.reference] = f"{order.amount} to {order.account}"
        return Outcome(OutcomeKind.ACCEPTED, news=News("TAKEN", Status.PROCESSING))

    async def look_up(self, order: Order) -> News | NotFound | NoAnswer:
        """Tell that it was paid."""
        if order.reference not in LEDGER:
            return NotFound()
        return News("PAID", Status.COMPLETED, provider_transaction_id=f"LM-{order.reference}")

    def read_webhook(
        self, _headers: Sequence[tuple[str, str]], _raw: bytes, _now: datetime
    ) -> WebhookReading:
        """Believe nothing."""
        return Unauthentic("this provider sends no webhooks")

    async def check(self) -> str | None:
        """Be fine."""
        return None

    async def aclose(self) -> None:
        """Hold nothing."""


def build(wiring: Wiring) -> LonestarMoney:
    """Return the gateway; its key has to be there."""
    assert wiring.settings["API_KEY"]
    return LonestarMoney()
