"""Who may settle a review, and when: the rules as a table, each row with its refusal."""

from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from domain.attempts import OutcomeKind
from domain.cases import Case
from domain.cash_out import CashOut
from domain.evidence import Proof, ProofKind, Resolution, ReviewReason, Ruling, Source
from domain.refusals import Refusal
from domain.ruling_refusals import (
    PLAIN_REFUSALS,
    InvalidRuling,
    NoOpenReview,
    NothingToWaitFor,
    OwnCashOut,
    ProposalAlreadyDecided,
    ProposalAlreadyOpen,
    ProposerCannotApprove,
    ProviderIdConflict,
    ReviewChanged,
)
from domain.rulings import (
    Proposal,
    ProposalState,
    approve,
    check_proposal,
    check_why,
    check_written,
    gist,
    reject,
    report_of,
    withdraw,
)
from domain.states import Status
from tests.strategies import AN_ID, NOW, a_cash_out, a_lease, an_attempt

LATER = NOW + timedelta(hours=1)
RECEIPT = Proof(ProofKind.PROVIDER_RECEIPT, "R-1", "paid at 12:05")


def in_review(**fields: Any) -> CashOut:  # noqa: ANN401 -- of a cash-out
    case = Case(NOW, ("contradiction:completed",))
    ended = {"status": Status.FAILED, "completed_at": NOW, "plan": None}
    return a_cash_out(**{"review": ReviewReason.CONTRADICTION, "case": case, **ended, **fields})


def still_open(**fields: Any) -> CashOut:  # noqa: ANN401 -- of a cash-out
    return in_review(status=Status.PROCESSING, completed_at=None, **fields)


def a_proposal(cash_out: CashOut | None = None, **fields: Any) -> Proposal:  # noqa: ANN401 -- of a proposal
    cash_out = cash_out or in_review()
    proposal = Proposal(
        id=UUID(int=7),
        cash_out_id=AN_ID,
        version=cash_out.version,
        seen=gist(cash_out),
        resolution=Resolution.PAID,
        reason="the payee has it",
        proposed_by="olga",
        proposed_at=NOW,
        proof=RECEIPT,
    )
    return replace(proposal, **fields)


PROPOSING: dict[type[Refusal], tuple[CashOut, dict[str, Any]]] = {
    OwnCashOut: (in_review(user_id="olga"), {}),
    NoOpenReview: (in_review(review=None), {}),
    ProposalAlreadyOpen: (in_review(), {"open_one": a_proposal()}),
    ReviewChanged: (in_review(), {"seen": gist(still_open())}),
    ProviderIdConflict: (in_review(), {"id_taken": True}),
}


@pytest.mark.parametrize("refusal", PROPOSING)
def test_a_proposal_is_refused_for_each_reason_of_the_table(refusal: type[Refusal]) -> None:
    cash_out, how = PROPOSING[refusal]
    with pytest.raises(refusal):
        check_proposal(a_proposal(), cash_out, **{"open_one": None, **how})


def test_a_good_proposal_is_refused_for_none_of_them() -> None:
    for cash_out in (in_review(), still_open()):
        check_proposal(a_proposal(cash_out), cash_out, None, seen=gist(cash_out))
        check_proposal(a_proposal(cash_out), cash_out, None)


def test_what_has_ended_is_not_left_to_wait() -> None:
    waits = a_proposal(resolution=Resolution.KEEP_WAITING, proof=None)
    with pytest.raises(NothingToWaitFor):
        check_proposal(waits, in_review(), None)
    check_proposal(waits, still_open(), None)


def test_another_transaction_id_than_the_provider_told_us_is_refused() -> None:
    known = in_review(provider_transaction_id="OM-1")
    check_proposal(a_proposal(provider_transaction_id="OM-1"), known, None)
    with pytest.raises(ProviderIdConflict):
        check_proposal(a_proposal(provider_transaction_id="OM-2"), known, None)


WRITTEN: dict[str, tuple[dict[str, Any], list[str]]] = {
    "no reason": ({"reason": ""}, ["reason"]),
    "a blank reason": ({"reason": "  \n "}, ["reason"]),
    "a long reason": ({"reason": "x" * 501}, ["reason"]),
    "a bell in the reason": ({"reason": "ding\a"}, ["reason"]),
    "half a character": ({"reason": "a\ud800"}, ["reason"]),
    "paid without proof": ({"proof": None}, ["proof"]),
    "not paid without proof": ({"proof": None, "resolution": Resolution.NOT_PAID}, ["proof"]),
    "an empty reference": ({"proof": replace(RECEIPT, reference="")}, ["proof.reference"]),
    "a long reference": ({"proof": replace(RECEIPT, reference="x" * 201)}, ["proof.reference"]),
    "a long text": ({"proof": replace(RECEIPT, text="x" * 2_001)}, ["proof.text"]),
    "an empty transaction id": ({"provider_transaction_id": ""}, ["providerTransactionId"]),
    "a long transaction id": (
        {"provider_transaction_id": "x" * 129},
        ["providerTransactionId"],
    ),
    "all at once": (
        {"reason": "", "proof": Proof(ProofKind.STATEMENT_LINE, ""), "provider_transaction_id": ""},
        ["reason", "proof.reference", "providerTransactionId"],
    ),
}


@pytest.mark.parametrize("what", WRITTEN)
def test_what_is_badly_written_is_refused_with_every_field(what: str) -> None:
    fields, faulty = WRITTEN[what]
    with pytest.raises(InvalidRuling) as refused:
        check_written(a_proposal(**fields))
    assert [field for field, _ in refused.value.details] == faulty


LONG = "Write 1 to {} characters."
STRANGE = "Control characters cannot be stored."
FAULTS: dict[str, tuple[dict[str, Any], list[tuple[str, str]]]] = {
    "no reason": ({"reason": ""}, [("reason", LONG.format(500))]),
    "a bell": ({"reason": "ding\a"}, [("reason", STRANGE)]),
    "no character": ({"reason": "a\uffff"}, [("reason", STRANGE)]),
    "no proof": (
        {"proof": None},
        [("proof", "Name what the provider says: a receipt, a line, its portal.")],
    ),
    "no reference": (
        {"proof": replace(RECEIPT, reference="")},
        [("proof.reference", LONG.format(200))],
    ),
    "a long text": (
        {"proof": replace(RECEIPT, text="x" * 2_001)},
        [("proof.text", "Write 0 to 2000 characters.")],
    ),
    "an empty id": (
        {"provider_transaction_id": ""},
        [("providerTransactionId", LONG.format(128))],
    ),
}


@pytest.mark.parametrize(("fields", "details"), FAULTS.values(), ids=FAULTS)
def test_what_is_wrong_with_a_field_is_told(
    fields: dict[str, Any], details: list[tuple[str, str]]
) -> None:
    with pytest.raises(InvalidRuling) as refused:
        check_written(a_proposal(**fields))
    assert list(refused.value.details) == details


@pytest.mark.parametrize(
    ("why", "message"),
    [("", LONG.format(500)), (" \n", LONG.format(500)), ("ding\a", STRANGE)],
)
def test_what_is_wrong_with_the_reason_of_a_decision_is_told(why: str, message: str) -> None:
    with pytest.raises(InvalidRuling) as refused:
        check_why(why)
    assert list(refused.value.details) == [("reason", message)]
    with pytest.raises(InvalidRuling) as refused:
        withdraw(a_proposal(), LATER, "x" * 501)
    message = "Write 0 to 500 characters."
    assert list(refused.value.details) == [("reason", message)]


def test_the_shortest_and_the_longest_reason_of_a_decision_are_taken() -> None:
    for why in ("x", "x" * 500):
        check_why(why)
        assert reject(a_proposal(), "amadou", LATER, why).decided_why == why
        assert withdraw(a_proposal(), LATER, why).decided_why == why


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"reason": "x"},
        {"proof": Proof(ProofKind.STATEMENT_LINE, "x", "")},
        {"provider_transaction_id": "x"},
        {"reason": "x" * 500},
        {"reason": "payé\u00a0: ligne 12\r\nle 23"},
        {"proof": Proof(ProofKind.STATEMENT_LINE, "x" * 200, "é" * 2_000)},
        {"provider_transaction_id": "x" * 128},
        {"resolution": Resolution.KEEP_WAITING, "proof": None},
    ],
)
def test_what_is_well_written_is_taken(fields: dict[str, Any]) -> None:
    check_written(a_proposal(**fields))


DECIDED = [state for state in ProposalState if state is not ProposalState.PROPOSED]


def approved(proposal: Proposal, cash_out: CashOut, by: str = "amadou", **how: Any) -> Proposal:  # noqa: ANN401 -- of approve
    return approve(proposal, cash_out, by, LATER, **{"four_eyes": True, **how})


def test_another_person_approves_and_the_proposal_says_who_and_when() -> None:
    done = approved(a_proposal(), in_review(), why="seen it too")
    assert (done.state, done.decided_by, done.decided_at, done.decided_why, done.four_eyes) == (
        ProposalState.APPROVED,
        "amadou",
        LATER,
        "seen it too",
        True,
    )


def test_who_proposes_cannot_approve() -> None:
    with pytest.raises(ProposerCannotApprove):
        approved(a_proposal(), in_review(), by="olga")


SAME_PERSON = ["Olga", "OLGA ", "cli:olga", "CLI:Olga", "\uff4f\uff4c\uff47\uff41"]


@pytest.mark.parametrize("by", SAME_PERSON)
def test_who_proposes_cannot_approve_by_another_of_their_names(by: str) -> None:
    with pytest.raises(ProposerCannotApprove):
        approved(a_proposal(), in_review(), by=by)
    assert approved(a_proposal(), in_review(), by=by, four_eyes=False).four_eyes is False


@pytest.mark.parametrize("by", SAME_PERSON)
def test_nobody_settles_their_own_cash_out_by_another_of_their_names(by: str) -> None:
    cash_out = in_review(user_id="olga")
    with pytest.raises(OwnCashOut):
        check_proposal(a_proposal(cash_out, proposed_by=by), cash_out, None)
    with pytest.raises(OwnCashOut):
        approved(a_proposal(cash_out, proposed_by="aisha"), cash_out, by=by)


def test_where_one_person_is_enough_the_proposal_says_so() -> None:
    alone = approved(a_proposal(), in_review(), by="olga", four_eyes=False)
    assert alone.four_eyes is False
    # With two of them it is four eyes, whatever is required.
    assert approved(a_proposal(), in_review(), four_eyes=False).four_eyes is True


@pytest.mark.parametrize("state", DECIDED)
def test_what_was_decided_is_decided(state: ProposalState) -> None:
    old = a_proposal(state=state, decided_by="x", decided_at=NOW)
    with pytest.raises(ProposalAlreadyDecided):
        approved(old, in_review())
    with pytest.raises(ProposalAlreadyDecided):
        reject(old, "amadou", LATER, "no")
    with pytest.raises(ProposalAlreadyDecided):
        withdraw(old, LATER)


APPROVING: dict[type[Refusal], tuple[CashOut, dict[str, Any]]] = {
    OwnCashOut: (in_review(user_id="amadou"), {}),
    NoOpenReview: (in_review(review=None), {}),
    ReviewChanged: (in_review(claim=Status.COMPLETED), {}),
    ProviderIdConflict: (in_review(), {"id_taken": True}),
    InvalidRuling: (in_review(), {"why": "x" * 501}),
}


@pytest.mark.parametrize("refusal", APPROVING)
def test_an_approval_is_refused_for_each_reason_of_the_table(refusal: type[Refusal]) -> None:
    cash_out, how = APPROVING[refusal]
    with pytest.raises(refusal):
        approved(a_proposal(), cash_out, **how)


def test_an_approval_without_a_word_leaves_none() -> None:
    assert approved(a_proposal(), in_review()).decided_why == ""


def test_an_approval_is_held_against_the_providers_id_as_the_proposal_was() -> None:
    known = in_review(provider_transaction_id="OM-1")
    with pytest.raises(ProviderIdConflict):
        approved(a_proposal(known, provider_transaction_id="OM-2"), known)
    same = a_proposal(known, provider_transaction_id="OM-1")
    assert approved(same, known).state is ProposalState.APPROVED


def test_a_refusal_says_why() -> None:
    for refusal in PLAIN_REFUSALS:
        assert str(refusal()) == refusal.sentence


def test_an_id_that_the_provider_told_us_meanwhile_is_something_new() -> None:
    proposal = a_proposal(provider_transaction_id="OM-2")
    with pytest.raises(ReviewChanged):
        approved(proposal, in_review(provider_transaction_id="OM-1"))


def test_a_rejection_and_a_withdrawal_leave_their_reasons() -> None:
    no = reject(a_proposal(), "amadou", LATER, "wrong line")
    assert no == a_proposal(
        state=ProposalState.REJECTED,
        decided_by="amadou",
        decided_at=LATER,
        decided_why="wrong line",
    )
    back = withdraw(a_proposal(), LATER)
    assert back == a_proposal(
        state=ProposalState.WITHDRAWN, decided_by="olga", decided_at=LATER, decided_why=""
    )
    with pytest.raises(InvalidRuling):
        reject(a_proposal(), "amadou", LATER, "")
    with pytest.raises(InvalidRuling):
        withdraw(a_proposal(), LATER, "x" * 501)


NEWS: dict[str, dict[str, Any]] = {
    "the state": {"status": Status.COMPLETED},
    "the review": {"review": ReviewReason.ECHO_MISMATCH},
    "a further concern": {"case": Case(NOW, ("contradiction:completed", "echo_mismatch:1"))},
    "an attempt": {"attempts": (an_attempt(None),)},
    "how an attempt ended": {"attempts": (an_attempt(OutcomeKind.UNKNOWN),)},
    "the provider's id": {"provider_transaction_id": "OM-1"},
    "a claim": {"claim": Status.COMPLETED},
    "that the provider knows nothing": {"not_found_at": NOW},
    "that somebody ruled": {
        "case": Case(NOW, ("contradiction:completed",), reviewed_at=NOW, ruled=Resolution.PAID)
    },
}


@pytest.mark.parametrize("what", NEWS)
def test_what_an_operator_judges_by_is_in_the_gist(what: str) -> None:
    base = in_review(attempts=(an_attempt(OutcomeKind.ACCEPTED),)) if "how" in what else in_review()
    assert gist(replace(base, **NEWS[what])) != gist(base)


def test_gists_are_stored_and_stay_what_they_are() -> None:
    """A rendering that changed would have every open proposal looked at anew."""
    bare = a_cash_out(case=Case())
    tries = (an_attempt(OutcomeKind.UNKNOWN), an_attempt(None, None, 2))
    full = in_review(
        attempts=tries,
        case=Case(NOW, ("contradiction:completed", "echo_mismatch:1"), reviewed_at=NOW),
        provider_transaction_id="OM-1",
        claim=Status.COMPLETED,
        not_found_at=NOW,
    )
    assert gist(bare) == "44e797de9216"
    assert gist(full) == "6c954f1a1248"


def test_polls_leases_and_time_are_no_news() -> None:
    """Otherwise nobody could ever approve what is asked about every minute."""
    before = still_open(claim=Status.PROCESSING, not_found_at=NOW)
    polled = replace(
        before,
        asked=before.asked + 3,
        asked_at=LATER,
        claimed_at=LATER,
        not_found_at=LATER,
        lease=a_lease(),
        plan=None,
        updated_at=LATER,
        version=before.version + 9,
        pieces=before.pieces + 3,
    )
    assert gist(polled) == gist(before)


def test_an_approved_proposal_is_news_of_operators_with_all_that_was_written() -> None:
    done = approved(a_proposal(provider_transaction_id="OM-9"), in_review())
    report = report_of(done)
    assert report.source is Source.OPERATOR
    assert report.finding == Ruling(
        done.id,
        Resolution.PAID,
        "the payee has it",
        proposed_by="olga",
        approved_by="amadou",
        four_eyes=True,
        proof=RECEIPT,
        provider_transaction_id="OM-9",
    )
    for written in (b"olga", b"amadou", b"the payee has it", b"paid at 12:05", b"OM-9", b"R-1"):
        assert written in report.raw
    assert len(report.digest) == 64
