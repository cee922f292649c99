"""What a ruling is written as, and what is no news after it because it was known."""

from dataclasses import replace
from datetime import timedelta

from domain.attempts import OutcomeKind
from domain.cases import NO_CASE
from domain.cash_out import Action, CashOut, Plan
from domain.evidence import Doorbell, News, NotFound, Resolution, ReviewReason, Source
from domain.record import Report
from domain.settling import raw_of, sentence_of
from domain.states import Status, Verdict
from tests.domain.ruled import (
    KEEP_WAITING,
    NOT_PAID,
    OPEN,
    PAID,
    contradicted,
    events,
    in_review,
    ruled,
    ruling,
    says,
    told,
)
from tests.strategies import NOW, POLICY, REFERENCE, a_lease, answered, being_sent

# --- the words of a ruling ------------------------------------------------------------------------


def test_a_ruling_is_kept_as_json_that_never_changes_its_form() -> None:
    made = replace(ruling(PAID, "OM-1"), reason="vu à la banque \udcff")
    assert raw_of(made) == (
        '{"resolutionId":"00000000-0000-0000-0000-000000000009","resolution":"paid",'
        '"reason":"vu à la banque '.encode()
        + b'\xed\xb3\xbf","proof":{"kind":"statement_line","reference":"2026-11-24/17","text":""},'
        b'"providerTransactionId":"OM-1","proposedBy":"olga","approvedBy":"amadou","fourEyes":true}'
    )
    assert b'"proof":null' in raw_of(replace(made, proof=None))


def test_a_ruling_is_told_in_a_line() -> None:
    alone = replace(ruling(PAID), four_eyes=False, proof=None, approved_by="olga")
    assert sentence_of(alone) == (
        "proposed by olga, approved by olga (one person is enough here): as the statement says"
    )
    assert sentence_of(ruling(PAID)) == (
        "proposed by olga, approved by amadou: as the statement says; statement_line 2026-11-24/17"
    )


# --- what is no news after a ruling ---------------------------------------------------------------


def settled_by(cash_out: CashOut, resolution: Resolution = KEEP_WAITING) -> set[str]:
    return set(told(in_review(cash_out), ruled(resolution))[-1].after.case.settled)


def test_what_was_known_at_a_ruling_is_settled_with_it_and_nothing_else() -> None:
    unsent = OPEN["never sent"]
    assert settled_by(unsent) == set()
    claimed = replace(unsent, claim=Status.COMPLETED, claimed_at=NOW)
    assert settled_by(claimed) == {"contradiction:processing", "doorbell_disagrees:completed"}
    denied = replace(unsent, not_found_at=NOW)
    assert settled_by(denied) == {"unknown_too_long:not_found"}
    named = replace(unsent, provider_transaction_id="OM-1")
    assert settled_by(named) == {"contradiction:processing"}
    assert settled_by(OPEN["taken"]) == {"contradiction:processing"}


def test_an_old_review_without_concerns_was_about_every_other_ending() -> None:
    old = replace(contradicted(), case=NO_CASE)
    settled = set(told(old, ruled(KEEP_WAITING))[-1].after.case.settled)
    assert {each for each in settled if each.startswith("contradiction:")} == {
        "contradiction:completed",
        "contradiction:cancelled",
    }


def test_an_answer_that_disputes_a_ruling_is_a_contradiction_about_what_it_says() -> None:
    not_paid = told(in_review(being_sent()), ruled(NOT_PAID))[-1].after
    (change,) = told(not_paid, answered(OutcomeKind.ACCEPTED))
    assert change.after.review is ReviewReason.CONTRADICTION
    assert change.after.case.concerns == ("contradiction:processing",)
    assert change.verdict is Verdict.CONTRADICTION


def test_a_word_that_nobody_knows_rings_once_for_each_word() -> None:
    ended = told(being_sent(), says(Status.COMPLETED))[-1].after

    def odd(word: str) -> Report:
        return Report(Source.WEBHOOK, News(word, None))

    first = told(ended, odd("HELD"))[-1].after
    done = told(first, ruled(PAID))[-1].after
    assert events(told(done, odd("HELD"))) == []
    assert events(told(done, odd("SEIZED"))) == ["needs_review"]


def test_an_id_conflict_rings_once_for_each_id() -> None:
    def under(said_id: str) -> Report:
        return replace(says(Status.PROCESSING, provider_transaction_id=said_id), id_taken=True)

    waits = told(OPEN["taken"], under("OM-A"), ruled(KEEP_WAITING))[-1].after
    assert events(told(waits, under("OM-A"))) == []
    assert events(told(waits, under("OM-B"))) == ["needs_review"]


def test_after_a_ruling_the_questions_begin_anew() -> None:
    asked_often = replace(in_review(OPEN["taken"]), asked=7)
    (change,) = told(asked_often, ruled(NOT_PAID))
    plan = Plan(Action.ASK, NOW + timedelta(seconds=1) + POLICY.not_found_grace)
    assert (change.after.asked, change.after.plan) == (0, plan)


def test_a_doorbell_for_the_ending_that_we_have_rings_where_it_was_ruled_otherwise() -> None:
    """We are failed and so says the doorbell; but operators ruled paid, so it may be a reversal."""
    bell = Report(Source.WEBHOOK, Doorbell(REFERENCE, "FAILED", Status.FAILED))
    paid = told(contradicted(), ruled(PAID))[-1].after
    assert paid.status is Status.FAILED
    assert told(replace(paid, plan=None), bell)[-1].after.plan is not None
    unpaid = told(contradicted(), ruled(NOT_PAID))[-1].after
    assert told(replace(unpaid, plan=None), bell)[-1].after.plan is None


def test_a_ruling_on_what_had_ended_asks_nobody() -> None:
    (change,) = told(contradicted(), ruled(PAID))
    assert change.after.plan is None


def test_a_doubt_is_about_the_ending_that_was_claimed() -> None:
    bell = Report(Source.WEBHOOK, Doorbell(REFERENCE, "PAID", Status.COMPLETED))
    failed = told(being_sent(), says(Status.FAILED), bell)[-1].after
    looked = replace(failed, lease=a_lease(), plan=Plan(Action.ASK, NOW))
    silent = Report(Source.STATUS_QUERY, NotFound(), lease=a_lease().token)
    assert told(looked, silent)[-1].after.case.concerns == ("doorbell_disagrees:completed",)


def test_a_review_that_an_ending_answers_is_told_with_its_reason() -> None:
    (change,) = told(in_review(OPEN["taken"]), says(Status.COMPLETED))
    assert events([change]) == ["completed", "review_resolved"]
    assert '"reviewReason":"unknown_too_long"' in change.events[-1].body
