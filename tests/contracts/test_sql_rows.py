"""What is written to a row is read back equal, and strange characters are replaced, not refused."""

from dataclasses import fields, replace
from datetime import UTC, datetime
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import create_engine, make_url

from adapters.sql.columns import Moment, Words
from adapters.sql.rows import (
    attempt_from_row,
    attempt_to_row,
    finding_from_text,
    finding_to_text,
    from_row,
    to_row,
)
from adapters.sql.tables import cash_outs
from domain.attempts import Attempt, OutcomeKind
from domain.cash_out import CashOut
from domain.evidence import Doorbell, News
from domain.failures import FailureCode
from domain.states import Status
from tests.strategies import AN_ID, a_cash_out, an_attempt, codes, moments, outcomes, statuses

SQLITE, POSTGRES = (
    make_url(url).get_dialect()() for url in ("sqlite+aiosqlite://", "postgresql+asyncpg://")
)

texts = st.none() | st.text(max_size=20)
amounts = st.none() | st.decimals(allow_nan=False, allow_infinity=False, places=2)
news = st.builds(
    News,
    st.text(max_size=20),
    st.none() | statuses,
    texts,
    texts,
    amounts,
    texts,
    texts,
    st.none() | codes,
    texts,
)
doorbells = st.builds(Doorbell, st.text(max_size=20), st.text(), st.none() | statuses, texts)


@given(news | doorbells)
def test_a_finding_survives_being_written_down(finding: News | Doorbell) -> None:
    found = finding_from_text(finding_to_text(finding))
    assert found == finding
    assert type(found) is type(finding)
    assert finding_to_text(finding).isascii()
    if isinstance(found, News):
        assert found.amount is None or isinstance(found.amount, Decimal)


@given(statuses, outcomes, st.none() | codes)
def test_an_attempt_and_its_cash_out_survive_being_rows(
    status: Status, outcome: OutcomeKind | None, code: FailureCode | None
) -> None:
    attempt = replace(an_attempt(outcome), code=code)
    assert attempt_from_row(attempt_to_row(AN_ID, attempt)) == attempt
    cash_out = a_cash_out(status=status, failure_code=code, attempts=(attempt,))
    assert from_row(to_row(cash_out), [attempt]) == cash_out


def test_every_column_is_written_and_every_field_has_its_columns() -> None:
    """A field that is added to the domain without a column breaks this."""
    row = to_row(a_cash_out())
    assert set(row) == set(cash_outs.columns.keys())
    in_columns_of_other_names = {"amount", "fee", "payee", "plan", "lease", "attempts", "case"}
    assert {field.name for field in fields(CashOut)} - in_columns_of_other_names <= set(row)
    attempt = attempt_to_row(AN_ID, an_attempt(None))
    assert {field.name for field in fields(Attempt)} | {"cash_out_id"} == set(attempt)


@given(moments, moments)
def test_moments_keep_their_microseconds_and_their_order(one: datetime, other: datetime) -> None:
    kind = Moment()
    for dialect in (SQLITE, POSTGRES):
        written, other_written = (kind.process_bind_param(m, dialect) for m in (one, other))
        assert kind.process_result_value(written, dialect) == one
        assert (written < other_written) == (one < other)
        assert kind.process_bind_param(None, dialect) is None
        assert kind.process_result_value(None, dialect) is None


def test_a_moment_is_stored_in_utc() -> None:
    east = datetime.fromisoformat("2026-11-23T12:00:00.000001+02:00")
    written = Moment().process_bind_param(east, POSTGRES)
    assert written == datetime(2026, 11, 23, 10, 0, 0, 1, tzinfo=UTC)
    assert written.tzinfo is UTC


anything = st.text(alphabet=st.characters(codec=None, categories=None))


@given(anything)
def test_any_text_can_be_stored(text: str) -> None:
    stored = Words().process_bind_param(text, SQLITE)
    assert stored is not None
    assert "\0" not in stored
    assert stored.encode() == stored.encode("utf-8", "surrogatepass")
    if "\0" not in text and not any("\ud800" <= each <= "\udfff" for each in text):
        assert stored == text
    engine = create_engine("sqlite://")
    with engine.connect() as connection:
        assert connection.exec_driver_sql("SELECT ?", (stored,)).scalar_one() == stored
    engine.dispose()
