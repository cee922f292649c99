"""The one door for news: what each finding does to a cash-out."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.attempts import NextStep, OutcomeKind
from domain.cash_out import Action, CashOut, Change, Plan
from domain.events import EventType
from domain.evidence import (
    RAW_LIMIT,
    Doorbell,
    Finding,
    News,
    NoAnswer,
    NotFound,
    Outcome,
    Overdue,
    ReviewReason,
    Source,
)
from domain.failures import FailureCode
from domain.record import Report, next_step, record
from domain.states import Status, Verdict
from tests.strategies import (
    CAREFUL,
    NOW,
    OTHER_TOKEN,
    POLICY,
    PROVES,
    REFERENCE,
    TOKEN,
    a_cash_out,
    a_lease,
    answered,
    being_sent,
    echoes,
    statuses,
)

UNSENT, ACCEPTED, REFUSED, UNKNOWN = OutcomeKind
SOON = NOW + timedelta(seconds=2)
LATER = NOW + timedelta(minutes=5)


def heard(cash_out: CashOut, report: Report, **how: Any) -> Change:  # noqa: ANN401 -- named below
    return record(cash_out, report, how.get("capabilities", PROVES), POLICY, how.get("now", SOON))


def by_webhook(finding: Finding) -> Report:
    return Report(Source.WEBHOOK, finding)


def by_query(finding: Finding) -> Report:
    return Report(Source.STATUS_QUERY, finding, lease=TOKEN)


def says(status: Status | None, **fields: Any) -> News:  # noqa: ANN401 -- the fields of News
    return News(str(status or "WEIRD"), status, **fields)


def asked_about(cash_out: CashOut | None = None) -> CashOut:
    """Return a cash-out that is in the hands of somebody who asks about it."""
    sent = heard(being_sent(), answered()).after if cash_out is None else cash_out
    return replace(sent, lease=a_lease())


# --- outcomes of submits --------------------------------------------------------------------------


@pytest.mark.parametrize("kind", OutcomeKind)
def test_an_outcome_closes_its_attempt_and_gives_the_lease_up(kind: OutcomeKind) -> None:
    after = heard(being_sent(), answered(kind, FailureCode.NAME_MISMATCH, detail="d")).after
    (attempt,) = after.attempts
    assert (attempt.outcome, attempt.code, attempt.detail) == (
        kind,
        FailureCode.NAME_MISMATCH,
        "d",
    )
    assert attempt.ended_at == SOON
    assert after.lease is None


def test_accepted_is_processing_and_asked_about_in_five_seconds() -> None:
    after = heard(being_sent(), answered()).after
    assert after.status is Status.PROCESSING
    assert after.plan == Plan(Action.ASK, SOON + timedelta(seconds=5))


def test_silence_is_not_failure() -> None:
    change = heard(being_sent(), answered(UNKNOWN))
    assert change.after.status is Status.PROCESSING
    assert change.after.plan == Plan(Action.ASK, SOON), "look now, then on schedule"
    assert change.events == ()
    assert not change.frees


def test_a_definitive_refusal_fails_with_its_code_and_frees_the_limits() -> None:
    change = heard(being_sent(), answered(REFUSED, FailureCode.RECIPIENT_NOT_FOUND))
    assert change.after.status is Status.FAILED
    assert change.after.failure_code is FailureCode.RECIPIENT_NOT_FOUND
    assert [each.type for each in change.events] == [EventType.FAILED]
    assert change.frees
    assert change.verdict is Verdict.MOVE


def test_an_instant_success_completes_from_the_answer_itself() -> None:
    news = says(Status.COMPLETED, provider_transaction_id="OM-1", reference=REFERENCE)
    change = heard(being_sent(), answered(news=news))
    assert change.after.status is Status.COMPLETED
    assert change.after.provider_transaction_id == "OM-1"
    assert change.verdict is Verdict.MOVE


def test_not_taken_is_sent_again_later_and_never_failed_while_retries_are_left() -> None:
    cash_out = being_sent()
    for number in range(1, 5):
        report = answered(UNSENT, FailureCode.PROVIDER_UNAVAILABLE, attempt=number)
        change = heard(cash_out, report)
        if number < 4:
            due = SOON + timedelta(seconds=30 * 2**number)
            assert change.after.plan == Plan(Action.SUBMIT, due)
            cash_out = being_sent(change.after)
    assert change.after.status is Status.FAILED
    assert change.after.failure_code is FailureCode.PROVIDER_UNAVAILABLE


def test_an_empty_float_never_fails_a_customer() -> None:
    cash_out = being_sent()
    for number in range(1, 30):
        report = answered(UNSENT, FailureCode.FLOAT_INSUFFICIENT, attempt=number)
        after = heard(cash_out, report).after
        assert after.plan is not None
        assert after.plan.action is Action.SUBMIT
        cash_out = being_sent(after)


def test_retry_after_is_honoured_when_it_is_longer_and_has_a_limit() -> None:
    def due(seconds: int, kind: OutcomeKind = UNSENT) -> timedelta:
        code = FailureCode.RATE_LIMITED
        after = heard(being_sent(), answered(kind, code, retry_after_s=seconds)).after
        assert after.plan is not None
        return after.plan.due_at - SOON

    assert due(5) == timedelta(seconds=60)
    assert due(300) == timedelta(seconds=300)
    assert due(10**15) == POLICY.retry_longest
    assert due(-5, UNKNOWN) == timedelta(0)
    assert due(7, UNKNOWN) == timedelta(seconds=7)


def test_a_success_that_is_not_the_documented_one_is_verified_at_once() -> None:
    assert heard(being_sent(), answered(verify=True)).after.plan == Plan(Action.ASK, SOON)


def test_a_stale_workers_outcome_closes_nothing_and_plans_nothing() -> None:
    taken_over = replace(being_sent(), lease=a_lease(OTHER_TOKEN))
    for kind in OutcomeKind:
        change = heard(taken_over, answered(kind, FailureCode.NAME_MISMATCH))
        assert change.after.attempts == taken_over.attempts
        assert change.after.plan == taken_over.plan
        assert change.after.lease == taken_over.lease
        assert change.after.status is Status.PROCESSING
        assert len(change.evidence) == 1
    released = replace(taken_over, lease=None)
    change = heard(released, answered(REFUSED))
    assert (change.after.attempts, change.after.plan) == (released.attempts, released.plan)


def test_a_stale_workers_news_is_news_all_the_same() -> None:
    taken_over = replace(being_sent(), lease=a_lease(OTHER_TOKEN))
    news = says(Status.COMPLETED, provider_transaction_id="OM-1")
    assert heard(taken_over, answered(news=news)).after.status is Status.COMPLETED


def test_an_answer_that_comes_after_the_ending_closes_its_attempt_and_changes_nothing_else() -> (
    None
):
    ended = heard(being_sent(), by_webhook(says(Status.COMPLETED))).after
    change = heard(ended, answered(ACCEPTED))
    assert change.after.attempts[0].outcome is ACCEPTED
    assert change.after.status is Status.COMPLETED
    assert change.events == ()
    assert change.after.plan is None


def test_an_outcome_answers_for_its_own_attempt_only_and_only_once() -> None:
    first = heard(being_sent(), answered(UNSENT, FailureCode.RATE_LIMITED)).after
    second = being_sent(first)
    again = heard(second, answered(REFUSED, FailureCode.NAME_MISMATCH, attempt=1)).after
    assert [each.outcome for each in again.attempts] == [UNSENT, None]
    closed = heard(second, answered(UNKNOWN, attempt=2)).after
    assert [each.outcome for each in closed.attempts] == [UNSENT, UNKNOWN]


def test_the_reporters_share_of_chance_moves_the_next_action() -> None:
    early = heard(being_sent(), replace(answered(), permille=-1_000)).after.plan
    late = heard(being_sent(), replace(answered(), permille=1_000)).after.plan
    assert early == Plan(Action.ASK, SOON + timedelta(seconds=4))
    assert late == Plan(Action.ASK, SOON + timedelta(seconds=6))


# --- what is said about whom ----------------------------------------------------------------------


@given(news=statuses.flatmap(echoes))
def test_true_echoes_are_believed_in_whatever_form(news: News) -> None:
    change = heard(being_sent(), by_webhook(news))
    assert change.verdict in {Verdict.MOVE, Verdict.STALE}
    assert change.after.review is None


@pytest.mark.parametrize(
    "lie",
    [
        {"reference": "CASH-OTHER-0001"},
        {"reference": ""},
        {"amount": Decimal(1501)},
        {"amount": Decimal("1500.01")},
        {"amount": Decimal("NaN")},
        {"amount": Decimal("sNaN")},
        {"amount": Decimal("Infinity")},
        {"amount": Decimal(-1500)},
        {"currency": "XAF"},
        {"currency": "xof"},
        {"payee": "2250700000788"},
        {"payee": ""},
    ],
)
@pytest.mark.parametrize("status", [*Status, None])
def test_a_mismatched_echo_is_never_adopted_and_calls_a_human(
    lie: dict[str, Any], status: Status | None
) -> None:
    before = asked_about()
    news = says(status, provider_transaction_id="OM-9", **lie)
    for report in (by_webhook(news), by_query(news), answered(news=news)):
        change = heard(before, report)
        assert change.verdict is Verdict.MISMATCH
        assert change.after.status is before.status
        assert change.after.provider_transaction_id is None
        assert change.after.review is ReviewReason.ECHO_MISMATCH
        assert [each.type for each in change.events] == [EventType.NEEDS_REVIEW]


def test_their_id_is_learnt_once_and_another_one_is_a_conflict() -> None:
    knows = heard(
        being_sent(), by_webhook(says(Status.PROCESSING, provider_transaction_id="A"))
    ).after
    assert knows.provider_transaction_id == "A"
    change = heard(knows, by_webhook(says(Status.COMPLETED, provider_transaction_id="B")))
    assert change.verdict is Verdict.MISMATCH
    assert change.after.status is Status.PROCESSING
    assert change.after.provider_transaction_id == "A"
    assert change.after.review is ReviewReason.PROVIDER_ID_CONFLICT
    without = heard(change.after, by_webhook(says(Status.COMPLETED)))
    assert without.after.status is Status.COMPLETED


def test_an_id_that_is_another_cash_outs_is_not_believed() -> None:
    news = says(Status.COMPLETED, provider_transaction_id="A")
    change = heard(being_sent(), replace(by_webhook(news), id_taken=True))
    assert change.verdict is Verdict.MISMATCH
    assert change.after.provider_transaction_id is None
    assert change.after.review is ReviewReason.PROVIDER_ID_CONFLICT


def conflicted(*before: OutcomeKind) -> CashOut:
    """Return a cash-out whose last attempt met a reference that the provider knew already."""
    cash_out = being_sent()
    for number, kind in enumerate((*before, UNKNOWN), start=1):
        code = FailureCode.REFERENCE_CONFLICT if number > len(before) else None
        cash_out = heard(cash_out, answered(kind, code, attempt=number)).after
        cash_out = being_sent(cash_out) if number <= len(before) else cash_out
    return replace(cash_out, lease=a_lease())


@pytest.mark.parametrize("before", [(), (UNSENT,), (UNSENT, UNSENT)])
def test_a_reference_known_before_anything_of_ours_arrived_is_adopted_only_in_full(
    before: tuple[OutcomeKind, ...],
) -> None:
    suspect = conflicted(*before)
    vague = heard(suspect, by_query(says(Status.COMPLETED, reference=REFERENCE)))
    assert vague.verdict is Verdict.MISMATCH
    assert vague.after.status is Status.PROCESSING
    assert vague.after.review is ReviewReason.REFERENCE_CONFLICT
    in_full = says(Status.COMPLETED, amount=Decimal(1500), currency="XOF", payee="0700000789")
    assert heard(suspect, by_query(in_full)).after.status is Status.COMPLETED
    for missing in ("amount", "currency", "payee"):
        partial: dict[str, Any] = {missing: None}
        assert heard(suspect, by_query(replace(in_full, **partial))).verdict is Verdict.MISMATCH


def test_a_conflict_on_a_second_try_proves_that_the_first_arrived() -> None:
    known = conflicted(UNKNOWN)
    assert heard(known, by_query(says(Status.COMPLETED))).after.status is Status.COMPLETED


def test_an_empty_id_teaches_nothing() -> None:
    after = heard(being_sent(), by_webhook(says(None, provider_transaction_id=""))).after
    assert after.provider_transaction_id is None


def test_a_failure_without_a_reason_is_not_taken_for_a_cancellation() -> None:
    after = heard(being_sent(), by_webhook(says(Status.FAILED))).after
    assert after.failure_code is FailureCode.UNSPECIFIED


def test_the_last_try_that_was_not_taken_names_the_failure() -> None:
    report = answered(UNSENT, FailureCode.RATE_LIMITED)
    spent = replace(POLICY, retry_max_attempts=0)
    after = record(being_sent(), report, PROVES, spent, SOON).after
    assert (after.status, after.failure_code) == (Status.FAILED, FailureCode.RATE_LIMITED)


def test_an_unknown_word_changes_nothing_but_teaches_the_id() -> None:
    change = heard(being_sent(), by_webhook(says(None, provider_transaction_id="A")))
    assert change.verdict is Verdict.UNRECOGNISED
    assert change.after.status is Status.PROCESSING
    assert change.after.provider_transaction_id == "A"
    assert change.after.review is None


def test_an_unknown_word_about_something_ended_needs_a_human() -> None:
    ended = heard(being_sent(), by_webhook(says(Status.COMPLETED))).after
    change = heard(ended, by_webhook(says(None)))
    assert change.after.status is Status.COMPLETED
    assert change.after.review is ReviewReason.UNRECOGNISED_AFTER_ENDING


def test_a_cancellation_by_the_provider_has_its_code() -> None:
    change = heard(being_sent(), by_webhook(says(Status.CANCELLED)))
    assert change.after.failure_code is FailureCode.CANCELLED_BY_PROVIDER
    coded = says(Status.CANCELLED, code=FailureCode.EXPIRED)
    assert heard(being_sent(), by_webhook(coded)).after.failure_code is FailureCode.EXPIRED


def test_what_the_provider_has_is_neither_sent_again_nor_failed() -> None:
    last = being_sent()
    for number in range(1, 4):
        unsent = answered(UNSENT, FailureCode.PROVIDER_UNAVAILABLE, attempt=number)
        last = being_sent(heard(last, unsent).after)
    knows = heard(last, by_webhook(says(Status.PROCESSING, provider_transaction_id="A"))).after
    after = heard(knows, answered(UNSENT, FailureCode.PROVIDER_UNAVAILABLE, attempt=4)).after
    assert after.status is Status.PROCESSING
    assert after.plan == Plan(Action.ASK, SOON)


def test_news_before_anything_was_sent_is_asked_about_and_not_sent() -> None:
    news = says(Status.PROCESSING, provider_transaction_id="A")
    after = heard(a_cash_out(), by_webhook(news)).after
    assert after.plan == Plan(Action.ASK, SOON)
    assert next_step(after, PROVES, POLICY, SOON).step is NextStep.ASK


# --- asking ---------------------------------------------------------------------------------------


def test_asking_closes_attempts_whose_sender_is_gone() -> None:
    orphaned = replace(being_sent(), lease=a_lease())
    for finding in (NotFound(), NoAnswer("away"), says(Status.PROCESSING)):
        after = heard(orphaned, by_query(finding)).after
        assert [(each.outcome, each.detail) for each in after.attempts] == [
            (UNKNOWN, "no answer was recorded")
        ]
        assert (after.asked, after.asked_at) == (1, SOON)
    stranger = heard(replace(orphaned, lease=a_lease(OTHER_TOKEN)), by_query(NotFound())).after
    assert [each.outcome for each in stranger.attempts] == [None]


def test_not_found_counts_from_when_it_can_have_been_asked() -> None:
    long_after = NOW + timedelta(hours=9)
    after = heard(asked_about(), by_query(NotFound()), now=long_after).after
    assert after.not_found_at == NOW, "the question was asked when the lease was taken"
    assert next_step(after, PROVES, POLICY, long_after).step is NextStep.ASK


def test_not_found_from_a_lapsed_lease_proves_nothing() -> None:
    stolen = replace(asked_about(), lease=a_lease(OTHER_TOKEN))
    after = heard(stolen, by_query(NotFound()), now=NOW + timedelta(hours=9)).after
    assert after.not_found_at is None


def later_asked(seconds: int, kind: OutcomeKind = UNKNOWN) -> CashOut:
    """Return a cash-out that is asked about so long after its attempt."""
    unclear = heard(being_sent(), answered(kind)).after
    return replace(unclear, lease=a_lease(at=NOW + timedelta(seconds=seconds)))


@pytest.mark.parametrize(
    ("seconds", "action"), [(0, Action.ASK), (899, Action.ASK), (900, Action.SUBMIT)]
)
def test_not_found_beyond_the_grace_period_sends_the_same_reference_again(
    seconds: int, action: Action
) -> None:
    now = NOW + timedelta(seconds=seconds)
    after = heard(later_asked(seconds), by_query(NotFound()), now=now).after
    assert after.plan is not None
    assert after.plan.action is action
    if action is Action.SUBMIT:
        assert after.plan.due_at == now
        assert next_step(after, PROVES, POLICY, now).step is NextStep.SEND


def test_a_provider_that_is_not_idempotent_is_asked_on_and_a_human_called() -> None:
    now = NOW + timedelta(seconds=900)
    change = heard(later_asked(900), by_query(NotFound()), now=now, capabilities=CAREFUL)
    assert change.after.plan is not None
    assert change.after.plan.action is Action.ASK
    assert change.after.review is ReviewReason.UNKNOWN_TOO_LONG


def test_news_takes_not_found_back() -> None:
    now = NOW + timedelta(seconds=900)
    unknown = replace(later_asked(900), not_found_at=now)
    assert heard(unknown, by_query(says(Status.PROCESSING)), now=now).after.not_found_at is None


def test_time_alone_calls_a_human_and_plans_nothing() -> None:
    waiting = heard(being_sent(), answered()).after
    change = heard(waiting, Report(Source.CLOCK, Overdue()))
    assert change.after.review is ReviewReason.UNKNOWN_TOO_LONG
    assert change.after.plan == waiting.plan
    ended = heard(waiting, by_webhook(says(Status.COMPLETED))).after
    assert heard(ended, Report(Source.CLOCK, Overdue())).after.review is None


# --- evidence -------------------------------------------------------------------------------------

EVIDENCE: list[tuple[Finding, tuple[str, str, Status | None, str]]] = [
    (says(Status.COMPLETED, reason="ok"), ("News", "completed", Status.COMPLETED, "ok")),
    (says(None), ("News", "WEIRD", None, "")),
    (NotFound(), ("NotFound", "", None, "")),
    (NoAnswer("timed out"), ("NoAnswer", "", None, "timed out")),
    (Overdue(), ("Overdue", "", None, "")),
    (
        Doorbell(REFERENCE, "done", Status.COMPLETED),
        ("Doorbell", "done", Status.COMPLETED, ""),
    ),
    (Outcome(UNKNOWN, detail="reset"), ("Outcome", "", None, "unknown: reset")),
    (
        Outcome(REFUSED, FailureCode.NAME_MISMATCH),
        ("Outcome", "", None, "refused NAME_MISMATCH"),
    ),
    (
        Outcome(ACCEPTED, news=says(Status.PROCESSING)),
        ("Outcome", "processing", Status.PROCESSING, "accepted"),
    ),
]


@pytest.mark.parametrize(("finding", "row"), EVIDENCE)
def test_everything_is_kept_as_evidence(
    finding: Finding, row: tuple[str, str, Status | None, str]
) -> None:
    report = Report(Source.WEBHOOK, finding, attempt=1, digest="d" * 64, raw=b"x" * 20_000)
    before = being_sent()
    change = heard(before, report)
    (piece,) = change.evidence
    assert (piece.kind, piece.word, piece.status, piece.detail) == row
    assert piece.sequence == change.after.pieces == before.pieces + 1
    assert (piece.cash_out_id, piece.attempt) == (change.before.id, 1)
    assert (piece.source, piece.at, piece.verdict) == (Source.WEBHOOK, SOON, change.verdict)
    assert (piece.digest, piece.raw) == ("d" * 64, b"x" * RAW_LIMIT)
    assert change.after.version == change.before.version + 1


@given(words=st.lists(statuses, max_size=6))
def test_no_piece_of_evidence_replaces_another(words: list[Status]) -> None:
    cash_out = being_sent()
    there, sequences = cash_out.pieces, list[int]()
    for word in words:
        change = heard(cash_out, by_webhook(says(word)))
        sequences += [piece.sequence for piece in change.evidence]
        cash_out = change.after
    assert sequences == list(range(there + 1, there + len(words) + 1))


def test_what_calls_a_human_after_not_found_is_told_from_time_alone() -> None:
    now = NOW + timedelta(seconds=900)
    denied = heard(later_asked(900), by_query(NotFound()), now=now, capabilities=CAREFUL).after
    assert denied.case.concerns == ("unknown_too_long:not_found",)
    late = NOW + POLICY.review_after
    overdue = heard(later_asked(900), by_query(NotFound()), now=late, capabilities=CAREFUL).after
    assert overdue.case.concerns == ("unknown_too_long",)


def test_an_answer_about_the_state_is_a_claim_of_that_moment() -> None:
    change = heard(asked_about(), by_query(says(Status.PROCESSING)), now=LATER)
    assert (change.after.claim, change.after.claimed_at) == (Status.PROCESSING, LATER)
