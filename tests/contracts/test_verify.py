"""Everything that is stored agrees with itself, and whatever was tampered with is named."""

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from adapters.sql.books import UNHURRIED, SqlBooks
from adapters.sql.database import Database, open_database
from application.ports.books import Span
from domain.cash_out import Action, Plan
from domain.limits import Counted
from domain.verification import FlawKind
from tests.contracts.books import (
    CANCELLED,
    FAILED,
    PAID,
    SENT,
    WAITING,
    begun,
    fill,
    rows_of,
    verified,
    write,
)
from tests.contracts.stores import Store, a_new, in_database, in_memory, put, some_new
from tests.strategies import NOW

pytestmark = pytest.mark.anyio


async def test_what_the_use_cases_store_agrees_with_itself(store: Store) -> None:
    await fill(store)
    report = await verified(store)
    assert report.tally.flaws == []
    assert report.is_clean
    assert (report.tally.cash_outs, report.tally.unsealed, report.log_entries) == (5, 0, 3)
    assert report.tally.pieces == 5 + 3 + 3 + 1 + 1
    assert len(report.root) == 64


async def test_an_empty_store_is_in_order(store: Store) -> None:
    report = await verified(store)
    assert (report.is_clean, report.tally.cash_outs) == (True, 0)


async def test_the_root_is_the_same_until_something_is_written(store: Store) -> None:
    await fill(store)
    first = await verified(store)
    assert (await verified(store)).root == first.root
    await put(store, [replace(some_new(6)[5])])
    assert (await verified(store)).root != first.root


@dataclass(frozen=True, slots=True)
class Tampering:
    """What somebody does to the database by hand, and the flaws that it must be named by."""

    name: str
    statements: tuple[str, ...]
    kinds: frozenset[FlawKind]
    subject: str = ""


def _of(number: int) -> str:
    return f"{{id:{number}}}"


def tampering(name: str, *statements: str, kinds: set[FlawKind], subject: str = "") -> Tampering:
    return Tampering(name, statements, frozenset(kinds), subject)


K = FlawKind
TAMPERINGS = [
    tampering(
        "an amount by one",
        "UPDATE cash_outs SET amount_minor = amount_minor + 1 WHERE id = {PAID}",
        kinds={K.FACTS_CHANGED, K.COUNTER},
        subject=str(PAID),
    ),
    tampering(
        "a fee by one",
        "UPDATE cash_outs SET fee_minor = fee_minor - 1 WHERE id = {PAID}",
        kinds={K.FACTS_CHANGED},
        subject=str(PAID),
    ),
    tampering(
        "another payee",
        "UPDATE cash_outs SET msisdn = '+2250700000000' WHERE id = {WAITING}",
        kinds={K.FACTS_CHANGED},
        subject=str(WAITING),
    ),
    tampering(
        "another name",
        "UPDATE cash_outs SET payee_name = 'Somebody' WHERE id = {WAITING}",
        kinds={K.FACTS_CHANGED},
        subject=str(WAITING),
    ),
    tampering(
        "a state set by hand",
        "UPDATE cash_outs SET status = 'completed', completed_at = created_at WHERE id = {SENT}",
        kinds={K.FACTS_CHANGED, K.STATE, K.ENDING_EVENT},
        subject=str(SENT),
    ),
    tampering(
        "an ending taken back",
        """UPDATE cash_outs SET status = 'processing', completed_at = NULL, failure_code = NULL,
        failure_reason = NULL WHERE id = {FAILED}""",
        kinds={K.FACTS_CHANGED, K.STATE, K.ENDING_EVENT, K.COUNTER, K.PLAN},
        subject=str(FAILED),
    ),
    tampering(
        "the plan taken off an open cash-out",
        "UPDATE cash_outs SET action = NULL, due_at = NULL WHERE id = {SENT}",
        kinds={K.PLAN},
        subject=str(SENT),
    ),
    tampering(
        "a plan put off for ever",
        "UPDATE cash_outs SET due_at = {NEVER} WHERE id = {WAITING}",
        kinds={K.PLAN},
        subject=str(WAITING),
    ),
    tampering(
        "a time given to a claim that nobody made",
        "UPDATE cash_outs SET claimed_at = {SOON} WHERE id = {SENT}",
        kinds={K.CLAIM},
        subject=str(SENT),
    ),
    tampering(
        "questions counted that nobody asked",
        "UPDATE cash_outs SET asked = 3 WHERE id = {SENT}",
        kinds={K.ASKED},
        subject=str(SENT),
    ),
    tampering(
        "a question dated that nobody asked",
        "UPDATE cash_outs SET asked_at = {SOON} WHERE id = {SENT}",
        kinds={K.ASKED},
        subject=str(SENT),
    ),
    tampering(
        "a denial that no provider gave",
        "UPDATE cash_outs SET not_found_at = {SOON} WHERE id = {SENT}",
        kinds={K.DENIED},
        subject=str(SENT),
    ),
    tampering(
        "a limit counter above its cap",
        "{UNCHECKED}",
        'UPDATE limit_counters SET cap_minor = used_minor - 1 WHERE length("window") = 7',
        kinds={K.COUNTER},
        subject="…/orange_money/XOF/2026-11",
    ),
    tampering(
        "the provider's id",
        "UPDATE cash_outs SET provider_transaction_id = 'MP-9' WHERE id = {PAID}",
        kinds={K.FACTS_CHANGED},
        subject=str(PAID),
    ),
    tampering(
        "a piece of evidence deleted from the middle",
        "DELETE FROM evidence WHERE cash_out_id = {PAID} AND sequence = 3",
        kinds={K.EVIDENCE_MISSING, K.ATTEMPT},
        subject=str(PAID),
    ),
    tampering(
        "the last piece of evidence deleted",
        "DELETE FROM evidence WHERE cash_out_id = {PAID} AND sequence = 4",
        kinds={K.EVIDENCE_MISSING, K.CHAIN_HEAD, K.STATE},
        subject=str(PAID),
    ),
    tampering(
        "the last piece deleted and not counted any more",
        "DELETE FROM evidence WHERE cash_out_id = {CANCELLED} AND sequence = 2",
        "UPDATE cash_outs SET pieces = 1 WHERE id = {CANCELLED}",
        kinds={K.CHAIN_HEAD, K.FACTS_CHANGED, K.STATE},
        subject=str(CANCELLED),
    ),
    tampering(
        "a word of the evidence edited",
        "UPDATE evidence SET word = 'FAILED' WHERE cash_out_id = {PAID} AND sequence = 4",
        kinds={K.EVIDENCE_CHANGED},
        subject=str(PAID),
    ),
    tampering(
        "a time of the evidence edited",
        "UPDATE evidence SET at = {SOON} WHERE cash_out_id = {PAID} AND sequence = 2",
        kinds={K.EVIDENCE_CHANGED},
        subject=str(PAID),
    ),
    tampering(
        "a raw body edited",
        "UPDATE evidence SET raw = {BYTES} WHERE cash_out_id = {PAID} AND sequence = 4",
        kinds={K.RAW_CHANGED},
        subject=str(PAID),
    ),
    tampering(
        "a raw body emptied",
        "UPDATE evidence SET raw = {NOTHING} WHERE cash_out_id = {PAID} AND sequence = 4",
        kinds={K.RAW_CHANGED},
        subject=str(PAID),
    ),
    tampering(
        "a kept webhook emptied",
        "UPDATE inbox SET raw = {NOTHING}",
        kinds={K.DELIVERY_CHANGED},
    ),
    tampering(
        "the links taken off a piece",
        "UPDATE evidence SET seal = NULL, hash = NULL WHERE cash_out_id = {PAID} AND sequence = 4",
        kinds={K.UNSEALED, K.CHAIN_HEAD},
        subject=str(PAID),
    ),
    tampering(
        "a limit counter by one",
        'UPDATE limit_counters SET used_minor = used_minor - 1 WHERE length("window") = 7',
        kinds={K.COUNTER},
        subject="…/orange_money/XOF/2026-11",
    ),
    tampering(
        "a limit counter deleted",
        'DELETE FROM limit_counters WHERE length("window") = 10',
        kinds={K.COUNTER},
        subject="…/orange_money/XOF/2026-11-23",
    ),
    tampering(
        "the newest row of the outbox deleted",
        "DELETE FROM outbox WHERE cash_out_id = {PAID} AND sequence = 3",
        kinds={K.EVENT_MISSING},
        subject=str(PAID),
    ),
    tampering(
        "a row in the middle of the outbox deleted",
        "DELETE FROM outbox WHERE cash_out_id = {PAID} AND sequence = 2",
        kinds={K.EVENT_MISSING},
        subject=str(PAID),
    ),
    tampering(
        "what an event says edited",
        """UPDATE outbox SET body = replace(body, 'XOF', 'XAF')
        WHERE cash_out_id = {PAID} AND sequence = 1""",
        kinds={K.EVENT_CHANGED},
        subject=str(PAID),
    ),
    tampering(
        "an event of another type",
        "UPDATE outbox SET type = 'cash_out.failed' WHERE cash_out_id = {PAID} AND sequence = 3",
        kinds={K.EVENT_CHANGED, K.ENDING_EVENT},
        subject=str(PAID),
    ),
    tampering(
        "an event of nobody's",
        "UPDATE outbox SET cash_out_id = {NOBODY} WHERE cash_out_id = {WAITING}",
        kinds={K.EVENT_MISSING, K.STRAY_EVENT},
    ),
    tampering(
        "an attempt's outcome swapped",
        "UPDATE attempts SET outcome = 'unsent' WHERE cash_out_id = {SENT}",
        kinds={K.ATTEMPT, K.FACTS_CHANGED},
        subject=str(SENT),
    ),
    tampering(
        "an attempt deleted",
        "DELETE FROM attempts WHERE cash_out_id = {SENT}",
        kinds={K.ATTEMPT, K.FACTS_CHANGED},
        subject=str(SENT),
    ),
    tampering(
        "an idempotency key given to another user",
        "UPDATE idempotency_keys SET user_id = 'another-user' WHERE cash_out_id = {PAID}",
        kinds={K.FOREIGN_KEY},
        subject="…user/…ne-1",
    ),
    tampering(
        "a kept webhook edited",
        "UPDATE inbox SET raw = {BYTES}",
        kinds={K.DELIVERY_CHANGED},
    ),
    tampering(
        "an entry of the operators' log edited",
        "UPDATE operators_log SET operator = 'kofi' WHERE sequence = 2",
        kinds={K.LOG_CHANGED},
        subject="entry 2",
    ),
    tampering(
        "an entry of the operators' log removed",
        "DELETE FROM operators_log WHERE sequence = 2",
        kinds={K.LOG_MISSING},
        subject="entry 2",
    ),
    tampering(
        "a state that nobody knows",
        "UPDATE cash_outs SET failure_code = 'NOT_A_CODE' WHERE id = {FAILED}",
        kinds={K.UNREADABLE},
        subject=str(FAILED),
    ),
]


_UNCHECKED = {
    "postgresql": "ALTER TABLE limit_counters DROP CONSTRAINT ck_limit_counters_within_cap",
    "sqlite": "PRAGMA ignore_check_constraints = ON",
}


def _said(statement: str, *, postgres: bool) -> str:
    ids = {"PAID": PAID, "SENT": SENT, "WAITING": WAITING, "CANCELLED": CANCELLED}
    ids |= {"FAILED": FAILED, "NOBODY": FAILED.__class__(int=99)}
    written = {name: f"'{each}'" if postgres else f"'{each.hex}'" for name, each in ids.items()}
    micros = int(NOW.timestamp()) * 1_000_000 + 5
    soon = f"to_timestamp({micros} / 1000000.0)" if postgres else str(micros)
    never = "'2099-01-01 00:00:00Z'" if postgres else str(4_070_908_800 * 1_000_000)
    unchecked = _UNCHECKED["postgresql" if postgres else "sqlite"]
    raw = "decode('00ff', 'hex')" if postgres else "x'00ff'"
    nothing = "''::bytea" if postgres else "x''"
    times = {"SOON": soon, "NEVER": never, "UNCHECKED": unchecked}
    return statement.format(**written, **times, BYTES=raw, NOTHING=nothing)


async def tamper(database: Database, statements: tuple[str, ...]) -> None:
    """Do it as somebody would who owns the database: with every guard off."""
    async with database.engine.connect() as connection:
        postgres = database.is_postgres
        if postgres:
            await connection.execute(text("SET session_replication_role = replica"))
        else:
            named = text("SELECT name FROM sqlite_master WHERE type = 'trigger'")
            for name in (await connection.execute(named)).scalars().all():
                await connection.execute(text(f"DROP TRIGGER {name}"))
            await connection.commit()
            await connection.exec_driver_sql("PRAGMA foreign_keys = OFF")
        for statement in statements:
            await connection.execute(text(_said(statement, postgres=postgres)))
        await connection.commit()
        if postgres:
            await connection.execute(text("SET session_replication_role = DEFAULT"))
            await connection.commit()


@pytest.mark.parametrize("how", TAMPERINGS, ids=lambda how: how.name)
async def test_what_was_tampered_with_is_found_and_named(url: str, how: Tampering) -> None:
    store = in_database("any", url)
    assert store.database is not None
    await fill(store)
    assert (await verified(store)).is_clean
    await tamper(store.database, how.statements)
    report = await verified(store)
    await store.database.close()
    assert {flaw.kind for flaw in report.tally.flaws} == how.kinds
    assert not report.is_clean
    if how.subject:
        assert how.subject in {flaw.subject for flaw in report.tally.flaws}


IN_MEMORY: dict[str, tuple[dict[str, Any], set[FlawKind]]] = {
    "no plan": ({"plan": None}, {K.PLAN}),
    "a plan for ever": ({"plan": Plan(Action.ASK, NOW + timedelta(days=9_000))}, {K.PLAN}),
    "a claim's time": ({"claimed_at": NOW}, {K.CLAIM}),
    "questions": ({"asked": 3}, {K.ASKED}),
    "a question's time": ({"asked_at": NOW}, {K.ASKED}),
    "a denial": ({"not_found_at": NOW}, {K.DENIED}),
}


@pytest.mark.parametrize(("fields", "kinds"), IN_MEMORY.values(), ids=IN_MEMORY)
async def test_what_was_tampered_with_in_memory_is_found_and_named(
    fields: dict[str, Any], kinds: set[FlawKind]
) -> None:
    store = in_memory()
    await fill(store)
    rows = rows_of(store)
    rows.cash_outs[SENT] = replace(rows.cash_outs[SENT], **fields)
    flaws = (await verified(store)).tally.flaws
    assert {(flaw.kind, flaw.subject) for flaw in flaws} == {(kind, str(SENT)) for kind in kinds}


async def test_a_counter_in_memory_that_is_above_its_cap_is_named() -> None:
    store = in_memory()
    await fill(store)
    rows = rows_of(store)
    slot = max(rows.counters)
    used = rows.counters[slot].used
    rows.counters[slot] = Counted(used, used - 1)
    (flaw,) = (await verified(store)).tally.flaws
    assert (flaw.kind, flaw.found) == (FlawKind.COUNTER, str(used))
    assert flaw.expected == f"{used} within a cap of {used - 1}"


async def test_what_is_written_meanwhile_is_not_seen_half(url: str) -> None:
    """A snapshot is of one moment, and nobody waits for who reads it."""
    store = in_database("any", url)
    assert store.database is not None
    await fill(store)
    reading = open_database(url, UNHURRIED)
    async with SqlBooks(reading).open() as snapshot:
        before = await snapshot.spans(10)
        await put(store, [some_new(9)[8]])
        assert await snapshot.spans(10) == before
        (span,) = before
        shelf = await snapshot.shelf(Span(span.first, UUID(int=2**128 - 1), 6))
        assert len(shelf.folders) == 5
    assert (await verified(store)).tally.cash_outs == 6
    await reading.close()
    await store.database.close()


async def test_older_cash_outs_are_unsealed_and_no_flaw_until_something_newer_is(
    url: str,
) -> None:
    store = in_database("any", url)
    assert store.database is not None
    await fill(store)
    off = "UPDATE evidence SET seal = NULL, hash = NULL, entered = NULL, told = NULL, events = NULL"
    await tamper(store.database, (off, "UPDATE cash_outs SET chain = NULL"))
    report = await verified(store)
    assert (report.is_clean, report.tally.unsealed) == (True, 5)
    later = {"created_at": NOW - timedelta(days=1), "updated_at": NOW - timedelta(days=1)}
    await put(store, [a_new(20, **later)])
    kinds = {flaw.kind for flaw in (await verified(store)).tally.flaws}
    await store.database.close()
    assert kinds == {FlawKind.UNSEALED, FlawKind.COUNTER}


async def test_a_chain_that_begins_late_is_checked_from_there(url: str) -> None:
    store = in_database("any", url)
    assert store.database is not None
    await fill(store)
    first = "UPDATE evidence SET seal = NULL, hash = NULL, entered = NULL, told = NULL"
    await tamper(store.database, (f"{first}, events = NULL", "UPDATE cash_outs SET chain = NULL"))
    async with store.units.begin() as unit:
        waiting = (await unit.cash_outs.lock([WAITING]))[WAITING]
    await write(store, begun(waiting))
    report = await verified(store)
    await store.database.close()
    assert (report.is_clean, report.tally.unsealed) == (True, 4)
