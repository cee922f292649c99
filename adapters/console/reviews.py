"""The review queue, and what operators do about a review: propose, approve, reject, withdraw."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final
from uuid import UUID

from litestar import get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath

from adapters.console.cash_out_page import CashOutPage, Fault, path_of
from adapters.console.cash_outs import named
from adapters.console.door import NEEDS
from adapters.console.pages import Page, Pages, see_other
from adapters.console.parts import BASE, ConsoleParts
from adapters.console.places import read_place
from adapters.console.visits import PageRequest, Visit, visit_of
from application.callers import Caller, Permission
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
    """Return the routes of the queue and of everything that is done about a review."""
    ruling, desk = _Ruling(CashOutPage(parts, pages)), parts.desk

    @post(f"{_CASH_OUT}/propose", opt={NEEDS: Permission.PROPOSE})
    async def propose(request: PageRequest, given: FromPath[str]) -> Page:
        visit, identity = visit_of(request), named(given)

        async def act() -> None:
            await desk.propose(visit.caller, identity, _asked(visit))

        return await ruling(request, identity, "proposed", act())

    return [
        _queue_route(parts, pages),
        propose,
        _decision("approve", "approved", Permission.APPROVE, ruling, desk.approve),
        _decision("reject", "rejected", Permission.APPROVE, ruling, desk.reject),
        _decision("withdraw", "withdrawn", Permission.PROPOSE, ruling, desk.withdraw),
    ]


def _queue_route(parts: ConsoleParts, pages: Pages) -> HTTPRouteHandler:
    desk = parts.desk

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

    return reviews


@dataclass(frozen=True, slots=True)
class _Ruling:
    """Does what was asked for and leads back; what is refused is told beside the form."""

    shown: CashOutPage

    async def __call__(
        self, request: PageRequest, identity: UUID, done: str, act: Awaitable[object]
    ) -> Page:
        try:
            await act
        except Forbidden:
            raise
        except Refusal as refused:
            status = HTTPStatus.UNPROCESSABLE_ENTITY
            return await self.shown(request, identity, faults=_faults(refused), status=status)
        return see_other(f"{path_of(identity)}?done={done}")


def _decision(
    word: str,
    done: str,
    needs: Permission,
    ruling: _Ruling,
    decide: Callable[[Caller, UUID, str], Awaitable[object]],
) -> HTTPRouteHandler:
    @post(f"{_PROPOSAL}/{word}", opt={NEEDS: needs}, name=word)
    async def decision(request: PageRequest, given: FromPath[str], proposal: FromPath[str]) -> Page:
        visit, identity, this = visit_of(request), named(given), named(proposal)
        file = await ruling.shown.parts.desk.read.one(visit.caller, identity)
        if all(each.id != this for each in file.proposals):
            # Another cash-out's: what is decided is what was looked at.
            raise NotFound("proposal")
        act = decide(visit.caller, this, visit.form.get("why", "").strip())
        return await ruling(request, identity, done, act)

    return decision


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
