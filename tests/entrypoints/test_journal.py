"""The journal: a line per change, an alarm where somebody must act, nothing personal in either."""

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from adapters.journal import StructuredJournal
from application.ports import Conflict, Overloaded, StorageUnavailable
from domain.attempts import OutcomeKind
from domain.cash_out import CashOut, Change, accept, cancel
from domain.evidence import News, Outcome, Overdue, Source
from domain.failures import FailureCode
from domain.payee import COUNTRIES, Msisdn, Payee
from domain.record import Report, record
from domain.states import Status
from entrypoints.logs import Masks
from tests.strategies import (
    ABIDJAN,
    NOW,
    POLICY,
    PROVES,
    a_cash_out,
    answered,
    being_sent,
    echoes,
    statuses,
)

Line = dict[str, Any]


def told(*changes: Change) -> list[Line]:
    """Return the lines that the journal writes about changes, masked as all lines are."""
    with capture_logs(processors=[Masks()]) as lines:
        StructuredJournal().changed(changes)
    return [dict(line) for line in lines]


def events(lines: Sequence[Line], level: str | None = None) -> list[str]:
    return [each["event"] for each in lines if level in {None, each["log_level"]}]


def heard(cash_out: CashOut, report: Report) -> Change:
    """Return what news make of a cash-out."""
    return record(cash_out, report, PROVES, POLICY, NOW)


def by_webhook(word: str, status: Status | None, **fields: Any) -> Report:  # noqa: ANN401 -- handed on
    return Report(Source.WEBHOOK, News(word, status, "OM-1", **fields))


def test_a_new_cash_out_is_one_line_with_its_amount_and_a_masked_payee() -> None:
    (line,) = told(accept(a_cash_out(plan=None, events=0)))
    assert line["event"] == "cash_out_pending"
    assert line["amount"] == "1500 XOF"
    assert line["payee"] == "+225*******789"
    assert (line["reference"], line["provider"]) == (a_cash_out().reference, "orange_money")
    assert line["cash_out_id"] == a_cash_out().id


def test_every_line_is_bound_to_request_attempt_and_trace() -> None:
    trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    taken = accept(a_cash_out(plan=None, events=0, trace=trace), "the-request")
    (line,) = told(taken)
    assert line["request_id"] == "the-request"
    assert line["trace_id"] == trace[3:35]
    begun = Change(a_cash_out(trace=trace), being_sent(a_cash_out(trace=trace)))
    (line,) = told(begun)
    assert (line["event"], line["attempt"], line["trace_id"]) == (
        "cash_out_processing",
        1,
        trace[3:35],
    )
    heard_of = replace(heard(begun.after, by_webhook("SUCCESSFUL", Status.COMPLETED)), cause="w-1")
    assert {line["request_id"] for line in told(heard_of)} == {"w-1"}


def test_a_reference_of_ours_is_shown_and_one_of_a_client_without_numbers() -> None:
    ours = a_cash_out(plan=None, events=0, reference="CASH-20261123-0001")
    theirs = replace(ours, reference="PAY-2250700000789", reference_given=True)
    assert [line["reference"] for line in told(accept(ours), accept(theirs))] == [
        "CASH-20261123-0001",
        "PAY-***789",
    ]


def test_each_change_of_state_is_one_line() -> None:
    sent = being_sent()
    accepted = heard(sent, answered())
    paid = heard(accepted.after, by_webhook("SUCCESSFUL", Status.COMPLETED))
    first = Change(a_cash_out(), sent)
    assert events(told(first)) == ["cash_out_processing"]
    assert events(told(accepted)) == ["attempt_ended"]
    assert events(told(paid)) == ["cash_out_completed"]
    assert events(told(first, accepted, paid)) == [
        "cash_out_processing",
        "attempt_ended",
        "cash_out_completed",
    ]


def test_a_failure_says_its_code() -> None:
    change = heard(being_sent(), answered(OutcomeKind.REFUSED, FailureCode.RECIPIENT_NOT_FOUND))
    lines = told(change)
    assert events(lines) == ["cash_out_failed", "attempt_ended"]
    assert {line["code"] for line in lines} == {"RECIPIENT_NOT_FOUND"}
    assert events(lines, "error") == []


def test_a_withdrawal_is_a_line() -> None:
    assert events(told(cancel(a_cash_out(), NOW))) == ["cash_out_cancelled"]


def test_news_that_change_nothing_are_no_line() -> None:
    paid = heard(being_sent(), by_webhook("SUCCESSFUL", Status.COMPLETED)).after
    assert told(heard(paid, by_webhook("SUCCESSFUL", Status.COMPLETED))) == []


@pytest.mark.parametrize(
    ("code", "alarm"),
    [
        (FailureCode.FLOAT_INSUFFICIENT, "float_is_empty"),
        (FailureCode.PARTNER_LIMIT_REACHED, "partner_limit_is_reached"),
        (FailureCode.PROVIDER_AUTH, "provider_refuses_our_credentials"),
        (FailureCode.PROVIDER_MISCONFIGURED, "provider_is_misconfigured"),
    ],
)
def test_what_somebody_must_act_on_is_an_alarm(code: FailureCode, alarm: str) -> None:
    lines = told(heard(being_sent(), answered(OutcomeKind.UNSENT, code)))
    assert events(lines) == ["attempt_ended", alarm]
    assert events(lines, "error") == [alarm]


@pytest.mark.parametrize("code", [FailureCode.RATE_LIMITED, FailureCode.PROVIDER_UNAVAILABLE])
def test_what_passes_by_itself_is_no_alarm(code: FailureCode) -> None:
    lines = told(heard(being_sent(), answered(OutcomeKind.UNSENT, code)))
    assert events(lines, "error") == []


def test_an_empty_float_that_fails_a_cash_out_rings_no_alarm_of_refusals() -> None:
    """The provider's final word on one order says nothing about the next."""
    change = heard(being_sent(), answered(OutcomeKind.REFUSED, FailureCode.FLOAT_INSUFFICIENT))
    assert "float_is_empty" not in events(told(change))


def test_a_human_is_called_once() -> None:
    paid = heard(being_sent(), by_webhook("SUCCESSFUL", Status.COMPLETED)).after
    first = heard(paid, by_webhook("FAILED", Status.FAILED))
    again = heard(first.after, by_webhook("FAILED", Status.FAILED))
    assert events(told(first), "error") == ["review_needed"]
    assert events(told(again), "error") == []


def test_an_unknown_word_of_a_provider_is_told_as_it_is() -> None:
    (line,) = told(heard(being_sent(), by_webhook("EN_ATTENTE", None)))
    assert (line["event"], line["log_level"]) == ("provider_word_is_unknown", "error")
    assert line["words"] == ["EN_ATTENTE"]


def test_a_cash_out_that_is_open_for_too_long_is_an_error() -> None:
    old = replace(being_sent(), created_at=NOW - POLICY.review_after)
    lines = told(heard(old, Report(Source.CLOCK, Overdue())))
    assert events(lines, "error") == ["review_needed"]


@pytest.mark.parametrize("fault", [Conflict("x"), Overloaded(), StorageUnavailable("x")])
def test_a_fault_of_the_store_is_one_warning_by_its_kind(fault: Exception) -> None:
    with capture_logs() as lines:
        StructuredJournal().fault("submit", fault)
    assert [dict(line) for line in lines] == [
        {
            "event": "work_delayed",
            "log_level": "warning",
            "where": "submit",
            "fault": type(fault).__name__,
        }
    ]


def test_a_bug_is_an_error_with_its_traceback() -> None:
    bug = KeyError("a bug")
    with capture_logs() as lines:
        StructuredJournal().fault("ask", bug)
    (line,) = lines
    assert (line["event"], line["log_level"], line["exc_info"]) == ("bug", "error", bug)


# --- nothing personal -----------------------------------------------------------------------------

names = st.text(st.characters(categories=("L", "M", "N", "P", "Zs")), min_size=4, max_size=100)
numbers = st.sampled_from(sorted(COUNTRIES.values(), key=lambda each: each.iso)).flatmap(
    lambda country: st.text("0123456789", min_size=7, max_size=10).map(
        lambda digits: Msisdn(f"+{country.calling_code}{digits}", country.iso)
    )
)


@given(
    name=names.map("⟦{}⟧".format),
    number=numbers,
    status=statuses,
    kind=st.sampled_from(OutcomeKind),
    code=st.sampled_from(FailureCode),
    news=st.one_of(st.none(), *(echoes(status) for status in (None, *Status))),
)
def test_neither_name_nor_number_is_ever_in_a_line(
    name: str,
    number: Msisdn,
    status: Status,
    kind: OutcomeKind,
    code: FailureCode,
    news: News | None,
) -> None:
    """Whoever is paid, however it goes: nothing that a provider echoes gets in either."""
    new = a_cash_out(payee=Payee(number, name), plan=None, events=0)
    changes = [accept(new)]
    sent = being_sent(changes[-1].after)
    changes.append(Change(changes[-1].after, sent))
    outcome = replace(Outcome(kind, code), detail=f"{name} {number.e164}")
    told_back = News(str(status), status, "OM-1", payee=number.e164, reason=f"{name}: refused")
    reports = [
        Report(Source.SUBMIT, outcome, attempt=1, lease=sent.lease.token if sent.lease else None),
        Report(Source.WEBHOOK, told_back),
        Report(Source.STATUS_QUERY, news or replace(told_back, payee=ABIDJAN.e164)),
        Report(Source.CLOCK, Overdue()),
    ]
    for report in reports:
        changes.append(heard(changes[-1].after, report))
    written = json.dumps(told(*changes), default=str, ensure_ascii=False)
    assert name not in written
    assert number.e164 not in written
    assert number.e164[1:] not in written
