"""The review desk: everything that operators do about reviews and stored webhooks, in one place."""

from dataclasses import dataclass

from application.ports import Chance, Clock, Reader, ReviewReader, Units
from application.record_news import RecordNews
from application.reviews import ListReviews
from application.rule_on_reviews import (
    ApproveResolution,
    ProposeResolution,
    RejectResolution,
    WithdrawResolution,
)
from application.stored_webhooks import DismissOrphan, ReplayWebhook


@dataclass(frozen=True, slots=True)
class ReviewDesk:
    """What API, console and command line drive; each asks for the caller's permission itself."""

    read: ListReviews
    propose: ProposeResolution
    approve: ApproveResolution
    reject: RejectResolution
    withdraw: WithdrawResolution
    replay: ReplayWebhook
    dismiss: DismissOrphan

    @property
    def four_eyes(self) -> bool:
        """Tell whether who proposes cannot approve."""
        return self.approve.four_eyes


def open_desk(
    units: Units,
    reader: Reader,
    reviews: ReviewReader,
    clock: Clock,
    chance: Chance,
    news: RecordNews,
    *,
    four_eyes: bool = True,
) -> ReviewDesk:
    """Return the desk over these parts; four_eyes: see ApproveResolution."""
    return ReviewDesk(
        read=ListReviews(reviews, reader, clock, four_eyes),
        propose=ProposeResolution(units, clock, chance),
        approve=ApproveResolution(units, clock, news, four_eyes),
        reject=RejectResolution(units, clock),
        withdraw=WithdrawResolution(units, clock),
        replay=ReplayWebhook(units, clock, chance, news),
        dismiss=DismissOrphan(units, clock),
    )
