"""The review queue, and what operators do about a review: propose, approve, reject, withdraw."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final
from uuid import UUID

from litestar import get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath

from adapters.console.cash_out_page import CashOutPage, path_of
from adapters.console.door import NEEDS
from adapters.console.pages import Page, Pages, see_other
from adapters.console.parts import BASE, ConsoleParts
from adapters.console.places import read_place
from adapters.console.visits import PageRequest, Visit, visit_of
from application.callers import Permission
from application.ports import QueueFilter
from application.rule_on_reviews import AskedResolution
from domain.evidence import Proof, ProofKind, Resolution, ReviewReason
from domain.refusals import Forbidden, NotFound, Refusal

QUEUE: Final = f"{BASE}/reviews"
SHOWN: Final = 50
_CASH_OUT: Final = f"{BASE}/cash-outs/{{given:str}}"
_PROPOSAL: Final = f"{_CASH_OUT}/proposals/{{proposal:str}}"
_DETAILS: Final = {
    "reason": "Reason",
    "proof": "Proof",
    "proof.reference": "Number of the proof",
    "proof.text": "Text of the proof",
    "providerTransactionId": "Their id",
    "why": "Why",
}


def review_routes(parts: ConsoleParts, pages: Pages) -> list[HTTPRouteHandler]:
    """Return the routes."""
    desk, shown = parts.desk, CashOutPage(parts, pages)

    @get(QUEUE)
    async def reviews(request: PageRequest) -> Page:
        visit, asked = visit_of(request), request.query_params
        reason = next((each for each in ReviewReason if each == asked.get("reason")), None)
        provider = asked.get("provider", "")
        known = provider if provider in parts.catalogue.providers else None
        which = QueueFilter(reason=reason, provider=known)
        found = await desk.read(visit.caller, which, SHOWN, read_place(asked.get("behind", "")))
        return pages.page(
            "reviews.html",
            visit,
            queue=found.reviews,
            behind=found.behind,
            sums=await desk.read.sums(visit.caller),
            which=which,
            four_eyes=desk.four_eyes,
        )

    async def ruled(
        request: PageRequest, given: str, done: str, act: Callable[[Visit, UUID], Awaitable[Any]]
    ) -> Page:
        """Do it, and show the cash-out as it is then; what is refused is told beside the form."""
        visit, identity = visit_of(request), _uuid(given)
        try:
            await act(visit, identity)
        except Forbidden:
            raise
        except Refusal as refused:
            status = HTTPStatus.UNPROCESSABLE_ENTITY
            return await shown(request, identity, faults=_faults(refused), status=status)
        return see_other(f"{path_of(identity)}?done={done}")

    @post(f"{_CASH_OUT}/propose", opt={NEEDS: Permission.PROPOSE})
    async def propose(request: PageRequest, given: FromPath[str]) -> Page:
        return await ruled(
            request,
            given,
            "proposed",
            lambda visit, identity: desk.propose(visit.caller, identity, _asked(visit)),
        )

    @post(f"{_PROPOSAL}/approve", opt={NEEDS: Permission.APPROVE})
    async def approve(request: PageRequest, given: FromPath[str], proposal: FromPath[str]) -> Page:
        return await ruled(
            request,
            given,
            "approved",
            lambda visit, _: desk.approve(visit.caller, _uuid(proposal), visit.form.get("why", "")),
        )

    @post(f"{_PROPOSAL}/reject", opt={NEEDS: Permission.APPROVE})
    async def reject(request: PageRequest, given: FromPath[str], proposal: FromPath[str]) -> Page:
        return await ruled(
            request,
            given,
            "rejected",
            lambda visit, _: desk.reject(visit.caller, _uuid(proposal), visit.form.get("why", "")),
        )

    @post(f"{_PROPOSAL}/withdraw", opt={NEEDS: Permission.PROPOSE})
    async def withdraw(request: PageRequest, given: FromPath[str], proposal: FromPath[str]) -> Page:
        return await ruled(
            request,
            given,
            "withdrawn",
            lambda visit, _: desk.withdraw(
                visit.caller, _uuid(proposal), visit.form.get("why", "")
            ),
        )

    return [reviews, propose, approve, reject, withdraw]


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with what was written, and where."""

    field: str
    says: str


def _faults(refused: Refusal) -> list[Fault]:
    named = [Fault(_DETAILS[name], says) for name, says in refused.details if name in _DETAILS]
    return named or [Fault("", refused.message)]


def _asked(visit: Visit) -> AskedResolution:
    """Return what the form says; what it does not say is refused by who is asked."""
    form = {name: value.strip() for name, value in visit.form.items()}
    resolution = next((each for each in Resolution if each == form.get("resolution")), None)
    if resolution is None:
        raise NotFound("resolution")
    kind = next((each for each in ProofKind if each == form.get("proof")), None)
    proof = None
    if kind is not None:
        proof = Proof(kind, form.get("proof_reference", ""), form.get("proof_text", ""))
    return AskedResolution(
        resolution=resolution,
        reason=form.get("reason", ""),
        proof=proof,
        provider_transaction_id=form.get("provider_transaction_id") or None,
        seen=form.get("seen") or None,
    )


def _uuid(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise NotFound from None
