"""Words in databases and in the API: whoever changes one cannot read yesterday's rows."""

from enum import StrEnum

import pytest

from domain.attempts import OutcomeKind
from domain.cash_out import Action
from domain.evidence import ReviewReason, Source
from domain.failures import Fault
from domain.payee import NumberFormat
from domain.states import Status, Verdict

WORDS: dict[type[StrEnum], str] = {
    Status: "pending processing completed failed cancelled",
    Verdict: "move stale contradiction unrecognised mismatch noted",
    OutcomeKind: "unsent accepted refused unknown",
    Action: "submit ask",
    Source: "submit webhook status_query user clock service operator statement",
    ReviewReason: (
        "contradiction unknown_too_long echo_mismatch reference_conflict provider_id_conflict"
        " unrecognised_after_ending doorbell_disagrees"
    ),
    Fault: "customer ours provider",
    NumberFormat: "e164_digits e164_plus national",
}


@pytest.mark.parametrize("kind", WORDS)
def test_the_words_stay_as_they_were_written(kind: type[StrEnum]) -> None:
    assert [each.value for each in kind] == WORDS[kind].split()
