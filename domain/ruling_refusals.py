"""Refusals about reviews and rulings: each a class with a stable code, like all refusals."""

from collections.abc import Sequence
from typing import ClassVar

from domain.refusals import Refusal


class _Plain(Refusal):
    """A refusal whose sentence is always the same."""

    sentence: ClassVar[str]

    def __init__(self) -> None:
        """Take nothing: the class says it all."""
        super().__init__(self.sentence)


class InvalidRuling(Refusal):
    """What was written is missing, too long or not to be shown."""

    code = "INVALID_RULING"

    def __init__(self, details: Sequence[tuple[str, str]]) -> None:
        """Take the fields at fault."""
        super().__init__("This cannot be taken as it is written; see the details.", details)


class NoOpenReview(_Plain):
    """Nobody is asked to look at this cash-out."""

    code = "NO_OPEN_REVIEW"
    sentence = "This cash-out has no open review: there is nothing to settle."


class OwnCashOut(_Plain):
    """Nobody rules about their own money."""

    code = "OWN_CASH_OUT"
    sentence = "This is your own cash-out: somebody else has to settle its review."


class ProposalAlreadyOpen(_Plain):
    """One proposal at a time."""

    code = "PROPOSAL_ALREADY_OPEN"
    sentence = "A proposal waits for approval already: it is approved, rejected or withdrawn first."


class ProposalAlreadyDecided(_Plain):
    """Approved, rejected or withdrawn: for ever."""

    code = "PROPOSAL_ALREADY_DECIDED"
    sentence = "This proposal has been decided already."


class ProposerCannotApprove(_Plain):
    """Four eyes."""

    code = "PROPOSER_CANNOT_APPROVE"
    sentence = "Who proposes cannot approve: somebody else has to."


class ReviewChanged(_Plain):
    """It was looked at before this was known."""

    code = "REVIEW_CHANGED"
    sentence = "Something new is known of this cash-out since: look at it again, and propose anew."


class NothingToWaitFor(_Plain):
    """A contradiction does not go away by waiting."""

    code = "NOTHING_TO_WAIT_FOR"
    sentence = "This cash-out has ended: say whether it was paid; waiting cannot settle it."


class ProviderIdConflict(_Plain):
    """A provider's transaction id belongs to one cash-out, and stays with it."""

    code = "PROVIDER_ID_CONFLICT"
    sentence = "This transaction id is another cash-out's, or this one has another id already."


class AlreadyMatched(_Plain):
    """Only a webhook that is nobody's can be put aside."""

    code = "ALREADY_MATCHED"
    sentence = "This webhook belongs to a cash-out: it cannot be put aside."


class UnreadableWebhook(_Plain):
    """Kept, but there is nothing in it that could be judged."""

    code = "UNREADABLE_WEBHOOK"
    sentence = "This webhook could not be read when it came: there is nothing to judge in it."


PLAIN_REFUSALS: tuple[type[_Plain], ...] = tuple(_Plain.__subclasses__())
"""Those that always say the same."""
