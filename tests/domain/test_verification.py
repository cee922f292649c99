"""A folder that agrees with itself has no flaw; each disagreement is named, with what was found."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from domain.attempts import OutcomeKind
from domain.cash_out import Action, Plan
from domain.events import EventType
from domain.evidence import NotFound, Source
from domain.failures import FailureCode
from domain.money import CURRENCIES, Money
from domain.record import Report, record
from domain.seals import digest_of_told, hash_of, seal_of
from domain.states import Status
from domain.verification import Folder, KeptEvent, KeptPiece
from tests.contracts.books import begun
from tests.domain.folders import (
    STORIES,
    Step,
    changed,
    edited,
    lived,
    resealed,
    said_of,
    short,
    unlinked,
    without,
    without_events,
)
from tests.strategies import NOW, POLICY, PROVES

PAID, SENT, TAKEN = (lived(*STORIES[name]) for name in ("paid", "sent", "taken"))


@pytest.mark.parametrize("steps", STORIES.values(), ids=STORIES)
def test_what_was_lived_through_is_in_order(steps: tuple[Step, ...]) -> None:
    folder = lived(*steps)
    assert said_of(folder, kept_from=NOW) == []
    assert said_of(resealed(folder), kept_from=NOW) == []


# ---------------------------------------------------------------------------- the chain


def test_pieces_that_are_missing_are_told_once_as_a_span() -> None:
    assert said_of(without(PAID, 2))[0] == ("evidence_missing", "piece 2", "piece 3")
    assert said_of(without(PAID, 2, 3))[0] == ("evidence_missing", "pieces 2 to 3", "piece 4")


def test_the_walk_goes_on_behind_a_gap() -> None:
    """What the first piece behind it was chained to is gone; the next one is held against it."""
    cut = without(PAID, 2)
    assert [kind for kind, _, _ in said_of(cut)] == ["evidence_missing", "attempt"]
    made = hash_of(replace(PAID.pieces[3].piece, word="FAILED"), PAID.pieces[2].piece.hash)
    (shown, kept) = short([made, PAID.pieces[3].piece.hash])
    found = said_of(edited(cut, 4, word="FAILED"))
    assert ("evidence_changed", f"piece 4: {shown}", kept) in found


def test_a_newest_piece_that_is_missing_is_seen_by_the_count_and_by_the_head() -> None:
    (newest, head) = short([PAID.pieces[2].piece.hash, PAID.cash_out.chain])
    assert said_of(without(PAID, 4))[:2] == [
        ("evidence_missing", "4 pieces", "3 pieces"),
        ("chain_head", f"newest link {newest}", f"kept {head}"),
    ]
    assert said_of(changed(PAID, pieces=3))[0] == ("chain_head", "3 pieces", "4 pieces")


def test_without_any_piece_no_link_is_expected() -> None:
    (head,) = short([TAKEN.cash_out.chain])
    found = said_of(without(TAKEN, 1))
    assert ("chain_head", "newest link none", f"kept {head}") in found
    (newest,) = short([TAKEN.pieces[0].piece.hash])
    found = said_of(changed(TAKEN, chain=""))
    assert ("chain_head", f"newest link {newest}", "kept none") in found


def test_a_piece_that_was_edited_is_not_the_one_that_was_hashed() -> None:
    made = hash_of(replace(PAID.pieces[1].piece, detail="else"), PAID.pieces[0].piece.hash)
    (shown, kept) = short([made, PAID.pieces[1].piece.hash])
    found = said_of(edited(PAID, 2, detail="else"))
    assert found == [("evidence_changed", f"piece 2: {shown}", kept)]


def test_a_raw_body_is_held_against_its_digest() -> None:
    pieces = [*PAID.pieces[:3], KeptPiece(PAID.pieces[3].piece, "0" * 64)]
    (shown,) = short([PAID.pieces[3].piece.digest])
    found = said_of(replace(PAID, pieces=pieces))
    assert found == [("raw_changed", f"piece 4: {shown}", "0" * 12)]


def test_a_piece_without_a_link_is_a_flaw_where_there_are_chains() -> None:
    old = unlinked(TAKEN)
    assert said_of(old) == [("unsealed", "a link", "piece 1 without a link")]
    assert said_of(old, must_be_sealed=False) == []
    assert not old.is_sealed
    assert TAKEN.is_sealed


def test_behind_a_link_every_piece_has_one() -> None:
    found = said_of(edited(PAID, 3, hash=""), must_be_sealed=False)
    assert ("unsealed", "a link", "piece 3 without a link") in found


# ---------------------------------------------------------------------------- facts and state


def test_the_cash_out_is_as_its_newest_piece_left_it() -> None:
    other = changed(PAID, wallet_id="another")
    (seal, made) = short([PAID.pieces[3].piece.seal, seal_of(other.cash_out)])
    assert said_of(other) == [("facts_changed", f"sealed {seal} by piece 4", made)]


def test_facts_are_compared_with_the_newest_piece_alone() -> None:
    kinds = [kind for kind, _, _ in said_of(changed(without(PAID, 4), wallet_id="another"))]
    assert "facts_changed" not in kinds
    kinds = [kind for kind, _, _ in said_of(changed(unlinked(PAID), wallet_id="another"))]
    assert "facts_changed" not in kinds


@pytest.mark.parametrize(
    "fields",
    [{"amount": Money(0, CURRENCIES["XOF"])}, {"fee": Money(1, CURRENCIES["GNF"])}],
    ids=["nothing to pay", "a fee in another currency"],
)
def test_an_amount_and_its_fee_add_up(fields: dict[str, Any]) -> None:
    other = changed(unlinked(TAKEN), **fields)
    found = said_of(other, must_be_sealed=False)
    assert found == [("total", "an amount and its fee", "none to add up")]
    one = changed(unlinked(TAKEN), amount=Money(1, CURRENCIES["XOF"]))
    assert said_of(one, must_be_sealed=False) == []


def test_a_state_is_entered_from_one_that_may_become_it() -> None:
    back = resealed(edited(PAID, 4, entered=Status.PENDING))
    assert said_of(back)[:2] == [
        ("state", "a move that may be", "piece 4: processing -> pending"),
        ("state", "pending", "completed"),
    ]
    first = resealed(edited(PAID, 1, entered=Status.PROCESSING))
    assert said_of(first) == [
        ("state", "a move that may be", "piece 1: nothing -> processing"),
        ("state", "a move that may be", "piece 2: processing -> processing"),
    ]


def test_the_state_is_the_last_one_entered() -> None:
    found = said_of(resealed(changed(SENT, status=Status.FAILED)))
    assert ("state", "processing", "failed") in found


def test_what_is_older_than_chains_says_too_little_of_the_state() -> None:
    old = changed(unlinked(SENT), status=Status.COMPLETED, plan=None)
    kinds = [kind for kind, _, _ in said_of(old, must_be_sealed=False)]
    assert kinds == ["ending_event"]
    begun_later = edited(edited(PAID, 1, hash="", entered=Status.FAILED), 4, source=Source.CLOCK)
    assert "state" not in [kind for kind, _, _ in said_of(begun_later)]


@pytest.mark.parametrize("source", Source)
def test_only_who_has_proof_completes(source: Source) -> None:
    found = said_of(resealed(edited(PAID, 4, source=source, attempt=1)))
    flaw = ("state", "proof that it was paid", f"piece 4 from {source}")
    proves = {"submit", "webhook", "status_query", "operator", "statement"}
    assert (flaw not in found) is (source in proves)


# ---------------------------------------------------------------------------- attempts


def test_attempts_are_counted_from_one() -> None:
    (attempt,) = SENT.cash_out.attempts
    for number in (0, 2):
        wrong = changed(SENT, attempts=(replace(attempt, number=number),))
        found = said_of(wrong)
        assert ("attempt", "attempts 1 to 1", f"[{number}]") in found
        assert ("attempt", "begun ['1']", f"[{number}]") in found


def test_a_pending_cash_out_has_no_attempt() -> None:
    wrong = changed(TAKEN, attempts=SENT.cash_out.attempts)
    found = said_of(wrong)
    assert ("attempt", "pending without attempts", "1") in found
    assert ("attempt", "begun []", "[1]") in found


def test_pieces_from_before_chains_tell_nothing_of_attempts() -> None:
    old = unlinked(changed(SENT, attempts=()))
    assert said_of(old, must_be_sealed=False) == []


@pytest.mark.parametrize(
    ("outcome", "detail", "is_said"),
    [
        (OutcomeKind.ACCEPTED, "accepted", True),
        (OutcomeKind.ACCEPTED, "accepted: as it said", True),
        (OutcomeKind.ACCEPTED, "accepted RECIPIENT_NOT_FOUND: no", True),
        (OutcomeKind.UNSENT, "accepted", False),
        (OutcomeKind.UNKNOWN, "accepted", False),
        (None, "accepted", True),
    ],
)
def test_an_attempt_ended_as_an_answer_said(
    outcome: OutcomeKind | None, detail: str, *, is_said: bool
) -> None:
    (attempt,) = SENT.cash_out.attempts
    other = changed(SENT, attempts=(replace(attempt, outcome=outcome),))
    found = said_of(resealed(edited(other, 3, detail=detail)))
    assert found == ([] if is_said else [("attempt", "attempt 1: accepted", str(outcome))])


def test_every_answer_to_an_attempt_counts_and_each_for_its_own() -> None:
    again = lived(*STORIES["sent"], lambda one: begun(replace(one, lease=None)))
    first, second = again.cash_out.attempts
    ended = (replace(first, outcome=OutcomeKind.UNSENT), second)
    both = edited(changed(again, attempts=ended), 4, kind="Outcome", attempt=1, detail="refused")
    assert ("attempt", "attempt 1: accepted or refused", "unsent") in said_of(both)
    open_one = (first, replace(second, outcome=OutcomeKind.REFUSED))
    found = said_of(resealed(changed(again, attempts=open_one)))
    assert found == [("attempt", "attempt 2: open", "refused")]


def test_an_attempt_may_be_given_up_once_its_fate_was_asked_about() -> None:
    """Its worker was lost: no answer came, and the question found that nobody knows."""
    asked = Report(Source.STATUS_QUERY, NotFound())
    later = NOW + timedelta(minutes=1)
    folder = lived(begun, lambda one: record(one, asked, PROVES, POLICY, later))
    (attempt,) = folder.cash_out.attempts

    def ended(kind: OutcomeKind) -> list[tuple[str, str, str]]:
        return said_of(resealed(changed(folder, attempts=(replace(attempt, outcome=kind),))))

    assert ended(OutcomeKind.UNKNOWN) == []
    assert ended(OutcomeKind.REFUSED) == [("attempt", "attempt 1: open", "refused")]


# ---------------------------------------------------------------------------- timers


def test_what_no_seal_covers_is_told_under_its_name() -> None:
    assert said_of(changed(SENT, plan=None)) == [("plan", "a plan", "processing, none")]
    never = Plan(Action.ASK, NOW + timedelta(days=9_000))
    found = said_of(changed(SENT, plan=never))
    assert found == [("plan", "due by 2027-12-28", "ask at 2051-07-15")]
    assert said_of(changed(SENT, plan=never), planned_by=None) == []
    assert said_of(changed(SENT, asked=3)) == [("asked", "at most 0 questions", "3")]


def test_timers_are_held_against_pieces_only_where_all_are_there_and_chained() -> None:
    for folder in (without(SENT, 2), edited(SENT, 1, hash="")):
        assert "asked" not in [kind for kind, _, _ in said_of(changed(folder, asked=3))]


# ---------------------------------------------------------------------------- events


def test_what_is_missing_behind_a_kept_event_is_told() -> None:
    assert said_of(without_events(PAID, 2)) == [("event_missing", "event 2", "2 events from 1 on")]
    assert said_of(without_events(PAID, 3)) == [("event_missing", "event 3", "2 events from 1 on")]


def test_the_oldest_events_may_have_been_pruned() -> None:
    for gone in ((1,), (1, 2), (1, 2, 3)):
        assert said_of(without_events(PAID, *gone)) == []


def test_what_was_told_since_events_are_kept_is_there() -> None:
    none = without_events(PAID, 1, 2, 3)
    assert [flaw[1] for flaw in said_of(none, kept_from=NOW)] == ["event 1", "event 2", "event 3"]
    since = PAID.pieces[3].piece.at
    assert said_of(none, kept_from=since) == [("event_missing", "event 3", "0 events from 3 on")]
    assert said_of(none, kept_from=since + timedelta(microseconds=1)) == []


def test_an_event_that_was_never_told_is_surplus() -> None:
    more = replace(PAID, events=[*PAID.events, KeptEvent(4, "cash_out.processing", "0" * 64)])
    assert said_of(more) == [("event_surplus", "3 events", "event 4")]


def test_an_event_is_of_the_type_that_its_piece_told() -> None:
    wrong = [*PAID.events[:1], KeptEvent(2, "cash_out.x", PAID.events[1].digest), PAID.events[2]]
    found = said_of(replace(PAID, events=wrong))
    assert found == [("event_changed", "event 2: cash_out.processing", "cash_out.x")]


def _with_body(folder: Folder, number: int) -> Folder:
    events = [
        KeptEvent(number, each.type, "0" * 64) if each.sequence == number else each
        for each in folder.events
    ]
    return replace(folder, events=events)


@pytest.mark.parametrize("number", [1, 2, 3])
def test_what_an_event_says_is_what_its_piece_told(number: int) -> None:
    pieces = (each.piece for each in PAID.pieces)
    piece = next(each for each in pieces if each.told and each.events == number)
    (told, made) = short([piece.told_digest, digest_of_told(["0" * 64])])
    found = said_of(_with_body(PAID, number))
    assert found == [("event_changed", f"event {number}: {told}", made)]


def test_an_event_that_was_pruned_hides_no_other() -> None:
    (told, made) = short([PAID.pieces[3].piece.told_digest, digest_of_told(["0" * 64])])
    found = said_of(without_events(_with_body(PAID, 3), 1))
    assert found == [("event_changed", f"event 3: {told}", made)]


def test_bodies_are_held_against_linked_pieces_whose_events_are_all_there() -> None:
    assert said_of(_with_body(unlinked(PAID), 1), must_be_sealed=False) == []
    both = (EventType.PROCESSING, EventType.COMPLETED)
    two = resealed(edited(edited(PAID, 2, told=()), 4, told=both))
    made = digest_of_told([each.digest for each in PAID.events[1:]])
    (told, made) = short([PAID.pieces[3].piece.told_digest, made])
    assert said_of(two) == [("event_changed", f"event 2: {told}", made)]
    assert said_of(without_events(two, 1, 2)) == []


def test_an_ended_cash_out_told_of_one_ending_and_an_open_one_of_none() -> None:
    twice = replace(PAID, events=[*PAID.events, KeptEvent(4, EventType.FAILED, "0" * 64)])
    assert said_of(changed(twice, events=4))[-1] == (
        "ending_event",
        "cash_out.completed",
        "cash_out.completed, cash_out.failed",
    )
    never = changed(
        unlinked(SENT), status=Status.FAILED, failure_code=FailureCode.UNSPECIFIED, plan=None
    )
    found = said_of(never, must_be_sealed=False)
    assert found == [("ending_event", "cash_out.failed", "none")]
    still_open = changed(unlinked(PAID), status=Status.PROCESSING, plan=SENT.cash_out.plan)
    found = said_of(still_open, must_be_sealed=False)
    assert found == [("ending_event", "no ending", "cash_out.completed")]


def test_an_ending_that_was_pruned_before_pieces_told_is_not_missed() -> None:
    old = unlinked(PAID)
    for piece in (1, 2, 4):
        old = edited(old, piece, told=())
    assert said_of(replace(old, events=[]), must_be_sealed=False) == []
