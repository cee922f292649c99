"""Any order and any duplication of a provider's news ends the same, with the same ending told."""

from dataclasses import replace
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from domain.attempts import Capabilities, OutcomeKind
from domain.cash_out import CashOut, Change
from domain.events import EventType
from domain.evidence import Doorbell, Finding, News, NoAnswer, NotFound, Source
from domain.record import Report, record
from domain.states import ENDINGS, RANK, Status, Verdict
from tests.strategies import (
    BLIND,
    CAREFUL,
    DOORBELLS,
    NOW,
    OTHER_TOKEN,
    POLICY,
    PROVES,
    REFERENCE,
    TOKEN,
    a_lease,
    answered,
    being_sent,
    codes,
    echoes,
    statuses,
)

ENDING_EVENTS = {EventType.COMPLETED, EventType.FAILED, EventType.CANCELLED}
endings = st.sampled_from(sorted(ENDINGS))
capabilities = st.sampled_from([PROVES, DOORBELLS, CAREFUL, BLIND])


def by_webhook(finding: Finding) -> Report:
    return Report(Source.WEBHOOK, finding)


def told(cash_out: CashOut, reports: list[Report]) -> list[Change]:
    """Return the changes that these reports make, one second apart."""
    changes: list[Change] = []
    for seconds, report in enumerate(reports, start=1):
        change = record(cash_out, report, PROVES, POLICY, NOW + timedelta(seconds=seconds))
        changes.append(change)
        cash_out = change.after
    return changes


@st.composite
def stories(draw: st.DrawFn) -> tuple[Status, list[Report], list[Report]]:
    """Return an ending and two tellings of it: the same news, shuffled and repeated at will."""
    ending = draw(endings)
    news: list[News] = draw(st.lists(echoes(Status.PROCESSING), max_size=3))
    news += [draw(echoes(ending))]
    reports = [*map(by_webhook, news), answered(OutcomeKind.ACCEPTED, news=draw(echoes(ending)))]
    one = draw(st.permutations(reports))
    two = draw(st.permutations([*reports, *draw(st.lists(st.sampled_from(reports)))]))
    return ending, one, two


@given(story=stories())
def test_any_order_and_duplication_gives_the_same_state_and_the_same_ending_event(
    story: tuple[Status, list[Report], list[Report]],
) -> None:
    ending, *tellings = story
    for telling in tellings:
        changes = told(being_sent(), telling)
        assert changes[-1].after.status is ending
        said = [each.type for change in changes for each in change.events]
        assert [each for each in said if each in ENDING_EVENTS] == [f"cash_out.{ending}"]
        assert EventType.CONTRADICTED not in said
        assert sum(change.frees for change in changes) == (ending is not Status.COMPLETED)


@given(first=endings, later=st.lists(statuses, max_size=12))
def test_an_ending_never_changes_and_its_contradiction_is_told_once(
    first: Status, later: list[Status]
) -> None:
    reports = [by_webhook(News(each, each)) for each in (first, *later)]
    changes = told(being_sent(), reports)
    assert {change.after.status for change in changes} == {first}
    said = [each.type for change in changes for each in change.events]
    contradicted = any(each in ENDINGS and each is not first for each in later)
    assert said.count(EventType.CONTRADICTED) == contradicted
    assert said.count(EventType.NEEDS_REVIEW) == contradicted
    assert changes[-1].after.needs_review == contradicted
    verdicts = [change.verdict for change in changes[1:]]
    assert verdicts == [
        Verdict.CONTRADICTION if each in ENDINGS and each is not first else Verdict.STALE
        for each in later
    ]


findings: st.SearchStrategy[Finding] = st.one_of(
    st.one_of(st.none(), statuses).flatmap(echoes),
    st.just(NotFound()),
    st.builds(NoAnswer, st.just("silent"), st.one_of(st.none(), st.integers(0, 400))),
    st.builds(Doorbell, st.just(REFERENCE), st.text(max_size=8), st.one_of(st.none(), statuses)),
)
reports: st.SearchStrategy[Report] = st.one_of(
    st.builds(
        answered,
        st.sampled_from(OutcomeKind),
        st.one_of(st.none(), codes),
        attempt=st.integers(1, 2),
        lease=st.sampled_from([TOKEN, None]),
    ),
    st.builds(
        Report,
        st.sampled_from([Source.WEBHOOK, Source.STATUS_QUERY]),
        findings,
        lease=st.sampled_from([TOKEN, None]),
        id_taken=st.booleans(),
        permille=st.integers(-1_000, 1_000),
    ),
)


@given(steps=st.lists(st.tuples(reports, st.booleans()), max_size=12), can=capabilities)
def test_whatever_comes_in_an_open_cash_out_stays_planned_and_only_moves_up(
    steps: list[tuple[Report, bool]], can: Capabilities
) -> None:
    cash_out, now = being_sent(), NOW
    for report, leased in steps:
        now += timedelta(minutes=7)
        if leased and cash_out.lease is None:
            cash_out = being_sent(cash_out, now) if not cash_out.ended else cash_out
        change = record(cash_out, report, can, POLICY, now)
        after = change.after
        assert RANK[after.status] >= RANK[cash_out.status]
        assert not cash_out.ended or after.status is cash_out.status
        assert after.ended or after.plan is not None, "nothing open is ever forgotten"
        assert len(change.evidence) == 1
        assert [each.sequence for each in change.events] == list(
            range(cash_out.events + 1, after.events + 1)
        )
        assert (after.completed_at is not None) == after.ended
        cash_out = after


@given(claims=st.lists(st.one_of(st.none(), statuses)), leased=st.booleans(), ended=st.booleans())
def test_doorbells_never_move_state(
    claims: list[Status | None], *, leased: bool, ended: bool
) -> None:
    cash_out = being_sent()
    if ended:
        cash_out = record(cash_out, answered(OutcomeKind.REFUSED), DOORBELLS, POLICY, NOW).after
    cash_out = cash_out if leased else record(cash_out, answered(), DOORBELLS, POLICY, NOW).after
    before = cash_out.status
    for claim in claims:
        for report in (
            by_webhook(Doorbell(REFERENCE, str(claim), claim)),
            # The same from a gateway that takes its provider's webhooks for proof.
            by_webhook(News(str(claim), claim, provider_transaction_id="FORGED")),
        ):
            change = record(cash_out, report, DOORBELLS, POLICY, NOW)
            assert not change.events
            assert change.verdict is Verdict.NOTED
            assert change.evidence[0].kind == "Doorbell"
            cash_out = change.after
    assert cash_out.status is before
    assert cash_out.provider_transaction_id is None


@given(kind=st.sampled_from(OutcomeKind), finding=findings)
def test_a_lapsed_lease_neither_plans_nor_closes(kind: OutcomeKind, finding: Finding) -> None:
    held = replace(being_sent(), lease=a_lease(OTHER_TOKEN))
    asking = Report(Source.STATUS_QUERY, finding, lease=TOKEN)
    for report in (answered(kind), asking):
        after = record(held, report, PROVES, POLICY, NOW + timedelta(hours=1)).after
        assert after.attempts == held.attempts
        assert after.not_found_at is None
        if not after.ended:
            assert after.lease == held.lease
            assert isinstance(report.finding, Doorbell) or after.plan == held.plan
