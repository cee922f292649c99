"""The database refuses what the code would never do: by constraints and triggers, on both."""

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import Executable, delete, insert, update
from sqlalchemy.exc import DBAPIError, IntegrityError, StatementError

from adapters.sql.database import Database, open_database
from adapters.sql.rows import attempt_to_row, evidence_to_row, to_row
from adapters.sql.tables import attempts, cash_outs, evidence, idempotency_keys
from domain.attempts import Attempt
from domain.evidence import Evidence, Source
from domain.states import TRANSITIONS, Status, Verdict
from tests.contracts.stores import a_new, moved
from tests.strategies import NOW

pytestmark = pytest.mark.anyio

KEPT = a_new(1).after
ENDED = {Status.COMPLETED, Status.FAILED, Status.CANCELLED}


@pytest.fixture
async def database(url: str) -> AsyncIterator[Database]:
    """A database with one cash-out, one attempt and one piece of evidence in it."""
    opened = open_database(url)
    async with opened.engine.begin() as connection:
        await connection.execute(insert(cash_outs), to_row(KEPT))
        await connection.execute(insert(attempts), attempt_to_row(KEPT.id, Attempt(1, "R", NOW)))
        piece = Evidence(KEPT.id, 1, Source.SUBMIT, NOW, Verdict.NOTED, "Outcome")
        await connection.execute(insert(evidence), evidence_to_row(piece))
    yield opened
    await opened.close()


async def execute(database: Database, statement: Executable) -> None:
    async with database.engine.begin() as connection:
        await connection.execute(statement)


@pytest.mark.parametrize("now", Status)
@pytest.mark.parametrize("later", Status)
async def test_only_the_transitions_of_the_table_are_let_through(
    url: str, now: Status, later: Status
) -> None:
    kept = KEPT if now is Status.PENDING else moved(KEPT, now).after
    change = update(cash_outs).values(
        status=later,
        completed_at=NOW if later in ENDED else None,
        failure_code="UNSPECIFIED",
    )
    opened = open_database(url)
    try:
        await execute(opened, insert(cash_outs).values(to_row(kept)))
        if later is now or later in TRANSITIONS[now]:
            await execute(opened, change)
        else:
            with pytest.raises(IntegrityError, match="may not become"):
                await execute(opened, change)
    finally:
        await opened.close()


async def test_evidence_is_neither_changed_nor_deleted(database: Database) -> None:
    for statement in (update(evidence).values(word="else"), delete(evidence)):
        with pytest.raises(DBAPIError, match="only ever added"):
            await execute(database, statement)


@pytest.mark.parametrize(
    "values",
    [
        {"status": "reversed"},
        {"status": "completed"},
        {"completed_at": NOW},
        {"status": "failed", "completed_at": NOW},
        {"amount_minor": 0},
        {"amount_minor": -5},
        {"fee_minor": -1},
        {"currency": "XO"},
        {"country": "CIV"},
        {"action": "dance"},
        {"action": None},
        {"due_at": None},
        {"lease_token": UUID(int=1)},
        {"lease_until": NOW},
        {"claim": "reversed"},
        {"review": "boredom"},
        {"version": 0},
        {"events": -1},
        {"user_id": None},
        {"reference": None},
    ],
    ids=str,
)
async def test_a_cash_out_that_contradicts_itself_is_refused(
    database: Database, values: dict[str, Any]
) -> None:
    row = {**to_row(a_new(2).after), **values}
    with pytest.raises(DBAPIError):
        await execute(database, insert(cash_outs).values(row))


@pytest.mark.parametrize(
    "statement",
    [
        update(attempts).values(outcome="lost", ended_at=NOW),
        update(attempts).values(outcome="unsent"),
        update(attempts).values(number=0),
        insert(attempts).values(attempt_to_row(UUID(int=99), Attempt(1, "R", NOW))),
        insert(idempotency_keys).values(user_id="u", key="k", cash_out_id=UUID(int=99)),
        insert(evidence).values(
            evidence_to_row(
                Evidence(KEPT.id, 2, Source.SUBMIT, NOW, Verdict.NOTED, "x", raw=bytes(16_385))
            )
        ),
    ],
    ids=["outcome", "ended", "number", "attempt of nobody", "key of nobody", "raw"],
)
async def test_what_belongs_to_a_cash_out_is_checked_too(
    database: Database, statement: Executable
) -> None:
    with pytest.raises(IntegrityError):
        await execute(database, statement)


async def test_a_moment_without_a_zone_is_refused(database: Database) -> None:
    naive = datetime(2026, 11, 23)  # noqa: DTZ001 -- what is refused
    with pytest.raises(StatementError, match="without a zone"):
        await execute(database, update(cash_outs).values(updated_at=naive))
