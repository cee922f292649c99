"""The words of a timeline, and its entries: what each piece of evidence is told as."""

from dataclasses import replace
from datetime import datetime, timedelta, timezone

import pytest

from application.ports import StoredEvidence
from application.timeline import Entry, Proof, Said, Told, What, Who
from application.timeline_entries import entries_of
from application.timeline_words import filled, reason_of, when
from domain.attempts import OutcomeKind
from domain.failures import FAILURES, FailureCode
from domain.states import Status
from tests.strategies import NOW, an_attempt, being_sent

SECOND = timedelta(seconds=1)
CASH_OUT = replace(
    being_sent(),
    attempts=(
        an_attempt(OutcomeKind.UNSENT, FailureCode.RATE_LIMITED),
        an_attempt(OutcomeKind.REFUSED, FailureCode.RECIPIENT_NOT_FOUND, number=2),
    ),
)


def piece(kind: str, **fields: object) -> StoredEvidence:
    """A piece of evidence as it is read back."""
    plain = StoredEvidence(1, "service", NOW, "noted", kind, "", None, "", None)
    return replace(plain, hash="h", **fields)  # type: ignore[arg-type]


def told(kind: str, **fields: object) -> Entry:
    """The entry of one piece, without what the cash-out adds for pieces that are missing."""
    (found,) = [
        each
        for each in entries_of(CASH_OUT, [piece(kind, **fields)], full=True)
        if each.proof is not None
    ]
    return found


# --- words ----------------------------------------------------------------------------------------


def test_a_moment_is_now_or_a_time_of_today_or_of_another_day_in_utc() -> None:
    assert when(NOW, NOW) == when(NOW - SECOND, NOW) == Said("now", "maintenant")
    moment = datetime(2026, 11, 23, 23, 58, 59, tzinfo=timezone(timedelta(hours=-5)))
    before = moment - SECOND
    time = Said("at 04:58:59 UTC", "à 04:58:59 UTC")
    assert when(moment, before) == time
    assert when(moment, before.astimezone(timezone(timedelta(hours=9)))) == time
    next_day = Said("at 2026-11-24 04:58:59 UTC", "à 2026-11-24 04:58:59 UTC")
    assert when(moment, moment - timedelta(hours=5)) == next_day


def test_blanks_are_filled_in_each_language() -> None:
    sentence = Said("So: {why} {plain}", "Ainsi : {why} {plain}")
    both = filled(sentence, why=Said("late", "tard"), plain="x")
    assert both == Said("So: late x", "Ainsi : tard x")
    assert filled(sentence, why=Said("", ""), plain="") == Said("So:", "Ainsi :")
    assert (both.in_language("fr"), both.in_language("en")) == (both.french, both.english)


def test_a_reason_is_that_of_its_code_and_nothing_without_one() -> None:
    failure = FAILURES[FailureCode.RECIPIENT_NOT_FOUND]
    assert reason_of(FailureCode.RECIPIENT_NOT_FOUND) == Said(failure.english, failure.french)
    assert reason_of(None) == Said("", "")


# --- entries --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "fields", "what", "english"),
    [
        ("Accepted", {}, What.ACCEPTED, "The request was accepted."),
        ("Begun", {"attempt": 1}, What.SENT, "It was sent to the provider."),
        (
            "Begun",
            {"attempt": 2},
            What.SENT,
            "It was sent again under the same reference, so that it cannot be paid twice.",
        ),
        ("Begun", {}, What.SENT, "It was sent to the provider."),
        ("Cancelled", {"source": "user"}, What.CANCELLED, "It was cancelled by the user."),
        (
            "Cancelled",
            {"source": "operator"},
            What.CANCELLED,
            "It was cancelled on the user's behalf.",
        ),
        ("Outcome", {"detail": "accepted"}, What.TAKEN, "The provider took it."),
        (
            "Outcome",
            {"detail": "refused RECIPIENT_NOT_FOUND: no", "attempt": 2},
            What.DECLINED,
            f"The provider declined it. {FAILURES[FailureCode.RECIPIENT_NOT_FOUND].english}",
        ),
        (
            "Outcome",
            {"detail": "unsent: connection refused", "attempt": 1},
            What.NOT_TAKEN,
            "It was not taken, and nothing was paid by this try. "
            + FAILURES[FailureCode.RATE_LIMITED].english,
        ),
        (
            "Outcome",
            {"detail": "refused", "attempt": 9},
            What.DECLINED,
            "The provider declined it.",
        ),
        (
            "Outcome",
            {"detail": "never heard of"},
            What.NO_ANSWER,
            "The provider did not say what became of it. We ask; we never send blindly.",
        ),
        ("News", {"status": "completed"}, What.REPORTED, "The provider reports: paid."),
        ("News", {}, What.REPORTED, "The provider reports: something we do not know."),
        (
            "News",
            {"status": "completed", "source": "statement"},
            What.REPORTED,
            "The provider's statement says: paid.",
        ),
        (
            "Doorbell",
            {"status": "completed"},
            What.RUNG,
            "There is word of it: paid. We ask the provider before we believe it.",
        ),
        ("Ruling", {"word": "paid"}, What.RULED, "A person has settled it: paid."),
        ("Ruling", {"word": "keep_waiting"}, What.RULED, "A person has settled it: keep waiting."),
        ("Ruling", {"word": "?"}, What.RULED, "A person has settled it: something we do not know."),
        ("Of a later release", {}, What.OTHER, "Something was noted."),
    ],
)
def test_each_piece_has_its_sentence(
    kind: str, fields: dict[str, object], what: What, english: str
) -> None:
    entry = told(kind, **fields)
    assert (entry.what, entry.said.english) == (what, english)
    assert entry.said.french != entry.said.english


@pytest.mark.parametrize(
    ("source", "who"),
    [
        ("user", Who.USER),
        ("service", Who.SERVICE),
        ("clock", Who.CLOCK),
        ("operator", Who.OPERATOR),
        ("webhook", Who.PROVIDER),
        ("statement", Who.PROVIDER),
        ("of a later release", Who.SERVICE),
    ],
)
def test_each_piece_has_somebody_behind_it(source: str, who: Who) -> None:
    assert told("News", source=source).who is who


def test_an_entry_tells_all_that_its_piece_does() -> None:
    stored = StoredEvidence(
        sequence=4,
        source="webhook",
        at=NOW,
        verdict="move",
        kind="News",
        word="SUCCESSFUL",
        status="completed",
        detail="as they say",
        attempt=2,
        digest="d",
        entered="completed",
        told=("cash_out.completed", "cash_out.review_resolved"),
        events=5,
        hash="h",
    )
    entry = entries_of(CASH_OUT, [stored], full=True)[-1]
    assert entry == Entry(
        at=NOW,
        who=Who.PROVIDER,
        what=What.REPORTED,
        said=entry.said,
        state=Status.COMPLETED,
        reported=Status.COMPLETED,
        attempt=2,
        told=(Told("cash_out.completed", 4), Told("cash_out.review_resolved", 5)),
        proof=Proof(4, "webhook", "News", "move", "SUCCESSFUL", "as they say", "d", "h"),
    )
    (blank,) = [
        each.proof
        for each in entries_of(CASH_OUT, [stored], full=True, names=False)
        if each.proof is not None
    ]
    assert entry.proof is not None
    assert blank == replace(entry.proof, detail="")
    kept = replace(stored, kind="Outcome", detail="accepted")
    ours = entries_of(CASH_OUT, [kept], full=True, names=False)[-1]
    assert ours.proof is not None
    assert ours.proof.detail == "accepted"


def test_what_happened_before_there_were_pieces_is_told_from_the_cash_out() -> None:
    later = piece("Overdue", source="clock", at=NOW + SECOND)
    first, *sent, last = entries_of(CASH_OUT, [later], full=True)
    assert (first.at, first.who, first.what) == (NOW, Who.SERVICE, What.ACCEPTED)
    assert first.state is Status.PENDING
    assert [(each.who, each.what, each.attempt) for each in sent] == [
        (Who.SERVICE, What.SENT, 1),
        (Who.SERVICE, What.SENT, 2),
    ]
    assert [each.said.english.split()[2] for each in sent] == ["sent", "sent"]
    assert sent[0].said != sent[1].said
    assert last.what is What.OVERDUE
    begun = piece("Begun", attempt=1)
    numbers = [each.attempt for each in entries_of(CASH_OUT, [begun], full=True)]
    assert sorted(each for each in numbers if each) == [1, 2]


def test_a_move_of_an_earlier_release_is_into_what_was_reported_or_how_it_ended() -> None:
    ended = replace(CASH_OUT, status=Status.FAILED)
    old = replace(piece("News", verdict="move", status="completed"), hash="")
    assert entries_of(ended, [old], full=True)[-1].state is Status.COMPLETED
    silent = replace(old, status=None)
    assert entries_of(ended, [silent], full=True)[-1].state is Status.FAILED
    noted = replace(old, verdict="noted")
    assert entries_of(ended, [noted], full=True)[-1].state is None
    new = replace(old, hash="h")
    assert entries_of(ended, [new], full=True)[-1].state is None
    unnumbered = replace(old, told=("cash_out.completed",), events=None)
    assert entries_of(ended, [unnumbered], full=True)[-1].told == (
        Told("cash_out.completed", None),
    )


def test_the_owner_sees_what_concerns_them_and_no_proof() -> None:
    pieces = [
        piece("Accepted", entered="pending"),
        piece("Begun", attempt=1),
        piece("Begun", attempt=2),
        piece("NoAnswer", source="status_query"),
        piece("News", source="webhook", status="completed", entered="completed", word="X"),
        piece("News", source="webhook", status="failed"),
    ]
    seen = entries_of(CASH_OUT, pieces, full=False)
    assert [each.what for each in seen] == [
        What.ACCEPTED,
        What.SENT,
        What.SENT,
        What.REPORTED,
    ]
    assert all(each.proof is None and not each.told and each.reported is None for each in seen)
    assert [each.state for each in seen] == [Status.PENDING, None, None, Status.COMPLETED]
    assert [each.attempt for each in seen] == [None, 1, 2, None]
    assert [each.who for each in seen] == [Who.SERVICE] * 3 + [Who.PROVIDER]
