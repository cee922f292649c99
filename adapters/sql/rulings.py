"""Proposals and the review queue in SQL."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from adapters.sql import review_statements as sql
from adapters.sql.database import Database
from adapters.sql.inbox import delivery_of
from adapters.sql.read_model import collected
from adapters.sql.rows import Row
from adapters.sql.session import Session, reading
from application.ports import (
    MOST_COUNTED,
    MOST_PROPOSALS,
    Delivery,
    Dismissal,
    KeptDelivery,
    OpenReview,
    QueueFilter,
    QueuePlace,
    ReviewSum,
)
from domain.evidence import Proof, ProofKind, Resolution, ReviewReason
from domain.money import CURRENCIES, Money
from domain.rulings import Proposal, ProposalState


class SqlRulings:
    """Implements `Rulings`."""

    def __init__(self, session: Session) -> None:
        self._session = session

    async def add(self, proposal: Proposal) -> None:
        """Store a new proposal; raise Conflict when one waits for its cash-out already."""
        await self._session.write(sql.NEW, [_to_row(proposal)])

    async def get(self, proposal_id: UUID) -> Proposal | None:
        """Return one, or None."""
        return _first(await self._session.rows(sql.one(), {"this": proposal_id}))

    async def open_of(self, cash_out_id: UUID) -> Proposal | None:
        """Return the proposal that waits for this cash-out, or None."""
        return _first(await self._session.rows(sql.waiting_of(), {"this": cash_out_id}))

    async def decide(self, proposal: Proposal) -> None:
        """Store what became of a proposal; raise Conflict when it does not wait any more."""
        given = (
            proposal.id,
            proposal.state,
            proposal.decided_by,
            proposal.decided_at,
            proposal.decided_why,
            proposal.four_eyes,
        )
        statement = sql.decide(self._session.dialect)
        if await self._session.run_for(statement, sql.DECISIONS, [given]) != 1:
            raise self._session.conflict("a proposal was decided meanwhile")

    async def delivery(self, delivery_id: UUID) -> KeptDelivery | None:
        """Return a stored webhook, or None."""
        rows = await self._session.rows(sql.delivery(), {"this": delivery_id})
        return _kept(rows[0]) if rows else None

    async def judged(self, cash_out_id: UUID, digest: str) -> bool:
        """Tell whether a webhook with this body was judged for a cash-out."""
        given = {"this": cash_out_id, "digest": digest}
        return bool(await self._session.rows(sql.judged(), given))

    async def dismiss(self, dismissal: Dismissal) -> None:
        """Put a webhook aside; does nothing when that was done before."""
        row = {
            "delivery_id": dismissal.delivery_id,
            "at": dismissal.at,
            "operator": dismissal.operator,
            "reason": dismissal.reason,
        }
        await self._session.write(sql.NEW_DISMISSALS, [row])


class SqlReviewReader:
    """Implements `ReviewReader`: one statement for each read."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def queue(
        self, which: QueueFilter, limit: int, behind: QueuePlace | None = None
    ) -> list[OpenReview]:
        """Return open reviews, the oldest first."""
        asked = {
            "reason": which.reason,
            "provider": which.provider,
            "opened_before": which.opened_before,
        }
        filters = {name: value for name, value in asked.items() if value is not None}
        given: dict[str, object] = {**filters, **_edge(behind), "most": limit}
        statement = sql.queue(sql.Shape(tuple(filters), behind is not None))
        async with reading(self._database) as session:
            rows = await session.rows(statement, given)
        waiting = {
            row["id"]: _from_row(_without(sql.PROPOSAL, row))
            for row in rows
            if row[f"{sql.PROPOSAL}id"] is not None
        }
        return [OpenReview(each, waiting.get(each.id)) for each in collected(rows)]

    async def sums(self) -> list[ReviewSum]:
        """Return what is open by reason, provider and currency, of the MOST_COUNTED oldest."""
        async with reading(self._database) as session:
            rows = await session.rows(sql.sums(), {"most": MOST_COUNTED})
        return [
            ReviewSum(
                ReviewReason(row["review"]),
                row["provider"],
                row["count"],
                Money(row["at_risk"], CURRENCIES[row["currency"]]),
                row["oldest_at"],
            )
            for row in rows
        ]

    async def proposals(self, cash_out_id: UUID) -> list[Proposal]:
        """Return the proposals of a cash-out, the newest first."""
        given = {"this": cash_out_id, "most": MOST_PROPOSALS}
        async with reading(self._database) as session:
            return [_from_row(row) for row in await session.rows(sql.proposals_of(), given)]

    async def orphans(
        self, received_before: datetime, limit: int, behind: QueuePlace | None = None
    ) -> list[Delivery]:
        """Return readable webhooks of nobody's that were not put aside, the oldest first."""
        given = {"before": received_before, "most": limit, **_edge(behind)}
        statement = sql.orphans(behind=behind is not None)
        async with reading(self._database) as session:
            return [delivery_of(row) for row in await session.rows(statement, given)]


def _edge(behind: QueuePlace | None) -> dict[str, object]:
    return {} if behind is None else {"edge_at": behind.at, "edge_id": behind.id}


def _without(prefix: str, row: Row) -> dict[str, Any]:
    return {name.removeprefix(prefix): row[name] for name in row if name.startswith(prefix)}


def _first(rows: Sequence[Row]) -> Proposal | None:
    return _from_row(rows[0]) if rows else None


def _kept(row: Mapping[str, Any]) -> KeptDelivery:
    dismissal = None
    if row["dismissed_at"] is not None:
        dismissal = Dismissal(
            row["id"], row["dismissed_at"], row["dismissed_operator"], row["dismissed_reason"]
        )
    return KeptDelivery(delivery_of(row), dismissal)


def _to_row(proposal: Proposal) -> dict[str, object]:
    proof = proposal.proof
    return {
        "id": proposal.id,
        "cash_out_id": proposal.cash_out_id,
        "version": proposal.version,
        "seen": proposal.seen,
        "resolution": proposal.resolution,
        "reason": proposal.reason,
        "proposed_by": proposal.proposed_by,
        "proposed_at": proposal.proposed_at,
        "proof_kind": proof.kind if proof else None,
        "proof_reference": proof.reference if proof else None,
        "proof_text": proof.text if proof else None,
        "provider_transaction_id": proposal.provider_transaction_id,
        "state": proposal.state,
        "decided_by": proposal.decided_by,
        "decided_at": proposal.decided_at,
        "decided_why": proposal.decided_why,
        "four_eyes": proposal.four_eyes,
    }


def _from_row(row: Row) -> Proposal:
    proof = None
    if row["proof_kind"] is not None:
        proof = Proof(ProofKind(row["proof_kind"]), row["proof_reference"], row["proof_text"])
    return Proposal(
        id=row["id"],
        cash_out_id=row["cash_out_id"],
        version=row["version"],
        seen=row["seen"],
        resolution=Resolution(row["resolution"]),
        reason=row["reason"],
        proposed_by=row["proposed_by"],
        proposed_at=row["proposed_at"],
        proof=proof,
        provider_transaction_id=row["provider_transaction_id"],
        state=ProposalState(row["state"]),
        decided_by=row["decided_by"],
        decided_at=row["decided_at"],
        decided_why=row["decided_why"],
        four_eyes=bool(row["four_eyes"]),
    )
