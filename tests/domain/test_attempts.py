"""The one rule of sending again, failing and calling a human, over everything it can be asked."""

from datetime import timedelta
from itertools import permutations, product

import pytest

from domain.attempts import (
    Attempt,
    Capabilities,
    Decision,
    NextStep,
    NotFoundProof,
    OutcomeKind,
    decide,
    proof_of_not_found,
    resends_left,
)
from domain.failures import FAILURES, FailureCode, Fault
from tests.strategies import BLIND, CAREFUL, NOW, PROVES, an_attempt

UNSENT, ACCEPTED, REFUSED, UNKNOWN = OutcomeKind
SEND, ASK, FAIL, WAIT = NextStep
NOTHING, GRACE_OVER, FINAL = NotFoundProof

KINDS = (None, *OutcomeKind)
CODE_OF = {UNSENT: FailureCode.PROVIDER_UNAVAILABLE, REFUSED: FailureCode.NAME_MISMATCH}
HISTORIES = [kinds for length in range(5) for kinds in product(KINDS, repeat=length)]
ALL_CAPABILITIES = [
    Capabilities(idempotent_submit=idempotent, lookup_by_reference=lookup, webhook_proves=proves)
    for idempotent, lookup, proves in product((True, False), repeat=3)
]
YES_NO = (False, True)


def attempts_of(kinds: tuple[OutcomeKind | None, ...]) -> tuple[Attempt, ...]:
    return tuple(
        an_attempt(kind, CODE_OF.get(kind) if kind else None, number)
        for number, kind in enumerate(kinds, start=1)
    )


def asked(
    kinds: tuple[OutcomeKind | None, ...],
    capabilities: Capabilities = PROVES,
    *,
    proof: NotFoundProof = NOTHING,
    taken: bool = False,
    budget: bool = True,
    can_ask: bool = True,
    overdue: bool = False,
) -> Decision:
    return decide(
        attempts_of(kinds),
        capabilities,
        not_found=proof,
        taken=taken,
        resends_left=budget,
        can_ask=can_ask,
        overdue=overdue,
    )


def may_be_paid(kinds: tuple[OutcomeKind | None, ...], *, taken: bool) -> bool:
    """Stated without the code under test: an attempt that is open, accepted or unknown; an id."""
    return taken or bool({None, ACCEPTED, UNKNOWN} & set(kinds))


def check(
    kinds: tuple[OutcomeKind | None, ...],
    capabilities: Capabilities,
    proof: NotFoundProof,
    *,
    taken: bool,
    budget: bool,
    can_ask: bool,
    overdue: bool,
) -> None:
    """Check one question against the rules of domain.md, each stated on its own."""
    decision = asked(
        kinds,
        capabilities,
        proof=proof,
        taken=taken,
        budget=budget,
        can_ask=can_ask,
        overdue=overdue,
    )
    step, tried = decision.step, set(kinds)
    open_end = may_be_paid(kinds, taken=taken)
    if step is SEND:
        # Never while something may be paid, unless the provider's promises make it safe.
        assert ACCEPTED not in tried
        assert not taken
        assert REFUSED not in tried
        safe = capabilities.idempotent_submit and proof is GRACE_OVER and can_ask
        assert not open_end or proof is FINAL or safe
        assert budget or not kinds
    if step is FAIL:
        # Never while something may be paid, unless "not found" is final.
        assert ACCEPTED not in tried
        assert kinds
        if {None, UNKNOWN} & tried:
            assert proof is FINAL
            assert not taken
        assert REFUSED in tried or (not budget and not taken)
    if step is WAIT:
        assert open_end
        assert not can_ask
    if step is ASK:
        assert open_end
        assert can_ask
    if not open_end:
        assert step in {SEND, FAIL}, "what is provably unpaid is never left waiting"
    assert (decision.code is not None) == (step is FAIL)
    if overdue and step is not FAIL:
        assert decision.needs_human
    if decision.needs_human:
        assert overdue or (step is ASK and proof is not NOTHING)


@pytest.mark.parametrize("capabilities", ALL_CAPABILITIES, ids=str)
def test_every_history_obeys_every_rule(capabilities: Capabilities) -> None:
    for kinds in HISTORIES:
        for proof in NotFoundProof:
            for taken, budget, can_ask, overdue in product(YES_NO, repeat=4):
                check(
                    kinds,
                    capabilities,
                    proof,
                    taken=taken,
                    budget=budget,
                    can_ask=can_ask,
                    overdue=overdue,
                )


def test_the_order_of_attempts_does_not_matter_to_the_step() -> None:
    for kinds in product(KINDS, repeat=3):
        for proof, budget in product(NotFoundProof, YES_NO):
            steps = {asked(order, proof=proof, budget=budget).step for order in permutations(kinds)}
            assert len(steps) == 1, kinds


def test_an_open_attempt_is_decided_like_an_unknown_one() -> None:
    for kinds in HISTORIES:
        closed = tuple(kind or UNKNOWN for kind in kinds)
        for proof in NotFoundProof:
            assert asked(kinds, proof=proof) == asked(closed, proof=proof)


def test_without_an_idempotent_provider_nothing_unknown_is_ever_sent_again_after_grace() -> None:
    for kinds in HISTORIES:
        if may_be_paid(kinds, taken=False):
            assert asked(kinds, CAREFUL, proof=GRACE_OVER).step is not SEND


Row = tuple[str, tuple[OutcomeKind | None, ...], dict[str, object], NextStep, bool]

TABLE: list[Row] = [
    ("new: send it", (), {}, SEND, False),
    ("new, no retries allowed: send it", (), {"budget": False}, SEND, False),
    ("new, provider cannot be asked: send it", (), {"can_ask": False}, SEND, False),
    ("never sent for a day: send it, and tell a human", (), {"overdue": True}, SEND, True),
    ("never sent, but the provider has it: ask", (), {"taken": True}, ASK, False),
    ("not taken: send again", (UNSENT,), {}, SEND, False),
    ("not taken three times: send again", (UNSENT,) * 3, {}, SEND, False),
    ("not taken, budget spent: failed", (UNSENT,) * 4, {"budget": False}, FAIL, False),
    ("not taken, budget spent, overdue: failed", (UNSENT,) * 4,
     {"budget": False, "overdue": True}, FAIL, False),
    ("not taken, yet the provider knows it: ask", (UNSENT,), {"taken": True}, ASK, False),
    ("budget spent, yet the provider knows it: ask", (UNSENT,) * 4,
     {"taken": True, "budget": False}, ASK, False),
    ("not taken for a day: send again, and tell a human", (UNSENT,), {"overdue": True}, SEND, True),
    ("on the wire, or crashed: ask", (None,), {}, ASK, False),
    ("crashed, provider cannot be asked: wait", (None,), {"can_ask": False}, WAIT, False),
    ("crashed, cannot be asked, overdue: wait for a human", (None,),
     {"can_ask": False, "overdue": True}, WAIT, True),
    ("accepted: ask", (ACCEPTED,), {}, ASK, False),
    ("accepted, overdue: ask, and tell a human", (ACCEPTED,), {"overdue": True}, ASK, True),
    ("accepted, not found inside grace: ask", (ACCEPTED,), {"proof": NOTHING}, ASK, False),
    ("accepted, not found after grace: ask, and tell a human", (ACCEPTED,),
     {"proof": GRACE_OVER}, ASK, True),
    ("accepted, finally not found: still never sent again", (ACCEPTED,),
     {"proof": FINAL}, ASK, True),
    ("accepted, cannot be asked: wait", (ACCEPTED,), {"can_ask": False}, WAIT, False),
    ("refused: failed", (REFUSED,), {}, FAIL, False),
    ("refused after not taken: failed", (UNSENT, REFUSED), {}, FAIL, False),
    ("refused after unknown: ask about the unknown one", (UNKNOWN, REFUSED), {}, ASK, False),
    ("refused after unknown, not found after grace: not sent again", (UNKNOWN, REFUSED),
     {"proof": GRACE_OVER}, ASK, True),
    ("refused after unknown, finally not found: failed", (UNKNOWN, REFUSED),
     {"proof": FINAL}, FAIL, False),
    ("refused after accepted: ask", (ACCEPTED, REFUSED), {}, ASK, False),
    ("unknown: ask", (UNKNOWN,), {}, ASK, False),
    ("unknown, budget spent: still ask", (UNKNOWN,), {"budget": False}, ASK, False),
    ("unknown, not found after grace, idempotent: send the same reference again", (UNKNOWN,),
     {"proof": GRACE_OVER}, SEND, False),
    ("the same, but the provider told its id: ask", (UNKNOWN,),
     {"proof": GRACE_OVER, "taken": True}, ASK, True),
    ("the same, budget spent: ask, and tell a human", (UNKNOWN,),
     {"proof": GRACE_OVER, "budget": False}, ASK, True),
    ("unknown, not found after grace, not idempotent: never again", (UNKNOWN,),
     {"proof": GRACE_OVER, "capabilities": CAREFUL}, ASK, True),
    ("unknown, finally not found, not idempotent: proven unpaid, send again", (UNKNOWN,),
     {"proof": FINAL, "capabilities": CAREFUL}, SEND, False),
    ("unknown, finally not found, budget spent: failed", (UNKNOWN,),
     {"proof": FINAL, "budget": False}, FAIL, False),
    ("unknown, finally not found, yet it told its id: ask", (UNKNOWN,),
     {"proof": FINAL, "taken": True}, ASK, True),
    ("unknown, no look-up, no webhook yet: wait", (UNKNOWN,),
     {"capabilities": BLIND, "can_ask": False}, WAIT, False),
    ("unknown then not taken: the first one counts", (UNKNOWN, UNSENT), {}, ASK, False),
    ("unknown then not taken, grace over: send again", (UNKNOWN, UNSENT),
     {"proof": GRACE_OVER}, SEND, False),
    ("not taken then unknown: ask", (UNSENT, UNKNOWN), {}, ASK, False),
    ("unknown, sent again, accepted: ask", (UNKNOWN, ACCEPTED), {"proof": GRACE_OVER}, ASK, True),
    ("four unknowns, budget spent, grace over: a human", (UNKNOWN,) * 4,
     {"proof": GRACE_OVER, "budget": False}, ASK, True),
]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "kinds", "how", "step", "human"), TABLE, ids=[t[0] for t in TABLE]
)
def test_the_table(
    name: str,
    kinds: tuple[OutcomeKind | None, ...],
    how: dict[str, object],
    step: NextStep,
    *,
    human: bool,
) -> None:
    assert name
    decision = asked(kinds, **how)  # type: ignore[arg-type]
    assert (decision.step, decision.needs_human) == (step, human)


def test_a_failure_carries_the_refusals_code_or_that_of_the_last_try() -> None:
    assert asked((UNSENT, REFUSED)).code is FailureCode.NAME_MISMATCH
    assert asked((UNKNOWN, REFUSED), proof=FINAL).code is FailureCode.NAME_MISMATCH
    assert asked((UNSENT,), budget=False).code is FailureCode.PROVIDER_UNAVAILABLE
    assert asked((UNKNOWN,), proof=FINAL, budget=False).code is FailureCode.PROVIDER_UNAVAILABLE
    nameless = (an_attempt(REFUSED),)
    for proof in NotFoundProof:
        decision = decide(
            nameless,
            PROVES,
            not_found=proof,
            taken=False,
            resends_left=True,
            can_ask=True,
            overdue=False,
        )
        assert decision == Decision(FAIL, code=FailureCode.UNSPECIFIED)


def test_a_nameless_refusal_after_an_unknown_that_is_finally_not_found_is_unspecified() -> None:
    decision = decide(
        (an_attempt(UNKNOWN), an_attempt(REFUSED, number=2)),
        PROVES,
        not_found=FINAL,
        taken=False,
        resends_left=True,
        can_ask=True,
        overdue=False,
    )
    assert decision == Decision(FAIL, code=FailureCode.UNSPECIFIED)


@pytest.mark.parametrize(
    ("said_after_s", "final_after_s", "proof"),
    [
        (None, 3_600, NOTHING),
        (0, 3_600, NOTHING),
        (899, 3_600, NOTHING),
        (900, 3_600, GRACE_OVER),
        (3_599, 3_600, GRACE_OVER),
        (3_600, 3_600, FINAL),
        (10**6, None, GRACE_OVER),
        (600, 600, FINAL),
    ],
)
def test_what_not_found_is_worth_depends_on_when_it_was_said(
    said_after_s: int | None, final_after_s: int | None, proof: NotFoundProof
) -> None:
    final_after = None if final_after_s is None else timedelta(seconds=final_after_s)
    capabilities = Capabilities(
        idempotent_submit=False,
        lookup_by_reference=True,
        webhook_proves=True,
        not_found_final_after=final_after,
    )
    said_at = None if said_after_s is None else NOW + timedelta(seconds=said_after_s)
    grace = timedelta(seconds=900)
    assert proof_of_not_found(NOW, said_at, capabilities, grace) is proof
    assert proof_of_not_found(None, said_at, capabilities, grace) is NOTHING


@pytest.mark.parametrize("code", [None, *FailureCode])
def test_our_own_faults_never_spend_the_retries_of_a_customer(code: FailureCode | None) -> None:
    ours = code is None or FAILURES[code].fault is Fault.OURS
    many = (an_attempt(UNSENT, code),) * 50
    assert resends_left(many, 3) == ours
    assert many[0].is_our_fault == ours
    assert not an_attempt(UNKNOWN, code).is_our_fault


def test_the_budget_is_the_first_try_and_so_many_more() -> None:
    tries = [an_attempt(UNSENT, FailureCode.RATE_LIMITED, number) for number in range(1, 6)]
    assert [resends_left(tries[:count], 3) for count in range(6)] == [True] * 4 + [False] * 2
    assert [resends_left(tries[:count], 0) for count in range(2)] == [True, False]
    assert not resends_left([an_attempt(None)] * 4, 3)


def test_an_open_attempt_is_settled_as_unknown() -> None:
    assert an_attempt(None).settled is UNKNOWN
    assert [an_attempt(kind).settled for kind in OutcomeKind] == list(OutcomeKind)
