"""Each piece of evidence vouches for the cash-out as it left it, and for the piece before."""

from dataclasses import fields, replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.attempts import Attempt, OutcomeKind
from domain.cases import Case
from domain.cash_out import CashOut, Change, accept, begin_attempt, cancel
from domain.chain import GENESIS
from domain.events import EventType
from domain.evidence import Evidence, News, Resolution, ReviewReason, Source
from domain.failures import FailureCode
from domain.money import Money
from domain.payee import Msisdn, Payee
from domain.record import Report, record
from domain.seals import digest_of_told, hash_of, seal_of
from domain.states import Status, Verdict
from tests.strategies import NOW, POLICY, PROVES, a_cash_out, a_lease, being_sent

LATER = NOW + timedelta(minutes=5)
FRESH = a_cash_out(plan=None, events=0)


def by_webhook(cash_out: CashOut, status: Status) -> Change:
    report = Report(Source.WEBHOOK, News(status.upper(), status), raw=b"{}", digest="d" * 64)
    return record(cash_out, report, PROVES, POLICY, LATER)


def a_story(words: list[Status]) -> list[Change]:
    """Return the changes of a cash-out that is taken, sent and told of."""
    changes = [accept(FRESH)]
    changes.append(begin_attempt(changes[-1].after, NOW, a_lease(at=NOW)))
    for word in words:
        changes.append(by_webhook(changes[-1].after, word))
    return changes


@given(st.lists(st.sampled_from(Status), max_size=5))
def test_every_change_of_a_story_is_sealed_and_chained_to_the_last(words: list[Status]) -> None:
    chain = GENESIS
    for change in a_story(words):
        (piece,) = change.evidence
        assert piece.seal == seal_of(change.after)
        assert piece.hash == hash_of(piece, chain) == change.after.chain
        moved = change.after.status is not change.before.status or change.before is FRESH
        assert piece.entered == (change.after.status if moved else None)
        assert piece.told == tuple(each.type for each in change.events)
        assert (piece.sequence, piece.events) == (change.after.pieces, change.after.events)
        chain = piece.hash


def test_our_own_decisions_and_the_users_are_in_the_journal() -> None:
    taken, begun = a_story([])
    cancelled = cancel(taken.after, LATER)
    told = [(each.source, each.kind, each.verdict) for each in taken.evidence + begun.evidence]
    assert told == [
        (Source.SERVICE, "Accepted", Verdict.MOVE),
        (Source.SERVICE, "Begun", Verdict.MOVE),
    ]
    (piece,) = cancelled.evidence
    assert (piece.source, piece.kind) == (Source.USER, "Cancelled")
    assert (piece.entered, begun.evidence[0].attempt) == (Status.CANCELLED, 1)


def test_an_attempt_that_is_begun_again_enters_nothing() -> None:
    _, begun = a_story([])
    (piece,) = begin_attempt(begun.after, LATER, a_lease(at=LATER)).evidence
    assert (piece.verdict, piece.entered, piece.attempt) == (Verdict.NOTED, None, 2)


SENT = replace(
    a_story([])[-1].after,
    attempts=(Attempt(1, "R", NOW, OutcomeKind.ACCEPTED, None, "taken", LATER),),
)
OTHER_PAYEE = Payee(Msisdn("+2250700000099", "CI"), SENT.payee.name)
TAMPERED: list[dict[str, Any]] = [
    {"id": UUID(int=7)},
    {"user_id": "somebody"},
    {"wallet_id": "another"},
    {"provider": "another"},
    {"amount": Money(SENT.amount.minor + 1, SENT.amount.currency)},
    {"fee": Money(SENT.fee.minor + 1, SENT.fee.currency)},
    {"tariff_version": "older"},
    {"payee": OTHER_PAYEE},
    {"payee": replace(SENT.payee, name="Somebody Else")},
    {"reference": "ANOTHER-REFERENCE"},
    {"reference_given": not SENT.reference_given},
    {"created_at": SENT.created_at + timedelta(microseconds=1)},
    {"status": Status.COMPLETED},
    {"provider_transaction_id": "MP-9"},
    {"provider_transaction_id": ""},
    {"failure_code": FailureCode.UNSPECIFIED},
    {"failure_reason": "why"},
    {"review": ReviewReason.CONTRADICTION},
    {"contradicted": True},
    {"completed_at": LATER},
    {"claim": Status.COMPLETED},
    {"events": SENT.events + 1},
    {"pieces": SENT.pieces + 1},
    {"attempts": ()},
    *(
        {"attempts": (replace(SENT.attempts[0], **each),)}
        for each in (
            {"number": 2},
            {"reference": "S"},
            {"started_at": LATER},
            {"outcome": OutcomeKind.UNSENT},
            {"code": FailureCode.UNSPECIFIED},
            {"detail": "else"},
            {"ended_at": NOW},
        )
    ),
]


NAMES = [f"{number} {' '.join(change)}" for number, change in enumerate(TAMPERED)]


@pytest.mark.parametrize("change", TAMPERED, ids=NAMES)
def test_no_fact_can_change_under_its_seal(change: dict[str, Any]) -> None:
    assert seal_of(replace(SENT, **change)) != seal_of(SENT)


def test_what_changes_without_evidence_is_not_sealed() -> None:
    other = replace(SENT, plan=None, lease=None, version=99, updated_at=LATER, asked=3)
    assert seal_of(other) == seal_of(SENT)


PIECE = by_webhook(SENT, Status.PROCESSING).evidence[0]
UNLIKE: dict[str, Any] = {
    "cash_out_id": UUID(int=7),
    "sequence": 99,
    "source": Source.CLOCK,
    "at": LATER + timedelta(microseconds=1),
    "verdict": Verdict.MISMATCH,
    "kind": "Outcome",
    "word": "else",
    "status": Status.FAILED,
    "detail": "else",
    "attempt": 9,
    "digest": "e" * 64,
    "entered": Status.FAILED,
    "told": ("cash_out.failed",),
    "told_digest": "0" * 64,
    "events": 99,
    "seal": "f" * 64,
}


@pytest.mark.parametrize("name", [each.name for each in fields(Evidence)])
def test_every_part_of_a_piece_is_chained(name: str) -> None:
    """The raw body by its digest, and the hash is what is made of the rest."""
    before = hash_of(PIECE, "p")
    alike: dict[str, Any] = {"raw": PIECE.raw[:1], "hash": ""}
    other = {name: {**UNLIKE, **alike}[name]}
    assert (hash_of(replace(PIECE, **other), "p") == before) is (name in alike)
    assert hash_of(PIECE, "q") != before


def test_these_renderings_are_for_ever() -> None:
    """A rendering that changed could not check what was written yesterday: make a new version."""
    expected = "7c59186a783ec4cfe6290b1f01be0477147f576c0f417eed6eae97c6380e15ec"
    assert seal_of(SENT) == expected
    expected = "ff7fdcbb481bebae9fb7710c8200268c92855ad9149954bfb678697edbd5095e"
    assert hash_of(replace(PIECE, seal="s"), "p") == expected


# --- the form: what is stored must be found again by every later release --------------------------

RICH = replace(
    being_sent(),
    reference_given=True,
    status=Status.COMPLETED,
    completed_at=LATER,
    provider_transaction_id="OM-1",
    contradicted=True,
    review=ReviewReason.CONTRADICTION,
    claim=Status.COMPLETED,
    case=Case(ruled=Resolution.NOT_PAID, reviewed_at=LATER),
)
RICH_PIECE = Evidence(
    UUID(int=1),
    2,
    Source.WEBHOOK,
    NOW,
    Verdict.MOVE,
    "News",
    word="SUCCESSFUL",
    told=(EventType.COMPLETED, EventType.CONTRADICTED),
    told_digest=digest_of_told(["a" * 64, "b" * 64]),
    seal="5" * 64,
)


def test_the_form_of_seals_and_hashes_never_changes() -> None:
    assert (
        seal_of(being_sent()) == "5014c53ec957c0d3e6c74f5bfd6d95a38205e327a03d3c0fab241a5aa3bd2713"
    )
    assert seal_of(RICH) == "f17d3239f174f726aff4d3e83daab9a16512ae9e327ff2b3a416b28af8fe1d98"
    assert digest_of_told([]) == ""
    assert (
        RICH_PIECE.told_digest == "10b88f6109ff758ad4219e1c028f5e262ac4c2fe9628576840ab1ba35cd998f0"
    )
    assert (
        hash_of(RICH_PIECE, GENESIS)
        == "8e3028bdb373fa4678ef45471999cbb5f502c69090c3b7aa58e722e894866325"
    )


@pytest.mark.parametrize(
    "changed",
    [
        {"user_id": "somebody-else"},
        {"reference_given": False},
        {"contradicted": False},
        {"case": Case(ruled=Resolution.PAID, reviewed_at=LATER)},
        {"case": Case()},
        {"attempts": ()},
    ],
    ids=["user", "drawn", "agreed", "ruled paid", "not ruled", "no attempts"],
)
def test_a_seal_after_a_ruling_covers_all_the_rest_too(changed: dict[str, Any]) -> None:
    assert seal_of(replace(RICH, **changed)) != seal_of(RICH)


def test_the_first_piece_of_what_an_earlier_release_left_enters_no_state() -> None:
    old = replace(accept(FRESH).after, pieces=0, chain=GENESIS)
    (piece,) = record(old, Report(Source.WEBHOOK, News("P", None)), PROVES, POLICY, NOW).evidence
    assert (piece.sequence, piece.entered) == (1, None)
    (first,) = accept(FRESH).evidence
    assert (first.entered, first.detail) == (Status.PENDING, "")
