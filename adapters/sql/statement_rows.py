"""Runs, lines and breaks as rows, and back."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from adapters.sql.rows import Row
from application.ports.statements import Effect, LineResult, StoredLine
from domain.breaks import Age, Break, BreakState
from domain.money import CURRENCIES, Money
from domain.payee import Msisdn
from domain.runs import Period, Phase, Progress, Run, RunState, Tally, Totals
from domain.statements import (
    Booked,
    BreakKind,
    LineKind,
    Match,
    Rule,
    StatementLine,
)
from domain.states import Status


class _StoredTotals(msgspec.Struct, frozen=True):
    """Totals in minor units."""

    currency: str
    matched: int
    broken: int
    missing_there: int
    fees: int


class _StoredProgress(msgspec.Struct, frozen=True):
    """How far a run is."""

    phase: Phase
    done: int
    total: int


class _StoredTally(msgspec.Struct, frozen=True, omit_defaults=True):
    """A tally as it is kept with its run; while it is under way, with how far that is."""

    matched: int
    broken: int
    malformed: int
    repeated: int
    left_out: int
    settled: int
    told: int
    missing_there: int
    unsettled: dict[Age, int]
    breaks: dict[BreakKind, int]
    open_breaks: int
    money: tuple[_StoredTotals, ...]
    progress: _StoredProgress | None = None


_TALLY = msgspec.json.Decoder(_StoredTally)


def run_to_row(run: Run) -> dict[str, object]:
    """Return the row that a run is kept as."""
    return {
        "id": run.id,
        "provider": run.provider,
        "file_digest": run.file_digest,
        "file_name": run.file_name,
        "started_at": run.started_at,
        "started_by": run.started_by,
        "state": run.state.value,
        "rehearsal": run.rehearsal,
        "since": run.period.since if run.period else None,
        "until": run.period.until if run.period else None,
        "times": run.times,
        "finished_at": run.finished_at,
        "detail": run.detail,
        "tally": _tally_to_text(run.tally, run.progress),
        "pruned": run.pruned,
    }


def run_from_row(row: Row) -> Run:
    """Return the run that a row keeps."""
    stored = _TALLY.decode(row["tally"])
    at = stored.progress
    return Run(
        id=row["id"],
        provider=row["provider"],
        file_digest=row["file_digest"],
        file_name=row["file_name"],
        started_at=row["started_at"],
        started_by=row["started_by"],
        state=RunState(row["state"]),
        rehearsal=bool(row["rehearsal"]),
        period=None if row["since"] is None else Period(row["since"], row["until"]),
        times=row["times"],
        finished_at=row["finished_at"],
        detail=row["detail"],
        tally=_tally(stored),
        progress=Progress(at.phase, at.done, at.total) if at else None,
        pruned=bool(row["pruned"]),
    )


def _tally_to_text(tally: Tally, progress: Progress | None) -> str:
    money = tuple(
        _StoredTotals(
            each.matched.currency.code,
            each.matched.minor,
            each.broken.minor,
            each.missing_there.minor,
            each.fees.minor,
        )
        for each in tally.money
    )
    stored = _StoredTally(
        matched=tally.matched,
        broken=tally.broken,
        malformed=tally.malformed,
        repeated=tally.repeated,
        left_out=tally.left_out,
        settled=tally.settled,
        told=tally.told,
        missing_there=tally.missing_there,
        unsettled=dict(tally.unsettled),
        breaks=dict(tally.breaks),
        open_breaks=tally.open_breaks,
        money=money,
        progress=_StoredProgress(progress.phase, progress.done, progress.total)
        if progress
        else None,
    )
    return msgspec.json.encode(stored).decode()


def _tally(stored: _StoredTally) -> Tally:
    fields = {name: getattr(stored, name) for name in stored.__struct_fields__}
    del fields["progress"]
    return Tally(**{**fields, "money": tuple(map(_totals, stored.money))})


def _totals(stored: _StoredTotals) -> Totals:
    of = CURRENCIES[stored.currency]
    sums = (stored.matched, stored.broken, stored.missing_there, stored.fees)
    return Totals(*(Money(minor, of) for minor in sums))


def line_to_row(run_id: UUID, line: StatementLine) -> dict[str, object]:
    """Return the row of a line that was not judged yet."""
    return {
        "run_id": run_id,
        "digest": line.digest,
        "number": line.number,
        "kind": line.kind.value,
        "turn": line.place.turn,
        "word": line.word,
        "status": line.status.value if line.status else None,
        "at": line.at,
        "currency": line.amount.currency.code,
        "amount_minor": line.amount.minor,
        "fee_minor": line.fee.minor if line.fee else None,
        "provider_transaction_id": line.provider_transaction_id,
        "reference": line.reference,
        "msisdn": line.msisdn,
        "raw": line.raw,
        "result": None,
        "rule": None,
        "cash_out_id": None,
        "effect": Effect.NONE.value,
    }


def line_from_row(row: Row) -> StatementLine:
    """Return the line that a row keeps."""
    of = CURRENCIES[row["currency"]]
    return StatementLine(
        number=row["number"],
        digest=row["digest"],
        kind=LineKind(row["kind"]),
        word=row["word"],
        status=Status(row["status"]) if row["status"] else None,
        at=row["at"],
        amount=Money(row["amount_minor"], of),
        fee=None if row["fee_minor"] is None else Money(row["fee_minor"], of),
        provider_transaction_id=row["provider_transaction_id"],
        reference=row["reference"],
        msisdn=row["msisdn"],
        raw=row["raw"],
    )


def stored_line(row: Row) -> StoredLine:
    """Return the line of a row with what became of it."""
    return StoredLine(
        line=line_from_row(row),
        result=LineResult(row["result"]) if row["result"] else None,
        rule=Rule(row["rule"]) if row["rule"] else None,
        cash_out_id=row["cash_out_id"],
        effect=Effect(row["effect"]),
    )


def booked_from_row(row: Row) -> Booked:
    """Return what our books say, from the columns in BOOKED."""
    return Booked(
        id=row["id"],
        reference=row["reference"],
        provider_transaction_id=row["provider_transaction_id"],
        msisdn=Msisdn(row["msisdn"], row["country"]),
        amount=Money(row["amount_minor"], CURRENCIES[row["currency"]]),
        status=Status(row["status"]),
        created_at=row["created_at"],
        completed_at=row["completed_at"],
    )


def match_from_row(row: Row, rule: Rule) -> Match:
    """Return the cash-out of a row as a match."""
    return Match(booked_from_row(row), rule)


def break_to_row(known: Break) -> dict[str, object]:
    """Return the row that a break is kept as."""
    here, there = known.here, known.there
    return {
        "id": known.id,
        "key": known.key,
        "provider": known.provider,
        "kind": known.kind.value,
        "run_id": known.run_id,
        "found_at": known.found_at,
        "at": known.at,
        "detail": known.detail,
        "digest": known.digest,
        "line": known.line,
        "cash_out_id": known.cash_out_id,
        "reference": known.reference,
        "provider_transaction_id": known.provider_transaction_id,
        "here_currency": here.currency.code if here else None,
        "here_minor": here.minor if here else None,
        "there_currency": there.currency.code if there else None,
        "there_minor": there.minor if there else None,
        "state": known.state.value,
        "changed_at": known.changed_at,
        "changed_by": known.changed_by,
        "note": known.note,
    }


def break_from_row(row: Row) -> Break:
    """Return the break that a row keeps."""
    plain: dict[str, Any] = {
        name: value
        for name, value in row.items()
        if not name.startswith(("here_", "there_")) and name not in {"kind", "state"}
    }
    return Break(
        **plain,
        kind=BreakKind(row["kind"]),
        state=BreakState(row["state"]),
        here=_money(row["here_currency"], row["here_minor"]),
        there=_money(row["there_currency"], row["there_minor"]),
    )


def _money(code: str | None, minor: int | None) -> Money | None:
    return None if code is None or minor is None else Money(minor, CURRENCIES[code])


def values_of(row: Mapping[str, object], names: tuple[str, ...]) -> list[object]:
    """Return a row's values in the order of the columns."""
    return [row[name] for name in names]


def edge_of(at: datetime, row_id: UUID) -> dict[str, object]:
    """Return the parameters of a page that begins behind this moment and id."""
    return {"edge_at": at, "edge_id": row_id}
